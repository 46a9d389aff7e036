//! What an assertion says of its findings: the message of one that fails, and the warning of one that passes.

use std::fmt::Display;

use unicode_width::UnicodeWidthStr;

use super::words::{ACCEPT, RECORD, counts, file_and_line, remarks, sentence};
use crate::judging::budget::{Basis, ByLine, Figure, FigureByStack, Finding, Place, Status};
use crate::render::stacks::shares;
use crate::words::printable;

/// The least and the most columns for labels. A longer label moves only the text on its own line.
const LABELS: (usize, usize) = (16, 44);

/// How many places are shown of a list that may be long.
const PLACES: usize = 3;

/// The message of an assertion of operation `name` at `place` that fails.
/// `lines` are those that a breached figure comes from, `recorded` those that were recorded with it.
pub(crate) fn failure(
    name: &str,
    place: &dyn Display,
    findings: &[Finding],
    lines: Option<&FigureByStack>,
    recorded: Option<&ByLine>,
) -> String {
    let mut rows = Vec::new();
    for finding in findings {
        rows.push((label(finding, name), sentence(finding)));
        rows.extend(remarks(finding).into_iter().map(|(label, said)| (label.into(), said)));
    }
    rows.extend(lines.into_iter().flat_map(|lines| shares(lines, recorded)).map(|line| ("lines".into(), line)));
    rows.push(("entered".into(), printable(&place.to_string())));
    rows.extend(advice(findings).map(|advice| ("next".into(), advice)));
    let (least, most) = LABELS;
    let width = rows.iter().map(|(label, _)| label.width()).filter(|&width| width <= most).fold(least, usize::max);
    let mut text = format!("budget \"{}\": {}", printable(name), counts(findings));
    for (label, said) in rows {
        let blank = " ".repeat(width.saturating_sub(label.width()));
        text.push_str(&format!("\n  {label}{blank}  {said}"));
    }
    text
}

/// What an assertion that passes says anyway: a line about improvements, and one about figures that are new.
pub(crate) fn warning(name: &str, findings: &[Finding]) -> String {
    let of = |verdict| findings.iter().filter(move |finding| finding.status == verdict);
    let lines = [(Status::Improvement, "improvement"), (Status::New, "new figure")];
    let lines = lines.into_iter().filter_map(|(verdict, one)| {
        let first = of(verdict).next()?;
        let more = match of(verdict).count() - 1 {
            0 => String::new(),
            1 => format!(" and 1 more {one}"),
            more => format!(" and {more} more {one}s"),
        };
        let them = if more.is_empty() { "it" } else { "them" };
        let advice = match &first.against {
            Some(against) if against.basis == Basis::Exact => "lower it there".into(),
            _ => format!("record {them}: {RECORD}"),
        };
        let (name, label, said) = (printable(name), label(first, name), sentence(first));
        Some(format!("budget \"{name}\": {label} {said}{more}: {advice}"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What the finding is about, within the operation `name`.
fn label(finding: &Finding, name: &str) -> String {
    let about = finding.figure.map_or(finding.status.name(), Figure::name);
    if finding.path == name { about.into() } else { format!("{} {about}", printable(&finding.path)) }
}

/// What to do about the findings; `None` if there is nothing to advise.
fn advice(findings: &[Finding]) -> Option<String> {
    let wanted = |verdict, kinds: &[Basis]| {
        let of = findings.iter().filter(|finding| finding.status == verdict).filter_map(|finding| {
            finding.against.as_ref().filter(|against| kinds.contains(&against.basis)).map(|against| &against.place)
        });
        places(of.collect())
    };
    let any = |verdict| findings.iter().any(|finding| finding.status == verdict);
    // An exact figure is its own limit.
    let is_exact = |finding: &&Finding| finding.against.as_ref().is_some_and(|against| against.basis == Basis::Exact);
    let breaches = findings.iter().filter(|finding| finding.status == Status::Breach && !is_exact(finding));
    let limits = breaches.filter_map(|finding| finding.limit.as_ref());
    let meant = [
        wanted(Status::Breach, &[Basis::Recorded]).map(|_| ACCEPT.into()),
        wanted(Status::Breach, &[Basis::Exact]).map(|places| format!("change the figure at {places}")),
        places(limits.collect()).map(|places| format!("change the limit at {places}")),
    ];
    let meant = meant.into_iter().flatten().collect::<Vec<_>>().join(", or ");
    let look = if findings.iter().any(|finding| !finding.grew.is_empty()) { "grew" } else { "changed" };
    let advice = [
        (!meant.is_empty()).then(|| format!("look at what {look}; if it is meant, {meant}")),
        any(Status::Unstable).then(|| "make it do the same every time, or write a tolerance into the policy".into()),
        wanted(Status::Improvement, &[Basis::Recorded])
            .map(|_| format!("record it, so that it cannot come back: `{RECORD}`")),
        wanted(Status::Improvement, &[Basis::Exact])
            .map(|places| format!("lower the exact figure at {places}, so that it cannot come back")),
        any(Status::New).then(|| format!("record it: `{RECORD}`")),
    ];
    let advice = advice.into_iter().flatten().collect::<Vec<_>>().join("; ");
    (!advice.is_empty()).then_some(advice)
}

/// Each place once, and at most [`PLACES`] of them; `None` if there is none.
fn places(mut places: Vec<&Place>) -> Option<String> {
    places.sort();
    places.dedup_by_key(|place| (&place.file, place.line));
    let more = places.len().saturating_sub(PLACES);
    let shown = places.iter().take(PLACES).map(|place| file_and_line(place)).collect::<Vec<_>>().join(", ");
    match more {
        _ if shown.is_empty() => None,
        0 => Some(shown),
        more => Some(format!("{shown} and {more} more places")),
    }
}

#[cfg(test)]
mod tests;
