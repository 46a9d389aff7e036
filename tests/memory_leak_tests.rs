//! The monitor as a search system uses it: real allocations, every figure the ledger's. Runs in parallel with itself:
//! each test has operations of its own, and only reads those exactly.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;

use heapledger::monitor::{CleanupError, Limit, MemoryMonitor, MemorySnapshot, MemoryTrackable};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

const MIB: usize = 1 << 20;
/// Longer than anything takes that happens at all.
const LONG: Duration = Duration::from_secs(60);

fn leak_of<'a>(leaks: &'a [MemorySnapshot], operation: &str) -> Option<&'a MemorySnapshot> {
    leaks.iter().find(|leak| leak.operation == operation)
}

#[test]
fn test_memory_monitor_creation() {
    let monitor = MemoryMonitor::new(10);
    let report = monitor.generate_report();
    assert_eq!((report.active_operations, report.potential_leaks.len()), (0, 0));
    assert_eq!((report.cleanup_success_rate, report.callback_success_rate), (100.0, 100.0));
    assert!(report.total_allocated > 0 && report.peak_usage > 0);
    assert!(report.to_string().contains("no potential leak"));
}

#[test]
fn test_operation_tracking() {
    let monitor = MemoryMonitor::new(10);
    let run = monitor.start_operation("tracking");
    let outer = heapledger::current();
    assert_eq!(monitor.generate_report().active_operations, 1);
    let nested = monitor.start_operation("inner");
    let inner = heapledger::current();
    assert_eq!(monitor.generate_report().active_operations, 2);
    let block = vec![1u8; 3000];
    drop(nested);
    drop(run);
    assert_eq!(monitor.generate_report().active_operations, 0);
    assert_eq!(
        [outer, inner, heapledger::current()].map(|op| op.path()),
        ["tracking", "tracking/inner", "(unattributed)"]
    );
    let row = heapledger::snapshot().operation("tracking").expect("it ran");
    assert_eq!((row.own.allocs, row.total.allocs, row.total.live_bytes), (0, 1, 3000));
    drop(block);
    assert_eq!(heapledger::snapshot().operation("tracking").expect("it ran").total.live_bytes, 0);
}

#[cfg(all(target_os = "linux", target_arch = "x86_64", feature = "lines", not(miri)))]
#[test]
fn what_a_captured_operation_still_owns_has_its_lines() {
    let monitor = MemoryMonitor::new(0);
    let kept = {
        let _run = monitor.start_operation("captured_leak");
        let early = vec![7u8; 10];
        let _capture = heapledger::capture("captured_leak");
        (early, [vec![7u8; 3000], vec![7u8; 20]], line!())
    };
    let leaks = monitor.detect_leaks();
    let leak = leak_of(&leaks, "captured_leak").expect("it has finished and owns something");
    let [large, small] = leak.lines.as_slice() else { panic!("{leak:?}") };
    let place = format!("tests/memory_leak_tests.rs:{} ", kept.2);
    assert!(large.starts_with("2.93 KiB in 1 block  ") && large.contains(&place), "{large}");
    assert!(small.starts_with("20 B in 1 block  ") && small.contains(&place), "{small}");
    assert!(leak.to_string().ends_with(&format!("\n    {large}\n    {small}")), "{leak}");
    let (other, _) = heapledger::measure("captured_leak", || vec![7u8; 10]);
    drop(kept);
    let leaks = monitor.detect_leaks();
    assert_eq!(leak_of(&leaks, "captured_leak").expect("it owns 10 bytes").lines, [""; 0]);
    drop(other);
}

#[test]
fn test_leak_detection() {
    let monitor = MemoryMonitor::new(1);
    let run = monitor.start_operation("leaking");
    let kept = vec![7u8; MIB + 1];
    assert_eq!(monitor.detect_leaks(), [], "what runs is active, not leaking");
    drop(run);
    let leaks = monitor.detect_leaks();
    let leak = leak_of(&leaks, "leaking").expect("it has finished and owns more than the threshold");
    assert_eq!((leak.live_bytes, leak.start_memory, leak.peak_memory), (MIB as u64 + 1, 0, MIB as u64 + 1));
    assert_eq!(leak.to_string(), "operation \"leaking\" has finished and still owns 1.00 MiB");
    drop(kept);
    assert_eq!(monitor.detect_leaks(), [], "nothing is owned any more");

    // Exactly the threshold is allowed.
    let run = monitor.start_operation("at the threshold");
    let kept = vec![7u8; MIB];
    drop(run);
    assert_eq!(monitor.detect_leaks(), []);
    drop(kept);
}

