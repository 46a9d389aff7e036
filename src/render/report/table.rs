//! The report as a table for people: a tree of operations, as wide and as colourful as the look says.

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use super::captures::captures;
use super::leak_tests::leak_tests;
use super::tree::{Line, heading, lines};
use crate::reading::{Data, Hidden, Selected, Selection};
use crate::render::look::{BAD, FAINT, GOOD, HEADER, Look, padded};
use crate::render::stacks::stacks_of_report;
use crate::words::{Bytes, LEDGER, Tally, counted, exact, printable};

/// The least width of names, in columns, however narrow the table: shorter names could not be told apart.
const NARROWEST_NAME: usize = 16;
/// Columns of figures are left out until names have this width. A longer name is cut: most screens have no room for it.
const ROOM_FOR_NAMES: usize = 40;
/// The style of what is still owned, which a reader looks for first.
const OWNED: Style = AnsiColor::Yellow.on_default();

/// A column of the table.
pub(super) struct Column {
    pub(super) title: &'static str,
    /// How early it is left out when room is short: higher goes first, and zero never goes.
    spare: u8,
    pub(super) cells: Vec<String>,
    width: usize,
    /// Figures end below each other, and words begin so.
    is_words: bool,
}

impl Column {
    fn new(title: &'static str, spare: u8, cells: Vec<String>) -> Self {
        let width = cells.iter().map(|cell| cell.width()).chain([title.width()]).max().unwrap_or(0);
        Self { title, spare, cells, width, is_words: false }
    }

    /// How many blanks stand before a cell.
    fn blank(&self, cell: &str) -> usize {
        if self.is_words { 0 } else { self.width - cell.width() }
    }
}

/// The operations that are selected as a table, and what stands below it.
pub(crate) fn table(data: &Data, selection: &Selection, look: &Look, out: &mut impl Write) -> fmt::Result {
    let selected = data.select(selection);
    let lines = lines(&selected);
    let mut columns = columns(&lines, look);
    if selection.sites {
        columns.push(sites(&lines));
    }
    let columns = fit(columns, &lines, look.width);
    let taken: usize = columns.iter().map(|column| column.width + 2).sum();
    let heading = heading(data);
    let longest = lines.iter().map(|line| line.name.width()).chain([heading.width()]).max().unwrap_or(0);
    let name_width = longest.min(look.width.saturating_sub(taken).max(NARROWEST_NAME));

    let mut title = padded(heading, name_width);
    for column in &columns {
        let blank = column.blank(column.title);
        write!(title, "  {:blank$}{}", "", column.title)?;
    }
    writeln!(out, "{}", look.paint(HEADER, title.trim_end()))?;
    for (at, line) in lines.iter().enumerate() {
        if line.is_total {
            writeln!(out, "{}", look.paint(FAINT, &"─".repeat(name_width + taken)))?;
        }
        write!(out, "{}", padded(&line.name, name_width))?;
        for column in &columns {
            let cell = &column.cells[at];
            let owns = column.title == "live" && line.tally.live_bytes != 0;
            let style = if owns {
                OWNED
            } else if cell == "0" || cell == "0 B" || cell == "-" {
                FAINT
            } else {
                Style::new()
            };
            if column.is_words && cell.is_empty() {
                continue;
            }
            let blank = column.blank(cell);
            write!(out, "  {:blank$}{}", "", look.paint(style, cell))?;
        }
        writeln!(out)?;
    }
    footer(&selected, &lines[lines.len() - 1].tally, look, out)
}

/// All columns, each with a cell for every line.
pub(super) fn columns(lines: &[Line], look: &Look) -> Vec<Column> {
    let size = |bytes: i128| look.size(bytes);
    let signed = |bytes: i64| format!("{}{}", if bytes > 0 { "+" } else { "" }, size(bytes.into()));
    let count = |count: u64| look.count(count);
    let unless_zero = |number: u64| if number > 0 { count(number) } else { String::new() };
    let peak = |line: &Line| match line.tally.peak_bytes {
        None => "-".into(),
        Some(peak) => format!("{}{}", if line.peak_error > 0 { "~" } else { "" }, size(peak.into())),
    };
    let column = |title: &'static str, spare, cell: &dyn Fn(&Line) -> String| {
        Column::new(title, spare, lines.iter().map(cell).collect())
    };
    vec![
        column("threads", 4, &|line| unless_zero(line.threads)),
        column("scopes", 3, &|line| unless_zero(line.scopes)),
        column("allocs", 2, &|line| count(line.tally.allocs)),
        column("allocated", 1, &|line| size(line.tally.allocated_bytes.into())),
        column("freed", 5, &|line| size(line.tally.freed_bytes.into())),
        column("net", 0, &|line| signed(line.tally.net_bytes())),
        column("live", 0, &|line| size(line.tally.live_bytes.into())),
        column("peak", 0, &|line| peak(line)),
    ]
}

