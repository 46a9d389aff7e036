//! What follows from a verdict, with values on both sides of every limit.

use super::super::evidence::WindowEnd;
use super::super::made_up::{self, BELOW, OTHERS, OUTSIDE, TEST, evidence, live, owning};
use super::*;

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
    let operations = operations.into_iter().map(|(operation, path, did)| (operation, path.to_string(), did));
    found.note_last_window(&seen, operations);
    found
}

fn growing(found: &Findings) -> Vec<(&str, i64)> {
    found.growing.iter().map(|growth| (growth.path.as_str(), growth.live.bytes)).collect()
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
