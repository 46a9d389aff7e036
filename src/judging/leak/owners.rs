//! Who owns what the figures of the test's own operations do not show, because others resized its blocks, it resized
//! blocks of others, others freed its blocks, or a pool that was there before keeps what it was given.
//!
//! Pure functions of [`Evidence`]. What happens outside the test is also that of neighbours, so these functions look at
//! threads that also worked for the test.

use std::collections::{BTreeMap, BTreeSet};

use super::curve::Live;
use super::evidence::{Evidence, WindowEnd};
use super::fresh::{Made, made};
use super::verdict::{Judged, Verdict, judge};
use crate::reading::WriterId;
use crate::words::OperationId;

/// Takers keep what they were given if they own at least one block more for so many that the test gave away. Messages
/// between threads leave a block here and there.
const GIVEN_FOR_ONE_KEPT: i64 = 10;
/// All threads together must have kept at least one block for so many that stayed on the threads that took them: what
/// is missing there was freed by other threads.
const KEPT_HERE_FOR_ONE_EVERYWHERE: i64 = 2;
/// Old blocks that grow at most by so many times what they had: a small `Vec` grows to its first four elements.
const GROWTH_OF_OLD_BLOCKS: i64 = 3;

/// A leak that somebody else owns: a pool that was there before, if the test is alone in the process, or whoever
/// resized the blocks of this test.
pub(super) fn leak_owned_by_others(evidence: &Evidence) -> Option<Verdict> {
    if evidence.whole_process {
        return None;
    }
    let pool = evidence.is_alone.then(|| leak_in(evidence, |end| end.live.plus(end.unattributed))).flatten();
    pool.or_else(|| leak_owned_by_takers(evidence))
}

/// The leak that a curve over the ends of windows shows, if it is certain.
fn leak_in(evidence: &Evidence, live: impl Fn(&WindowEnd) -> Live) -> Option<Verdict> {
    match judge(&evidence.series_of_ends(live)) {
        Judged::Decided(leak) if leak.is_leak() => Some(leak),
        _ => None,
    }
}

/// A leak of blocks that others resized. What happens outside is also that of neighbours, so only the threads that gave
/// away blocks of this test are looked at. But another thread may free what they took, so the operations that they did
/// it in have the second word: on all threads together they must have grown too.
fn leak_owned_by_takers(evidence: &Evidence) -> Option<Verdict> {
    let [first, .., before, last] = evidence.ends.as_slice() else { return None };
    let inside = |operation| evidence.is_inside(operation);
    let in_last_window = last.moves_since(before);
    let given: u64 =
        in_last_window.iter().filter(|moved| inside(moved.operation)).map(|moved| moved.counts.given_away_blocks).sum();
    if given == 0 {
        return None;
    }
    let since_start = last.moves_since(first);
    let gave = since_start.iter().filter(|moved| inside(moved.operation) && moved.counts.given_away_blocks > 0);
    let threads: BTreeSet<WriterId> = gave.map(|moved| moved.thread).collect();
    let took = since_start.iter().filter(|moved| {
        threads.contains(&moved.thread) && !inside(moved.operation) && moved.counts.taken_over_blocks > 0
    });
    let takers: BTreeSet<OperationId> = took.map(|moved| moved.operation).collect();
    let kept = |end: &WindowEnd, everywhere: bool| {
        let theirs = end
            .moves
            .iter()
            .filter(|moved| takers.contains(&moved.operation) && (everywhere || threads.contains(&moved.thread)));
        theirs.map(|moved| Live::from(&moved.counts)).fold(Live::default(), Live::plus)
    };
    let leak_with = |everywhere: bool| leak_in(evidence, |end| end.live.plus(kept(end, everywhere)));
    let leak = leak_with(false)?;
    let grown = |everywhere: bool| kept(last, everywhere).minus(kept(before, everywhere)).blocks;
    let stays =
        grown(false) * GIVEN_FOR_ONE_KEPT >= given as i64 && grown(true) * KEPT_HERE_FOR_ONE_EVERYWHERE >= grown(false);
    // Where no neighbour disturbs, the figure of all threads is the better one: they free each other's blocks.
    let undisturbed = || leak_with(true).filter(|leak| matches!(leak, Verdict::Leak { exact: true, .. }));
    stays.then(|| undisturbed().unwrap_or(leak))
}

/// The operations outside the test that freed its blocks in the last window, on threads where such blocks were freed,
/// and how many bytes of others they freed; most bytes first.
pub(crate) fn freers_in_last_window(evidence: &Evidence) -> Vec<(OperationId, u64)> {
    let [.., before, last] = evidence.ends.as_slice() else { return Vec::new() };
    let inside = |operation| evidence.is_inside(operation);
    let moves = last.moves_since(before);
    let freed = moves.iter().filter(|moved| inside(moved.operation) && moved.counts.freed_elsewhere_bytes > 0);
    let threads: BTreeSet<WriterId> = freed.map(|moved| moved.thread).collect();
    let mut freers: BTreeMap<OperationId, u64> = BTreeMap::new();
    for moved in moves.iter().filter(|moved| threads.contains(&moved.thread) && !inside(moved.operation)) {
        if moved.counts.others_freed_bytes > 0 {
            *freers.entry(moved.operation).or_default() += moved.counts.others_freed_bytes;
        }
    }
    let mut freers: Vec<(OperationId, u64)> = freers.into_iter().collect();
    freers.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    freers
}

/// What to say instead of a leak where the growth is no more than old blocks of others, grown a little: then what is
/// left without them decides. `None` where they do not explain it.
pub(super) fn verdict_without_taken_over(evidence: &Evidence) -> Option<Verdict> {
    let [.., before, last] = evidence.ends.as_slice() else { return None };
    let grown = last.live.minus(before.live);
    let taken_over = last.taken_over.minus(before.taken_over);
    let keeps_them = taken_over.blocks > 0 && grown.bytes >= taken_over.bytes && grown.blocks >= taken_over.blocks;
    // Where nobody knows whether the blocks are old, the growth stays a leak: what nobody knows must not pass.
    if !keeps_them || made(evidence) != Made::Before {
        return None;
    }
    // Old blocks come to an end, and so does what pushes add to them: as much again, or three times as much where a
    // small `Vec` grows to its first four elements.
    let added = grown.bytes - taken_over.bytes;
    if grown.blocks == taken_over.blocks && added <= GROWTH_OF_OLD_BLOCKS * taken_over.bytes {
        let Live { bytes, blocks } = evidence.growth();
        return Some(Verdict::Bounded { bytes, blocks });
    }
    match judge(&evidence.series_of_ends(|end| end.live.minus(end.taken_over))) {
        Judged::Decided(verdict) => Some(verdict),
        Judged::Undecided(_) => None,
    }
}

#[cfg(test)]
mod tests;