/// Where each operation was first entered. It stands last, and is never cut: half a path leads nowhere.
fn sites(lines: &[Line]) -> Column {
    let site = |line: &Line| line.site.map_or(String::new(), |site| printable(&site.to_string()));
    Column { is_words: true, ..Column::new("entered at", 0, lines.iter().map(site).collect()) }
}

/// Leaves out what can be spared, until the names have room.
fn fit(mut columns: Vec<Column>, lines: &[Line], width: usize) -> Vec<Column> {
    let names = lines.iter().map(|line| line.name.width()).max().unwrap_or(0).min(ROOM_FOR_NAMES);
    loop {
        let taken: usize = columns.iter().map(|column| column.width + 2).sum();
        let most = columns.iter().map(|column| column.spare).max().unwrap_or(0);
        if names + taken <= width || most == 0 {
            return columns;
        }
        columns.retain(|column| column.spare != most);
    }
}

/// What stands below the table: the law, what the ledger costs, how exact peaks are, and what went wrong.
pub(super) fn footer(selected: &Selected, total: &Tally, look: &Look, out: &mut impl Write) -> fmt::Result {
    let data = selected.data;
    let size = |bytes: i128| if look.exact { format!("{} B", exact(bytes)) } else { Bytes(bytes).to_string() };
    let (net, live, process) = (total.net_bytes(), total.live_bytes, data.process_bytes);
    let equal = |one: i64, other: i64| if one == other { '=' } else { '≠' };
    let law = format!(
        "sum of net {} B {} sum of live {} B {} process {} B",
        exact(net.into()),
        equal(net, live),
        exact(live.into()),
        equal(live, process),
        exact(process.into()),
    );
    let balanced = net == live && live == process && data.problem.is_none();
    write!(out, "{}", look.paint(if balanced { GOOD } else { BAD }, &law))?;

    let mut notes = Vec::new();
    let Hidden { operations, tally } = &selected.deeper;
    if *operations > 0 {
        let (deeper, live) = (counted(*operations, "operation"), size(tally.live_bytes.into()));
        let are = if *operations == 1 { "is" } else { "are" };
        notes.push(format!("{deeper} deeper than these, with {live} live, {are} in their figures"));
    }
    let ledger = data.rows.iter().find(|row| row.parent.is_none() && row.name == LEDGER.name);
    notes.push(format!(
        "footprint: {} on the heap (in the sums), {} in {} beside it",
        size(ledger.map_or(0, |row| row.own.live_bytes.max(0)).into()),
        size(data.shard_bytes.into()),
        counted(data.shards, "shard"),
    ));
    for shown in selected.rows.iter().filter(|shown| shown.row.peak_error > 0) {
        let (path, error) = (printable(&data.rows.path(shown.at)), size(shown.row.peak_error.into()));
        notes.push(format!("~ the peak of {path} is that of all its threads, ± {error}"));
    }
    if data.process_peak_bytes.is_some() {
        notes.push(format!("~ the peak of the process is known ± {}", size(data.process_peak_error.into())));
    }
    for note in notes {
        write!(out, "\n{note}")?;
    }

    stacks_of_report(data, selected.selection, look, out)?;
    leak_tests(data, selected.selection, look, out)?;
    captures(data, look, out)?;

    let problems = [
        (data.misnested, "scope", "ended before a scope begun after it (held across .await?)"),
        (data.overflowed, "scope", "could not be counted apart: too many operations, nested too deep, or no memory"),
        (data.foreign, "block", "came back without a valid owner tag"),
    ];
    for (count, what, happened) in problems.into_iter().filter(|(count, ..)| *count > 0) {
        write!(out, "\n{}", look.paint(BAD, &format!("{} {happened}", counted(count, what))))?;
    }
    match &data.problem {
        Some(problem) => write!(out, "\n{}", look.paint(BAD, &printable(problem))),
        None => Ok(()),
    }
}
