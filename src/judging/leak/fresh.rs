//! Whether the blocks that a test took over from others by resize were made since it began, or were there before.
//!
//! The ledger books a block that is taken over on the thread that resizes it, as given away by the operation that owned
//! it. Which thread made it, nobody writes down: it may be the same one, or another that passed it on. What the giving
//! operation does on a third thread must not matter. So each thread's account of the giving operations is looked at by
//! itself, in each of the last two windows:
//!
//! 1. fresh, if on the threads where the blocks were given the givers made as many meanwhile;
//! 2. fresh, if on some other thread the givers gained what is missing here, block by block and byte by byte;
//! 3. fresh, if the givers did not own as many when the test began;
//! 4. old, if the givers made next to none on any thread, or if on the very threads where the blocks were given they
//!    owned as many when the test began;
//! 5. otherwise nobody knows.

use std::collections::{BTreeMap, BTreeSet};

use super::curve::Live;
use super::evidence::{Evidence, WindowEnd};
use crate::reading::{Moves, WriterId};
use crate::words::OperationId;

/// One of so many that were given may be missing among those that were made, or may have been made where all others
/// were not.
const GIVEN_FOR_ONE_MISSING: i64 = 10;
/// Another thread is in step if what it gained differs from what is missing by no more than one for so many. A
/// neighbour that does something else is hardly that near in two windows, in blocks and in bytes.
const IN_STEP_FOR_ONE_MISSING: i64 = 50;
/// Blocks that may be on their way from one thread to another when a window ends.
const UNDER_WAY: i64 = 3;
/// How many ends of windows show it: those of the last two windows, and where these began.
const ENDS_THAT_SHOW: usize = 3;

/// When the blocks were made that a test took over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    SinceTheTestBegan,
    Before,
    NobodyKnows,
}

/// Who gave blocks to the test: operations, and the threads on which the test took them.
struct Givers {
    operations: BTreeSet<OperationId>,
    threads: BTreeSet<WriterId>,
}

/// What the givers did in one window.
struct Given {
    /// How many blocks the test took over.
    taken: i64,
    /// What of the givers was taken over on the threads where the test did, by whomever, and was not made there.
    missing: Live,
    /// How many blocks they made there.
    made_here: i64,
    /// What they made on each other thread.
    made_elsewhere: BTreeMap<WriterId, Live>,
}

/// When the blocks were made that the operations of the test took over in the last two windows.
pub(super) fn made(evidence: &Evidence) -> Made {
    let ends = &evidence.ends[evidence.ends.len().saturating_sub(ENDS_THAT_SHOW)..];
    let (Some(first), Some(last)) = (ends.first(), ends.last()) else { return Made::NobodyKnows };
    let givers = Givers::of(evidence, &last.moves_since(first));
    let windows: Vec<Given> = ends.windows(2).map(|pair| givers.given(evidence, &pair[0], &pair[1])).collect();
    let owned = |here_alone| givers.owned(&evidence.moves_before, here_alone);
    // Of the last window alone: in those before, all that the givers owned may have been given.
    let taken = windows.last().map_or(0, |given| given.taken);
    if windows.iter().all(Given::is_made_here)
        || is_in_step_with_another_thread(&windows)
        || owned(false) * GIVEN_FOR_ONE_MISSING <= taken
    {
        return Made::SinceTheTestBegan;
    }
    let all = taken_since_the_test_began(evidence);
    if windows.iter().all(Given::is_made_nowhere) || owned(true) >= all { Made::Before } else { Made::NobodyKnows }
}

fn taken_since_the_test_began(evidence: &Evidence) -> i64 {
    let moves = evidence.ends.last().into_iter().flat_map(|end| end.moves.iter());
    moves.filter(|moved| evidence.is_inside(moved.operation)).map(|moved| moved.counts.taken_over_blocks as i64).sum()
}

impl Givers {
    fn of(evidence: &Evidence, moves: &Moves) -> Self {
        let inside = |operation| evidence.is_inside(operation);
        let took = moves.iter().filter(|moved| inside(moved.operation) && moved.counts.taken_over_blocks > 0);
        let threads: BTreeSet<WriterId> = took.map(|moved| moved.thread).collect();
        let gave = moves.iter().filter(|moved| {
            threads.contains(&moved.thread) && !inside(moved.operation) && moved.counts.given_away_blocks > 0
        });
        let operations = gave.map(|moved| moved.operation).collect();
        Self { operations, threads }
    }

    fn given(&self, evidence: &Evidence, then: &WindowEnd, now: &WindowEnd) -> Given {
        let mut given = Given { taken: 0, missing: Live::default(), made_here: 0, made_elsewhere: BTreeMap::new() };
        for moved in now.moves_since(then).iter() {
            let counts = &moved.counts;
            if evidence.is_inside(moved.operation) {
                given.taken += counts.taken_over_blocks as i64;
            } else if self.operations.contains(&moved.operation) {
                let gave = Live { bytes: counts.given_away_bytes as i64, blocks: counts.given_away_blocks as i64 };
                let gained = Live::from(counts);
                let made = gained.plus(gave);
                if self.threads.contains(&moved.thread) {
                    given.missing = given.missing.minus(gained);
                    given.made_here += made.blocks;
                } else {
                    let place = given.made_elsewhere.entry(moved.thread).or_default();
                    *place = place.plus(made);
                }
            }
        }
        given
    }

    /// How many blocks the givers owned then, on all threads together or on those alone where the test took blocks.
    fn owned(&self, then: &Moves, here_alone: bool) -> i64 {
        let theirs = then.iter().filter(|moved| self.operations.contains(&moved.operation));
        let theirs = theirs.filter(|moved| !here_alone || self.threads.contains(&moved.thread));
        theirs.map(|moved| Live::from(&moved.counts).blocks).sum()
    }
}

impl Given {
    fn is_made_here(&self) -> bool {
        self.missing.blocks * GIVEN_FOR_ONE_MISSING <= self.taken
    }

    /// Whether next to none were made, threads that lost some left aside: what they freed others may have made.
    fn is_made_nowhere(&self) -> bool {
        let elsewhere: i64 = self.made_elsewhere.values().map(|made| made.blocks.max(0)).sum();
        (self.made_here.max(0) + elsewhere) * GIVEN_FOR_ONE_MISSING <= self.taken
    }

    /// Whether so much is what is missing, but for what is under way.
    fn is_in_step(&self, made: Live) -> bool {
        let Live { bytes, blocks } = self.missing;
        let near = |made: i64, missing: i64, under_way: i64| {
            (made - missing).abs() <= missing / IN_STEP_FOR_ONE_MISSING + under_way
        };
        blocks > 0 && near(made.blocks, blocks, UNDER_WAY) && near(made.bytes, bytes, UNDER_WAY * (bytes / blocks))
    }
}

/// Whether in every window some thread made what is missing where the test took it; or all together did; or all but
/// one, which does something else.
fn is_in_step_with_another_thread(windows: &[Given]) -> bool {
    let threads: BTreeSet<WriterId> = windows.iter().flat_map(|given| given.made_elsewhere.keys().copied()).collect();
    let of = |given: &Given, thread: WriterId| given.made_elsewhere.get(&thread).copied().unwrap_or_default();
    let all = |given: &Given| given.made_elsewhere.values().copied().fold(Live::default(), Live::plus);
    windows.iter().all(|given| given.is_in_step(all(given)))
        || threads.iter().any(|&thread| {
            windows.iter().all(|given| given.is_in_step(of(given, thread)))
                || windows.iter().all(|given| given.is_in_step(all(given).minus(of(given, thread))))
        })
}

#[cfg(test)]
mod tests;
