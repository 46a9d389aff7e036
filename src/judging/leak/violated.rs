//! Blocks without a valid owner that the test's operations freed or resized: whoever did that used another layout than
//! the block was made with, or something wrote behind it. Then no figure can be trusted, so this comes before every
//! other verdict.
//!
//! The ledger books such a block as one of `(foreign)`: on the thread that freed or resized it, it counts as given back
//! there, and the operation that was active counts a block of others. So one thread's counters tell who did it, exactly
//! where no other operation freed or resized blocks of others on that thread.

use std::collections::BTreeSet;

use super::evidence::Evidence;
use super::verdict::Verdict;
use crate::reading::{Move, Moves};
use crate::words::{Counts, FOREIGN, OperationId};

/// What can be done to a block of others: how often an operation did it to others' blocks, and how often it was done to
/// blocks of the operation's own.
type Deed = (fn(&Counts) -> u64, fn(&Counts) -> u64);

const DEEDS: [Deed; 2] = [
    (|counts| counts.others_frees, |counts| counts.freed_elsewhere_blocks),
    (|counts| counts.taken_over_blocks, |counts| counts.given_away_blocks),
];

/// The verdict on blocks without a valid owner; `None` if the test's operations met none. A test of the whole process
/// answers for every operation.
pub(crate) fn violated(evidence: &Evidence) -> Option<Verdict> {
    let did = &evidence.ends.last()?.moves;
    let mut blocks = 0;
    let mut by: BTreeSet<OperationId> = BTreeSet::new();
    for foreign in did.iter().filter(|moved| moved.operation == FOREIGN.id) {
        for (to_others, to_own) in DEEDS {
            let suspects = || on_thread_of(foreign, did).filter(|moved| to_others(&moved.counts) > 0);
            let answers = |moved: &Move| evidence.whole_process || evidence.is_inside(moved.operation);
            let done: u64 = suspects().filter(|moved| answers(moved)).map(|moved| to_others(&moved.counts)).sum();
            // Where another operation may have done it on this thread too, the test has done it for all that is known.
            let met = to_own(&foreign.counts).min(done);
            if met > 0 {
                blocks += met;
                by.extend(suspects().filter(|moved| answers(moved)).map(|moved| moved.operation));
            }
        }
    }
    let name = |operation: OperationId| {
        let node = evidence.nodes.get(operation.index());
        node.map_or_else(|| "(unknown)".into(), |node| node.path())
    };
    (blocks > 0).then(|| Verdict::Violated { blocks, by: by.into_iter().map(name).collect() })
}

fn on_thread_of<'a>(here: &'a Move, moves: &'a Moves) -> impl Iterator<Item = &'a Move> {
    moves.iter().filter(|moved| moved.thread == here.thread)
}

#[cfg(test)]
mod tests;
