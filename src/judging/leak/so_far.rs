//! What is known of a leak test that did not end, because its closure panicked or it did not come to rest any more: the
//! verdict on the windows that are whole. Pure functions of values.

use super::curve::FEWEST_WINDOWS;
use super::evidence::Evidence;
use super::findings::as_expected;
use super::verdict::{Judged, Verdict};
use super::violated::violated;
use super::weigh::weigh;

/// The same evidence without the window that was under way.
pub(crate) fn whole_windows(evidence: &Evidence) -> Evidence {
    let mut whole = evidence.clone();
    whole.series.windows.truncate(evidence.ends.len().saturating_sub(1));
    whole
}

/// The verdict on whole windows; `None` if they are too few to say.
pub(crate) fn verdict_so_far(whole: &Evidence) -> Option<Verdict> {
    if whole.series.windows.len() < FEWEST_WINDOWS {
        return violated(whole);
    }
    let (Judged::Decided(verdict) | Judged::Undecided(verdict)) = weigh(whole);
    Some(as_expected(whole, verdict))
}

#[cfg(test)]
mod tests {
    use super::super::curve::Window;
    use super::super::evidence::WindowEnd;
    use super::super::made_up::{TEST, did, evidence, live, moves, owning, took};
    use super::*;
    use crate::words::{Counts, FOREIGN};

    fn leaking(windows: usize) -> Evidence {
        let mut leaking = evidence(windows, |n| owning(live(8 * n, n)));
        leaking.series.windows.push(Window { iterations: 1000, readings: vec![(1, live(0, 0))] });
        leaking
    }

    #[test]
    fn the_window_under_way_does_not_count() {
        let whole = whole_windows(&leaking(3));
        assert_eq!((whole.series.windows.len(), whole.ends.len()), (3, 4));
        let Some(Verdict::Leak { bytes_per_iteration: 8.0, exact: true, .. }) = verdict_so_far(&whole) else {
            panic!("three windows are enough")
        };
        assert_eq!(whole_windows(&Evidence::default()).series.windows.len(), 0);
    }

    #[test]
    fn fewer_than_three_whole_windows_are_too_early() {
        assert_eq!(verdict_so_far(&whole_windows(&leaking(2))), None);
        let lost = |n| Counts { given_away_blocks: n, ..Counts::default() };
        let violated = evidence(1, |n| WindowEnd {
            moves: moves([did(1, TEST, took(n)), did(1, FOREIGN.id, lost(n))]),
            ..WindowEnd::default()
        });
        assert!(
            matches!(verdict_so_far(&violated), Some(Verdict::Violated { blocks: 16, .. })),
            "one is enough for it"
        );
    }

    #[test]
    fn what_is_not_decided_is_said_and_what_was_expected_is_none() {
        let rises = evidence(3, |n| owning(live(n / 100, 0)));
        assert_eq!(verdict_so_far(&rises), Some(Verdict::Bounded { bytes: 1, blocks: 0 }));
        let expected = Evidence { bounded: Some(u64::MAX), ..whole_windows(&leaking(3)) };
        assert_eq!(verdict_so_far(&expected), Some(Verdict::Bounded { bytes: 8 * 112, blocks: 112 }));
    }
}
