//! Panics: unwinding ends the scopes it passes, so the depth never grows and what comes after is charged right, also
//! after far more panics than any fixed stack of scopes could hold.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use common::{alone, balanced, row, tally};
use heapledger::{current, measure, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Unwinds through three nested scopes. No hook runs, so nothing is printed and only the panic's own blocks are
/// allocated.
fn unwind_through_scopes() {
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _outer = track("outer");
        let _block = Vec::<u8>::with_capacity(100);
        let _middle = track("middle");
        let _block = Vec::<u8>::with_capacity(10);
        let _inner = track("inner");
        resume_unwind(Box::new("unwinding"));
    }));
    assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&"unwinding"));
}

fn nested_scopes_unwind(times: u64, within: &str) {
    let _alone = alone();
    let misnested = heapledger::report().misnested();
    let scope = track(within);
    let here = current();
    for _ in 0..times {
        unwind_through_scopes();
        assert_eq!(current(), here);
    }
    let did = scope.finish();
    assert_eq!((did.net_bytes(), did.net_blocks()), (0, 0));
    assert_eq!(heapledger::report().misnested(), misnested, "scopes end inside out");

    let outer = row(&format!("{within}/outer"));
    let middle = row(&format!("{within}/outer/middle"));
    let inner = row(&format!("{within}/outer/middle/inner"));
    assert_eq!((outer.scopes, middle.scopes, inner.scopes), (times, times, times));
    assert_eq!(
        outer.own,
        tally! {
            allocs: times, allocated_bytes: 100 * times, frees: times, freed_bytes: 100 * times,
            peak_bytes: outer.own.peak_bytes,
        },
    );
    assert_eq!(
        middle.own,
        tally! {
            allocs: times, allocated_bytes: 10 * times, frees: times, freed_bytes: 10 * times,
            peak_bytes: middle.own.peak_bytes,
        },
    );
    // The panic itself: its message and what the runtime wraps around it, freed by whoever catches it.
    assert_eq!(inner.own.allocs % times, 0);
    assert_eq!((inner.own.live_blocks, inner.own.live_bytes), (0, 0));
    assert_eq!(inner.own.freed_elsewhere_blocks, inner.own.allocs);
    let panic = inner.own.allocated_bytes / times;
    assert_eq!(inner.own.allocated_bytes, panic * times);
    let peaks = [&inner, &middle, &outer].map(|row| row.own.peak_bytes);
    assert_eq!(peaks, [Some(panic), Some(panic + 10), Some(panic + 110)]);
    balanced();
}

#[test]
fn a_panic_inside_nested_scopes_restores_the_stack_64_times() {
    nested_scopes_unwind(64, "64 times");
}

#[test]
fn a_panic_inside_nested_scopes_restores_the_stack_10_000_times() {
    nested_scopes_unwind(10_000, "10,000 times");
}

#[test]
fn a_panic_inside_measure_and_run_ends_the_operation() {
    let _alone = alone();
    let scope = track("caught");
    let here = current();
    let unwound = catch_unwind(|| measure("measured", || resume_unwind(Box::new(()))));
    assert!(unwound.is_err() && current() == here);
    let unwound = catch_unwind(|| here.run(|| resume_unwind(Box::new(()))));
    assert!(unwound.is_err() && current() == here);
    drop(scope);
    assert_eq!(current().path(), "(unattributed)");
    assert_eq!((row("caught").scopes, row("caught/measured").scopes), (2, 1));
}

#[test]
fn a_thread_that_panics_ends_its_scopes_and_leaves_nothing() {
    let _alone = alone();
    let thread = std::thread::spawn(|| {
        let _outer = track("panicking thread");
        let _block = vec![0u8; 1000];
        let _inner = track("within");
        panic!("on purpose");
    });
    let message = thread.join().unwrap_err();
    assert_eq!(message.downcast_ref(), Some(&"on purpose"));
    drop(message);
    let outer = row("panicking thread");
    let done =
        tally! { allocs: 1, allocated_bytes: 1000, frees: 1, freed_bytes: 1000, peak_bytes: outer.own.peak_bytes };
    assert_eq!(outer.own, done);
    assert!(outer.own.peak_bytes >= Some(1000));
    // The next thread has that thread's shard, and none of its scopes.
    std::thread::spawn(|| assert_eq!(current().path(), "(unattributed)")).join().unwrap();
    balanced();
}

#[test]
fn scopes_dropped_while_unwinding_may_open_scopes_themselves() {
    struct Cleanup;
    impl Drop for Cleanup {
        fn drop(&mut self) {
            let ((), did) = measure("cleanup", || drop(vec![0u8; 50]));
            assert_eq!((did.allocs, did.allocated_bytes), (1, 50));
        }
    }
    let _alone = alone();
    for _ in 0..64 {
        let unwound = catch_unwind(|| {
            let _op = track("cleans up");
            let _cleanup = Cleanup;
            resume_unwind(Box::new(()));
        });
        assert!(unwound.is_err());
    }
    let row = row("cleans up/cleanup");
    assert_eq!((row.scopes, row.own.allocs, row.own.frees, row.own.peak_bytes), (64, 64, 64, Some(50)));
}
