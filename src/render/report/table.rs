//! The report as a table for people: a tree of operations, as wide and as colourful as the look says.

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use super::captures::captures;
use crate::reading::{Data, Row};
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
}

/// One line of the table.
pub(super) struct Line {
    /// With the branches of the tree in front of it.
    pub(super) name: String,
    /// `None` for the line of the total.
    row: Option<Row>,
    pub(super) tally: Tally,
    peak_error: u64,
}

/// The whole table, and what stands below it.
pub(crate) fn table(data: &Data, look: &Look, out: &mut impl Write) -> fmt::Result {
    let lines = lines(data);
    let columns = fit(columns(&lines, look), &lines, look.width);
    let taken: usize = columns.iter().map(|column| column.width + 2).sum();
    let heading = heading(data);
    let longest = lines.iter().map(|line| line.name.width()).chain([heading.width()]).max().unwrap_or(0);
    let name_width = longest.min(look.width.saturating_sub(taken).max(NARROWEST_NAME));

    let mut title = padded(heading, name_width);
    for column in &columns {
        write!(title, "  {:>width$}", column.title, width = column.width)?;
    }
    writeln!(out, "{}", look.paint(HEADER, title.trim_end()))?;
    for (at, line) in lines.iter().enumerate() {
        if line.row.is_none() {
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
            let blank = column.width - cell.width();
            write!(out, "  {:blank$}{}", "", look.paint(style, cell))?;
        }
        writeln!(out)?;
    }
    footer(data, &lines[lines.len() - 1].tally, look, out)
}

/// The title of the first column.
pub(super) fn heading(data: &Data) -> &'static str {
    if data.difference { "operation (difference)" } else { "operation" }
}

/// The tree, and the total as the last line.
pub(super) fn lines(data: &Data) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::with_capacity(data.rows.len() + 1);
    let depth_of = |row: &Row| row.path.matches('/').count();
    for (at, row) in data.rows.iter().enumerate() {
        let depth = depth_of(row);
        let name = row.path.rsplit('/').next().unwrap_or_default();
        let mut indent = String::new();
        for level in 1..=depth {
            // Whether a later row stands at this level before the tree closes above it.
            let after = data.rows[at + 1..].iter().map(depth_of).take_while(|&after| after >= level);
            let goes_on = after.clone().any(|after| after == level);
            indent.push_str(match (level == depth, goes_on) {
                (true, true) => "├─ ",
                (true, false) => "└─ ",
                (false, true) => "│  ",
                (false, false) => "   ",
            });
        }
        lines.push(Line {
            name: format!("{indent}{}", printable(name)),
            row: Some(row.clone()),
            tally: row.total,
            peak_error: row.peak_error,
        });
        // A line for what an operation with others below it did itself.
        let has_children = data.rows.get(at + 1).is_some_and(|next| depth_of(next) > depth);
        if has_children && !row.own.is_idle() {
            let around = indent.replace("├─ ", "│  ").replace("└─ ", "   ");
            lines.push(Line {
                name: format!("{around}├─ (own)"),
                row: Some(Row { scopes: 0, threads: 0, ..row.clone() }),
                tally: Tally { peak_bytes: None, ..row.own },
                peak_error: 0,
            });
        }
    }
    let sum = data.rows.iter().try_fold(Tally::default(), |sum, row| sum.plus(&row.own)).unwrap_or_default();
    lines.push(Line {
        name: if data.processes > 1 { format!("total of {} processes", data.processes) } else { "total".into() },
        row: None,
        tally: Tally { peak_bytes: data.process_peak_bytes, ..sum },
        peak_error: data.process_peak_error,
    });
    lines
}

/// All columns, each with a cell for every line.
pub(super) fn columns(lines: &[Line], look: &Look) -> Vec<Column> {
    let size = |bytes: i128| look.size(bytes);
    let signed = |bytes: i64| format!("{}{}", if bytes > 0 { "+" } else { "" }, size(bytes.into()));
    let count = |count: u64| look.count(count);
    let of_row = |line: &Line, field: fn(&Row) -> u64| match &line.row {
        Some(row) if field(row) > 0 => count(field(row)),
        _ => String::new(),
    };
    let peak = |line: &Line| match line.tally.peak_bytes {
        None => "-".into(),
        Some(peak) => format!("{}{}", if line.peak_error > 0 { "~" } else { "" }, size(peak.into())),
    };
    let column = |title: &'static str, spare, cell: &dyn Fn(&Line) -> String| {
        let cells: Vec<String> = lines.iter().map(cell).collect();
        let width = cells.iter().map(|cell| cell.width()).chain([title.width()]).max().unwrap_or(0);
        Column { title, spare, cells, width }
    };
    vec![
        column("threads", 4, &|line| of_row(line, |row| row.threads)),
        column("scopes", 3, &|line| of_row(line, |row| row.scopes)),
        column("allocs", 2, &|line| count(line.tally.allocs)),
        column("allocated", 1, &|line| size(line.tally.allocated_bytes.into())),
        column("freed", 5, &|line| size(line.tally.freed_bytes.into())),
        column("net", 0, &|line| signed(line.tally.net_bytes())),
        column("live", 0, &|line| size(line.tally.live_bytes.into())),
        column("peak", 0, &|line| peak(line)),
    ]
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
pub(super) fn footer(data: &Data, total: &Tally, look: &Look, out: &mut impl Write) -> fmt::Result {
    let size =
        |bytes: u64| if look.exact { format!("{} B", exact(bytes.into())) } else { Bytes(bytes.into()).to_string() };
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

    let ledger = data.rows.iter().find(|row| row.path == LEDGER.name);
    let mut notes = vec![format!(
        "footprint: {} on the heap (in the sums), {} in {} beside it",
        size(ledger.map_or(0, |row| row.own.live_bytes.max(0) as u64)),
        size(data.shard_bytes),
        counted(data.shards, "shard"),
    )];
    for row in data.rows.iter().filter(|row| row.peak_error > 0) {
        let (path, error) = (printable(&row.path), size(row.peak_error));
        notes.push(format!("~ the peak of {path} is that of all its threads, ± {error}"));
    }
    if data.process_peak_bytes.is_some() {
        notes.push(format!("~ the peak of the process is known ± {}", size(data.process_peak_error)));
    }
    for note in notes {
        write!(out, "\n{note}")?;
    }

    stacks_of_report(data, look, out)?;
    captures(data, look, out)?;

    let problems = [
        (data.misnested, "scope", "ended before a scope begun after it (held across .await?)"),
        (data.overflowed, "scope", "fell into (other): too many operations, or nested too deep"),
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
