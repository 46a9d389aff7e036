//! Leaks that are planted in many kinds of code, and the line that the message of the failing test names: the right
//! one, with all that was left.

#![cfg(all(feature = "lines", target_os = "linux", target_arch = "x86_64", not(miri)))]

#[path = "common/cases.rs"]
mod cases;

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Mutex;
use std::task::{Context, Waker};
use std::{fmt, mem, thread};

use heapledger::{LeakReport, LeakTest, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// The lines of a report that name call stacks.
fn lines(report: &LeakReport) -> Vec<String> {
    report.to_string().lines().filter_map(|line| line.strip_prefix("  lines    ")).map(String::from).collect()
}

/// The line of a report that tells sizes.
fn sizes(report: &LeakReport) -> Option<String> {
    report.to_string().lines().find_map(|line| line.strip_prefix("  sizes    ").map(String::from))
}

/// Where the line of this file that ends with `// planted: {name}` is.
fn planted(name: &str) -> String {
    let wanted = format!("// planted: {name}");
    let at = include_str!("leak_lines.rs").lines().position(|line| line.ends_with(&wanted)).expect("it is marked");
    format!("tests/leak_lines.rs:{} ", at + 1)
}

/// Asserts that the first line names what is planted, and has all of the leak.
#[track_caller]
fn names(report: &LeakReport, name: &str, function: &str) {
    let lines = lines(report);
    let first = lines.first().unwrap_or_else(|| panic!("{name}: no lines: {report}"));
    assert!(first.contains(&format!("  {}{function}", planted(name))), "{name}: {report}");
    assert!(first.ends_with("(100.0 % of the leak)"), "{name}: {report}");
}

fn own() -> Box<[u8; 48]> {
    Box::new([7; 48]) // planted: own
}

fn generic<T: Clone>(value: &T) -> Vec<T> {
    vec![value.clone(); 3] // planted: generic
}

#[inline(always)]
fn inlined() -> Vec<u8> {
    Vec::with_capacity(33) // planted: inlined
}

trait Shape {
    fn grow(&self) -> String;
}

struct Square;

impl Shape for Square {
    fn grow(&self) -> String {
        "a square".to_string() // planted: trait object
    }
}

#[derive(Debug)]
struct Wrong;

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrong")
    }
}

impl std::error::Error for Wrong {}

fn fails(turn: usize) -> Result<(), Box<dyn std::error::Error>> {
    Err(format!("{turn}: {Wrong}"))? // planted: error
}

async fn brews() -> Vec<u8> {
    std::future::ready(()).await;
    vec![1; 21] // planted: async
}

fn waits<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let std::task::Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}

/// Short: the verdict is tested elsewhere.
fn short(name: &str) -> LeakTest {
    LeakTest::new(name).iterations(4).time(std::time::Duration::ZERO)
}

#[test]
fn sizes_of_what_stays_stand_below_the_lines() {
    let kept = |_| {
        drop(vec![0u8; 5_000]);
        mem::forget([vec![0u8; 5_000], vec![0u8; 20], vec![0u8; 30]]);
    };
    assert_eq!(sizes(&short("sizes").run(kept)).as_deref(), Some("1 x 4..8 KiB, 2 x 16..32 B per iteration"));
}

#[test]
fn the_line_is_named_whatever_kind_of_code_it_is_in() {
    names(&short("own").run(|_| mem::forget(own())), "own", "own");
    names(&short("generic").run(|_| mem::forget(generic(&7u64))), "generic", "generic");
    names(&short("inlined").run(|_| mem::forget(inlined())), "inlined", "inlined");
    let shape: &dyn Shape = &Square;
    names(&short("trait object").run(|_| mem::forget(shape.grow())), "trait object", "Square::grow");
    let kept = |turn: usize| {
        let keep = |bytes| vec![0u8; bytes]; // planted: closure
        mem::forget(keep(turn % 2 + 10));
    };
    names(&short("closure").run(kept), "closure", "");
    names(&short("async").run(|_| mem::forget(waits(brews()))), "async", "");
    let cycle = |_| {
        let node: Rc<RefCell<Option<Rc<dyn std::any::Any>>>> = Rc::default(); // planted: cycle
        *node.borrow_mut() = Some(node.clone());
    };
    names(&short("cycle").run(cycle), "cycle", "");
}

#[test]
fn errors_that_are_kept_name_where_they_were_made() {
    let mut kept = Vec::with_capacity(1 << 20);
    let report = short("error").run(|turn| kept.push(fails(turn)));
    let lines = lines(&report);
    assert!(lines.iter().any(|line| line.contains(&planted("error"))), "{report}");
}

#[test]
fn growth_by_resize_is_named_as_such() {
    let mut log: Vec<u64> = Vec::new();
    let report = LeakTest::new("log").run(|turn| {
        log.push(turn as u64); // planted: push
    });
    let line = lines(&report).into_iter().next().expect("it leaks");
    assert!(line.contains(&planted("push")) && line.contains("in blocks that grow"), "{report}");
}

#[test]
fn a_thread_of_the_test_and_an_operation_below_it_are_covered() {
    let report = short("below").run(|_| {
        let _op = track("step");
        mem::forget(vec![0u8; 9]); // planted: step
    });
    names(&report, "step", "");
    if cfg!(all(feature = "threads", target_env = "gnu")) {
        let report = short("thread").run(|_| {
            thread::spawn(|| mem::forget(vec![0u8; 9])).join().expect("it returns"); // planted: thread
        });
        let lines = lines(&report);
        assert!(lines.iter().any(|line| line.contains(&planted("thread"))), "{report}");
    }
}

