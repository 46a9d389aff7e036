//! Which operations of a report are shown, in which order, and what those come to that are not: nothing is lost from
//! sight without being said.

use std::collections::{BTreeSet, HashMap};

use super::report::Data;
use super::row::OperationRow;
use super::sort_key::SortKey;
use crate::words::Tally;

/// What of a report is shown. By default it is all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// The paths of the operations that are shown, those below them included; `None` where all are.
    pub(crate) operations: Option<BTreeSet<String>>,
    /// So many levels of operations are shown.
    pub(crate) depth: Option<usize>,
    pub(crate) sort: SortKey,
    /// So many call stacks of each operation that own the most, and as many that allocated the most.
    pub(crate) stacks: Option<usize>,
    /// Where each operation was entered.
    pub(crate) sites: bool,
}

/// The operations that are shown, and what the others come to.
pub(crate) struct Selected<'a> {
    pub(crate) data: &'a Data,
    pub(crate) selection: &'a Selection,
    /// Each after the one that it stands below.
    pub(crate) rows: Vec<SelectedRow<'a>>,
    /// Operations that nobody asked for: no row has their figures.
    pub(crate) others: Hidden,
    /// Operations below those that are shown: their figures are in the rows of these.
    pub(crate) deeper: Hidden,
}

/// One operation that is shown.
pub(crate) struct SelectedRow<'a> {
    pub(crate) row: &'a OperationRow,
    /// Its place among all rows.
    pub(crate) at: usize,
    /// Its path from the row that it stands below, or the whole of it.
    pub(crate) name: String,
    /// Of the rows that it stands below, from the outermost in, and of itself: whether it is the last one at its place.
    pub(crate) is_last: Vec<bool>,
    /// Whether rows stand below it.
    pub(crate) is_parent: bool,
}

/// Operations that have no row.
#[derive(Default)]
pub(crate) struct Hidden {
    pub(crate) operations: u64,
    /// What they did, without a peak.
    pub(crate) tally: Tally,
}

impl Hidden {
    fn add(&mut self, row: &OperationRow) {
        self.operations += 1;
        // No counters of a report overflow when they are added up.
        self.tally = self.tally.plus(&Tally { peak_bytes: None, ..row.own }).unwrap_or(self.tally);
    }
}

impl Selection {
    /// Whether the operation at a path is asked for.
    pub(crate) fn wants(&self, path: &str) -> bool {
        self.operations.as_ref().is_none_or(|operations| operations.contains(path))
    }
}

impl Data {
    pub(crate) fn select<'a>(&'a self, selection: &'a Selection) -> Selected<'a> {
        let (mut others, mut deeper) = (Hidden::default(), Hidden::default());
        let mut below: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
        // Rows that are asked for, each nested in the one before it, and the last one around the row at hand.
        let mut around: Vec<usize> = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            while around.last().is_some_and(|&outer| !self.rows.outward(at).any(|one| one == outer)) {
                around.pop();
            }
            if selection.operations.is_some() && !selection.wants(&self.rows.path(at)) {
                others.add(row);
                continue;
            }
            match selection.depth.is_some_and(|depth| around.len() >= depth) {
                true => deeper.add(row),
                false => below.entry(around.last().copied()).or_default().push(at),
            }
            around.push(at);
        }
        for siblings in below.values_mut() {
            siblings.sort_by_cached_key(|&at| selection.sort.rank(&self.rows[at], self.rows.path(at)));
        }
        let mut children_of = |parent: Option<usize>, is_last: &[bool]| {
            let children = below.remove(&parent).unwrap_or_default().into_iter().rev().enumerate();
            let child = |(from_end, at)| (parent, at, [is_last, &[from_end == 0]].concat());
            Vec::from_iter(children.map(child))
        };
        let mut rows = Vec::new();
        let mut next = children_of(None, &[]);
        while let Some((parent, at, is_last)) = next.pop() {
            let row = &self.rows[at];
            let children = children_of(Some(at), &is_last);
            let (name, is_parent) = (self.rows.path_below(at, parent), !children.is_empty());
            rows.push(SelectedRow { row, at, name, is_last, is_parent });
            next.extend(children);
        }
        Selected { data: self, selection, rows, others, deeper }
    }
}
