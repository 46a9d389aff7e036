//! What every operation did on every thread, as plain values. A leak test finds from them which operations took blocks
//! over, gave them away or freed them. Reads and subtracts only: nothing is judged here.

use std::collections::BTreeMap;

use super::sweep::{WriterId, sweep};
use crate::registry;
use crate::words::{Counts, LEDGER, OperationId};

/// What one thread did for one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    /// Tells threads apart. All threads that had no shard when they recorded something count as one.
    pub(crate) thread: WriterId,
    pub(crate) operation: OperationId,
    pub(crate) counts: Counts,
}

impl Move {
    fn key(&self) -> (WriterId, OperationId) {
        (self.thread, self.operation)
    }
}

/// What every operation did on every thread, in the order of threads and operations, each pair once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moves(Vec<Move>);

/// Reads what every operation but the ledger's own has done on every thread until now.
pub(crate) fn moves() -> Moves {
    let mut moves = Vec::new();
    for writer in sweep() {
        writer.for_each_account(|account, read| {
            let operation = registry::owner_of(account);
            if operation != LEDGER.id {
                moves.push(Move { thread: writer.id(), operation, counts: read.counts });
            }
        });
    }
    moves.into_iter().collect()
}

impl FromIterator<Move> for Moves {
    fn from_iter<I: IntoIterator<Item = Move>>(moves: I) -> Self {
        let mut sums: BTreeMap<(WriterId, OperationId), Counts> = BTreeMap::new();
        for moved in moves {
            sums.entry(moved.key()).or_default().add(&moved.counts);
        }
        Self(sums.into_iter().map(|((thread, operation), counts)| Move { thread, operation, counts }).collect())
    }
}

impl Moves {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Move> {
        self.0.iter()
    }

    /// What was done after `earlier` was read, without the pairs of thread and operation that did nothing since.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let before = |key| earlier.0.binary_search_by_key(&key, Move::key).map(|at| earlier.0[at].counts);
        let since = self.0.iter().map(|now| {
            let counts = now.counts.since(&before(now.key()).unwrap_or_default()).unwrap_or_default();
            Move { counts, ..*now }
        });
        Self(since.filter(|moved| moved.counts != Counts::default()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(thread: usize, operation: u32, allocs: u64) -> Move {
        let (thread, operation) = (WriterId(thread), OperationId::new(operation));
        Move { thread, operation, counts: Counts { allocs, ..Counts::default() } }
    }

    #[test]
    fn a_difference_has_what_moved_and_nothing_else() {
        let then: Moves = [moved(2, 1, 4), moved(1, 7, 5), moved(1, 2, 6)].into_iter().collect();
        let now: Moves = [moved(2, 1, 9), moved(1, 2, 6), moved(1, 7, 6), moved(1, 3, 8)].into_iter().collect();
        let since = now.since(&then);
        assert!(since.iter().eq([moved(1, 3, 8), moved(1, 7, 1), moved(2, 1, 5)].iter()), "{since:?}");
    }

    #[test]
    fn counters_that_went_backwards_count_as_unmoved() {
        let then: Moves = [moved(1, 2, 6)].into_iter().collect();
        let now: Moves = [moved(1, 2, 5)].into_iter().collect();
        assert_eq!(now.since(&then).iter().count(), 0);
    }
}
