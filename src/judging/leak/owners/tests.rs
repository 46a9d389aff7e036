//! Who owns blocks, told from evidence that is made up.

use super::super::made_up::{
    BELOW, ENDS, OTHERS, OUTSIDE, TEST, all, did, evidence, freed, fresh, gave, live, made, moves, old, owning, takes,
    took,
};
use super::*;
use crate::reading::Move;
use crate::words::{Counts, OperationId};

#[test]
fn old_blocks_that_were_taken_over_are_bounded() {
    let verdict = verdict_without_taken_over(&takes(200, 0, old));
    assert_eq!(verdict, Some(Verdict::Bounded { bytes: 112 * 200, blocks: 112 }));
}

#[test]
fn fresh_blocks_that_were_taken_over_are_a_leak() {
    assert_eq!(verdict_without_taken_over(&takes(200, 0, fresh)), None);
}

#[test]
fn old_blocks_may_grow_to_four_times_their_size() {
    let bounded = verdict_without_taken_over(&takes(400, 0, old));
    assert!(matches!(bounded, Some(Verdict::Bounded { .. })), "{bounded:?}");
    let Some(Verdict::Leak { bytes_per_iteration, .. }) = verdict_without_taken_over(&takes(401, 0, old)) else {
        panic!("what grows beyond that is a leak")
    };
    assert_eq!(bytes_per_iteration, 301.0, "what the old blocks had is not the test's");
}

#[test]
fn what_leaks_beside_old_blocks_is_judged_without_them() {
    let Some(Verdict::Leak { bytes_per_iteration, blocks_per_iteration, .. }) =
        verdict_without_taken_over(&takes(164, 1, old))
    else {
        panic!("every iteration keeps a block of its own")
    };
    assert_eq!((bytes_per_iteration, blocks_per_iteration), (64.0, 1.0));
}

#[test]
fn blocks_that_were_taken_over_and_not_kept_explain_nothing() {
    assert!(verdict_without_taken_over(&takes(100, 0, old)).is_some(), "all bytes and blocks are kept");
    assert_eq!(verdict_without_taken_over(&takes(99, 0, old)), None, "fewer bytes");
    let mut fewer = takes(100, 0, old);
    fewer.ends[3].live.blocks -= 1;
    assert_eq!(verdict_without_taken_over(&fewer), None, "fewer blocks");
    let none = evidence(3, |n| owning(live(n * 100, n)));
    assert_eq!(verdict_without_taken_over(&none), None, "none was taken over");
    let early = evidence(3, |n| {
        let taken = n.min(48);
        WindowEnd {
            taken_over: live(taken * 100, taken),
            moves: moves([did(1, TEST, took(taken)), did(1, OUTSIDE, gave(taken))]),
            ..owning(live((n + taken) * 100, n + taken))
        }
    });
    assert_eq!(verdict_without_taken_over(&early), None, "none was taken over in the last window");
}

#[test]
fn blocks_count_that_had_no_bytes_when_they_were_taken_over() {
    let mut grown = takes(50, 0, old);
    grown.ends.iter_mut().for_each(|end| end.taken_over.bytes = 0);
    let verdict = verdict_without_taken_over(&grown);
    assert!(matches!(verdict, Some(Verdict::Leak { bytes_per_iteration: 50.0, .. })), "{verdict:?}");
}

#[test]
fn what_is_left_without_old_blocks_must_be_decided() {
    // Beside the old blocks there is one of the test's own with more bytes at the end of the last window alone.
    let mut rising = takes(100, 0, old);
    rising.ends[3].live = rising.ends[3].live.plus(live(1000, 1));
    assert_eq!(verdict_without_taken_over(&rising), None);
}

/// Three windows of a test whose operation gives one block away with every iteration, and keeps none; `others` is what
/// others did until an iteration.
fn gives(others: impl Fn(u64) -> Vec<Move>) -> Evidence {
    evidence(3, |n| WindowEnd {
        moves: moves(others(n).into_iter().chain([did(1, TEST, all([made(n), gave(n)]))])),
        ..WindowEnd::default()
    })
}

#[test]
fn blocks_that_a_taker_keeps_are_a_leak() {
    let leak = leak_owned_by_others(&gives(|n| vec![did(1, OUTSIDE, took(n))]));
    let Some(Verdict::Leak { bytes_per_iteration, blocks_per_iteration, exact, .. }) = leak else { panic!("{leak:?}") };
    assert_eq!((bytes_per_iteration, blocks_per_iteration, exact), (200.0, 1.0, true));
}

#[test]
fn blocks_that_a_taker_frees_are_none() {
    let freed = Counts { frees: 1, freed_bytes: 200, ..Counts::default() };
    let all_freed = |n: u64| all([took(n), Counts { frees: n, freed_bytes: n * freed.freed_bytes, ..freed }]);
    assert_eq!(leak_owned_by_others(&gives(|n| vec![did(1, OUTSIDE, all_freed(n))])), None);
}

