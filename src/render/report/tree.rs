//! The lines of the table: the tree of the operations that are shown, what the others come to, and the total.

use crate::reading::{Data, Selected, SelectedRow};
use crate::words::{Site, Tally, counted, printable};

/// One line of the table.
#[derive(Default)]
pub(super) struct Line<'a> {
    /// With the branches of the tree in front of it.
    pub(super) name: String,
    pub(super) is_total: bool,
    /// Zero where it makes no sense, as are the threads.
    pub(super) scopes: u64,
    pub(super) threads: u64,
    pub(super) tally: Tally,
    pub(super) peak_error: u64,
    pub(super) site: Option<&'a Site>,
}

/// The title of the first column.
pub(super) fn heading(data: &Data) -> &'static str {
    if data.difference { "operation (difference)" } else { "operation" }
}

/// The tree, and the total of the whole report as the last line.
pub(super) fn lines<'a>(selected: &Selected<'a>) -> Vec<Line<'a>> {
    let mut lines: Vec<Line> = Vec::with_capacity(selected.rows.len() + 2);
    for SelectedRow { row, name, is_last, is_parent, .. } in &selected.rows {
        lines.push(Line {
            name: branches(is_last, ["├─ ", "└─ "]) + &printable(name),
            scopes: row.scopes,
            threads: row.threads,
            tally: row.total,
            peak_error: row.peak_error,
            site: row.site.as_ref(),
            ..Line::default()
        });
        // A line for what an operation with others below it did itself.
        if *is_parent && !row.own.is_idle() {
            let name = branches(is_last, ["│  ", "   "]) + "├─ (own)";
            lines.push(Line { name, tally: Tally { peak_bytes: None, ..row.own }, ..Line::default() });
        }
    }
    if selected.others.operations > 0 {
        let name = counted(selected.others.operations, "other operation");
        lines.push(Line { name, tally: selected.others.tally, ..Line::default() });
    }
    let data = selected.data;
    let sum = data.rows.iter().try_fold(Tally::default(), |sum, row| sum.plus(&row.own)).unwrap_or_default();
    lines.push(Line {
        name: if data.processes > 1 { format!("total of {} processes", data.processes) } else { "total".into() },
        is_total: true,
        tally: Tally { peak_bytes: data.process_peak_bytes, ..sum },
        peak_error: data.process_peak_error,
        ..Line::default()
    });
    lines
}

/// What stands before a name: how the tree goes on, or not, at each level but the outermost. `own` is for the last one.
fn branches(is_last: &[bool], own: [&str; 2]) -> String {
    let Some((last, around)) = is_last.get(1..).and_then(<[bool]>::split_last) else { return String::new() };
    let around = around.iter().map(|is_last| if *is_last { "   " } else { "│  " });
    around.chain([own[usize::from(*last)]]).collect()
}
