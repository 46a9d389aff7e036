//! The counters of one operation and all below it, read in a time that depends on these alone, and not on how many
//! other operations there are; and the same of all operations in one pass.

use super::snapshot::Snapshot;
use super::sweep::sweep;
use crate::words::{BUILTIN, Counts, Node, Tally};
use crate::{record, registry};

/// Which operations are nested in which, learned as they are made.
#[derive(Debug, Default)]
pub(crate) struct Family {
    /// By operation id: the operations directly below.
    below: Vec<Vec<&'static Node>>,
}

impl Family {
    /// The counters of `root` and all operations below it. Looks at their accounts on every thread, and at each line
    /// that was ever captured.
    pub(crate) fn read(&mut self, root: &'static Node) -> Counts {
        self.learn();
        let nodes = self.at_and_below(root);
        let lines = record::accounts_of_lines(|operation| nodes.iter().any(|node| node.id == operation));
        let accounts = Vec::from_iter(nodes.iter().map(|node| node.account()).chain(lines));
        let mut sum = Counts::default();
        for writer in sweep() {
            accounts.iter().filter_map(|id| writer.account(*id)).for_each(|account| sum.add(&account.counts));
        }
        sum
    }

    /// Learns of operations that were made since.
    fn learn(&mut self) {
        let known = self.below.len().max(BUILTIN);
        for node in registry::named().take_while(|node| node.id.index() >= known) {
            let room = self.below.len().max(node.id.index() + 1);
            self.below.resize(room, Vec::new());
            if let Some(parent) = node.parent {
                self.below[parent.id.index()].push(node);
            }
        }
    }

    fn at_and_below(&self, root: &'static Node) -> Vec<&'static Node> {
        let mut found = vec![root];
        let mut at = 0;
        while let Some(node) = found.get(at) {
            found.extend(self.below.get(node.id.index()).into_iter().flatten());
            at += 1;
        }
        found
    }
}

/// What every operation and those below it did, by its id.
pub(crate) fn totals(snapshot: &Snapshot) -> Vec<Tally> {
    let own = Vec::from_iter(snapshot.sums());
    let mut totals = Vec::from_iter(own.iter().map(|(_, sums)| sums.counts));
    // An operation is made after the one that it is nested in.
    for (node, _) in own.iter().rev() {
        if let Some(parent) = node.parent {
            let below = totals[node.id.index()];
            totals[parent.id.index()].add(&below);
        }
    }
    totals.iter().zip(own).map(|(counts, (_, sums))| counts.tally(sums.peak)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::snapshot;
    use crate::{capture, current, track};

    #[test]
    fn a_family_has_the_figures_of_a_snapshot_whatever_is_made_later_and_whoever_records() {
        let mut family = Family::default();
        let (mut kept, mut live) = (Vec::with_capacity(5), Vec::with_capacity(5));
        let mut agree = |what: &str| {
            record::quietly(|| {
                let node = registry::find_by_path("family").expect("it was made");
                let read = family.read(node).tally(None);
                assert_eq!(read, Tally { peak_bytes: None, ..snapshot().total_of(node) }, "{what}");
                assert_eq!(totals(&snapshot())[node.id.index()], snapshot().total_of(node), "{what}");
                live.push(read.live_bytes);
            });
        };
        let scope = track("family");
        kept.push(vec![0u8; 10]);
        agree("it has no operation below");
        let inner = track("below/deep");
        kept.push(vec![0u8; 100]);
        agree("two were made since");
        let operation = current();
        std::thread::spawn(move || operation.run(|| std::mem::forget(vec![0u8; 1_000])))
            .join()
            .expect("it only allocates");
        agree("another thread worked for it");
        let capture = capture("family/**");
        kept.push(vec![0u8; 10_000]);
        agree("call stacks are captured");
        drop((capture, inner, scope));
        drop(track("family_of_others/below"));
        kept.truncate(1);
        agree("others freed its blocks");
        let last = *live.last().expect("it was read");
        assert_eq!((&live[..3], live.len()), (&[10, 110, 1_110][..], 5));
        assert!(live[3] >= 11_110 && last < 1_110 + 10_000, "{live:?}");
    }
}
