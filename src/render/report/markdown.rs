//! The report as Markdown, for comments and summaries: the table, and what stands below it on a terminal.

use super::table::{columns, footer};
use super::tree::{heading, lines};
use crate::reading::{Data, Selection};
use crate::render::look::Look;
use crate::render::markup::escaped;

/// All columns of the table, whatever room they take.
pub(crate) fn markdown(data: &Data) -> String {
    let all = Selection::default();
    let selected = data.select(&all);
    let lines = lines(&selected);
    let columns = columns(&lines, &Look::PLAIN);
    let titles = Vec::from_iter(columns.iter().map(|column| column.title)).join(" | ");
    let mut text = format!("## Memory by operation\n\n| {} | {titles} |\n| :- |", heading(data));
    text.push_str(&" -: |".repeat(columns.len()));
    for (at, line) in lines.iter().enumerate() {
        // Of several spaces a reader would see one.
        let name = escaped(&line.name).replace("  ", "\u{a0}\u{a0}");
        text.push_str(&format!("\n| <code>{name}</code> |"));
        columns.iter().for_each(|column| text.push_str(&format!(" {} |", escaped(&column.cells[at]))));
    }
    let mut notes = String::new();
    // Writing to a string does not fail.
    let _ = footer(&selected, &lines[lines.len() - 1].tally, &Look::PLAIN, &mut notes);
    let fence = fence(&notes);
    text + &format!("\n\n{fence}text\n{notes}\n{fence}\n")
}

/// Longer than any of its kind in the text, so that nothing in there ends it.
fn fence(text: &str) -> String {
    let longest = text.split(|one| one != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}
