//! Reads the counters of one operation and all below it again and again, without allocating: what a leak test judges.

use super::sweep::sweep;
use crate::registry;
use crate::words::{BUILTINS, Counts, LEDGER, Node};

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
        let known = self.inside.len();
        if registry::named().next().map_or(BUILTINS.len(), |latest| latest.id.index() + 1) > known {
            let new = registry::all().into_iter().skip(known);
            let (root, everything) = (self.root, self.everything);
            self.inside.extend(new.map(|node| if everything { node.id != LEDGER.id } else { node.is_within(root) }));
        }
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
}
