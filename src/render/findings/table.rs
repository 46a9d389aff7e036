//! The table of a run: every judged figure on a line, and below a figure that needs attention the reason. In colour and
//! as wide as asked for.

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::cells::{TITLES, cells, detail_line, details, is_quiet, operations, summary};
use crate::judging::budget::{Finding, Status};
use crate::render::look::{BAD, FAINT, GOOD, HEADER, Look, padded};
use crate::words::printable;

/// With more operations than this, figures within their limits are only counted.
const MANY: usize = 200;
/// The least width of names, in columns: shorter names could not be told apart.
const NARROWEST_NAME: usize = 16;
/// What warns but does not fail.
const WARNING: Style = AnsiColor::Yellow.on_default();
/// The column that a narrow table leaves out, and the last one: positions in [`TITLES`].
const DIFFERENCE: usize = 3;
const VERDICT: usize = 4;

/// `findings` as a table. Those within their limits are left out where they are many, unless `show_all`.
pub(crate) fn table(findings: &[Finding], show_all: bool, look: &Look, out: &mut impl Write) -> fmt::Result {
    let quiet = || findings.iter().filter(|finding| is_quiet(finding));
    let cuts = !show_all && operations(quiet()) > MANY;
    let shown: Vec<&Finding> = findings.iter().filter(|finding| !cuts || !is_quiet(finding)).collect();
    for line in lines(&shown, look) {
        writeln!(out, "{line}")?;
    }
    if cuts {
        let left = format!("and {}; `--all` shows them", summary(quiet()));
        writeln!(out, "{}", look.paint(FAINT, &left))?;
    }
    let worst = findings.iter().map(|finding| finding.status).max().unwrap_or(Status::Within);
    writeln!(out, "{}", look.paint(style(worst), &summary(findings.iter())))
}

fn style(status: Status) -> Style {
    match status {
        Status::Within => GOOD,
        Status::NotRun => FAINT,
        other if other.fails(false) => BAD,
        _ => WARNING,
    }
}

/// The heading, and the lines of each finding.
fn lines(findings: &[&Finding], look: &Look) -> Vec<String> {
    if findings.is_empty() {
        return Vec::new();
    }
    let rows: Vec<[String; 5]> = findings.iter().map(|finding| cells(finding)).collect();
    let mut widths = TITLES.map(UnicodeWidthStr::width);
    for row in &rows {
        row.iter().zip(&mut widths).for_each(|(cell, width)| *width = cell.width().max(*width));
    }
    let taken = |widths: &[usize; 5]| widths.iter().map(|width| width + 2).sum::<usize>();
    // The column that is left out here stands below the figures that need attention.
    let narrow = taken(&widths) + NARROWEST_NAME > look.width;
    let line = |name: &str, cells: [&str; 5], style: Style| {
        let mut line = name.to_string();
        for (at, (cell, width)) in
            cells.into_iter().zip(widths).enumerate().filter(|(at, _)| !narrow || *at != DIFFERENCE)
        {
            let blank = " ".repeat(width - cell.width());
            match at {
                0 => line.push_str(&format!("  {cell}{blank}")),
                VERDICT => line.push_str(&format!("  {}", look.paint(style, cell))),
                _ => line.push_str(&format!("  {blank}{cell}")),
            }
        }
        line
    };
    let taken = taken(&widths) - if narrow { widths[DIFFERENCE] + 2 } else { 0 };
    let names: Vec<String> = findings.iter().map(|finding| printable(&finding.path)).collect();
    let longest = names.iter().map(|name| name.width()).fold("operation".len(), usize::max);
    let name_width = longest.min(look.width.saturating_sub(taken).max(NARROWEST_NAME));
    let mut lines = vec![look.paint(HEADER, &line(&padded("operation", name_width), TITLES, Style::new()))];
    for (at, finding) in findings.iter().enumerate() {
        let again = at > 0 && findings[at - 1].path == finding.path;
        let name = if again { String::new() } else { cut_in_middle(&names[at], name_width) };
        let cells = rows[at].each_ref().map(String::as_str);
        lines.push(line(&padded(&name, name_width), cells, style(finding.status)));
        if is_quiet(finding) {
            continue;
        }
        let by = (narrow && !cells[DIFFERENCE].is_empty()).then(|| ("difference", cells[DIFFERENCE].to_string()));
        let details = by.into_iter().chain(details(finding));
        lines.extend(details.map(|(label, said)| look.paint(FAINT, &detail_line(label, &said))));
    }
    lines
}

/// Cut in its middle to `width` columns: the start and the end of a path say most.
fn cut_in_middle(name: &str, width: usize) -> String {
    if name.width() <= width {
        return name.into();
    }
    let fitting = |room: usize, chars: &mut dyn Iterator<Item = char>| {
        let mut taken = 0;
        let fits = chars.take_while(|one| {
            taken += one.width().unwrap_or(0);
            taken <= room
        });
        fits.collect::<Vec<char>>()
    };
    let room = width.saturating_sub(1);
    let begin = fitting(room / 2, &mut name.chars());
    let mut end = fitting(room - room / 2, &mut name.chars().rev());
    end.reverse();
    begin.into_iter().chain(['…']).chain(end).collect()
}

#[cfg(test)]
mod tests;
