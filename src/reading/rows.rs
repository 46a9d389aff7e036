//! The operations of a report. A name stands there once, however many operations are nested in it: paths are made where
//! somebody asks for them.

use std::collections::HashMap;
use std::iter::successors;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::arrange::{arrange, merged};
use super::row::{OperationRow, Row};
use super::snapshot::Snapshot;
use crate::record::Own;
use crate::words::{LEDGER, Node, UNATTRIBUTED};

/// The operations of a report, each behind the one that it is nested in, and no two at one place.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    all: Arc<Vec<OperationRow>>,
    /// With their paths, for users who ask for them.
    listed: OnceLock<Own<Vec<Row>>>,
}

/// The place of every operation, by that of the one it is nested in and its name.
pub(super) struct RowPlaces<'a>(HashMap<(Option<u32>, &'a str), u32>);

impl Rows {
    /// Rows, each behind the one that it is nested in, as they are read: those of one operation added up. `None` where
    /// a counter overflows.
    pub(super) fn arranged(rows: Vec<OperationRow>) -> Option<Self> {
        let mut rows = Self::of(merged(rows)?);
        rows.arrange();
        Some(rows)
    }

    /// Rows that are in order already.
    pub(super) fn of(all: Vec<OperationRow>) -> Self {
        Self { all: Arc::new(all), listed: OnceLock::new() }
    }

    /// Both, still to be [arranged](Self::arrange); `None` where a counter overflows.
    pub(super) fn joined_with(self, other: Self) -> Option<Self> {
        let mut all = Arc::unwrap_or_clone(self.all);
        let first = u32::try_from(all.len()).ok()?;
        all.extend(Arc::unwrap_or_clone(other.all).into_iter().map(|row| {
            let parent = row.parent.map(|parent| first + parent);
            OperationRow { parent, ..row }
        }));
        merged(all).map(Self::of)
    }

    /// Puts the rows in reading order, each with the total of what is below it.
    pub(super) fn arrange(&mut self) {
        *self = Self::of(arrange(Arc::unwrap_or_clone(std::mem::take(&mut self.all))));
    }

    /// Computes what each operation owns from what it did.
    #[cfg(feature = "from-json")]
    pub(super) fn recount(&mut self) {
        let mut all = Arc::unwrap_or_clone(std::mem::take(&mut self.all));
        all.iter_mut().for_each(|row| row.own = row.own.counts().tally(row.own.peak_bytes));
        *self = Self::of(all);
    }

    /// The path of the row at a place.
    pub(crate) fn path(&self, at: usize) -> String {
        self.path_below(at, None)
    }

    /// The rest of the path of the row at a place below that of one around it.
    pub(super) fn path_below(&self, at: usize, outer: Option<usize>) -> String {
        let inside = self.outward(at).take_while(|one| Some(*one) != outer);
        let mut names = Vec::from_iter(inside.map(|one| &*self[one].name));
        names.reverse();
        names.join("/")
    }

    /// The place of the row with this path.
    pub(crate) fn find(&self, path: &str) -> Option<usize> {
        (0..self.len()).find(|at| self.names(*at).eq(path.rsplit('/')))
    }

    /// The names of the row at a place and of those around it, from the inside out.
    pub(crate) fn names(&self, at: usize) -> impl Iterator<Item = &str> {
        self.outward(at).map(|at| &*self[at].name)
    }

    /// A place, and those of the rows around it, from the inside out.
    pub(crate) fn outward(&self, at: usize) -> impl Iterator<Item = usize> {
        successors(Some(at), |at| self[*at].parent.map(|parent| parent as usize))
    }

    /// The rows with these paths, what they are nested in before them.
    #[cfg(test)]
    pub(crate) fn of_paths(rows: impl IntoIterator<Item = Row>) -> Self {
        let mut all: Vec<OperationRow> = Vec::new();
        for row in rows {
            let mut parent = None;
            for name in row.path.split('/') {
                let is_it = |one: &OperationRow| one.parent == parent && one.name == name;
                let at = all.iter().position(is_it).unwrap_or(all.len());
                if at == all.len() {
                    all.push(OperationRow::blank(name.to_string(), parent));
                }
                parent = Some(at as u32);
            }
            let last = &mut all[parent.expect("a path has a name") as usize];
            let Row { scopes, threads, peak_error, site, own, total, .. } = row;
            *last = OperationRow { scopes, threads, peak_error, site, own, total, ..last.clone() };
        }
        Self::of(all)
    }

    /// The place of every one.
    pub(super) fn places(&self) -> RowPlaces<'_> {
        RowPlaces(self.iter().map(|row| (row.parent, &*row.name)).zip(0..).collect())
    }

    /// All of them with their paths.
    pub(crate) fn listed(&self) -> &[Row] {
        self.listed.get_or_init(|| {
            Own::new(|| {
                let mut listed: Vec<Row> = Vec::with_capacity(self.len());
                for row in self.iter() {
                    let path = match row.parent {
                        Some(parent) => format!("{}/{}", listed[parent as usize].path, row.name),
                        None => row.name.to_string(),
                    };
                    listed.push(row.at(path));
                }
                listed
            })
        })
    }
}

impl Deref for Rows {
    type Target = [OperationRow];

    fn deref(&self) -> &[OperationRow] {
        &self.all
    }
}

impl Clone for Rows {
    fn clone(&self) -> Self {
        Self { all: self.all.clone(), listed: OnceLock::new() }
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all
    }
}

impl Eq for Rows {}

impl RowPlaces<'_> {
    /// The place of the operation at a path.
    pub(super) fn find(&self, path: &str) -> Option<u32> {
        path.split('/').try_fold(None, |parent, name| self.0.get(&(parent, name)).copied().map(Some))?
    }
}

impl Snapshot {
    /// The operations that are `wanted` and did something, and those that they are nested in.
    pub(super) fn rows_of(&self, wanted: impl Fn(&Node) -> bool) -> Rows {
        let mut all = Vec::new();
        let mut places = HashMap::new();
        for (node, row) in self.rows().filter(|(node, _)| wanted(node)) {
            let is_always_shown = [UNATTRIBUTED.id, LEDGER.id].contains(&node.id);
            if row.scopes > 0 || !row.own.is_idle() || is_always_shown {
                let at = place(node, &mut places, &mut all);
                let parent = all[at as usize].parent;
                all[at as usize] = OperationRow { parent, ..row };
            }
        }
        // No counter of one process overflows when it is added up.
        Rows::arranged(all).unwrap_or_default()
    }
}

/// The place of an operation, which is made where there is none, as are those of what it is nested in.
fn place(node: &'static Node, places: &mut HashMap<u32, u32>, all: &mut Vec<OperationRow>) -> u32 {
    if let Some(known) = places.get(&node.id.number()) {
        return *known;
    }
    let parent = node.parent.map(|parent| place(parent, places, all));
    let at = all.len() as u32;
    all.push(OperationRow::blank(node.name, parent));
    places.insert(node.id.number(), at);
    at
}

#[cfg(test)]
mod tests;