#[test]
fn blocks_of_which_another_thread_frees_more_than_half_are_none() {
    // At the ends of the last two windows the other thread has freed so many.
    let with = |lost: [u64; 2]| {
        leak_owned_by_others(&gives(|n| {
            let lost = [0, 0, lost[0], lost[1]][ENDS.iter().position(|&end| end == n).unwrap_or(0)];
            vec![did(1, OUTSIDE, took(n)), did(2, OUTSIDE, freed(lost))]
        }))
    };
    assert!(with([0, 32]).is_some(), "of 64, half stays");
    assert_eq!(with([0, 33]), None);
    assert!(with([32, 64]).is_some(), "only the last window counts");
}

/// What takers leak if every iteration gives five blocks to them, and if at the end of every window the thread that
/// takes them has kept so many, and another one has freed so many.
fn leak_if_kept(kept: [u64; 4], lost: [u64; 4]) -> Option<Verdict> {
    leak_owned_by_others(&evidence(3, |n| {
        let at = |of: [u64; 4]| ENDS.iter().position(|&end| end == n).map_or(0, |end| of[end]);
        WindowEnd {
            moves: moves([
                did(1, TEST, all([made(5 * n), gave(5 * n)])),
                did(1, OUTSIDE, all([took(5 * n), freed(5 * n - at(kept).min(5 * n))])),
                did(2, OUTSIDE, freed(at(lost))),
            ]),
            ..WindowEnd::default()
        }
    }))
}

#[test]
fn takers_that_keep_less_than_a_tenth_of_what_was_given_only_pass_it_on() {
    assert!(leak_if_kept([0, 8, 24, 24 + 32], [0; 4]).is_some(), "of 320 in the last window");
    assert_eq!(leak_if_kept([0, 8, 24, 24 + 31], [0; 4]), None);
    assert!(leak_if_kept([0, 8, 24, 24 + 32], [0, 0, 0, 16]).is_some(), "what is kept here decides");
}

#[test]
fn only_operations_outside_that_took_over_on_the_test_s_threads_are_takers() {
    let with = |moved: fn(u64) -> Move| leak_owned_by_others(&gives(|n| vec![moved(n)]));
    assert!(with(|n| did(1, OTHERS, took(n))).is_some(), "any operation outside");
    assert_eq!(with(|n| did(2, OUTSIDE, took(n))), None, "another thread");
    assert_eq!(with(|n| did(1, BELOW, took(n))), None, "an operation of the test");
    assert_eq!(with(|n| did(1, OUTSIDE, made(n))), None, "it took none over");
    let beside = |others: fn(u64) -> [Move; 2]| leak_owned_by_others(&gives(|n| others(n).into()));
    assert_eq!(beside(|n| [did(2, TEST, made(n)), did(2, OUTSIDE, took(n))]), None, "the test gave none there");
    assert_eq!(beside(|n| [did(2, OTHERS, gave(n)), did(2, OUTSIDE, took(n))]), None, "others gave there");
    let neighbours = beside(|n| [did(1, OUTSIDE, took(n)), did(2, OTHERS, gave(100 * n))]);
    assert!(neighbours.is_some(), "what others give is not what the test gave");
}

#[test]
fn a_taker_is_known_by_what_it_took_in_any_window() {
    let early = |n: u64| vec![did(1, OUTSIDE, all([took(n.min(16)), made(n - n.min(16))]))];
    assert!(leak_owned_by_others(&gives(early)).is_some());
}

#[test]
fn a_test_that_gave_none_away_in_the_last_window_has_no_takers() {
    let early = |last: u64| {
        evidence(3, |n| WindowEnd {
            moves: moves([
                did(1, TEST, all([made(n), gave(n.min(last))])),
                did(1, OUTSIDE, all([took(n.min(1)), made(n)])),
            ]),
            ..WindowEnd::default()
        })
    };
    assert!(leak_owned_by_others(&early(49)).is_some());
    assert_eq!(leak_owned_by_others(&early(48)), None);
}

#[test]
fn what_the_test_frees_itself_makes_up_for_what_takers_keep() {
    let mut shrinks = gives(|n| vec![did(1, OUTSIDE, took(n))]);
    for (end, n) in shrinks.ends.iter_mut().zip(ENDS) {
        end.live = live(100_000, 1000).minus(live(n * 200, n));
    }
    assert_eq!(leak_owned_by_others(&shrinks), None);
}

#[test]
fn the_figure_of_all_threads_is_taken_only_where_no_neighbour_disturbs() {
    let blocks = |elsewhere: fn(u64) -> Counts| {
        let leak = leak_owned_by_others(&gives(|n| {
            vec![did(1, OUTSIDE, all([took(n), made(n)])), did(2, OUTSIDE, elsewhere(n))]
        }));
        let Some(Verdict::Leak { blocks_per_iteration, .. }) = leak else { panic!("{leak:?}") };
        blocks_per_iteration
    };
    assert_eq!(blocks(freed), 1.0, "another thread frees every second block");
    assert_eq!(blocks(|n| made(n * n)), 2.0, "a neighbour does more and more");
}