#[test]
fn a_worker_that_lives_on_is_covered_once_it_has_moved_some_memory() {
    if !cfg!(all(feature = "threads", target_env = "gnu")) {
        return;
    }
    let mut worker = None;
    let report = short("worker").run(|_| {
        let (jobs, done) = worker.get_or_insert_with(|| {
            let (jobs, work) = std::sync::mpsc::channel::<()>();
            let (tell, done) = std::sync::mpsc::channel();
            thread::spawn(move || {
                for () in work {
                    mem::forget(vec![0u8; 48]); // planted: pool
                    drop(std::hint::black_box(vec![0u8; 100_000]));
                    tell.send(()).expect("it is awaited");
                }
            });
            (jobs, done)
        });
        jobs.send(()).expect("it listens");
        done.recv().expect("it answers");
    });
    let lines = lines(&report);
    assert!(lines[0].contains(&planted("pool")), "{report}");
}

#[test]
fn a_cache_that_only_changes_its_entries_is_no_line() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut cache: HashMap<usize, Vec<u8>> = HashMap::new();
    let report = LeakTest::new("cache").run(|turn| {
        cache.insert(turn % 20, vec![0; 200]);
        SEEN.lock().expect("nobody panics").push("seen".to_string()); // planted: seen
    });
    let lines = lines(&report);
    assert!(lines[0].contains(&planted("seen")), "{report}");
    assert!(lines.iter().all(|line| !line.contains("insert")), "{report}");
}

#[test]
fn two_lines_share_the_leak_and_add_up() {
    let report = short("two").run(|_| {
        mem::forget(vec![0u8; 30]); // planted: larger
        mem::forget((vec![0u8; 5], vec![0u8; 5])); // planted: smaller
    });
    let lines = lines(&report);
    let starts = |line: &str, amount, name| line.starts_with(amount) && line.contains(&planted(name));
    assert!(starts(&lines[0], "30 B in 1 block per iteration  ", "larger"), "{report}");
    assert!(starts(&lines[1], "10 B in 2 blocks per iteration  ", "smaller"), "{report}");
    assert!(lines[0].ends_with("(75.0 % of the leak)") && lines[1].ends_with("(25.0 % of the leak)"), "{report}");
    assert_eq!(lines.len(), 2, "{report}");
}

#[test]
fn futures_have_lines_too() {
    let report = waits(short("future").run_async(|_| async { mem::forget(brews().await) }));
    names(&report, "async", "");
}

/// The whole process is judged, so it has to be alone there.
fn another_operation_leaks() {
    let (send, jobs) = std::sync::mpsc::channel::<()>();
    let (tell, done) = std::sync::mpsc::channel();
    let worker = thread::spawn(move || {
        for () in jobs {
            let _op = track("worker");
            mem::forget(vec![0u8; 12]); // planted: worker
            tell.send(()).expect("it is awaited");
        }
    });
    let report = LeakTest::new("send").whole_process().run(|_| {
        send.send(()).expect("it listens");
        done.recv().expect("it answers");
    });
    drop(send);
    worker.join().expect("it returns");
    assert!(report.verdict().is_leak(), "{report}");
    let lines = lines(&report);
    assert!(lines.iter().any(|line| line.contains(&planted("worker"))), "{report}");
}

#[test]
fn a_leak_of_another_operation_has_lines_where_it_is_judged() {
    let cases: &[(&str, fn())] = &[("another operation", another_operation_leaks)];
    cases::pass_each("a_leak_of_another_operation_has_lines_where_it_is_judged", cases);
}

#[test]
fn nothing_is_said_of_lines_unless_memory_leaks_and_they_are_wanted() {
    assert!(lines(&LeakTest::new("clean").run(|_| vec![1, 2].len())).is_empty());
    let mut runs = 0;
    let report = short("unwanted").lines(false).run(|_| {
        runs += 1;
        mem::forget(own());
    });
    assert!(report.verdict().is_leak() && lines(&report).is_empty(), "{report}");
    assert_eq!(runs, report.iterations(), "no further iteration");
    let mut cache = HashMap::new();
    let bounded = LeakTest::new("bounded").bounded(1 << 20);
    let report = bounded.run(|turn| cache.entry(turn % 3000).or_insert_with(|| vec![0u8; 10]).len());
    assert!(report.passes() && lines(&report).is_empty(), "{report}");
}

#[test]
fn what_is_captured_in_a_program_has_lines_too() {
    let _capture = heapledger::capture("captured");
    let (kept, _) = heapledger::measure("captured", || vec![0u8; 77]); // planted: captured
    let stacks = heapledger::snapshot().stacks("captured");
    let said = heapledger::symbolize(&stacks);
    assert_eq!((stacks.len(), said.len(), stacks[0].live_bytes), (1, 1, 77));
    assert!(said[0].starts_with(&planted("captured")), "{said:?}");
    drop(kept);
    assert!(heapledger::symbolize(&[]).is_empty());
}

#[test]
fn the_figures_of_the_test_stay_what_they_were_without_lines() {
    let run = |test: LeakTest| test.run(|_| mem::forget(own()));
    let (with, without) = (run(short("same")), run(short("same").lines(false)));
    assert_eq!(with.verdict(), without.verdict());
    assert_eq!(with.iterations(), without.iterations());
    heapledger::snapshot().check().expect("the law holds");
}
