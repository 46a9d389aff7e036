//! The table of a run: every judged figure on a line, and below those that ask for attention why. In colour and as wide
//! as asked for. The cells are those of the other outputs that are tables.

use std::collections::BTreeSet;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::failure::{at, counts, difference, percent, plain, remarks};
use crate::judging::budget::{Basis, Figure, Finding, Status};
use crate::render::look::{BAD, FAINT, GOOD, HEADER, padded};
use crate::words::{counted, printable};

/// Of more operations than these, figures within their limits are only counted.
const MANY: usize = 200;
const NARROWEST_NAME: usize = 16;
const WARNING: Style = AnsiColor::Yellow.on_default();

pub(super) const TITLES: [&str; 5] = ["figure", "measured", "budget", "difference", "verdict"];
const DIFFERENCE: usize = 3;

/// The cells below [`TITLES`].
pub(super) fn cells(finding: &Finding) -> [String; 5] {
    let figure = finding.figure.map_or("", Figure::name).into();
    let measured = finding.figure.zip(finding.value).map(|(figure, value)| figure.short(value)).unwrap_or_default();
    let by = match (difference(finding), percent(finding)) {
        (Some(difference), Some(percent)) => format!("{difference} ({percent})"),
        (difference, _) => difference.unwrap_or_default(),
    };
    [figure, measured, budget(finding).unwrap_or_default(), by, finding.status.name().into()]
}

/// `<= 64.0 MiB`, `= 12`, `1,180 ±12`.
fn budget(finding: &Finding) -> Option<String> {
    let (figure, against) = (finding.figure?, finding.against.as_ref()?);
    let sign = match against.basis {
        Basis::Ceiling => "<= ",
        Basis::Exact => "= ",
        Basis::Recorded => "",
    };
    let tolerance = match against.tolerance {
        0 => String::new(),
        tolerance => format!(" ±{}", figure.short(tolerance)),
    };
    Some(format!("{sign}{}{tolerance}", figure.short(against.figure)))
}

/// What there is to say beyond the cells, each with a label.
pub(super) fn details(finding: &Finding) -> Vec<(&'static str, String)> {
    let note = finding.note.as_deref().map(|note| ("note", plain(note)));
    let remarks = remarks(finding).into_iter().filter(|(label, _)| *label != "note");
    let limit = finding.against.as_ref().map(|against| {
        let label = if against.basis == Basis::Recorded { "recorded at" } else { "limit at" };
        (label, at(&against.place))
    });
    let site = finding.site.as_ref();
    let site = site.map(|site| ("entered at", printable(&format!("{}:{}", site.file, site.line))));
    note.into_iter().chain(remarks).chain(limit).chain(site).collect()
}

/// Whether nobody needs to look at it.
pub(super) fn is_quiet(finding: &Finding) -> bool {
    matches!(finding.status, Status::Within | Status::NotRun)
}

/// `12 figures of 5 operations: 10 within, 1 breach, 1 improvement`.
pub(super) fn summary<'a>(findings: impl Iterator<Item = &'a Finding> + Clone) -> String {
    let figures = findings.clone().filter(|finding| finding.figure.is_some()).count();
    let figures = counted(figures as u64, "figure");
    let operations = counted(operations(findings.clone()) as u64, "operation");
    let counts = counts(findings);
    format!("{figures} of {operations}: {}", if counts.is_empty() { "nothing to judge" } else { &counts })
}

fn operations<'a>(findings: impl Iterator<Item = &'a Finding>) -> usize {
    findings.map(|finding| finding.path.as_str()).collect::<BTreeSet<_>>().len()
}

