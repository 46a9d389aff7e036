//! The rows of a report as JSON, and back. A row says its own name and which row it stands in, so that a name
//! is written once, however many operations are nested in it.

use std::collections::HashMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::row::OperationRow;
use super::rows::Rows;
use crate::words::{MAX_DEPTH, MAX_NAME, Site, Tally, json_object};

/// A row as a file has it.
struct RowEntry {
    /// The innermost part of its path.
    name: Option<String>,
    /// The place of the row that it is nested in, which stands before it.
    parent: Option<u32>,
    scopes: u64,
    threads: u64,
    peak_error: u64,
    site: Option<Site>,
    own: Tally,
    total: Tally,
    /// All names, in files of schema 1 and 2, which have nothing else to name a row by.
    path: Option<String>,
}

json_object!(RowEntry {
    name or None,
    parent or None,
    scopes,
    threads,
    peak_error,
    site or None,
    own,
    total;
    path or None,
});

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(RowEntry::of))
    }
}

impl<'text> Deserialize<'text> for Rows {
    fn deserialize<D: Deserializer<'text>>(deserializer: D) -> Result<Self, D::Error> {
        rows_of(Vec::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl RowEntry {
    fn of(row: &OperationRow) -> Self {
        let OperationRow { parent, scopes, threads, peak_error, own, total, .. } = *row;
        let (name, site) = (Some(row.name.to_string()), row.site.clone());
        Self { name, parent, scopes, threads, peak_error, site, own, total, path: None }
    }
}

/// The rows that a file has, and blank ones for what a path is nested in that has none; an error says which of them
/// cannot be.
fn rows_of(entries: Vec<RowEntry>) -> Result<Rows, String> {
    let mut read = ReadRows::default();
    // Where the row at each place of the file is.
    let mut places: Vec<u32> = Vec::with_capacity(entries.len());
    for (at, mut entry) in entries.into_iter().enumerate() {
        let place = match (entry.path.take(), entry.name.take(), entry.parent) {
            (Some(path), None, None) => {
                path.split('/').try_fold(None, |parent, name| read.place(parent, name).map(Some))
            }
            (None, Some(name), None) => read.place(None, &name).map(Some),
            (None, Some(name), Some(parent)) => match places.get(parent as usize) {
                Some(parent) => read.place(Some(*parent), &name).map(Some),
                None => Err(format!("has the `parent` {parent}, which is none of the rows before it")),
            },
            (None, None, _) => Err("has no `name`".into()),
            (Some(_), ..) => Err("has a `path` beside its `name` or `parent`".into()),
        };
        let place = place.and_then(|place| read.fill(place.unwrap_or_default(), entry));
        places.push(place.map_err(|wrong| format!("rows[{at}] {wrong}"))?);
    }
    Ok(Rows::of(read.rows))
}

/// Rows as far as they were read.
#[derive(Default)]
struct ReadRows {
    rows: Vec<OperationRow>,
    /// How many rows each one is nested in, and whether the file has it.
    known: Vec<(u32, bool)>,
    places: HashMap<(Option<u32>, String), u32>,
}

impl ReadRows {
    /// Where the row of this name in another one is; blank where there was none.
    fn place(&mut self, parent: Option<u32>, name: &str) -> Result<u32, String> {
        if name.contains('/') || !(1..=MAX_NAME).contains(&name.len()) {
            return Err(format!("has a name that cannot be: names have 1 to {MAX_NAME} bytes, and no `/`"));
        }
        let depth = parent.map_or(0, |parent| self.known[parent as usize].0 + 1);
        if depth >= MAX_DEPTH {
            return Err(format!("is nested deeper than {MAX_DEPTH} operations can be"));
        }
        let next = self.rows.len() as u32;
        let place = *self.places.entry((parent, name.to_string())).or_insert(next);
        if place == next {
            self.rows.push(OperationRow::blank(name.to_string(), parent));
            self.known.push((depth, false));
        }
        Ok(place)
    }

    /// Puts what the file says into the row at a place.
    fn fill(&mut self, place: u32, entry: RowEntry) -> Result<u32, String> {
        let (row, (_, is_there)) = (&mut self.rows[place as usize], &mut self.known[place as usize]);
        if std::mem::replace(is_there, true) {
            return Err("names an operation that another row names, too".into());
        }
        let RowEntry { scopes, threads, peak_error, site, own, total, .. } = entry;
        let name = std::mem::take(&mut row.name);
        *row = OperationRow { name, parent: row.parent, scopes, threads, peak_error, site, own, total };
        Ok(place)
    }
}
