//! What follows from a verdict, with values on both sides of every limit.

use super::super::evidence::{CHeapRead, WindowEnd};
use super::super::made_up::{self, BELOW, OTHERS, OUTSIDE, TEST, evidence, live, owning};
use super::*;
use crate::words::Tally;

fn findings(verdict: Verdict, allowed_warmup: Option<u64>, bounded: Option<u64>) -> Findings {
    Findings { allowed_warmup, bounded, ..made_up::bare_findings("test", verdict) }
}

fn leak(threads_per_iteration: f64, files_per_iteration: f64) -> Verdict {
    Verdict::Leak {
        bytes_per_iteration: 1.0,
        blocks_per_iteration: 0.0,
        exact: true,
        threads_per_iteration,
        files_per_iteration,
    }
}

const UNSTABLE: Verdict = Verdict::Unstable { min: 0.0, median: 1.0, max: 2.0 };

#[test]
fn warm_up_passes_up_to_what_is_allowed() {
    let passes = |allowed| findings(Verdict::WarmUp { bytes: 100, blocks: 1 }, allowed, Some(0)).passes();
    assert!(passes(None) && passes(Some(100)) && !passes(Some(99)));
}

#[test]
fn bounded_growth_passes_up_to_what_is_expected() {
    let passes = |bounded| findings(Verdict::Bounded { bytes: 100, blocks: 1 }, Some(0), bounded).passes();
    assert!(passes(None) && passes(Some(100)) && !passes(Some(99)));
}

#[test]
fn clean_passes_and_leaks_and_what_nobody_knows_do_not() {
    let passes = |verdict| findings(verdict, None, None).passes();
    assert!(passes(Verdict::Clean));
    assert!(!passes(leak(0.0, 0.0)) && !passes(UNSTABLE) && !passes(Verdict::Unsettled { by: vec!["x".into()] }));
}

#[test]
fn growth_within_the_cache_that_was_expected_is_bounded() {
    // 112 bytes in 112 blocks above the start.
    let with = |bounded, verdict: &Verdict| {
        let seen = Evidence { bounded, ..evidence(3, |n| owning(live(n, n))) };
        as_expected(&seen, verdict.clone())
    };
    let bounded = Verdict::Bounded { bytes: 112, blocks: 112 };
    for growth in [leak(0.0, 0.0), UNSTABLE] {
        assert_eq!(with(Some(112), &growth), bounded);
        assert_eq!(with(Some(111), &growth), growth);
        assert_eq!(with(None, &growth), growth);
    }
    for other in [leak(1.0, 0.0), leak(0.0, 1.0), Verdict::Clean, Verdict::Unsettled { by: Vec::new() }] {
        assert_eq!(with(Some(112), &other), other);
    }
}

#[test]
fn a_cache_outside_is_expected_like_one_inside() {
    // 112 bytes in 112 blocks inside, and twice as much outside.
    let with = |bounded, is_alone| {
        let outside = |n: u64| [(OTHERS, live(2 * n, 2 * n))].into();
        let at = |n: u64| WindowEnd { outside: outside(n), ..owning(live(n, n)) };
        as_expected(&Evidence { bounded: Some(bounded), is_alone, ..evidence(3, at) }, leak(0.0, 0.0))
    };
    assert_eq!(with(336, true), Verdict::Bounded { bytes: 336, blocks: 336 });
    assert_eq!(with(335, true), leak(0.0, 0.0));
    assert_eq!(
        with(112, false),
        Verdict::Bounded { bytes: 112, blocks: 112 },
        "beside others nothing outside is judged"
    );
}

fn tally(bytes: i64, blocks: i64) -> Tally {
    Tally {
        live_bytes: bytes,
        live_blocks: blocks,
        freed_elsewhere_bytes: 1,
        given_away_bytes: 10,
        taken_over_bytes: 100,
        ..Tally::default()
    }
}

fn row(operation: OperationId, path: &str, did: Tally) -> (OperationId, Tally, impl Fn() -> Placed) {
    (operation, did, move || Placed { path: path.into(), site: None })
}

