//! What the ledger itself allocates, seen by an independent witness beneath it: nothing for entering and leaving a name
//! that is known, and nothing that shows in anybody's figures for snapshots and reports (the tool's own memory is never
//! reported as somebody's leak).

mod common;

use std::alloc::System;

use common::{Random, balanced, in_its_own_process, row, tally};
use heapledger::{current, deny_alloc, measure, report, snapshot, track};
use stats_alloc::{INSTRUMENTED_SYSTEM, Stats, StatsAlloc};

#[global_allocator]
static ALLOC: heapledger::Allocator<&StatsAlloc<System>> = heapledger::Allocator::new(&INSTRUMENTED_SYSTEM);

/// The calls that reached the inner allocator while `work` ran.
fn calls(work: impl FnOnce()) -> usize {
    let calls = |stats: Stats| stats.allocations + stats.deallocations + stats.reallocations;
    let before = calls(INSTRUMENTED_SYSTEM.stats());
    work();
    calls(INSTRUMENTED_SYSTEM.stats()) - before
}

#[test]
fn entering_a_known_name_and_leaving_it_calls_no_allocator() {
    in_its_own_process("entering_a_known_name_and_leaving_it_calls_no_allocator", || {
        // More names than the thread remembers, so that some are looked up in the registry.
        let names: Vec<String> = (0..200).map(|at| format!("known {at}")).collect();
        for name in &names {
            drop(track(name));
            drop(track(format_args!("{name}/{}/{}", "below", 7)));
        }
        let op = {
            let _op = track("carried");
            current()
        };
        let _outer = track("around");
        let inside: Vec<_> = (0..200).map(|at| format!("inside {at}")).collect();
        inside.iter().for_each(|name| drop(track(name)));

        assert_eq!(calls(|| drop(std::hint::black_box(Box::new(1u8)))), 2, "the witness sees");
        let within = || {
            for name in &inside {
                let _op = track(name);
                let _same = current();
                let _inner = op.enter();
                op.run(|| assert_eq!(current(), op));
            }
        };
        assert_eq!(calls(within), 0);
        drop(_outer);
        let roots = || {
            for _ in 0..50 {
                for name in &names {
                    drop(track(name));
                    drop(track(format_args!("{name}/{}/{}", "below", 7)));
                    let ((), _tally) = measure(name.as_str(), || ());
                    let _tally = track(name).finish();
                }
            }
        };
        assert_eq!(calls(roots), 0);
    });
}

#[test]
fn a_name_that_is_given_away_is_freed_outside_the_operation() {
    in_its_own_process("a_name_that_is_given_away_is_freed_outside_the_operation", || {
        // Also where the thread knows the name.
        for _ in 0..3 {
            let around = track("around");
            let ((), did) = measure(String::from("given"), || ());
            assert_eq!((did, around.finish().net_bytes()), (tally! { peak_bytes: Some(0) }, 0));
            drop(track(String::from("tracked")));
            drop(deny_alloc(String::from("denied")).frees());
        }
        for name in ["around/given", "tracked", "denied"] {
            assert_eq!(row(name).own, tally! { peak_bytes: Some(0) }, "{name}");
        }
    });
}

#[test]
fn a_new_name_is_made_at_the_ledgers_own_expense() {
    in_its_own_process("a_new_name_is_made_at_the_ledgers_own_expense", || {
        let before = snapshot();
        let scope = track("makes names");
        let made = calls(|| (0..100).for_each(|at| drop(track(format_args!("new {at}")))));
        let did = scope.finish();
        assert!(made >= 200, "a name and its operation are two blocks: {made}");
        assert_eq!(did.peak_bytes, Some(0));
        let diff = balanced() - before;
        let row = diff.operation("makes names").expect("it ran");
        assert_eq!((row.own, row.total.allocs), (tally! { peak_bytes: Some(0) }, 0));
        assert!(diff.operation("(heapledger)").unwrap().own.allocs >= 200);
    });
}

#[test]
fn snapshots_and_reports_show_in_no_operation_but_the_ledgers_own() {
    in_its_own_process("snapshots_and_reports_show_in_no_operation_but_the_ledgers_own", || {
        (0..100).for_each(|at| drop(track(format_args!("in the report {at}"))));
        let before = snapshot();
        let outer = track("reads itself");
        let inner = track("within");
        let mut read = calls(|| drop(snapshot()));
        read += calls(|| drop(report()));
        read += calls(|| {
            let earlier = snapshot();
            drop((snapshot() - earlier).clone());
        });
        read += calls(|| drop(report().clone()));
        let (earlier, later) = (snapshot(), snapshot());
        assert!(later.check().is_ok() && earlier.check().is_ok());
        let mut merged = later.report();
        merged.merge(&earlier.report()).expect("sums of small numbers");
        drop((earlier, merged, later));
        let (inner, outer) = (inner.finish(), outer.finish());
        assert!(read > 100, "readings do allocate: {read}");

        let nothing = tally! { peak_bytes: Some(0) };
        assert_eq!((inner, outer), (nothing, nothing));
        let diff = balanced() - before;
        for path in ["reads itself", "reads itself/within"] {
            let row = diff.operation(path).expect("it ran");
            assert_eq!((row.own, row.scopes), (nothing, 1), "{path}");
        }
        assert_eq!(diff.operation("reads itself").unwrap().total, nothing);
        assert!(diff.operation("(heapledger)").unwrap().own.allocs >= read as u64 / 2);
    });
}

#[test]
fn the_witness_and_the_sum_over_all_operations_agree_to_the_byte() {
    in_its_own_process("the_witness_and_the_sum_over_all_operations_agree_to_the_byte", || {
        let mut random = Random::new(5);
        let mut held: Vec<Option<Vec<u8>>> = (0..100).map(|_| None).collect();
        for _ in 0..2_000 {
            let (at, size) = (random.below(100), 1 + random.below(3_000));
            let _op = track(format_args!("witnessed {}", random.below(7)));
            match &mut held[at] {
                Some(block) if random.below(2) == 0 => block.reserve_exact(size),
                Some(_) => held[at] = None,
                None => held[at] = Some(Vec::with_capacity(size)),
            }
        }
        let agree = || {
            // The snapshot's own blocks are alive when the witness is asked, and were partly when it read the counters.
            let (counted, witnessed) = (snapshot().total(), INSTRUMENTED_SYSTEM.stats());
            let live = witnessed.bytes_allocated as i64 - witnessed.bytes_deallocated as i64;
            let blocks = witnessed.allocations as i64 - witnessed.deallocations as i64;
            (counted.live_blocks - blocks, counted.live_bytes + 4 * counted.live_blocks - live)
        };
        // What a reading holds while it reads is a constant; everything else must cancel out.
        let offset = agree();
        held.clear();
        assert_eq!(agree(), offset);
        let kept: Vec<Vec<u8>> = (1..=500).map(|size| vec![0u8; size]).collect();
        assert_eq!(agree(), offset);
        drop(kept);
        assert_eq!(agree(), offset);
        assert_eq!(row("witnessed 3").own.live_blocks, 0);
    });
}
