//! What operations did in one run of an assertion, taken from the difference of two snapshots. How runs add up is for
//! `judging`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::judging::budget::{Doing, Doings, Figure};
use crate::reading::Snapshot;
use crate::words::{Node, OperationId, Site, Tally};

/// What the asserted operation and those inside it did, each with all that is below it. Several operations inside may
/// have one path. Those that are `claimed` by an assertion of their own are judged there. Here they are left out: what
/// they did is that of several runs. So are pieces that are excluded.
pub(super) fn doings_of(asserted: &'static Node, did: &Snapshot, claimed: &BTreeSet<OperationId>) -> Doings {
    let within = |node: &'static Node| std::iter::successors(Some(node), |node| node.parent);
    let up_to_asserted = |node| within(node).take_while(|above| above.id != asserted.id);
    let inside: Vec<_> = did.rows().filter(|(node, _)| node.is_judged_in(asserted)).collect();
    let mut totals: HashMap<OperationId, Tally> = HashMap::new();
    for (node, row) in &inside {
        for above in up_to_asserted(*node).chain([asserted]) {
            let total = totals.entry(above.id).or_default();
            *total = total.plus(&row.own).unwrap_or(*total);
        }
    }
    let mut by_path: BTreeMap<String, (Tally, Option<Site>)> = BTreeMap::new();
    for (node, row) in &inside {
        let total = totals.get(&node.id).copied().unwrap_or_default();
        // A snapshot has the operations of earlier runs too.
        let ran = row.scopes > 0 || !total.is_idle() || node.id == asserted.id;
        if !ran || up_to_asserted(*node).any(|above| claimed.contains(&above.id)) {
            continue;
        }
        let (sum, site) = by_path.entry(node.path()).or_default();
        *sum = sum.plus(&total).unwrap_or(*sum);
        *site = site.take().or_else(|| row.site.clone());
    }
    by_path.into_iter().map(|(path, (total, site))| (path, doing(&total, site))).collect()
}

/// What one operation did. A difference of snapshots knows a peak only if it is higher than all before, so none is
/// taken.
fn doing(total: &Tally, site: Option<Site>) -> Doing {
    let did = Tally { peak_bytes: None, ..*total };
    Doing { values: Figure::all_taken_from(&did).collect(), site }
}