#[test]
fn the_success_rate_is_of_finished_operations_that_gave_back_what_they_should() {
    let monitor = MemoryMonitor::new(1);
    let rate = || monitor.generate_report().cleanup_success_rate;
    let own = heapledger::track("owns before it is watched");
    let before = vec![0u8; 2 * MIB];
    drop(own);
    let running = monitor.start_operation("owns before it is watched");
    assert_eq!((rate(), monitor.detect_leaks()), (100.0, Vec::new()), "none has finished");
    let kept: Vec<Vec<u8>> = ["one", "two", "three", "one"]
        .into_iter()
        .map(|name| {
            let _run = monitor.start_operation(name);
            vec![0u8; if name == "two" { MIB + 1 } else { 1 }]
        })
        .collect();
    assert_eq!(rate(), 200.0 / 3.0, "an operation that ran twice is one");
    drop(running);
    assert_eq!(rate(), 50.0);
    let report = monitor.generate_report().to_string();
    let said = "0 operations running; 50 % of finished operations gave back what they should; 100 % of cleanup callbacks \
                succeeded; 2 potential leaks:\n";
    assert!(report.contains(said), "{report}");
    drop((before, kept));
    assert_eq!(rate(), 100.0);
}

#[test]
fn test_memory_cleanup() {
    let monitor = MemoryMonitor::new(1);
    let cache = Arc::new(Mutex::new(vec![0u8; 4 * MIB]));
    let held = Arc::downgrade(&cache);
    monitor.on_cleanup("result cache", move || {
        let Some(cache) = held.upgrade() else { return Ok(0) };
        let taken = std::mem::take(&mut *cache.lock().expect("nobody panics with it"));
        Ok(taken.capacity())
    });
    assert_eq!(monitor.force_cleanup().expect("it freed what it said"), 4 * MIB);
    assert_eq!(monitor.force_cleanup().expect("there is nothing left to free"), 0);
    assert_eq!(monitor.generate_report().callback_success_rate, 100.0);

    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    monitor.on_cleanup("panics", || panic!("out of order"));
    monitor.on_cleanup("fails", || anyhow::bail!("locked by a reader"));
    monitor.on_cleanup("boasts", || Ok(12_345));
    monitor.on_cleanup("comes last", move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(0)
    });
    let error = monitor.force_cleanup().expect_err("three did not do what they said");
    let error = error.downcast_ref::<CleanupError>().expect("it is a cleanup error");
    let said: Vec<String> = error.failures.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    assert_eq!(
        said,
        [
            "panics: panicked: out of order",
            "fails: failed: locked by a reader",
            "boasts: claimed to free 12,345 B, but freed 0 B"
        ]
    );
    assert_eq!(ran.load(Ordering::Relaxed), 1, "those after a failure still run");
    // Two of two, then two of five.
    assert_eq!(monitor.generate_report().callback_success_rate, 400.0 / 7.0);
}

#[test]
fn test_memory_report_generation() {
    let monitor = MemoryMonitor::new(2);
    let run = monitor.start_operation("reported");
    let block = vec![0u8; 3 * MIB];
    run.mark_completed();
    let running = monitor.start_operation("still running");
    let report = monitor.generate_report();
    assert_eq!(report.active_operations, 1);
    assert_eq!(leak_of(&report.potential_leaks, "reported").expect("it kept 3 MiB").live_bytes, 3 * MIB as u64);
    assert!(report.total_allocated >= 3 * MIB as u64);
    // The peak is known within 64 KiB for each thread of the test harness.
    assert!(report.peak_usage + (64 << 14) >= 3 * MIB as u64);
    assert!(report.to_string().contains("operation \"reported\" has finished and still owns 3.00 MiB"));
    drop((running, block));
}

struct Engine {
    monitor: MemoryMonitor,
}

impl MemoryTrackable for Engine {
    fn memory_monitor(&self) -> &MemoryMonitor {
        &self.monitor
    }
}