#[test]
fn a_pool_that_was_there_before_is_judged_only_if_the_test_is_alone() {
    let mut pool = evidence(3, |n| WindowEnd { unattributed: live(n * 72, n), ..WindowEnd::default() });
    assert_eq!(leak_owned_by_others(&pool), None);
    pool.is_alone = true;
    let leak = leak_owned_by_others(&pool);
    let Some(Verdict::Leak { bytes_per_iteration, blocks_per_iteration, .. }) = leak else { panic!("{leak:?}") };
    assert_eq!((bytes_per_iteration, blocks_per_iteration), (72.0, 1.0));
    pool.whole_process = true;
    assert_eq!(leak_owned_by_others(&pool), None, "a test of the whole process has the pool in its own figures");
}

#[test]
fn a_pool_and_the_test_are_judged_together() {
    let mut moved =
        evidence(3, |n| WindowEnd { unattributed: live(n * 72, n), ..owning(live(0, 0).minus(live(n * 72, n))) });
    moved.is_alone = true;
    assert_eq!(leak_owned_by_others(&moved), None, "the test frees as much as the pool keeps");
    let mut grows = evidence(3, |n| WindowEnd { unattributed: live(7 * n.min(16), 0), ..WindowEnd::default() });
    grows.is_alone = true;
    assert_eq!(leak_owned_by_others(&grows), None, "a pool that fills is none");
}

#[test]
fn takers_are_looked_at_where_the_pool_shows_none() {
    let mut alone = gives(|n| vec![did(1, OTHERS, took(n))]);
    alone.is_alone = true;
    let blocks = |evidence: &Evidence| match leak_owned_by_others(evidence) {
        Some(Verdict::Leak { blocks_per_iteration, .. }) => blocks_per_iteration,
        other => panic!("{other:?}"),
    };
    assert_eq!(blocks(&alone), 1.0);
    alone.ends.iter_mut().zip(ENDS).for_each(|(end, n)| end.unattributed = live(0, 3 * n));
    assert_eq!(blocks(&alone), 3.0, "a pool that leaks has the first word");
}

fn frees_of_others(bytes: u64) -> Counts {
    Counts { others_freed_bytes: bytes, ..Counts::default() }
}

fn freed_elsewhere(bytes: u64) -> Counts {
    Counts { freed_elsewhere_bytes: bytes, ..Counts::default() }
}

#[test]
fn freers_are_named_with_what_they_freed_on_threads_that_freed_the_test_s_blocks() {
    let found = freers_in_last_window(&evidence(3, |n| WindowEnd {
        moves: moves([
            did(1, BELOW, all([freed_elsewhere(n), frees_of_others(n)])),
            did(1, OUTSIDE, frees_of_others(n)),
            did(1, OTHERS, frees_of_others(2 * n)),
            did(1, OperationId::new(13), made(n)),
            did(2, TEST, freed_elsewhere(1)),
            did(2, OUTSIDE, frees_of_others(n)),
            did(3, TEST, freed_elsewhere(n)),
            did(3, OUTSIDE, frees_of_others(3 * n)),
            did(4, TEST, made(n)),
            did(4, OUTSIDE, frees_of_others(n)),
            did(5, OTHERS, freed_elsewhere(n)),
            did(5, OUTSIDE, frees_of_others(n)),
        ]),
        ..WindowEnd::default()
    }));
    // 64 iterations in the last window, in which threads 2, 4 and 5 freed no block of the test.
    assert_eq!(found, [(OUTSIDE, 64 + 3 * 64), (OTHERS, 2 * 64)]);
}

#[test]
fn freers_are_sorted_by_bytes() {
    let found = freers_in_last_window(&evidence(1, |n| WindowEnd {
        moves: moves([
            did(1, TEST, freed_elsewhere(n)),
            did(1, OUTSIDE, frees_of_others(n)),
            did(1, OTHERS, frees_of_others(2 * n)),
        ]),
        ..WindowEnd::default()
    }));
    assert_eq!(found, [(OTHERS, 32), (OUTSIDE, 16)]);
    assert_eq!(freers_in_last_window(&evidence(0, |_| WindowEnd::default())), [], "no window, no freer");
}

#[test]
fn blocks_of_which_nobody_knows_whether_they_are_old_stay_a_leak() {
    // The giver had as many on another thread, and keeps more and more on a third one.
    let unknown = Evidence {
        moves_before: moves([did(7, OUTSIDE, made(100_000))]),
        ..takes(200, 0, |n| vec![did(1, OUTSIDE, gave(n)), did(2, OUTSIDE, made(n * n))])
    };
    assert_eq!(verdict_without_taken_over(&unknown), None);
}