fn noted(whole_process: bool) -> Findings {
    let seen = Evidence { whole_process, ..evidence(0, |_| owning(live(0, 0))) };
    let mut found = findings(Verdict::Clean, None, None);
    let operations = [
        (OUTSIDE, "outside", tally(7, 7)),
        (TEST, "test", tally(5, 0)),
        (BELOW, "below", tally(0, 6)),
        (OTHERS, "others", tally(8, 1)),
        (BELOW, "level", tally(0, 0)),
        (BELOW, "less", tally(-3, -3)),
    ];
    let operations = operations.into_iter().map(|(operation, path, did)| row(operation, path, did));
    found.note_last_window(&seen, operations);
    found
}

fn growing(found: &Findings) -> Vec<(&str, i64)> {
    found.growing.iter().map(|growth| (growth.operation.path.as_str(), growth.live.bytes)).collect()
}

#[test]
fn operations_of_the_test_that_grew_are_noted_the_largest_first() {
    assert_eq!(growing(&noted(false)), [("test", 5), ("below", 0)]);
    assert_eq!(growing(&noted(true)), [("others", 8), ("outside", 7), ("test", 5), ("below", 0)]);
}

#[test]
fn what_the_test_and_others_passed_on_is_added_up() {
    for found in [noted(false), noted(true)] {
        assert_eq!((found.handed_over, found.given_away, found.taken_over), (4, 40, 400));
        assert_eq!(found.unattributed, live(7, 7));
    }
}

#[test]
fn what_is_allowed_may_be_more_than_anybody_can_have() {
    for verdict in [Verdict::Bounded { bytes: i64::MAX, blocks: 1 }, Verdict::WarmUp { bytes: i64::MAX, blocks: 1 }] {
        assert!(findings(verdict.clone(), Some(u64::MAX), Some(u64::MAX)).passes(), "{verdict:?}");
        assert!(!findings(verdict.clone(), Some(i64::MAX as u64 - 1), Some(i64::MAX as u64 - 1)).passes());
    }
    assert!(findings(Verdict::Bounded { bytes: -1, blocks: 0 }, None, Some(0)).passes());
    let seen = Evidence { bounded: Some(u64::MAX), ..evidence(3, |n| owning(live(n, n))) };
    assert_eq!(as_expected(&seen, UNSTABLE), Verdict::Bounded { bytes: 112, blocks: 112 });
}

#[test]
fn every_warning_fails_a_strict_test_and_no_other() {
    let operation = Placed { path: "pool".into(), site: None };
    let warnings = [
        Warning::OutsideInStep { operation: operation.clone(), per_iteration: live(1, 1) },
        Warning::OutsideUnsure { operation, last_window: live(1, 1) },
        Warning::UnseenThreads { count: 1 },
        Warning::UnknownFiles { names: vec!["/etc/hosts".into()] },
        Warning::NoMoreFiles,
        Warning::CHeap { bytes_per_iteration: 8.0 },
    ];
    let passes = |strict, warnings| Findings { strict, warnings, ..findings(Verdict::Clean, None, None) }.passes();
    for warning in warnings {
        assert!(passes(false, vec![warning.clone()]) && !passes(true, vec![warning.clone()]), "{warning:?}");
    }
    assert!(passes(true, Vec::new()));
}

#[test]
fn threads_and_files_beyond_what_is_expected_fail_whatever_the_verdict() {
    let passes = |beyond| Findings { beyond, ..findings(Verdict::Clean, None, None) }.passes();
    assert!(passes(Beyond::default()));
    assert!(!passes(Beyond { threads: Some((4, 3)), files: None }));
    assert!(!passes(Beyond { threads: None, files: Some((4, 3)) }));
}

fn in_c(judges_c_heap: bool) -> Evidence {
    let end = |n: u64| WindowEnd {
        c_heap: Some(CHeapRead { in_use: 64 * n as i64, ..CHeapRead::default() }),
        ..owning(live(n, 0))
    };
    Evidence { judges_c_heap, bounded: Some(1 << 20), ..evidence(6, end) }
}

