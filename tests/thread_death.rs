//! Threads that end, in great numbers and in every ugly way: nothing they did is lost, their memory is used anew, and
//! what happens in thread-local destructors, after them, before `main` and while the process exits is counted too.

#![allow(unsafe_code, reason = "asks the C library for exit handlers and late thread destructors")]

mod common;

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::thread::{Builder, JoinHandle};

use common::{alone, balanced, in_its_own_process, must_pass_again, plays, row, tally};
use heapledger::{LeakTest, Scope, current, measure, report, snapshot, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

fn spawn<R: Send + 'static>(name: &str, work: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    Builder::new().name(name.into()).stack_size(64 << 10).spawn(work).expect("the system has room for a thread")
}

/// How many shards there are, as a report tells.
fn shards() -> u64 {
    let report: serde_json::Value = serde_json::from_str(&report().to_json()).expect("a report is JSON");
    report["shards"].as_u64().expect("a report counts shards")
}

/// Live bytes and blocks of everything but the ledger itself.
fn live() -> (i64, i64) {
    let snapshot = balanced();
    let (all, ledger) = (snapshot.total(), snapshot.operation("(heapledger)").expect("always there").own);
    (all.live_bytes - ledger.live_bytes, all.live_blocks - ledger.live_blocks)
}

#[test]
fn a_hundred_thousand_short_threads_lose_nothing_and_take_no_more_memory_than_eight() {
    let _alone = alone();
    in_its_own_process("a_hundred_thousand_short_threads_lose_nothing_and_take_no_more_memory_than_eight", || {
        const AT_ONCE: usize = 8;
        const BATCHES: usize = 12_500;
        static BARRIER: Barrier = Barrier::new(AT_ONCE);
        let batch = |wait: bool| {
            let threads: [_; AT_ONCE] = std::array::from_fn(|at| {
                spawn("a short thread", move || {
                    if wait {
                        BARRIER.wait();
                    }
                    let _op = track("short thread");
                    drop(std::hint::black_box(vec![0u8; 100 + at]));
                })
            });
            for thread in threads {
                thread.join().expect("it does next to nothing");
            }
        };
        // The first batch all live at once, so that each needs a shard of its own.
        batch(true);
        let (before, shards_before, bytes_before) = (live(), shards(), report().shard_bytes());
        assert!(shards_before >= AT_ONCE as u64);
        for _ in 1..BATCHES {
            batch(false);
        }
        assert_eq!(live(), before, "names, handles and results are all given back");
        assert_eq!((shards(), report().shard_bytes()), (shards_before, bytes_before));

        let count = (AT_ONCE * BATCHES) as u64;
        let bytes = BATCHES as u64 * (0..AT_ONCE as u64).map(|at| 100 + at).sum::<u64>();
        let row = row("short thread");
        assert_eq!((row.scopes, row.threads), (count, count));
        let did =
            tally! { allocs: count, allocated_bytes: bytes, frees: count, freed_bytes: bytes, peak_bytes: Some(107) };
        assert_eq!(row.own, did);
    });
}

#[test]
fn what_a_dead_thread_counted_stays_exact() {
    let _alone = alone();
    for round in 1..=100u64 {
        let kept = spawn("counts", || measure("dead counts", || Box::new([0u8; 48])).0).join().unwrap();
        let own = row("dead counts").own;
        assert_eq!((own.allocs, own.allocated_bytes, own.live_bytes), (round, 48 * round, 48));
        drop(kept);
        let own = row("dead counts").own;
        assert_eq!((own.live_bytes, own.freed_elsewhere_blocks), (0, round));
    }
}

#[test]
fn scoped_threads_are_counted_when_their_scope_is_over() {
    let _alone = alone();
    for round in 1..=200u64 {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| measure("scoped", || drop(std::hint::black_box(vec![0u8; 33]))));
            }
        });
        // The work is over then; only the threads' own ends may still be under way.
        let own = row("scoped").own;
        assert_eq!((own.allocs, own.allocated_bytes, own.frees), (4 * round, 132 * round, 4 * round));
    }
}

/// Allocates, frees and opens scopes when its thread ends.
struct Worker;

impl Drop for Worker {
    fn drop(&mut self) {
        let ((), did) = measure("thread-local destructor", || {
            let kept = vec![0u8; 500];
            measure("within", || drop(std::hint::black_box(vec![0u8; 50])));
            drop(std::hint::black_box(kept));
        });
        let exact = tally! { allocs: 2, allocated_bytes: 550, frees: 2, freed_bytes: 550, peak_bytes: Some(550) };
        // A destructor that panics aborts the process, which fails the test loudly.
        assert_eq!(did, exact);
        FINISHED.fetch_add(1, SeqCst);
    }
}