/// `findings` as a table. Those within their limits are left out where they are many, unless `show_all`.
pub(crate) fn table(findings: &[Finding], width: usize, colour: bool, show_all: bool) -> String {
    let paint = |style: Style, text: &str| if colour { format!("{style}{text}{style:#}") } else { text.into() };
    let quiet = || findings.iter().filter(|finding| is_quiet(finding));
    let cuts = !show_all && operations(quiet()) > MANY;
    let shown: Vec<&Finding> = findings.iter().filter(|finding| !cuts || !is_quiet(finding)).collect();
    let mut lines = lines(&shown, width, &paint);
    if cuts {
        lines.push(paint(FAINT, &format!("and {}; `--all` shows them", summary(quiet()))));
    }
    let worst = findings.iter().map(|finding| finding.status).max().unwrap_or(Status::Within);
    lines.push(paint(style(worst), &summary(findings.iter())));
    lines.push(String::new());
    lines.join("\n")
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
fn lines(findings: &[&Finding], width: usize, paint: &dyn Fn(Style, &str) -> String) -> Vec<String> {
    if findings.is_empty() {
        return Vec::new();
    }
    let rows: Vec<[String; 5]> = findings.iter().map(|finding| cells(finding)).collect();
    let mut widths = TITLES.map(UnicodeWidthStr::width);
    for row in &rows {
        row.iter().zip(&mut widths).for_each(|(cell, width)| *width = cell.width().max(*width));
    }
    let taken = |widths: &[usize; 5]| widths.iter().map(|width| width + 2).sum::<usize>();
    // What is left out here is said below the figures that ask for attention.
    let narrow = taken(&widths) + NARROWEST_NAME > width;
    let line = |name: &str, cells: [&str; 5], style: Style| {
        let mut line = name.to_string();
        for (at, (cell, width)) in
            cells.into_iter().zip(widths).enumerate().filter(|(at, _)| !narrow || *at != DIFFERENCE)
        {
            let blank = " ".repeat(width - cell.width());
            match at {
                0 => line.push_str(&format!("  {cell}{blank}")),
                4 => line.push_str(&format!("  {}", paint(style, cell))),
                _ => line.push_str(&format!("  {blank}{cell}")),
            }
        }
        line
    };
    let taken = taken(&widths) - if narrow { widths[DIFFERENCE] + 2 } else { 0 };
    let names: Vec<String> = findings.iter().map(|finding| printable(&finding.path)).collect();
    let longest = names.iter().map(|name| name.width()).fold("operation".len(), usize::max);
    let name_width = longest.min(width.saturating_sub(taken).max(NARROWEST_NAME));
    let mut lines = vec![paint(HEADER, &line(&padded("operation", name_width), TITLES, Style::new()))];
    for (at, finding) in findings.iter().enumerate() {
        let again = at > 0 && findings[at - 1].path == finding.path;
        let name = if again { String::new() } else { middle(&names[at], name_width) };
        let cells = rows[at].each_ref().map(String::as_str);
        lines.push(line(&padded(&name, name_width), cells, style(finding.status)));
        if is_quiet(finding) {
            continue;
        }
        let by = (narrow && !cells[DIFFERENCE].is_empty()).then(|| ("difference", cells[DIFFERENCE].to_string()));
        let details = by.into_iter().chain(details(finding));
        lines.extend(details.map(|(label, said)| paint(FAINT, &format!("    {label:<11}  {said}"))));
    }
    lines
}

/// Cut in its middle to `width` columns: how a path begins and how it ends tells most.
fn middle(name: &str, width: usize) -> String {
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
mod tests {
    use super::super::failure::examples::*;
    use super::*;

    #[test]
    fn a_table_has_a_line_per_figure_and_says_more_of_those_that_ask_for_attention() {
        let mut findings = run();
        findings[4].against.as_mut().expect("it is compared").tolerance = 12;
        let expected = "\
operation    figure      measured       budget           difference  verdict
index_build  allocs            12         = 12                    0  within
             peak_bytes  50.0 MiB  <= 64.0 MiB  -14.0 MiB (-21.9 %)  within
merge                                                                not run
search       allocs         1,240        1,180         +60 (+5.1 %)  breach
    grew         search/collect by 58, search/parse by 2
    why          fits the smallest machine we run on
    recorded at  figures/linux.toml:14
    entered at   tests/search.rs:6
             net_bytes     -100 B    0 B ±12 B               -100 B  improvement
    recorded at  figures/linux.toml:14
             peak_bytes  2.00 KiB                                    new
    note         not in linux.toml yet
stray                                                                unlisted
    note         no table of heapledger.toml names it
5 figures of 4 operations: 2 within, 1 breach, 1 improvement, 1 new, 1 unlisted, 1 not run
";
        assert_eq!(table(&findings, 120, false, false), expected);
    }

    #[test]
    fn a_narrow_table_cuts_names_in_the_middle_and_moves_the_difference() {
        let findings = [Finding { path: "index_build/commit/segment".into(), ..breach() }];
        let expected = "\
operation         figure  measured  budget  verdict
index_b…/segment  allocs     1,240   1,180  breach
    difference   +60 (+5.1 %)
";
        let text = table(&findings, 51, false, false);
        assert!(text.starts_with(expected), "{text}");
        assert_eq!(middle("日本語日本語日本語", 8), "日…本語");
        assert_eq!(middle("a\u{301}bcdefgh", 5), "a\u{301}b…gh");
        assert_eq!(middle("abc", 0), "…");
    }

    #[test]
    fn colour_comes_only_on_request() {
        let text = table(&run(), 120, true, false);
        let painted = |style: Style, text: &str| format!("{style}{text}{style:#}");
        for part in [
            painted(BAD, "breach"),
            painted(WARNING, "improvement"),
            painted(WARNING, "unlisted"),
            painted(GOOD, "within"),
            painted(FAINT, "not run"),
            painted(FAINT, "    entered at   tests/search.rs:6"),
        ] {
            assert!(text.contains(&part), "{part} in {text}");
        }
        let plain = anstyle_free(&text);
        assert_eq!(plain, table(&run(), 120, false, false));
    }

    /// Without what `paint` added.
    fn anstyle_free(text: &str) -> String {
        let mut parts = text.split('\u{1b}');
        let first = parts.next().expect("there is always a first part").to_string();
        parts.fold(first, |plain, part| plain + part.split_once('m').expect("every escape ends").1)
    }

    #[test]
    fn of_many_operations_those_within_are_only_counted() {
        let mut findings: Vec<Finding> =
            (0..201).map(|at| compared(&format!("operation{at}"), Figure::Allocs, 1, Basis::Exact, 1)).collect();
        findings.push(breach());
        let text = table(&findings, 120, false, false);
        assert_eq!(text.lines().count(), 8, "{text}");
        let expected = "\
and 201 figures of 201 operations: 201 within; `--all` shows them
202 figures of 202 operations: 201 within, 1 breach
";
        assert!(text.ends_with(expected), "{text}");
        assert_eq!(table(&findings, 120, false, true).lines().count(), 1 + 201 + 5 + 1);
        assert_eq!(table(&findings[1..], 120, false, false).lines().count(), 1 + 200 + 5 + 1);
    }

    #[test]
    fn no_name_reaches_the_terminal_raw() {
        for width in [0, 20, 80, 1000] {
            let text = table(&[hostile()], width, false, true);
            assert!(text.chars().all(|one| one == '\n' || !one.is_control()), "{text:?}");
            assert!(text.lines().count() <= 9, "{text}");
        }
    }

    #[test]
    fn nothing_to_judge_is_said() {
        assert_eq!(table(&[], 80, false, false), "0 figures of 0 operations: nothing to judge\n");
    }
}
