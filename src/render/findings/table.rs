//! The table of a run: what matters first, a judged figure on a line, and below a figure that needs attention the
//! reason. In colour, and no wider than asked for.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::cells::{TITLES, cells, detail_line, details, is_quiet, summary};
use crate::judging::budget::{Finding, Status};
use crate::render::look::{BAD, FAINT, GOOD, HEADER, Look, padded};
use crate::render::wrap::wrapped;
use crate::words::printable;

/// The least width of names, in columns: shorter names could not be told apart.
const NARROWEST_NAME: usize = 16;
/// No table is narrower, in columns, whatever the terminal says.
const NARROWEST: usize = 24;
/// What warns but does not fail.
const WARNING: Style = AnsiColor::Yellow.on_default();
/// The column that a narrow table leaves out, and the last one: positions in [`TITLES`].
const DIFFERENCE: usize = 3;
const VERDICT: usize = 4;

/// `findings` as a table, those that matter first. Those that need no attention are left out, unless `show_all`.
pub(crate) fn table(findings: &[Finding], show_all: bool, look: &Look, out: &mut impl Write) -> fmt::Result {
    let quiet = || findings.iter().filter(|finding| !show_all && is_quiet(finding));
    let mut shown: Vec<&Finding> = findings.iter().filter(|finding| show_all || !is_quiet(finding)).collect();
    let mut worst: BTreeMap<&str, Status> = BTreeMap::new();
    for finding in &shown {
        let known = worst.entry(&finding.path).or_insert(finding.status);
        *known = finding.status.max(*known);
    }
    shown.sort_by_key(|finding| (Reverse(worst[&*finding.path]), &finding.path, Reverse(finding.status)));
    let mut end = Vec::new();
    if !shown.is_empty() && quiet().next().is_some() {
        end.push((FAINT, format!("and {}; `--all` shows them", summary(quiet()))));
    }
    let worst = findings.iter().map(|finding| finding.status).max().unwrap_or(Status::Within);
    end.push((style(worst), summary(findings.iter())));
    let end =
        end.iter().flat_map(|(style, said)| beyond(look, said, 0).into_iter().map(|line| look.paint(*style, &line)));
    let lines = lines(&shown, look).into_iter().chain(end);
    lines.into_iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// The lines of a text that begins `indent` columns from the left.
fn beyond(look: &Look, text: &str, indent: usize) -> Vec<String> {
    match look.wraps {
        true => wrapped(text, look.width.max(NARROWEST).saturating_sub(indent)),
        false => vec![text.into()],
    }
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
    let width = look.width.max(NARROWEST);
    // The column that is left out here stands below the figures that need attention.
    let narrow = taken(&widths) + NARROWEST_NAME > width;
    if look.wraps && narrow && taken(&widths) - widths[DIFFERENCE] - 2 + NARROWEST_NAME > width {
        return stacked(findings, &rows, look);
    }
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
    let name_width = longest.min(width.saturating_sub(taken).max(NARROWEST_NAME));
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
        lines.extend(by.into_iter().chain(details(finding)).flat_map(|(label, said)| detail(look, label, &said)));
    }
    lines
}

/// What there is to say of a figure beyond its row.
fn detail(look: &Look, label: &str, said: &str) -> Vec<String> {
    let first = detail_line(label, "");
    let said = beyond(look, said, first.width());
    let labels = std::iter::once(first.clone()).chain(std::iter::repeat(" ".repeat(first.width())));
    labels.zip(said).map(|(label, said)| look.paint(FAINT, &format!("{label}{said}"))).collect()
}

/// Without columns, where a terminal has no room for them: the figure and its verdict, and below them all the rest.
fn stacked(findings: &[&Finding], rows: &[[String; 5]], look: &Look) -> Vec<String> {
    let width = look.width.max(NARROWEST);
    let mut lines = Vec::new();
    for (at, (finding, cells)) in findings.iter().zip(rows).enumerate() {
        if at == 0 || findings[at - 1].path != finding.path {
            lines.push(look.paint(HEADER, &cut_in_middle(&printable(&finding.path), width)));
        }
        let verdict = format!("{} {}", cells[0], cells[VERDICT]);
        lines.extend(
            wrapped(verdict.trim_start(), width - 2)
                .iter()
                .map(|line| look.paint(style(finding.status), &format!("  {line}"))),
        );
        let cells = TITLES.iter().zip(cells).take(VERDICT).skip(1).filter(|(_, cell)| !cell.is_empty());
        let cells = cells.map(|(title, cell)| (*title, cell.clone()));
        let details = if is_quiet(finding) { Vec::new() } else { details(finding) };
        lines.extend(cells.chain(details).flat_map(|(label, said)| detail(look, label, &said)));
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
