//! Fresh blocks and old ones, told from counters that are made up.

use super::super::made_up::{
    BELOW, ENDS, OTHERS, OUTSIDE, STOCK, TEST, all, did, evidence, freed, fresh, gave, made as makes, moves, takes,
    took,
};
use super::*;
use crate::reading::Move;
use crate::words::Counts;

fn takes_fresh_blocks(evidence: &Evidence) -> bool {
    made(evidence) == Made::SinceTheTestBegan
}

/// What a test sees whose giver has more blocks than it takes.
fn from_stock(windows: usize, at: impl Fn(u64) -> WindowEnd) -> Evidence {
    Evidence { moves_before: moves([did(1, OUTSIDE, makes(STOCK))]), ..evidence(windows, at) }
}

/// Whether five blocks that every iteration takes over are fresh, if the giver makes so many more or fewer than it
/// gives until each end of a window.
fn are_fresh_if_changed(more: [u64; 4], fewer: [u64; 4]) -> bool {
    let at = |of: [u64; 4], n| ENDS.iter().position(|&end| end == n).map_or(0, |end| of[end]);
    takes_fresh_blocks(&from_stock(3, |n| WindowEnd {
        moves: moves([
            did(1, TEST, took(5 * n)),
            did(1, OUTSIDE, all([makes(5 * n + at(more, n)), gave(5 * n), freed(at(fewer, n))])),
        ]),
        ..WindowEnd::default()
    }))
}

#[test]
fn givers_that_lose_more_than_a_tenth_gave_old_blocks() {
    let if_lost = |fewer| are_fresh_if_changed([0; 4], fewer);
    assert!(if_lost([0, 0, 0, 32]) && !if_lost([0, 0, 0, 33]), "of 320 in the last window");
    assert!(if_lost([0, 0, 16, 16]) && !if_lost([0, 0, 17, 17]), "of 160 in the one before");
    assert!(if_lost([0, 80, 80, 80]), "earlier windows do not count");
}

#[test]
fn givers_that_make_more_than_they_give_gave_fresh_blocks() {
    let if_gained = |more| are_fresh_if_changed(more, [0; 4]);
    assert!(if_gained([0, 0, 0, 33]) && if_gained([0, 0, 1000, 10_000]));
}

#[test]
fn one_window_tells_fresh_blocks_from_old_ones() {
    let giver = |counts: Counts| {
        takes_fresh_blocks(&from_stock(1, |n| WindowEnd {
            moves: moves([did(1, TEST, took(n)), did(1, OUTSIDE, if n == 0 { Counts::default() } else { counts })]),
            ..WindowEnd::default()
        }))
    };
    assert!(giver(all([makes(16), gave(16)])) && !giver(gave(16)));
}

#[test]
fn what_was_made_where_it_was_given_is_fresh_whatever_neighbours_do() {
    let beside = |counts: fn(u64) -> Counts, operation: OperationId| {
        takes_fresh_blocks(&takes(200, 0, |n| fresh(n).into_iter().chain([did(2, operation, counts(n))]).collect()))
    };
    assert!(beside(freed, OUTSIDE) && beside(|n| makes(n * n), OUTSIDE) && beside(freed, OTHERS));
}

#[test]
fn only_operations_that_gave_on_a_thread_that_took_are_givers() {
    let with = |thread: usize, operation: OperationId| {
        takes_fresh_blocks(&takes(200, 0, |n| {
            let mut all = fresh(n);
            all.push(did(thread, operation, gave(n)));
            all
        }))
    };
    assert!(!with(1, OTHERS), "a second giver whose blocks become fewer");
    assert!(with(2, OTHERS), "it gave elsewhere");
    assert!(with(1, BELOW), "an operation of the test is no giver");
    let beside = |others: fn(u64) -> [Move; 2]| {
        takes_fresh_blocks(&takes(200, 0, |n| fresh(n).into_iter().chain(others(n)).collect()))
    };
    assert!(beside(|n| [did(1, OTHERS, freed(n)), did(2, OTHERS, freed(n))]), "it gave none");
    assert!(beside(|n| [did(2, TEST, makes(n)), did(2, OTHERS, gave(n))]), "the test took none there");
}

#[test]
fn of_others_only_what_operations_of_the_test_took_over_counts() {
    // Others took over 64 of the giver's old blocks too: they do not make the giver's loss small.
    let beside =
        takes(200, 0, |n| vec![did(1, OUTSIDE, all([gave(n), makes(n - n / 9)])), did(2, OTHERS, took(9 * n))]);
    assert!(!takes_fresh_blocks(&beside));
}

/// When the blocks were made that a test takes over on thread 1, one of 100 bytes with every iteration, from an
/// operation that had so many blocks there and elsewhere, if other threads did this for it until an iteration.
fn made_if(stock: [u64; 2], elsewhere: impl Fn(u64) -> Vec<Move>) -> Made {
    let giver = |n| [vec![did(1, OUTSIDE, gave(n))], elsewhere(n)].concat();
    let before = moves([did(1, OUTSIDE, makes(stock[0])), did(7, OUTSIDE, makes(stock[1]))]);
    made(&Evidence { moves_before: before, ..takes(200, 0, giver) })
}

const HERE: [u64; 2] = [STOCK, 0];
const ELSEWHERE: [u64; 2] = [0, STOCK];

/// Blocks of so many bytes.
fn of_bytes(blocks: u64, bytes: u64) -> Counts {
    Counts { allocs: blocks, allocated_bytes: blocks * bytes, ..Counts::default() }
}

