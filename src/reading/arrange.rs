//! Rows in the order in which people read them, each with the total of what is below it.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::row::Row;
use super::sort_key::SortKey;
use crate::words::Tally;

/// Merges all rows of a path into one; `None` where a counter overflows.
pub(super) fn merge_by_path(rows: Vec<Row>) -> Option<Vec<Row>> {
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(rows.len());
    let place = |row| {
        let next = places.len();
        *places.entry(path_of(row)).or_insert(next)
    };
    let into = Vec::from_iter(rows.iter().map(place));
    let mut merged: Vec<Row> = Vec::with_capacity(rows.len());
    for (row, at) in rows.into_iter().zip(into) {
        let Some(sum) = merged.get_mut(at) else {
            merged.push(row);
            continue;
        };
        sum.scopes = sum.scopes.checked_add(row.scopes)?;
        sum.threads = sum.threads.checked_add(row.threads)?;
        sum.peak_error = sum.peak_error.max(row.peak_error);
        sum.site = sum.site.take().or(row.site);
        sum.own = sum.own.plus(&row.own)?;
    }
    Some(merged)
}

/// Adds the operations that others are nested in, computes every total from what the operations did on their own, and
/// puts the rows in reading order. Takes time in proportion to the rows and their paths, but for the sorting, and
/// copies no path.
pub(crate) fn arrange(rows: &mut Vec<Row>) {
    rows.extend(missing_parents(rows));
    let parents = parents_of(rows);
    for row in rows.iter_mut() {
        row.total = row.own;
    }
    // A path is longer than that of what it is nested in.
    let mut inner_first = Vec::from_iter(0..rows.len());
    inner_first.sort_unstable_by_key(|&at| Reverse(rows[at].path.len()));
    for here in inner_first {
        if let Some(parent) = parents[here] {
            let below = Tally { peak_bytes: None, ..rows[here].total };
            let total = &mut rows[parent].total;
            *total = total.plus(&below).unwrap_or(*total);
        }
    }
    let mut outermost = Vec::new();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); rows.len()];
    for (here, parent) in parents.into_iter().enumerate() {
        parent.map_or(&mut outermost, |parent| &mut children[parent]).push(here);
    }
    for siblings in children.iter_mut().chain([&mut outermost]) {
        siblings.sort_by_cached_key(|&at| Reverse(SortKey::default().rank(&rows[at])));
    }
    let mut arranged = Vec::with_capacity(rows.len());
    let mut next = outermost;
    while let Some(here) = next.pop() {
        arranged.push(std::mem::replace(&mut rows[here], Row::blank("")));
        next.append(&mut children[here]);
    }
    *rows = arranged;
}

/// Blank rows for what others are nested in and has none.
fn missing_parents(rows: &[Row]) -> Vec<Row> {
    let mut known: HashSet<&str> = rows.iter().map(path_of).collect();
    let mut missing = Vec::new();
    for row in rows {
        let mut above = parent_of(&row.path);
        while let Some(path) = above.filter(|path| known.insert(path)) {
            missing.push(Row::blank(path));
            above = parent_of(path);
        }
    }
    missing
}

/// The place of the row that each one is nested in.
fn parents_of(rows: &[Row]) -> Vec<Option<usize>> {
    let places: HashMap<&str, usize> = rows.iter().map(path_of).enumerate().map(|(at, path)| (path, at)).collect();
    rows.iter().map(|row| parent_of(&row.path).and_then(|path| places.get(path).copied())).collect()
}

fn path_of(row: &Row) -> &str {
    &row.path
}

fn parent_of(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, live: i64) -> Row {
        let (live_bytes, peak_bytes) = (live, Some(live as u64));
        Row { own: Tally { live_bytes, allocs: 1, peak_bytes, ..Tally::default() }, scopes: 1, ..Row::blank(path) }
    }

    #[test]
    fn every_total_is_the_sum_of_what_is_below_it_whatever_the_order_and_whatever_is_missing() {
        let mut rows = Vec::new();
        for at in 0..400_i64 {
            let names =
                ["a", "bb", "c", "a"].iter().enumerate().map(|(depth, name)| format!("{name}{}", at >> depth & 3));
            rows.push(row(&Vec::from_iter(names.take(1 + at as usize % 4)).join("/"), at * 7 % 101));
        }
        rows.push(row("alone/deep/deeper", 3));
        let mut rows = merge_by_path(rows).expect("nothing overflows");
        let paths = HashSet::<String>::from_iter(rows.iter().map(|row| row.path.clone()));
        assert_eq!(paths.len(), rows.len(), "each path once");
        let own = Vec::from_iter(rows.iter().map(|row| (row.path.clone(), row.own)));
        assert_eq!(own.iter().map(|(_, own)| own.allocs).sum::<u64>(), 401);
        rows.reverse();
        arrange(&mut rows);
        assert_eq!(rows.iter().filter(|row| row.scopes > 0).count(), own.len());
        let blank = Vec::from_iter(rows.iter().filter(|row| row.scopes == 0 && row.path.starts_with("alone")));
        assert_eq!(blank.iter().map(|row| row.path.as_str()).collect::<Vec<_>>(), ["alone", "alone/deep"]);
        for row in &rows {
            let inside = |path: &str| path == row.path || path.starts_with(&format!("{}/", row.path));
            let live = own.iter().filter(|(path, _)| inside(path)).map(|(_, own)| own.live_bytes).sum::<i64>();
            assert_eq!((row.total.live_bytes, row.total.peak_bytes), (live, row.own.peak_bytes), "{}", row.path);
        }
        for pair in rows.windows(2) {
            let (before, here) = (&pair[0], &pair[1]);
            let shared = parent_of(&here.path)
                .is_none_or(|parent| before.path == parent || before.path.starts_with(&format!("{parent}/")));
            assert!(shared, "{} stands behind {}", here.path, before.path);
            let siblings = parent_of(&before.path) == parent_of(&here.path);
            assert!(!siblings || before.total.live_bytes >= here.total.live_bytes, "{} {}", before.path, here.path);
        }
    }
}
