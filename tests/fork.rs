//! `fork`: the child has the one thread that forked, and the ledger with it. It allocates, frees, opens scopes and
//! reads the ledger, and tells by its exit code whether all of that was right.

#![cfg(unix)]
#![allow(unsafe_code, reason = "calls fork")]

#[path = "common/child.rs"]
mod child;
mod common;

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Barrier, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use child::in_a_child;
use common::{alone, balanced, row};
use heapledger::monitor::{Limit, MemoryMonitor};
use heapledger::{capture, current, measure, snapshot, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// What the child does: one bit for everything that went wrong.
fn everything(known: &str, kept: Vec<u8>) -> u8 {
    let scope = track(known);
    let block = std::hint::black_box(vec![0u8; 5_000]);
    let ((), inner) = measure("a name of the child's own", || drop(std::hint::black_box(vec![0u8; 50])));
    drop(block);
    drop(kept);
    let did = scope.finish();
    let counted = (did.allocs, did.frees, did.net_bytes(), did.peak_bytes) == (2, 3, -300, Some(5_050));
    let nested = (inner.allocs, inner.net_bytes(), inner.peak_bytes) == (1, 0, Some(50));
    let settled = snapshot().operation("kept over the fork").is_some_and(|row| row.own.live_bytes == 0);
    let thread = std::thread::spawn(|| measure("a thread of the child's own", || drop(vec![0u8; 7])).1.allocs);
    let on_thread = thread.join().is_ok_and(|allocs| allocs == 1);
    let outside = current().path() == "(unattributed)";
    [counted, nested, settled, on_thread, outside].iter().fold(0, |wrong, right| wrong << 1 | u8::from(!right))
}

#[test]
fn a_child_of_a_parent_with_resting_threads_counts_exactly_and_balances() {
    let _alone = alone();
    let (resting, go_on) = (Arc::new(Barrier::new(5)), Arc::new(Barrier::new(5)));
    let threads: Vec<_> = (0..4)
        .map(|at| {
            let (resting, go_on) = (Arc::clone(&resting), Arc::clone(&go_on));
            std::thread::spawn(move || {
                let _op = track(format_args!("resting {at}"));
                let kept = vec![0u8; 1_000 + at];
                resting.wait();
                go_on.wait();
                drop(kept);
            })
        })
        .collect();
    resting.wait();
    for _ in 0..20 {
        let (kept, _) = measure("kept over the fork", || vec![0u8; 300]);
        let child = in_a_child(|| {
            let wrong = everything("known to both", kept);
            // Threads that the child does not have still own what they owned.
            let owns = |at: usize| balanced().operation(&format!("resting {at}")).map(|row| row.own.live_bytes);
            let others = (0..4).all(|at| owns(at) == Some(1_000 + at as i64));
            wrong | u8::from(!others) << 5 | u8::from(snapshot().check().is_err()) << 6
        });
        assert_eq!(
            child,
            Some(0),
            "bits of what went wrong, from the lowest: outside, thread, settled, nested, counted"
        );
    }
    go_on.wait();
    for thread in threads {
        thread.join().unwrap();
    }
    // What the children did is theirs.
    assert!(balanced().operation("a name of the child's own").is_none());
    assert_eq!(row("kept over the fork").own.live_bytes, 0);
}

/// Threads that allocate, free, open scopes and make names as fast as they can, until this is dropped.
struct Busy {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    fn new() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let rounds = Arc::new(AtomicU64::new(0));
        let work = |at: usize| {
            let (stop, rounds) = (Arc::clone(&stop), Arc::clone(&rounds));
            move || {
                let _op = track(format_args!("busy {at}"));
                while !stop.load(Relaxed) {
                    let round = rounds.fetch_add(1, Relaxed);
                    let _op = track(format_args!("{}", round % 200));
                    drop(std::hint::black_box(vec![0u8; 64]));
                }
            }
        };
        let threads = (0..3).map(|at| std::thread::spawn(work(at))).collect();
        while rounds.load(Relaxed) < 1_000 {
            std::thread::yield_now();
        }
        Self { stop, threads }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("it only allocates");
        }
    }
}

#[test]
fn a_child_of_a_parent_whose_threads_allocate_works_and_counts_its_own_exactly() {
    let _alone = alone();
    let _busy = Busy::new();
    for round in 0..100 {
        let (kept, _) = measure("kept over the fork", || vec![0u8; 300]);
        let child = in_a_child(|| everything("known to both", kept));
        assert_eq!(child, Some(0), "round {round}");
    }
}