#[test]
fn another_thread_that_makes_block_by_block_what_is_given_makes_it_fresh() {
    for stock in [HERE, ELSEWHERE] {
        let by = |blocks: fn(u64) -> u64| made_if(stock, |n| vec![did(2, OUTSIDE, makes(blocks(n)))]);
        assert_eq!(by(|n| n), Made::SinceTheTestBegan);
        // Of 32 and 64 blocks, three may be under way; one of the 64 is a fiftieth.
        assert_eq!(by(|n| if n == 112 { 112 + 4 } else { n }), Made::SinceTheTestBegan);
        assert_ne!(by(|n| if n == 112 { 112 + 5 } else { n }), Made::SinceTheTestBegan);
        assert_eq!(by(|n| if n == 112 { 112 - 4 } else { n }), Made::SinceTheTestBegan);
        assert_ne!(by(|n| if n == 112 { 112 - 5 } else { n }), Made::SinceTheTestBegan);
        assert_ne!(by(|n| if n >= 48 { n + 4 } else { n }), Made::SinceTheTestBegan, "in the window before");
        let sized = |bytes| made_if(stock, |n| vec![did(2, OUTSIDE, of_bytes(n, bytes))]);
        assert_eq!(sized(105), Made::SinceTheTestBegan);
        assert_ne!(sized(110), Made::SinceTheTestBegan, "other blocks than those that were given");
        assert_ne!(sized(90), Made::SinceTheTestBegan);
    }
}

#[test]
fn noise_on_other_threads_does_not_hide_the_one_that_makes_the_blocks() {
    for noise in [makes as fn(u64) -> Counts, freed, |n| makes(n * n), |n| makes(n / 7)] {
        let beside = |n| vec![did(2, OUTSIDE, makes(n)), did(3, OUTSIDE, noise(n)), did(4, OUTSIDE, noise(3 * n))];
        assert_eq!(made_if(ELSEWHERE, beside), Made::SinceTheTestBegan);
    }
}

#[test]
fn several_threads_may_make_them_together_beside_one_that_does_something_else() {
    let half = |n: u64| n / 2 + if n == 48 { 15 } else { 0 };
    let two = move |n| vec![did(2, OUTSIDE, makes(half(n))), did(3, OUTSIDE, makes(n - half(n)))];
    assert_eq!(made_if(ELSEWHERE, two), Made::SinceTheTestBegan);
    let noisy = move |n| [two(n), vec![did(4, OUTSIDE, makes(n * n))]].concat();
    assert_eq!(made_if(ELSEWHERE, noisy), Made::SinceTheTestBegan);
    let noisier = move |n| [noisy(n), vec![did(5, OUTSIDE, makes(n * n))]].concat();
    assert_eq!(made_if(ELSEWHERE, noisier), Made::NobodyKnows, "which of them, cannot be told");
}

#[test]
fn what_the_givers_did_not_have_before_is_fresh() {
    // The last window takes 64 blocks.
    let noise = |n| vec![did(2, OUTSIDE, makes(n * n))];
    assert_eq!(made_if([0, 6], noise), Made::SinceTheTestBegan);
    assert_eq!(made_if([3, 3], noise), Made::SinceTheTestBegan);
    assert_eq!(made_if([3, 4], noise), Made::NobodyKnows);
}

#[test]
fn what_nobody_makes_is_old() {
    assert_eq!(made_if(ELSEWHERE, |_| Vec::new()), Made::Before);
    assert_eq!(made_if(ELSEWHERE, |n| vec![did(2, OUTSIDE, freed(n * n))]), Made::Before);
    // A tenth of 64 in the last window, and of 32 in the one before.
    let in_last = |made: u64| made_if(ELSEWHERE, |n| vec![did(2, OUTSIDE, makes(if n == 112 { made } else { 0 }))]);
    assert_eq!((in_last(6), in_last(7)), (Made::Before, Made::NobodyKnows));
    let before = |made: u64| made_if(ELSEWHERE, |n| vec![did(2, OUTSIDE, makes(if n >= 48 { made } else { 0 }))]);
    assert_eq!((before(3), before(4)), (Made::Before, Made::NobodyKnows));
    let one_frees = |n| vec![did(2, OUTSIDE, makes(n / 3)), did(3, OUTSIDE, freed(n))];
    assert_eq!(made_if(ELSEWHERE, one_frees), Made::NobodyKnows, "what one thread frees another may have made");
    let others = |n| vec![did(2, OTHERS, makes(n * n))];
    assert_eq!(made_if(ELSEWHERE, others), Made::Before, "an operation that gave none does not matter");
}

#[test]
fn blocks_are_old_if_the_thread_where_they_were_given_had_as_many() {
    let noise = |n| vec![did(2, OUTSIDE, makes(n * n))];
    assert_eq!(made_if([112, STOCK], noise), Made::Before);
    assert_eq!(made_if([111, STOCK], noise), Made::NobodyKnows, "112 were taken over since the test began");
}

#[test]
fn every_operation_of_the_test_that_took_blocks_on_a_thread_counts() {
    // Of 64 blocks that the thread gives to two operations of the test, six are not made there: a tenth of all is more
    // than that, a tenth of what one operation took is less.
    let two = from_stock(3, |n| WindowEnd {
        moves: moves([
            did(1, TEST, took(n / 2)),
            did(1, BELOW, took(n - n / 2)),
            did(1, OUTSIDE, all([makes(n - if n == 112 { 6 } else { 0 }), gave(n)])),
        ]),
        ..WindowEnd::default()
    });
    assert!(takes_fresh_blocks(&two), "six of 64 are less than a tenth");
}
