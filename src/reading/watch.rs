//! Reads the counters of one operation and all below it again and again: what a leak test judges.

use std::collections::BTreeMap;

use super::sweep::sweep;
use crate::registry;
use crate::words::{BUILTINS, Counts, LEDGER, Node, OperationId, UNATTRIBUTED};

/// Watches one operation and all below it.
#[derive(Debug)]
pub(crate) struct Watch {
    root: &'static Node,
    /// By operation id: whether it is the root or below it.
    inside: Vec<bool>,
    /// Whether every operation but the ledger's own is watched.
    everything: bool,
}

impl Watch {
    pub(crate) fn new(root: &'static Node, everything: bool) -> Self {
        Self { root, inside: Vec::new(), everything }
    }

    pub(crate) fn is_inside(&self, node: &Node) -> bool {
        self.everything || node.is_within(self.root)
    }

    /// The counters of the root and all operations below it.
    pub(crate) fn read(&mut self) -> Counts {
        self.learn();
        let mut sum = Counts::default();
        for writer in sweep() {
            writer.for_each_account(|id, account| {
                if self.inside.get(registry::owner_of(id).index()) == Some(&true) {
                    sum.add(&account.counts);
                }
            });
        }
        sum
    }

    /// The counters of each of them, and of `(unattributed)`. Allocates.
    pub(crate) fn read_each(&mut self) -> BTreeMap<OperationId, Counts> {
        self.learn();
        let mut each: BTreeMap<OperationId, Counts> = BTreeMap::new();
        for writer in sweep() {
            writer.for_each_account(|id, account| {
                let operation = registry::owner_of(id);
                if operation == UNATTRIBUTED.id || self.inside.get(operation.index()) == Some(&true) {
                    each.entry(operation).or_default().add(&account.counts);
                }
            });
        }
        each
    }

    /// Learns of operations that were made since.
    fn learn(&mut self) {
        let known = self.inside.len();
        if registry::named().next().map_or(BUILTINS.len(), |latest| latest.id.index() + 1) > known {
            let new = registry::all().into_iter().skip(known);
            let (root, everything) = (self.root, self.everything);
            self.inside.extend(new.map(|node| if everything { node.id != LEDGER.id } else { node.is_within(root) }));
        }
    }
}