static FINISHED: AtomicU64 = AtomicU64::new(0);

#[test]
fn thread_local_destructors_allocate_free_and_open_scopes() {
    let _alone = alone();
    in_its_own_process("thread_local_destructors_allocate_free_and_open_scopes", || {
        thread_local! {
            static WORKER: Worker = const { Worker };
            static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
        }
        let before = live();
        for _ in 0..100 {
            let thread = spawn("with destructors", || {
                WORKER.with(|_| ());
                KEPT.with_borrow_mut(|kept| {
                    let _op = track("kept in a thread-local");
                    kept.push(vec![0; 70]);
                });
            });
            thread.join().unwrap();
        }
        assert_eq!((FINISHED.load(SeqCst), live()), (100, before));
        let (outer, inner) = (row("thread-local destructor"), row("thread-local destructor/within"));
        assert_eq!(
            (outer.scopes, outer.own.allocs, outer.own.freed_bytes, outer.own.peak_bytes),
            (100, 100, 50_000, Some(550))
        );
        assert_eq!(
            (inner.scopes, inner.own.allocs, inner.own.freed_bytes, inner.own.peak_bytes),
            (100, 100, 5_000, Some(50))
        );
        // The list and the vector in it, freed when the thread-local was destroyed, outside the operation.
        let kept = row("kept in a thread-local").own;
        assert_eq!((kept.allocs, kept.live_blocks, kept.freed_elsewhere_blocks), (200, 0, 200));
    });
}

#[test]
fn a_scope_kept_in_a_thread_local_lasts_until_it_is_dropped_there() {
    let _alone = alone();
    in_its_own_process("a_scope_kept_in_a_thread_local_lasts_until_it_is_dropped_there", || {
        thread_local! {
            static SCOPE: RefCell<Option<Scope>> = const { RefCell::new(None) };
        }
        let misnested = report().misnested();
        let before = live();
        for _ in 0..100 {
            let thread = spawn("keeps its scope", || {
                SCOPE.set(Some(track("kept scope")));
                let active = current();
                drop(std::hint::black_box(vec![0u8; 64]));
                active
            });
            assert_eq!(thread.join().unwrap().path(), "kept scope");
        }
        assert_eq!((live(), report().misnested()), (before, misnested));
        let row = row("kept scope");
        assert_eq!((row.scopes, row.own.live_bytes, row.own.live_blocks), (100, 0, 0));
        assert!(row.own.allocated_bytes >= 6_400);
        // The next thread with the same shard begins outside every scope.
        assert_eq!(spawn("next", current).join().unwrap().path(), "(unattributed)");
    });
}

/// A thread-specific key of the C library; its destructors run after Rust's thread-locals are gone.
fn late_key(destructor: unsafe extern "C" fn(*mut c_void)) -> libc::pthread_key_t {
    let mut key = 0;
    // SAFETY: `key` is valid for writes, and the destructor fits the values that are set.
    let failed = unsafe { libc::pthread_key_create(&raw mut key, Some(destructor)) };
    assert_eq!(failed, 0);
    key
}

fn set_late<T>(key: libc::pthread_key_t, value: T) {
    let value = Box::into_raw(Box::new(value));
    // SAFETY: the key is from `late_key`; its destructor frees the box.
    let failed = unsafe { libc::pthread_setspecific(key, value.cast()) };
    assert_eq!(failed, 0);
}