#[test]
fn growth_in_c_is_a_warning_or_a_part_of_the_verdict() {
    let noted = |judges_c_heap, verdict| {
        let mut found = findings(verdict, None, None);
        found.note_c_heap(&in_c(judges_c_heap));
        (found.c_heap, found.warnings)
    };
    let warning = vec![Warning::CHeap { bytes_per_iteration: 64.0 }];
    assert_eq!(noted(true, leak(0.0, 0.0)), (64.0, Vec::new()));
    assert_eq!(noted(false, leak(0.0, 0.0)), (0.0, warning.clone()));
    assert_eq!(noted(true, Verdict::Clean), (0.0, warning));
    assert_eq!(as_expected(&in_c(true), leak(0.0, 0.0)), leak(0.0, 0.0), "no cache of Rust blocks explains it");
    assert!(matches!(as_expected(&in_c(false), leak(0.0, 0.0)), Verdict::Bounded { .. }));
}

#[test]
fn what_the_operations_do_not_have_of_the_verdict_is_left_over() {
    let left = |bytes_per_iteration, c_heap| {
        let seen = evidence(3, |n| owning(live(10 * n, n)));
        let verdict = Verdict::Leak {
            bytes_per_iteration,
            blocks_per_iteration: 1.0,
            exact: true,
            threads_per_iteration: 0.0,
            files_per_iteration: 0.0,
        };
        let mut found = Findings { last_window: 64, c_heap, ..findings(verdict, None, None) };
        let rows = [(TEST, "test", tally(640, 64)), (BELOW, "below", tally(-64, 0)), (OTHERS, "others", tally(-8, -1))];
        found.note_last_window(&seen, rows.into_iter().map(|(operation, path, did)| row(operation, path, did)));
        assert_eq!(found.growing[0].rate, Rate { bytes: 10.0, blocks: 1.0 });
        assert_eq!(
            found.gave_back.as_ref().map(|(other, gave)| (other.path.as_str(), gave.bytes)),
            Some(("others", -8))
        );
        found.left_over
    };
    assert_eq!(left(9.0, 0.0), Rate::default());
    assert_eq!(left(12.0, 0.0), Rate { bytes: 3.0, blocks: 0.0 });
    assert_eq!(left(12.0, 3.0), Rate::default(), "what lies in C's heap is no operation's");
    assert_eq!(left(5.0, 0.0), Rate { bytes: -4.0, blocks: 0.0 });
}

#[test]
fn operations_have_the_figures_of_the_readings_where_there_are_any() {
    // A tooth of 100 iterations that both have: one less, one more.
    let mut seen = evidence(6, |n| owning(live(24 * n + n % 100 * 50, n)));
    for window in seen.series.windows.clone() {
        seen.begin_parts();
        let done: u64 =
            seen.series.windows.iter().map(|window| window.iterations).take_while(|one| *one < window.iterations).sum();
        let kept =
            |at: u64| [(TEST, live(24 * (done + at), done + at)), (BELOW, live((done + at) % 100 * 50, 0))].into();
        let parts = window.readings.iter().map(|(at, _)| (*at, kept(*at))).collect();
        *seen.parts.last_mut().expect("it was begun") = parts;
    }
    assert_eq!(seen.parts.len(), 3, "older ones are forgotten");
    let mut found = Findings { last_window: 512, ..findings(leak(0.0, 0.0), None, None) };
    let rows = [(TEST, "test", tally(24 * 512, 512)), (BELOW, "below", tally(600, 0))];
    found.note_last_window(&seen, rows.into_iter().map(|(operation, path, did)| row(operation, path, did)));
    let rates: Vec<Rate> = found.growing.iter().map(|growth| growth.rate).collect();
    assert_eq!(rates, [Rate { bytes: 24.0, blocks: 1.0 }, Rate { bytes: 0.0, blocks: 0.0 }]);
}

#[test]
fn threads_that_the_process_lost_in_the_last_window_are_noted() {
    let lost = |then: usize, now: usize| {
        let mut seen = evidence(3, |_| owning(live(0, 0)));
        (seen.ends[2].process_threads, seen.ends[3].process_threads) = (then, now);
        let mut found = findings(Verdict::Clean, None, None);
        found.note_last_window(&seen, std::iter::empty::<(_, _, fn() -> Placed)>());
        found.ended_threads
    };
    assert_eq!((lost(5, 3), lost(3, 5), lost(4, 4)), (2, 0, 0));
}