#[test]
fn a_child_uses_a_monitor_whatever_its_parents_threads_were_doing_with_it() {
    let _alone = alone();
    let monitor = MemoryMonitor::new(0);
    for at in 0..1_000 {
        drop(monitor.start_operation(&format!("watched {at}")));
    }
    let stop = AtomicBool::new(false);
    let begun = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for name in ["busy 0", "busy 1", "busy 2"] {
            let (monitor, stop, begun) = (&monitor, &stop, &begun);
            scope.spawn(move || {
                while !stop.load(Relaxed) {
                    monitor.on_cleanup(name, || Ok(0));
                    monitor.start_operation(name).mark_completed();
                    std::hint::black_box(monitor.detect_leaks());
                    begun.fetch_add(1, Relaxed);
                }
            });
        }
        while begun.load(Relaxed) < 100 {
            std::thread::yield_now();
        }
        for round in 0..60 {
            let child = in_a_child(|| {
                let (tell, told) = mpsc::channel();
                monitor.on_pressure(Limit::operation("a child's run", 10), move |_| {
                    // Nobody listens any more where it is called again.
                    let _ = tell.send(());
                });
                let run = monitor.start_operation("a child's run");
                let kept = std::hint::black_box(vec![0u8; 77]);
                run.mark_completed();
                // Its own thread looks ten times a second: once is enough.
                let pressed = round > 0 || told.recv_timeout(Duration::from_secs(60)).is_ok();
                let leaks = monitor.detect_leaks();
                let found = leaks.iter().any(|leak| (&*leak.operation, leak.live_bytes) == ("a child's run", 77));
                drop(kept);
                u8::from(!pressed) | u8::from(!found) << 1
            });
            if child != Some(0) {
                stop.store(true, Relaxed);
            }
            assert_eq!(child, Some(0), "round {round}: bits of what went wrong, from the lowest: pressure, leaks");
        }
        stop.store(true, Relaxed);
    });
}

/// A lock of a library that takes it before every fork.
static LIBRARY: AtomicBool = AtomicBool::new(false);

extern "C" fn lock_library() {
    while LIBRARY.swap(true, Acquire) {
        std::thread::yield_now();
    }
}

extern "C" fn unlock_library() {
    LIBRARY.store(false, Release);
}

#[test]
fn a_fork_does_not_hang_beside_a_library_that_locks_and_was_there_before_the_first_operation() {
    common::in_its_own_process(
        "a_fork_does_not_hang_beside_a_library_that_locks_and_was_there_before_the_first_operation",
        || {
            // SAFETY: the handlers live for ever and only touch an atomic.
            let failed =
                unsafe { libc::pthread_atfork(Some(lock_library), Some(unlock_library), Some(unlock_library)) };
            assert_eq!(failed, 0);
            let names = AtomicU64::new(0);
            let (stop, forked) = (AtomicBool::new(false), AtomicU64::new(0));
            let watch = std::thread::current();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !stop.load(Relaxed) {
                        lock_library();
                        drop(track(format_args!("under a lock {}", names.fetch_add(1, Relaxed))));
                        unlock_library();
                        // Who forks gets the lock only while nobody has it.
                        std::thread::yield_now();
                    }
                });
                scope.spawn(|| {
                    for _ in 0..200 {
                        assert_eq!(in_a_child(|| 0), Some(0));
                        forked.fetch_add(1, Relaxed);
                    }
                    watch.unpark();
                });
                // Two hundred forks take so long on no machine, however busy it is.
                let until = Instant::now() + Duration::from_secs(300);
                while forked.load(Relaxed) < 200 && Instant::now() < until {
                    std::thread::park_timeout(Duration::from_secs(1));
                }
                if forked.load(Relaxed) < 200 {
                    eprintln!("a fork hangs after {}", forked.load(Relaxed));
                    std::process::abort();
                }
                stop.store(true, Relaxed);
            });
        },
    );
}

#[test]
fn a_child_never_cries_violated_over_what_a_thread_of_its_parent_was_in_the_middle_of() {
    let _alone = alone();
    let _busy = Busy::new();
    for round in 0..300 {
        let child = in_a_child(|| match snapshot().check() {
            Ok(()) => 0,
            Err(error) if error.is_unsettled() => 1,
            Err(_) => 2,
        });
        assert!(child.is_some_and(|code| code < 2), "round {round}: {child:?}");
    }
}

#[test]
fn a_child_captures_stacks_whatever_its_parents_threads_were_capturing() {
    let _alone = alone();
    let _capture = capture("busy*");
    let _busy = Busy::new();
    for round in 0..100 {
        let child = in_a_child(|| {
            let capture = capture("a child's stacks");
            let (kept, _) = measure("a child's stacks", || [std::hint::black_box(vec![0u8; 40]), vec![0u8; round + 1]]);
            let stacks = snapshot().stacks("a child's stacks");
            let sum = stacks.iter().map(|stack| stack.live_bytes).sum::<i64>();
            let captured = stacks.len() == 2 && stacks.iter().all(|stack| stack.addresses().len() > 5);
            let right = sum == 40 + round as i64 + 1 && (captured || !capture.is_possible());
            drop(kept);
            u8::from(!right)
        });
        assert_eq!(child, Some(0), "round {round}");
    }
}