#[test]
fn what_happens_after_thread_local_destructors_is_counted() {
    let _alone = alone();
    in_its_own_process("what_happens_after_thread_local_destructors_is_counted", || {
        static LATE: AtomicU64 = AtomicU64::new(0);
        unsafe extern "C" fn late(value: *mut c_void) {
            // SAFETY: `set_late` made the box, for this call alone.
            let kept = unsafe { Box::from_raw(value.cast::<[u8; 90]>()) };
            let _op = track("late destructor");
            drop(kept);
            let mut block = vec![1u8; 40];
            block.reserve_exact(400);
            measure("within", || drop(std::hint::black_box(vec![0u8; 4])));
            drop(std::hint::black_box(block));
            LATE.fetch_add(1, SeqCst);
        }
        let key = late_key(late);
        let end = move || measure("made before the end", || set_late(key, [0u8; 90])).1.allocs;
        assert_eq!(spawn("warm up", end).join().unwrap(), 1);
        let (before, bytes_before) = (live(), report().shard_bytes());
        for _ in 1..100 {
            spawn("ends late", end).join().unwrap();
        }
        assert_eq!((LATE.load(SeqCst), live()), (100, before));
        assert_eq!(report().shard_bytes(), bytes_before, "shards taken late are given back");
        let late = row("late destructor");
        let did = tally! {
            allocs: 100, allocated_bytes: 100 * (40 + 440), frees: 200, freed_bytes: 100 * (90 + 40 + 440), reallocs: 100,
            others_frees: 100, others_freed_bytes: 9_000, peak_bytes: Some(354),
        };
        assert_eq!((late.scopes, late.own), (100, did));
        assert_eq!((row("late destructor/within").scopes, row("late destructor/within").own.frees), (100, 100));
        let made = row("made before the end").own;
        assert_eq!((made.live_bytes, made.freed_elsewhere_blocks, made.freed_elsewhere_bytes), (0, 100, 9_000));
    });
}

#[test]
fn a_scope_that_outlives_the_threads_shard_has_ended_and_its_drop_does_nothing() {
    let _alone = alone();
    in_its_own_process("a_scope_that_outlives_the_threads_shard_has_ended_and_its_drop_does_nothing", || {
        unsafe extern "C" fn drop_scope(value: *mut c_void) {
            // SAFETY: `set_late` made the box, for this call alone.
            drop(unsafe { Box::from_raw(value.cast::<Scope>()) });
            drop(std::hint::black_box(vec![0u8; 10]));
        }
        let key = late_key(drop_scope);
        let end = move || set_late(key, track("outlives its shard"));
        spawn("warm up", end).join().unwrap();
        let before = live();
        for _ in 1..100 {
            spawn("ends late", end).join().unwrap();
        }
        assert_eq!(live(), before);
        let row = row("outlives its shard");
        // The box that held the scope is freed when the scope has ended with its thread.
        assert_eq!(
            (row.scopes, row.own.allocs, row.own.freed_elsewhere_blocks, row.own.live_blocks),
            (100, 100, 100, 0)
        );
    });
}

#[test]
fn a_scope_that_outlives_its_shard_reaches_no_scope_of_the_next_thread() {
    let _alone = alone();
    in_its_own_process("a_scope_that_outlives_its_shard_reaches_no_scope_of_the_next_thread", || {
        static STEPS: Barrier = Barrier::new(2);
        unsafe extern "C" fn use_late(value: *mut c_void) {
            // SAFETY: `set_late` made the box, for this call alone.
            let ended = *unsafe { Box::from_raw(value.cast::<Scope>()) };
            STEPS.wait();
            // The next thread is in a scope of the same frame, and this one has another shard.
            STEPS.wait();
            let here = track("late and open");
            let ended = ended.fail_nth(1);
            assert_eq!(ended.failed(), 0);
            drop((here, ended));
            STEPS.wait();
        }
        let key = late_key(use_late);
        let first = spawn("ends late", move || set_late(key, track("first of its thread")));
        STEPS.wait();
        let second = spawn("takes its shard", || {
            let scope = track("first of its thread too");
            STEPS.wait();
            STEPS.wait();
            // Where a scope ends, failures that are planned in the one around it are noticed.
            drop(track("inner"));
            let allocated = Vec::<u8>::new().try_reserve(std::hint::black_box(100)).is_ok();
            (allocated, scope.failed(), current().path())
        });
        first.join().expect("it ends");
        assert_eq!(second.join().expect("it only allocates"), (true, 0, "first of its thread too".into()));
    });
}

#[test]
fn a_scope_that_outlives_its_shard_ends_no_scope_that_has_its_frame() {
    let _alone = alone();
    in_its_own_process("a_scope_that_outlives_its_shard_ends_no_scope_that_has_its_frame", || {
        unsafe extern "C" fn drop_late(value: *mut c_void) {
            // SAFETY: `set_late` made the box, for this call alone.
            let ended = *unsafe { Box::from_raw(value.cast::<Scope>()) };
            // In the same shard, and so in the same frame.
            let here = track("late and open");
            drop(ended);
            drop(std::hint::black_box(vec![0u8; 70]));
            drop(here);
        }
        let key = late_key(drop_late);
        for _ in 0..10 {
            spawn("ends late", move || set_late(key, track("outlives its shard"))).join().expect("it ends");
        }
        let late = row("late and open");
        assert_eq!((late.scopes, late.own.allocs, late.own.frees, late.own.peak_bytes), (10, 10, 10, Some(70)));
    });
}

