//! All of the evidence together, made up.

use super::super::evidence::{CHeapRead, WindowEnd};
use super::super::made_up::{
    OTHERS, OUTSIDE, TEST, all, did, evidence, gave, live, made, moves, old, owning, takes, took,
};
use super::*;
use crate::words::{Counts, FOREIGN};

fn memory_and_threads(memory: impl Fn(u64) -> u64, threads: impl Fn(u64) -> u64) -> Judged {
    weigh(&evidence(3, |n| WindowEnd { threads: threads(n) as usize, ..owning(live(memory(n), 0)) }))
}

fn leak(bytes_per_iteration: f64, exact: bool, threads_per_iteration: f64) -> Judged {
    Judged::Decided(Verdict::Leak {
        bytes_per_iteration,
        blocks_per_iteration: 0.0,
        exact,
        threads_per_iteration,
        files_per_iteration: 0.0,
    })
}

#[test]
fn threads_and_files_are_a_leak_beside_memory_and_without() {
    assert_eq!(memory_and_threads(|_| 0, |_| 1), Judged::Decided(Verdict::Clean));
    assert_eq!(memory_and_threads(|n| 8 * n, |_| 1), leak(8.0, true, 0.0));
    assert_eq!(memory_and_threads(|n| 8 * n, |n| n), leak(8.0, true, 1.0));
    assert_eq!(memory_and_threads(|n| 8 * n + n % 2, |n| n), leak(8.0, false, 1.0));
    assert_eq!(memory_and_threads(|_| 0, |n| n), leak(0.0, true, 1.0));
}

#[test]
fn what_is_undecided_stays_so_unless_threads_decide_it() {
    let rises = |n: u64| n / 100;
    assert!(matches!(memory_and_threads(rises, |_| 0), Judged::Undecided(_)));
    assert_eq!(memory_and_threads(rises, |n| n), leak(0.0, true, 1.0));
    let swings = |n: u64| 100 + 10 * n - 15 * (n % 2);
    assert!(matches!(memory_and_threads(swings, |_| 0), Judged::Undecided(Verdict::Leak { .. })));
    assert_eq!(memory_and_threads(swings, |n| n), leak(0.0, true, 1.0), "what swings may not leak");
}

#[test]
fn files_are_counted_apart_from_threads() {
    let mut opens = evidence(3, |n| WindowEnd { files: [("/f".into(), n as usize)].into(), ..WindowEnd::default() });
    assert_eq!(weigh(&opens), Judged::Decided(Verdict::Clean), "nobody knows whose they are");
    opens.file_owners.test.insert("/f".into(), 1.0);
    let judged = weigh(&opens);
    let Judged::Decided(Verdict::Leak { threads_per_iteration, files_per_iteration, .. }) = judged else {
        panic!("{judged:?}")
    };
    assert_eq!((threads_per_iteration, files_per_iteration), (0.0, 1.0));
}

#[test]
fn a_leak_of_old_blocks_is_bounded_and_others_own_what_a_clean_test_leaks() {
    let takes = weigh(&takes(200, 0, old));
    assert_eq!(takes, Judged::Decided(Verdict::Bounded { bytes: 112 * 200, blocks: 112 }));
    let gives = weigh(&evidence(3, |n| WindowEnd {
        moves: moves([did(1, TEST, all([made(n), gave(n)])), did(1, OUTSIDE, took(n))]),
        ..WindowEnd::default()
    }));
    assert!(matches!(gives, Judged::Decided(Verdict::Leak { blocks_per_iteration: 1.0, .. })), "{gives:?}");
}

#[test]
fn blocks_without_a_valid_owner_come_before_everything_else() {
    let lost = |n| Counts { given_away_blocks: n, ..Counts::default() };
    let judged = weigh(&evidence(3, |n| WindowEnd {
        threads: n as usize,
        moves: moves([did(1, TEST, took(n)), did(1, FOREIGN.id, lost(n))]),
        ..owning(live(n * 200, n))
    }));
    assert!(matches!(judged, Judged::Decided(Verdict::Violated { blocks: 112, .. })), "{judged:?}");
}

#[test]
fn what_grows_outside_a_test_that_is_alone_is_a_leak() {
    let beside = evidence(3, |n| WindowEnd { outside: [(OTHERS, live(12 * n, n))].into(), ..WindowEnd::default() });
    assert_eq!(weigh(&beside), Judged::Decided(Verdict::Clean));
    let judged = weigh(&Evidence { is_alone: true, ..beside });
    assert!(matches!(judged, Judged::Decided(Verdict::Leak { blocks_per_iteration: 1.0, .. })), "{judged:?}");
}

#[test]
fn what_c_code_keeps_is_a_leak_only_if_it_is_judged() {
    let judged = |judges_c_heap, memory: fn(u64) -> u64| {
        weigh(&Evidence {
            judges_c_heap,
            ..evidence(6, |n| WindowEnd {
                c_heap: Some(CHeapRead { in_use: 64 * n as i64, ..CHeapRead::default() }),
                ..owning(live(memory(n), 0))
            })
        })
    };
    assert_eq!(judged(false, |_| 0), Judged::Decided(Verdict::Clean));
    assert_eq!(judged(true, |_| 0), leak(64.0, false, 0.0));
    assert_eq!(judged(true, |n| 8 * n), leak(72.0, false, 0.0));
    assert_eq!(judged(true, |n| n.min(400)), leak(64.0, false, 0.0), "what the ledger saw was bounded");
}
