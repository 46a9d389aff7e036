//! What was charged to the stacks and the sizes of each operation, as a report takes it. Functions are not known yet.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::by_line::{by_class, stacks_of};
use super::estimate::Estimate;
use super::snapshot::Snapshot;
use super::sums::{LineReading, LineSums};
use crate::record::StackId;
use crate::registry;
use crate::words::{ClassId, Node, OperationId};

/// What one operation did while it was captured.
pub(super) struct Charged {
    pub(super) path: String,
    pub(super) stacks: BTreeMap<StackId, Estimate>,
    pub(super) sizes: BTreeMap<ClassId, LineSums>,
    /// Where samples alone were captured: how many bytes lie between two on average.
    pub(super) every: BTreeSet<u64>,
    /// How many small stacks stand under [`StackId::OTHER`] together.
    pub(super) summed: u64,
}

/// Leaves of all stacks the `most` that have the most, half of them by what lives and the others by what was allocated.
/// The others are summed, operation by operation: so that a report is made in bounded time, whatever was captured.
pub(super) fn sum_small(charged: &mut [Charged], most: usize) {
    let is_one = |stack: &StackId| *stack != StackId::OTHER && *stack != StackId::NOT_SAMPLED;
    let mut all: BTreeMap<StackId, LineSums> = BTreeMap::new();
    for (stack, found) in charged.iter().flat_map(|one| &one.stacks).filter(|(stack, _)| is_one(stack)) {
        let known = all.entry(*stack).or_default();
        *known = known.plus(&found.sums);
    }
    if all.len() <= most {
        return;
    }
    let mut rest = Vec::from_iter(all);
    rest.sort_by_key(|(_, sums)| Reverse((sums.live_bytes.unsigned_abs(), sums.allocated_bytes)));
    let mut kept = BTreeSet::from_iter(rest.drain(..most / 2).map(|(stack, _)| stack));
    rest.sort_by_key(|(_, sums)| Reverse(sums.allocated_bytes));
    kept.extend(rest.drain(..most - most / 2).map(|(stack, _)| stack));
    for one in charged {
        let stacks = std::mem::take(&mut one.stacks).into_iter();
        let (large, small): (BTreeMap<_, _>, BTreeMap<_, _>) =
            stacks.partition(|(stack, _)| kept.contains(stack) || !is_one(stack));
        one.stacks = large;
        one.summed = small.len() as u64;
        for (_, found) in small {
            let known = one.stacks.entry(StackId::OTHER).or_default();
            // No figures of one process overflow.
            *known = known.checked_plus(&found).unwrap_or(*known);
        }
    }
}

impl Snapshot {
    /// What moved in the operations that are `wanted` and were captured. Several may have one path.
    pub(super) fn charged(&self, wanted: impl Fn(&Node) -> bool) -> Vec<Charged> {
        registry::look_at_modules();
        let mut by_operation: BTreeMap<OperationId, Vec<LineReading>> = BTreeMap::new();
        self.lines_of(wanted).for_each(|line| by_operation.entry(line.key.operation).or_default().push(line));
        let charged = by_operation.into_iter().map(|(operation, lines)| {
            let mut stacks = stacks_of(lines.iter().copied());
            stacks.retain(|_, found| found.sums.moved());
            // Resizes are for estimates alone.
            stacks.values_mut().for_each(|found| found.sums.reallocs = 0);
            let mut sizes = by_class(lines.iter().copied());
            sizes.values_mut().for_each(|sums| sums.reallocs = 0);
            let sampled = lines.iter().filter(|line| line.key.sampled);
            Charged {
                path: self.node(operation).map(Node::path).unwrap_or_default(),
                stacks,
                every: sampled.map(|line| line.every).collect(),
                sizes,
                summed: 0,
            }
        });
        charged.filter(|charged| !charged.stacks.is_empty() || !charged.sizes.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(live_bytes: i64, allocated_bytes: u64) -> Estimate {
        Estimate { sums: LineSums { live_bytes, allocated_bytes, ..LineSums::default() }, samples: None }
    }

    fn charged(stacks: &[(u32, i64, u64)]) -> Charged {
        let stacks = stacks.iter().map(|&(stack, live, allocated)| (StackId::new(stack), found(live, allocated)));
        let (sizes, every) = (BTreeMap::new(), BTreeSet::new());
        Charged { path: "a".into(), stacks: stacks.collect(), sizes, every, summed: 0 }
    }

    /// Number, live bytes and bytes allocated of the stacks of one operation.
    type Figures = Vec<(u32, i64, u64)>;

    /// What is left with at most `most` stacks, and how many are summed of each operation.
    fn left(most: usize) -> (Vec<Figures>, Vec<u64>) {
        let mut all = [charged(&[(1, 0, 90), (2, 5, 5), (3, -7, 0), (4, 1, 10)]), charged(&[(0, 1, 1), (2, 3, 4)])];
        sum_small(&mut all, most);
        let number =
            |stack: &StackId| (0..5).find(|number| StackId::new(*number) == *stack).expect("it is one of these");
        let figures = |one: &Charged| {
            let stacks = one.stacks.iter();
            stacks.map(|(stack, found)| (number(stack), found.sums.live_bytes, found.sums.allocated_bytes)).collect()
        };
        (all.iter().map(figures).collect(), all.iter().map(|one| one.summed).collect())
    }

    #[test]
    fn the_largest_by_what_lives_and_by_what_was_allocated_stay_and_the_others_are_summed() {
        let all = vec![vec![(1, 0, 90), (2, 5, 5), (3, -7, 0), (4, 1, 10)], vec![(0, 1, 1), (2, 3, 4)]];
        assert_eq!(left(4), (all, vec![0, 0]));
        let three = vec![vec![(0, -7, 0), (1, 0, 90), (2, 5, 5), (4, 1, 10)], vec![(0, 1, 1), (2, 3, 4)]];
        assert_eq!(left(3), (three, vec![1, 0]));
        assert_eq!(left(2).0[0], [(0, -6, 10), (1, 0, 90), (2, 5, 5)]);
        // What went away counts as what came to stay.
        let mut shrunk = [charged(&[(1, -9, 1), (2, 8, 2), (3, 0, 3)])];
        sum_small(&mut shrunk, 2);
        assert!(shrunk[0].stacks.contains_key(&StackId::new(1)) && !shrunk[0].stacks.contains_key(&StackId::new(2)));
        assert_eq!(left(1), (vec![vec![(0, -1, 15), (1, 0, 90)], vec![(0, 4, 5)]], vec![3, 1]));
    }
}
