//! A finding in the cells of a table, and what there is to say beyond them. The table of a run, the summary of a job,
//! annotations and JUnit's cases are all made of these.

use std::collections::BTreeSet;

use super::words::{counts, difference, file_and_line, one_line, percent, remarks};
use crate::judging::budget::{Basis, Figure, Finding, Status};
use crate::words::{counted, printable};

/// The titles of the columns that [`cells`] fills.
pub(super) const TITLES: [&str; 5] = ["figure", "measured", "budget", "difference", "verdict"];

/// The cells of a finding, in the order of [`TITLES`].
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
    let note = finding.note.as_deref().map(|note| ("note", one_line(note)));
    let remarks = remarks(finding).into_iter().filter(|(label, _)| *label != "note");
    let limit = finding.against.as_ref().map(|against| {
        let label = if against.basis == Basis::Recorded { "recorded at" } else { "limit at" };
        (label, file_and_line(&against.place))
    });
    let site = finding.site.as_ref();
    let site = site.map(|site| ("entered at", printable(&format!("{}:{}", site.file, site.line))));
    let line = finding.line.as_ref();
    let line = line.map(|line| ("most of it", printable(&format!("{}:{}", line.file, line.line))));
    note.into_iter().chain(remarks).chain(limit).chain(site).chain(line).collect()
}

/// [`details`], a line each, indented below what they are about.
pub(crate) fn detail_lines(finding: &Finding) -> String {
    details(finding).into_iter().map(|(label, said)| detail_line(label, &said) + "\n").collect()
}

pub(super) fn detail_line(label: &str, said: &str) -> String {
    format!("    {label:<11}  {said}")
}

/// Whether the finding needs no attention.
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

/// How many operations the findings are about.
pub(super) fn operations<'a>(findings: impl Iterator<Item = &'a Finding>) -> usize {
    findings.map(|finding| finding.path.as_str()).collect::<BTreeSet<_>>().len()
}
