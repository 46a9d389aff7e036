//! Rows in the order in which people read them, each with the total of what is below it.

use std::collections::{HashMap, HashSet};

use super::row::Row;
use super::sort_key::SortKey;
use crate::words::Tally;

/// Merges all rows of a path into one; `None` where a counter overflows.
pub(super) fn merge_by_path(rows: impl Iterator<Item = Row>) -> Option<Vec<Row>> {
    let mut merged: Vec<Row> = Vec::new();
    let mut at: HashMap<String, usize> = HashMap::new();
    for row in rows {
        let Some(&known) = at.get(&row.path) else {
            at.insert(row.path.clone(), merged.len());
            merged.push(row);
            continue;
        };
        let sum = merged.get_mut(known)?;
        sum.scopes = sum.scopes.checked_add(row.scopes)?;
        sum.threads = sum.threads.checked_add(row.threads)?;
        sum.peak_error = sum.peak_error.max(row.peak_error);
        sum.site = sum.site.take().or(row.site);
        sum.own = sum.own.plus(&row.own)?;
    }
    Some(merged)
}

/// Adds the operations that others are nested in, computes every total from what the operations did on their own, and
/// puts the rows in reading order.
pub(crate) fn arrange(rows: &mut Vec<Row>) {
    let mut known: HashSet<String> = rows.iter().map(|row| row.path.clone()).collect();
    for at in 0..rows.len() {
        let path = rows[at].path.clone();
        let mut above = parent_of(&path);
        while let Some(path) = above.filter(|path| known.insert(path.to_string())) {
            rows.push(Row::blank(path));
            above = parent_of(path);
        }
    }
    let at: HashMap<String, usize> = rows.iter().enumerate().map(|(at, row)| (row.path.clone(), at)).collect();
    for row in rows.iter_mut() {
        row.total = row.own;
    }
    let mut children: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
    for here in 0..rows.len() {
        let parent = parent_of(&rows[here].path).and_then(|path| at.get(path).copied());
        children.entry(parent).or_default().push(here);
        let own = Tally { peak_bytes: None, ..rows[here].own };
        let path = rows[here].path.clone();
        let mut above = parent_of(&path);
        while let Some(path) = above {
            if let Some(&ancestor) = at.get(path) {
                let total = &mut rows[ancestor].total;
                *total = total.plus(&own).unwrap_or(*total);
            }
            above = parent_of(path);
        }
    }
    for siblings in children.values_mut() {
        siblings.sort_by_cached_key(|&at| SortKey::default().rank(&rows[at]));
    }
    let mut arranged = Vec::with_capacity(rows.len());
    let mut next: Vec<usize> = children.remove(&None).unwrap_or_default();
    next.reverse();
    while let Some(here) = next.pop() {
        arranged.push(rows[here].clone());
        next.extend(children.remove(&Some(here)).unwrap_or_default().into_iter().rev());
    }
    *rows = arranged;
}

fn parent_of(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}