#[test]
fn a_name_that_the_thread_knows_is_entered_in_the_shard_that_it_has_then() {
    let _alone = alone();
    in_its_own_process("a_name_that_the_thread_knows_is_entered_in_the_shard_that_it_has_then", || {
        static STEPS: Barrier = Barrier::new(2);
        unsafe extern "C" fn enter_late(value: *mut c_void) {
            // SAFETY: `set_late` made the box, for this call alone.
            drop(unsafe { Box::from_raw(value.cast::<u8>()) });
            STEPS.wait();
            // The next thread is in the same operation, in the shard that this one had.
            STEPS.wait();
            measure("known", || drop(std::hint::black_box(vec![0u8; 70])));
            STEPS.wait();
        }
        let key = late_key(enter_late);
        let first = spawn("ends late", move || {
            drop((track("known"), track("other")));
            drop(track("known"));
            set_late(key, 0u8);
        });
        STEPS.wait();
        let second = spawn("takes its shard", || {
            let scope = track("known");
            STEPS.wait();
            STEPS.wait();
            scope.finish()
        });
        first.join().expect("it ends");
        assert_eq!(second.join().expect("it only waits"), tally! { peak_bytes: Some(0) });
        let known = row("known");
        assert_eq!((known.scopes, known.own.allocs, known.own.freed_bytes, known.own.peak_bytes), (4, 1, 70, Some(70)));
    });
}

#[test]
fn a_thread_without_a_shard_is_in_no_scope_and_counts_for_the_peak_of_the_process() {
    let _alone = alone();
    in_its_own_process("a_thread_without_a_shard_is_in_no_scope_and_counts_for_the_peak_of_the_process", || {
        const SIZE: usize = 64 << 20;
        unsafe extern "C" fn work_late(value: *mut c_void) {
            // SAFETY: `set_late` made the box, for this call alone.
            drop(unsafe { Box::from_raw(value.cast::<u8>()) });
            assert_eq!(current().path(), "(unattributed)");
            drop(std::hint::black_box(vec![0u8; SIZE]));
        }
        let key = late_key(work_late);
        let never_left = move || {
            set_late(key, 0u8);
            std::mem::forget(track("never left"));
        };
        spawn("ends late", never_left).join().expect("it ends");
        let peak = report().total().peak_bytes.expect("a process has a peak");
        assert!(peak >= SIZE as u64, "{peak} bytes");
    });
}

#[test]
fn a_leak_test_in_the_last_destructor_of_a_thread_judges_as_anywhere_else() {
    let _alone = alone();
    in_its_own_process("a_leak_test_in_the_last_destructor_of_a_thread_judges_as_anywhere_else", || {
        static JUDGED: AtomicU64 = AtomicU64::new(0);
        unsafe extern "C" fn judge_late(value: *mut c_void) {
            // SAFETY: `set_late` made the box, for this call alone.
            drop(unsafe { Box::from_raw(value.cast::<u8>()) });
            let leaks = LeakTest::new("leaks").run(|_| std::mem::forget(std::hint::black_box(vec![0u8; 48])));
            assert!(leaks.verdict().is_leak(), "{leaks}");
            LeakTest::new("gives back").assert(|_| drop(std::hint::black_box(vec![0u8; 48])));
            JUDGED.fetch_add(1, SeqCst);
        }
        // The first thread that ends has std make a key, and give back the lower one, which it does not like.
        // Destructors are called from the lowest key up: so this one's comes when even the thread's handle is gone.
        spawn("first", || ()).join().expect("it does nothing");
        let [_lowest, key] = [late_key(judge_late), late_key(judge_late)];
        std::thread::spawn(move || set_late(key, 0u8)).join().expect("it ends");
        assert_eq!(JUDGED.load(SeqCst), 1);
    });
}

/// What ran before `main` made.
static BEFORE_MAIN: AtomicPtr<[u8; 1000]> = AtomicPtr::new(std::ptr::null_mut());

extern "C" fn before_main() {
    let (block, _) = measure("before main", || Box::new([0u8; 1000]));
    BEFORE_MAIN.store(Box::into_raw(block), Relaxed);
}