#[test]
fn test_memory_trackable_trait() {
    let engine = Engine { monitor: MemoryMonitor::new(1) };
    let hits = engine.with_memory_tracking("trackable", || Ok(vec![1u32, 2, 3])).expect("it returns Ok");
    let row = heapledger::snapshot().operation("trackable").expect("it ran");
    assert_eq!((row.own.allocated_bytes, row.own.live_bytes, row.scopes), (12, 12, 1));
    drop(hits);

    let failed = engine.with_memory_tracking("trackable", || -> anyhow::Result<()> { anyhow::bail!("no such index") });
    assert_eq!(format!("{:#}", failed.expect_err("it fails")), "operation \"trackable\" failed: no such index");

    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = engine.with_memory_tracking("trackable", || -> anyhow::Result<()> { panic!("in the search") });
    }));
    assert!(panicked.is_err());
    assert_eq!(engine.monitor.generate_report().active_operations, 0, "a panic ends the run");
    assert_eq!(heapledger::current().path(), "(unattributed)", "a panic restores the stack");
}

#[test]
fn test_guard_completion_marking() {
    let monitor = MemoryMonitor::new(0);
    let run = monitor.start_operation("completed");
    std::mem::forget(vec![0u8; 100]);
    run.mark_completed();
    run.mark_completed();
    assert_eq!(heapledger::current().path(), "(unattributed)", "marking ends the operation");
    drop(run);
    let dropped = monitor.start_operation("dropped");
    std::mem::forget(vec![0u8; 50]);
    drop(dropped);

    let leaks = monitor.detect_leaks();
    let completed = leak_of(&leaks, "completed").expect("it kept 100 bytes");
    let dropped = leak_of(&leaks, "dropped").expect("it kept 50 bytes");
    assert_eq!((completed.live_bytes, completed.expected_cleanup), (100, true));
    assert_eq!((dropped.live_bytes, dropped.expected_cleanup), (50, false));
    assert!(leaks.is_sorted_by_key(|leak| std::cmp::Reverse(leak.live_bytes)));
    let row = heapledger::snapshot().operation("completed").expect("it ran");
    assert_eq!(row.scopes, 1);
}

#[test]
fn the_bookkeeping_of_the_monitor_shows_in_no_operation() {
    let monitor = MemoryMonitor::new(0);
    let (_, tally) = heapledger::measure("bookkeeping", || {
        for _ in 0..100 {
            let run = monitor.start_operation("empty");
            run.mark_completed();
        }
        assert!(leak_of(&monitor.detect_leaks(), "bookkeeping/empty").is_none());
    });
    assert_eq!((tally.net_bytes(), tally.peak_bytes), (0, Some(0)));
}

#[test]
fn pressure_handlers_are_called_once_for_each_rise() {
    let monitor = MemoryMonitor::new(10);
    let (tell, told) = mpsc::channel();
    monitor.on_pressure(Limit::operation("pressed", MIB as u64), move |pressure| {
        tell.send((pressure.operation.clone(), pressure.live_bytes)).expect("the test listens");
    });
    for rise in [2 * MIB, 3 * MIB] {
        let op = heapledger::track("pressed");
        let held = vec![0u8; rise];
        drop(op);
        let (operation, live) = told.recv().expect("the handler tells");
        assert_eq!((operation.as_deref(), live), (Some("pressed"), rise as u64));
        monitor.check_pressure();
        assert!(told.try_recv().is_err(), "it has not been below the limit since");
        drop(held);
        monitor.check_pressure();
    }
}

/// Panics wherever it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("as it is asked to");
    }
}

#[test]
fn what_a_panic_carries_stops_neither_cleanups_nor_pressure_handlers() {
    let monitor = MemoryMonitor::new(0);
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    monitor.on_cleanup("bomb", || std::panic::panic_any(Bomb));
    monitor.on_cleanup("after it", move || Ok(counted.fetch_add(1, Ordering::SeqCst)));
    let error = monitor.force_cleanup().expect_err("one panicked");
    let error = error.downcast_ref::<CleanupError>().expect("cleanups fail so");
    assert_eq!(error.failures, [("bomb".into(), "panicked: without a message".into())]);
    assert_eq!(ran.load(Ordering::SeqCst), 1);

    let (tell, told) = mpsc::channel();
    for operation in ["explodes", "explodes later"] {
        let tell = tell.clone();
        monitor.on_pressure(Limit::operation(operation, 10), move |_| {
            tell.send(operation).expect("the test listens");
            std::panic::panic_any(Bomb);
        });
        let _op = heapledger::track(operation);
        let held = vec![0u8; 100];
        assert_eq!(told.recv_timeout(LONG), Ok(operation), "the monitor still looks");
        drop(held);
    }
}

