//! The rows of a report as JSON, and back. A row says its own name and which row it stands in, so that a name
//! is written once, however many operations are nested in it.

use std::collections::HashMap;

use super::row::Row;
use crate::words::{MAX_DEPTH, MAX_NAME, Site, Tally, json_object};

/// A row as a file has it.
#[derive(Clone)]
pub(super) struct RowEntry {
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

/// The place of each path.
pub(super) fn places_of(rows: &[Row]) -> HashMap<&str, u32> {
    rows.iter().map(|row| row.path.as_str()).zip(0..).collect()
}

/// The rows of a report, which are arranged, as they are written.
pub(super) fn entries_of(rows: &[Row], places: &HashMap<&str, u32>) -> Vec<RowEntry> {
    let entry = |row: &Row| {
        let (parent, name) = match row.path.rsplit_once('/') {
            Some((above, name)) => (places.get(above).copied(), name),
            None => (None, row.path.as_str()),
        };
        let Row { scopes, threads, peak_error, own, total, .. } = *row;
        let (name, site) = (Some(name.into()), row.site.clone());
        RowEntry { name, parent, scopes, threads, peak_error, site, own, total, path: None }
    };
    rows.iter().map(entry).collect()
}

/// The rows that a file has; an error says which of them cannot be.
pub(super) fn rows_of(entries: Vec<RowEntry>) -> Result<Vec<Row>, String> {
    let mut rows: Vec<Row> = Vec::with_capacity(entries.len());
    // How many rows each one is nested in: a path is made only if it can be.
    let mut depths: Vec<u32> = Vec::with_capacity(entries.len());
    for (at, entry) in entries.into_iter().enumerate() {
        let (path, depth) = match (entry.path, entry.name, entry.parent) {
            (Some(path), None, None) => (path, 0),
            (None, Some(name), _) if name.contains('/') || !(1..=MAX_NAME).contains(&name.len()) => {
                return Err(format!("the `name` of rows[{at}] cannot be: it has 1 to {MAX_NAME} bytes, and no `/`"));
            }
            (None, Some(name), None) => (name, 0),
            (None, Some(name), Some(parent)) => {
                let parent = parent as usize;
                let above = rows.get(parent).zip(depths.get(parent));
                let Some((above, depth)) = above else {
                    return Err(format!("the `parent` of rows[{at}] is {parent}, which is none of the rows before it"));
                };
                if depth + 1 >= MAX_DEPTH {
                    return Err(format!("rows[{at}] is nested deeper than {MAX_DEPTH} operations can be"));
                }
                (format!("{}/{name}", above.path), depth + 1)
            }
            (None, None, _) => return Err(format!("rows[{at}] has no `name`")),
            (Some(_), ..) => return Err(format!("rows[{at}] has a `path` beside its `name` or `parent`")),
        };
        let RowEntry { scopes, threads, peak_error, site, own, total, .. } = entry;
        rows.push(Row { path, scopes, threads, peak_error, site, own, total });
        depths.push(depth);
    }
    Ok(rows)
}
