//! What was charged to the stacks and the sizes of each operation, as a report takes it. Functions are not known yet.

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
                path: self.path_of(operation).unwrap_or_default(),
                stacks,
                every: sampled.map(|line| line.every).collect(),
                sizes,
            }
        });
        charged.filter(|charged| !charged.stacks.is_empty() || !charged.sizes.is_empty()).collect()
    }
}