#[test]
fn a_pressure_handler_that_never_returns_holds_up_no_other() {
    let monitor = MemoryMonitor::new(0);
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let (tell, told) = mpsc::channel();
    let told_by = |who: &'static str| {
        let tell = tell.clone();
        move || tell.send(who).expect("the test listens")
    };
    let (hangs, next, later) = (told_by("hangs"), told_by("next"), told_by("later"));
    monitor.on_pressure(Limit::operation("hangs", 10), move |_| {
        hangs();
        let _ = wait.lock().expect("nobody panics under it").recv();
    });
    monitor.on_pressure(Limit::operation("hangs", 20), move |_| next());
    monitor.on_pressure(Limit::operation("hangs", 300), move |_| later());
    let _op = heapledger::track("hangs");
    let held = vec![0u8; 100];
    let mut both = [(); 2].map(|()| told.recv_timeout(LONG).expect("each is called"));
    both.sort_unstable();
    assert_eq!(both, ["hangs", "next"]);
    let more = vec![0u8; 300];
    assert_eq!(told.recv_timeout(LONG), Ok("later"), "the monitor still looks");
    drop((held, more, go_on));
}

#[test]
fn what_a_monitor_keeps_for_itself_is_made_and_freed_in_no_operation() {
    let kept = vec![0u8; 5_000];
    let monitor = MemoryMonitor::new(1);
    let around = heapledger::track("drops a monitor");
    for at in 0..20 {
        monitor.on_cleanup(["cleanup", "another"][at % 2], || Ok(0));
        drop(monitor.start_operation("run"));
    }
    monitor.on_pressure(1 << 40, |_| {});
    monitor.on_pressure(1 << 40, move |_| assert!(kept.is_empty()));
    drop(monitor);
    let did = around.finish();
    // What a closure of the user's holds is the user's, wherever it is dropped.
    assert_eq!((did.allocs, did.frees, did.freed_bytes), (0, 1, 5_000));
}

#[test]
fn a_leak_is_found_while_another_run_of_the_same_name_never_ends() {
    let monitor = MemoryMonitor::new(1);
    let leak = |bytes: usize| {
        let run = monitor.start_operation("busy");
        std::mem::forget(vec![0u8; bytes]);
        run.mark_completed();
    };
    leak(2 * MIB);
    let endless = monitor.start_operation("busy");
    let leaks = monitor.detect_leaks();
    assert_eq!(leak_of(&leaks, "busy").expect("the endless run allocated nothing").live_bytes, 2 * MIB as u64);
    let own = vec![0u8; MIB / 2];
    let leaks = monitor.detect_leaks();
    let certain = leak_of(&leaks, "busy").expect("the endless run cannot own all of it").live_bytes;
    // What the endless run allocated and freed may have been part of it: the figure is a lower bound.
    assert!(certain > MIB as u64 && certain <= 2 * MIB as u64, "{certain}");
    drop((own, endless));
}

mod integration_tests {
    use super::*;

    #[test]
    fn test_concurrent_memory_tracking() {
        const THREADS: usize = 8;
        const ROUNDS: usize = 50;
        let monitor = Arc::new(MemoryMonitor::new(0));
        let together = Arc::new(Barrier::new(THREADS + 1));
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (monitor, together) = (Arc::clone(&monitor), Arc::clone(&together));
                std::thread::spawn(move || {
                    let mut kept = Vec::with_capacity(ROUNDS);
                    for round in 0..ROUNDS {
                        let run = monitor.start_operation("concurrent");
                        kept.push(vec![thread as u8; 100 + round]);
                        if round == ROUNDS / 2 {
                            // All threads are in the operation now, and stay until the test has looked.
                            together.wait();
                            together.wait();
                        }
                        run.mark_completed();
                    }
                    kept
                })
            })
            .collect();
        together.wait();
        assert_eq!(monitor.generate_report().active_operations, THREADS);
        together.wait();
        let kept: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect();

        let expected: usize = THREADS * (0..ROUNDS).map(|round| 100 + round).sum::<usize>();
        let leaks = monitor.detect_leaks();
        assert_eq!(leak_of(&leaks, "concurrent").expect("all of it is kept").live_bytes, expected as u64);
        assert_eq!(monitor.generate_report().active_operations, 0);
        drop(kept);
        assert!(leak_of(&monitor.detect_leaks(), "concurrent").is_none());
        let row = heapledger::snapshot().operation("concurrent").expect("it ran");
        assert_eq!((row.scopes, row.own.live_bytes), ((THREADS * ROUNDS) as u64, 0));
    }
}
