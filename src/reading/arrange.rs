//! Rows in the order in which people read them, each with the total of what is below it.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::row::OperationRow;
use super::sort_key::SortKey;
use crate::words::Tally;

/// Adds up the rows of one operation; each row stands behind the one that it is nested in, before and after. `None`
/// where a counter overflows.
pub(super) fn merged(rows: Vec<OperationRow>) -> Option<Vec<OperationRow>> {
    let mut places: HashMap<(Option<u32>, &str), u32> = HashMap::with_capacity(rows.len());
    let mut into: Vec<u32> = Vec::with_capacity(rows.len());
    for row in &rows {
        let (parent, next) = (row.parent.map(|parent| into[parent as usize]), places.len() as u32);
        into.push(*places.entry((parent, &*row.name)).or_insert(next));
    }
    let mut merged: Vec<OperationRow> = Vec::with_capacity(places.len());
    for (row, at) in rows.into_iter().zip(&into) {
        let Some(sum) = merged.get_mut(*at as usize) else {
            let parent = row.parent.map(|parent| into[parent as usize]);
            merged.push(OperationRow { parent, ..row });
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

/// Computes every total from what the operations did on their own, and puts the rows in reading order. Takes time in
/// proportion to the rows, but for the sorting, and copies no name.
pub(super) fn arrange(mut rows: Vec<OperationRow>) -> Vec<OperationRow> {
    rows.iter_mut().for_each(|row| row.total = row.own);
    // What is nested in a row stands behind it.
    for here in (0..rows.len()).rev() {
        if let Some(parent) = rows[here].parent {
            let below = Tally { peak_bytes: None, ..rows[here].total };
            let total = &mut rows[parent as usize].total;
            *total = total.plus(&below).unwrap_or(*total);
        }
    }
    let mut outermost = Vec::new();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); rows.len()];
    for (here, row) in rows.iter().enumerate() {
        row.parent.map_or(&mut outermost, |parent| &mut children[parent as usize]).push(here);
    }
    for siblings in children.iter_mut().chain([&mut outermost]).filter(|siblings| siblings.len() > 1) {
        siblings.sort_by_cached_key(|&at| Reverse(SortKey::default().rank(&rows[at], &*rows[at].name)));
    }
    let mut arranged: Vec<OperationRow> = Vec::with_capacity(rows.len());
    let mut places: Vec<u32> = vec![0; rows.len()];
    let mut next = outermost;
    while let Some(here) = next.pop() {
        places[here] = arranged.len() as u32;
        let row = std::mem::take(&mut rows[here]);
        let parent = row.parent.map(|parent| places[parent as usize]);
        arranged.push(OperationRow { parent, ..row });
        next.append(&mut children[here]);
    }
    arranged
}