#[cfg(target_os = "linux")]
#[used]
// SAFETY: the section holds pointers to functions of this type, which the C library calls before `main`.
#[unsafe(link_section = ".init_array")]
static INIT: extern "C" fn() = before_main;

#[cfg(target_os = "linux")]
#[test]
fn what_happens_before_main_is_counted() {
    let _alone = alone();
    let block = BEFORE_MAIN.swap(std::ptr::null_mut(), Relaxed);
    assert!(!block.is_null(), "it ran");
    let made = tally! {
        allocs: 1, allocated_bytes: 1000, live_blocks: 1, live_bytes: 1000, peak_bytes: Some(1000),
    };
    assert_eq!(row("before main").own, made);
    // SAFETY: `before_main` made the box, and the swap took it from everybody else.
    drop(unsafe { Box::from_raw(block) });
    let own = row("before main").own;
    assert_eq!((own.live_bytes, own.live_blocks, own.freed_elsewhere_bytes), (0, 0, 1000));
}

#[test]
fn what_happens_in_exit_handlers_is_counted() {
    const ROLE: &str = "exits";
    const TEST: &str = "what_happens_in_exit_handlers_is_counted";
    static LEFT: AtomicPtr<[u8; 77]> = AtomicPtr::new(std::ptr::null_mut());

    extern "C" fn at_exit() {
        // SAFETY: the test made the box and left it to this handler.
        let left = unsafe { Box::from_raw(LEFT.load(Relaxed)) };
        let scope = track("exit handler");
        drop(left);
        let block = std::hint::black_box(vec![0u8; 2_000]);
        let did = scope.finish();
        drop(block);
        let thread = spawn("spawned while exiting", || measure("exit thread", || drop(vec![0u8; 9])));
        let on_thread = thread.join().is_ok_and(|((), did)| (did.allocs, did.frees) == (1, 1));
        let counted = (did.allocs, did.frees, did.net_bytes(), did.peak_bytes) == (1, 1, 1_923, Some(1_923));
        let own = row("exit handler").own;
        let settled = (own.live_bytes, own.others_freed_bytes, own.freed_elsewhere_bytes) == (0, 77, 2_000);
        let left = row("left to the exit handler").own;
        let freed = (left.live_bytes, left.freed_elsewhere_bytes) == (0, 77);
        balanced();
        let code = if counted && settled && freed && on_thread { 0 } else { 1 };
        println!("exit handler: {counted} {settled} {freed} {on_thread}");
        if code != 0 {
            // SAFETY: ends the process at once.
            unsafe { libc::_exit(code) };
        }
    }

    if plays(ROLE) {
        LEFT.store(Box::into_raw(measure("left to the exit handler", || Box::new([0u8; 77])).0), Relaxed);
        // SAFETY: the handler is a plain function that lives as long as the process.
        let failed = unsafe { libc::atexit(at_exit) };
        assert_eq!(failed, 0);
        return;
    }
    let _alone = alone();
    let output = common::again(TEST, ROLE);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("exit handler: true true true true"), "{said}");
}

#[test]
fn the_law_holds_when_only_dead_threads_remain() {
    const ROLE: &str = "law after threads";
    if !plays(ROLE) {
        let _alone = alone();
        return must_pass_again("the_law_holds_when_only_dead_threads_remain", ROLE);
    }
    let threads: Vec<_> =
        (0..64).map(|at| spawn("many", move || measure(format_args!("many/{at}"), || vec![0u8; at + 1]).0)).collect();
    let kept: Vec<Vec<u8>> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let many = balanced().operation("many").expect("it has operations below it");
    assert_eq!((many.total.live_blocks, many.total.live_bytes), (64, 64 * 65 / 2));
    drop(kept);
    let many = row("many");
    assert_eq!((many.total.live_blocks, many.total.live_bytes, many.total.freed_elsewhere_blocks), (0, 0, 64));
}

#[test]
fn threads_that_begin_and_end_during_a_reading_never_look_like_a_violated_law() {
    in_its_own_process("threads_that_begin_and_end_during_a_reading_never_look_like_a_violated_law", || {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !over.load(Relaxed) {
                        let block = std::thread::spawn(|| vec![1u8; 100]).join().unwrap();
                        drop(block);
                    }
                });
            }
            for _ in 0..1_000 {
                if let Err(error) = snapshot().check() {
                    assert!(!error.is_violated(), "{error}");
                }
            }
            over.store(true, Relaxed);
        });
    });
}
