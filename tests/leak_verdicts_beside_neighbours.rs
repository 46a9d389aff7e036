//! Leak tests that run in parallel, as plain tests do, beside neighbours that do everything wrong at once: allocate and
//! free without pattern, leak, open files, spawn threads, on other threads and outside every operation. No verdict and
//! no figure may change.
//!
//! The neighbours run as long as any leak test does. Where a test is alone in its process (nextest, one test thread),
//! whatever grows outside is its own doing, so there each test runs again in a process with two test threads.

use std::collections::VecDeque;
use std::fs::File;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::{env, mem};

use heapledger::{LeakReport, LeakTest, Verdict};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// The neighbours, while somebody needs them.
struct Neighbours;

struct Street {
    needed: usize,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<u64>>,
}

/// What a neighbour is called, and does all the time.
type Habit = (&'static str, fn(u64));

static STREET: Mutex<Option<Street>> = Mutex::new(None);

impl Neighbours {
    fn up() -> Self {
        let mut street = STREET.lock().unwrap_or_else(PoisonError::into_inner);
        let street = street.get_or_insert_with(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let wild: [Habit; 4] =
                [("allocates", allocates), ("leaks", leaks), ("opens files", opens), ("spawns", spawns)];
            let move_in = |(name, act): Habit| {
                let stop = Arc::clone(&stop);
                let live = move || {
                    let mut turn = 0;
                    while !stop.load(Relaxed) {
                        act(turn);
                        turn += 1;
                        thread::yield_now();
                    }
                    turn
                };
                thread::Builder::new().name(name.into()).spawn(live).expect("the system has a thread")
            };
            Street { needed: 0, stop: Arc::clone(&stop), threads: wild.map(move_in).into() }
        });
        street.needed += 1;
        Self
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        let mut street = STREET.lock().unwrap_or_else(PoisonError::into_inner);
        let last = street.as_mut().is_some_and(|street| {
            street.needed -= 1;
            street.needed == 0
        });
        if last && let Some(street) = street.take() {
            street.stop.store(true, Relaxed);
            for thread in street.threads {
                let turns = thread.join().expect("a neighbour does not panic");
                assert!(turns > 0 || thread::panicking(), "every neighbour was there");
            }
            OPENED.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

/// Whether leak tests here think that they are alone in the process.
fn alone() -> bool {
    env::var_os("NEXTEST").is_some()
        || env::var("RUST_TEST_THREADS").is_ok_and(|threads| threads == "1")
        || env::args().any(|argument| argument == "--test-threads=1")
}

/// Whether the test `name` must run in another process, where it is not alone; it has run there by then.
#[must_use]
fn ran_beside_others(name: &str) -> bool {
    if !alone() {
        return false;
    }
    let mut command = Command::new(env::current_exe().expect("a running test has an executable"));
    command.args(["--exact", name, "--nocapture", "--test-threads=2"]);
    let output = command.env_remove("NEXTEST").env_remove("RUST_TEST_THREADS").output();
    let output = output.expect("the test's own executable runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{}\n{said}", output.status);
    true
}

thread_local! {
    static HELD: std::cell::RefCell<VecDeque<Vec<u8>>> = const { std::cell::RefCell::new(VecDeque::new()) };
}

fn allocates(turn: u64) {
    HELD.with_borrow_mut(|held| {
        held.push_back(vec![0u8; (turn.wrapping_mul(6_364_136_223_846_793_005) >> 50) as usize]);
        if held.len() as u64 > turn % 97 {
            held.pop_front();
        }
    });
}

fn leaks(turn: u64) {
    // Not without end: a machine has other tests to run.
    if turn < 200_000 {
        mem::forget(vec![0u8; 40]);
    }
}

static OPENED: Mutex<Vec<File>> = Mutex::new(Vec::new());

fn opens(turn: u64) {
    let mut opened = OPENED.lock().expect("nobody panics with it");
    // Steadily, far below the limit of the system, and all over again.
    if turn.is_multiple_of(50) {
        if opened.len() < 400 {
            opened.push(File::open("/dev/zero").expect("it exists"));
        } else {
            opened.clear();
        }
    }
}

fn spawns(turn: u64) {
    let grandchild = move || vec![0u8; turn as usize % 1000].len();
    thread::spawn(move || thread::spawn(grandchild).join()).join().expect("it returns").expect("it returns");
}

/// Runs a leak test while the neighbours are there.
fn beside(name: &str, run: impl FnOnce(LeakTest) -> LeakReport) -> LeakReport {
    let _neighbours = Neighbours::up();
    run(LeakTest::new(name))
}

#[track_caller]
fn assert_leaks_exactly(report: &LeakReport, bytes: f64, blocks: f64) {
    let found = matches!(report.verdict(), Verdict::Leak {
        bytes_per_iteration, blocks_per_iteration, exact: true, threads_per_iteration: 0.0, files_per_iteration: 0.0, ..
    } if (*bytes_per_iteration, *blocks_per_iteration) == (bytes, blocks));
    assert!(found, "{report}");
}

#[test]
fn what_is_clean_stays_clean() {
    if ran_beside_others("what_is_clean_stays_clean") {
        return;
    }
    let report = beside("clean", |test| test.run(|i| vec![i; 100]));
    assert_eq!(*report.verdict(), Verdict::Clean, "{report}");
    assert!(report.threads().is_empty(), "{report}");
}

#[test]
fn threads_that_end_are_clean() {
    if ran_beside_others("threads_that_end_are_clean") {
        return;
    }
    let report = beside("spawns", |test| test.run(|_| thread::spawn(|| vec![0u8; 64]).join().expect("it returns")));
    assert_eq!(*report.verdict(), Verdict::Clean, "{report}");
}

#[test]
fn a_warm_up_is_exactly_what_stays() {
    if ran_beside_others("a_warm_up_is_exactly_what_stays") {
        return;
    }
    let mut once = None;
    let report = beside("warm-up", |test| test.run(|_| once.get_or_insert_with(|| vec![0u8; 777]).len()));
    assert!(matches!(report.verdict(), Verdict::WarmUp { bytes: 777, blocks: 1, .. }), "{report}");
}

#[test]
fn a_cache_that_fills_is_bounded() {
    if ran_beside_others("a_cache_that_fills_is_bounded") {
        return;
    }
    let mut cache = VecDeque::with_capacity(1001);
    let report = beside("cache", |test| {
        test.run(|_| {
            cache.push_back(vec![0u8; 64]);
            cache.truncate(1000);
        })
    });
    assert!(matches!(report.verdict(), Verdict::Bounded { bytes: 64_000, blocks: 1000, .. }), "{report}");
}

#[test]
fn a_leak_is_found_to_the_byte() {
    if ran_beside_others("a_leak_is_found_to_the_byte") {
        return;
    }
    let report = beside("leak", |test| test.run(|_| mem::forget(vec![0u8; 48])));
    assert_leaks_exactly(&report, 48.0, 1.0);
}

#[test]
fn two_tests_of_one_name_are_two_operations() {
    if ran_beside_others("two_tests_of_one_name_are_two_operations") {
        return;
    }
    let other = thread::spawn(|| beside("twins", |test| test.run(|_| mem::forget(vec![0u8; 16]))));
    let clean = beside("twins", |test| test.run(|_| drop(vec![0u8; 32])));
    let leak = other.join().expect("it returns");
    assert_eq!(*clean.verdict(), Verdict::Clean, "{clean}");
    assert_leaks_exactly(&leak, 16.0, 1.0);
}

#[test]
fn what_others_do_under_the_same_name_is_not_judged() {
    if ran_beside_others("what_others_do_under_the_same_name_is_not_judged") {
        return;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let namesake = thread::spawn(move || {
        while !stopped.load(Relaxed) {
            let _op = heapledger::track("namesake");
            let _inner = heapledger::track("inner");
            mem::forget(vec![0u8; 40]);
            thread::yield_now();
        }
    });
    let report = beside("namesake", |test| test.run(|_| heapledger::measure("inner", || vec![0u8; 32]).0.len()));
    stop.store(true, Relaxed);
    namesake.join().expect("it returns");
    assert_eq!(*report.verdict(), Verdict::Clean, "{report}");
}

#[test]
fn a_leak_on_a_thread_that_the_closure_starts_is_found() {
    if ran_beside_others("a_leak_on_a_thread_that_the_closure_starts_is_found") {
        return;
    }
    let report =
        beside("worker", |test| test.run(|_| thread::spawn(|| mem::forget(vec![0u8; 24])).join().expect("it returns")));
    assert_leaks_exactly(&report, 24.0, 1.0);
}

#[test]
fn open_files_are_those_of_the_test() {
    if ran_beside_others("open_files_are_those_of_the_test") {
        return;
    }
    // Room before the test begins, so that only files are left behind.
    let mut files = Vec::with_capacity(1 << 12);
    let report = beside("files", |test| test.run(|_| files.push(File::open("/dev/null").expect("it exists"))));
    let exactly_one =
        matches!(report.verdict(), Verdict::Leak { files_per_iteration: 1.0, bytes_per_iteration: 0.0, .. });
    assert!(exactly_one, "{report}");
    let nulls = report.files().iter().filter(|file| *file == "/dev/null").count();
    assert_eq!(nulls, files.len(), "the neighbours open others: {report}");
}

#[test]
fn a_block_that_an_outsider_resizes_is_a_leak_only_if_he_keeps_it() {
    if ran_beside_others("a_block_that_an_outsider_resizes_is_a_leak_only_if_he_keeps_it") {
        return;
    }
    let (sender, blocks) = channel::<(Vec<u8>, bool)>();
    let (answer, answers) = channel();
    let outsider = thread::spawn(move || {
        for (mut block, keep) in blocks {
            block.reserve_exact(64);
            if keep {
                mem::forget(block);
            }
            answer.send(()).expect("somebody waits");
        }
    });
    let give = |keep| {
        sender.send((vec![0u8; 32], keep)).expect("he listens");
        answers.recv().expect("he answers");
    };
    let freed = beside("freed by an outsider", |test| test.run(|_| give(false)));
    let kept = beside("kept by an outsider", |test| test.run(|_| give(true)));
    drop(sender);
    outsider.join().expect("he returns");
    assert!(!freed.verdict().is_leak() && freed.passes(), "{freed}");
    assert!(kept.verdict().is_leak(), "{kept}");
}

#[test]
fn pushes_into_old_vecs_are_none() {
    if ran_beside_others("pushes_into_old_vecs_are_none") {
        return;
    }
    let mut old = (0..1 << 17).map(|_| vec![0u64; 4]).collect::<Vec<_>>().into_iter();
    let mut pushed = Vec::with_capacity(1 << 17);
    let report = beside("pushes", |test| {
        test.run(|i| {
            let mut vec = old.next().expect("there are enough");
            vec.push(i as u64);
            pushed.push(vec);
        })
    });
    assert!(report.passes(), "{report}");
}
