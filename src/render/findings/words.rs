//! The words that all outputs of findings share: what was found as a sentence, and the parts of it. A name may hold any
//! character, so all that is made here has gone through `printable`, and no output has to do that.

use std::collections::BTreeMap;

use crate::judging::budget::{Finding, Place, Status};
use crate::words::printable;

/// The command that records figures.
pub(super) const RECORD: &str = "cargo heapledger record";
/// The commands that record what is worse than it was.
pub(super) const ACCEPT: &str = "`cargo heapledger test`, then `cargo heapledger accept --breaches --reason \"..\"`";

/// The least share that is shown, in percent: a smaller one is zero when it is rounded to one digit after the point.
const LEAST_PERCENT: f64 = 0.05;

/// The finding on one line, without its operation and figure.
pub(super) fn sentence(finding: &Finding) -> String {
    let note = finding.note.as_deref().map(one_line);
    match (comparison(finding), note, finding.figure.zip(finding.value)) {
        (Some(compared), ..) => compared,
        (None, Some(note), Some((figure, value))) if finding.status == Status::New => {
            format!("{}: {note}", figure.shown(value))
        }
        (None, Some(note), _) => note,
        (None, None, Some((figure, value))) => figure.shown(value),
        (None, None, None) => finding.status.name().into(),
    }
}

/// `1,240 over 1,180 (+60, +5.1 %): recorded figure at figures.toml:14`, where the finding is that the value is over or
/// under; else `None`.
fn comparison(finding: &Finding) -> Option<String> {
    let (figure, against, value) = (finding.figure?, finding.against.as_ref()?, finding.value?);
    let beside = match finding.difference()? {
        _ if !matches!(finding.status, Status::Breach | Status::Improvement) => return None,
        ..0 => "under",
        0 => "equal to",
        _ => "over",
    };
    let (value, limit) = (figure.shown(value), figure.shown(against.figure));
    let (kind, place) = (against.basis.name(), file_and_line(&against.place));
    let by = [difference(finding), percent(finding)].into_iter().flatten().collect::<Vec<_>>().join(", ");
    Some(format!("{value} {beside} {limit} ({by}): {kind} at {place}"))
}

/// `+60`, `-1.50 KiB`.
pub(super) fn difference(finding: &Finding) -> Option<String> {
    let difference = finding.difference()?;
    let sign = if difference > 0 { "+" } else { "" };
    Some(format!("{sign}{}", finding.figure?.short(difference)))
}

/// `+5.1 %`; `None` where the share has no base, or rounds to zero.
pub(super) fn percent(finding: &Finding) -> Option<String> {
    share(finding.difference()?, finding.against.as_ref()?.figure)
}

/// The difference as a share of `base`: `+5.1 %`; `None` where `base` is zero, or the share rounds to zero.
pub(super) fn share(difference: i64, base: i64) -> Option<String> {
    let percent = difference as f64 / base.unsigned_abs() as f64 * 100.0;
    (percent.is_finite() && percent.abs() >= LEAST_PERCENT).then(|| format!("{percent:+.1} %"))
}

/// What there is to say beyond [`sentence`], each with a label. The note is left out where it is the sentence.
pub(super) fn remarks(finding: &Finding) -> Vec<(&'static str, String)> {
    let note = finding.note.as_deref().filter(|_| comparison(finding).is_some());
    let labelled =
        [("note", note.map(one_line)), ("grew", grew(finding)), ("why", finding.why.as_deref().map(one_line))];
    labelled.into_iter().filter_map(|(label, said)| Some((label, said?))).collect()
}

/// `search/collect by 58, search/parse by 2`.
fn grew(finding: &Finding) -> Option<String> {
    let figure = finding.figure?;
    let grew = finding.grew.iter().map(|(path, by)| format!("{} by {}", printable(path), figure.short(*by)));
    let grew = grew.collect::<Vec<_>>().join(", ");
    (!grew.is_empty()).then_some(grew)
}

/// What people or `judge` wrote, on one line.
pub(crate) fn one_line(said: &str) -> String {
    printable(&said.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// `heapledger.toml:12`.
pub(super) fn file_and_line(place: &Place) -> String {
    printable(&format!("{}:{}", place.file, place.line))
}

/// `10 within, 2 breaches, 1 improvement`: what is well, then the worst first.
pub(crate) fn counts<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> String {
    let mut counts: BTreeMap<Status, usize> = BTreeMap::new();
    findings.into_iter().for_each(|finding| *counts.entry(finding.status).or_default() += 1);
    let within = counts.remove_entry(&Status::Within);
    let counts = within.into_iter().chain(counts.into_iter().rev());
    counts.map(|(verdict, count)| counted_status(count, verdict)).collect::<Vec<_>>().join(", ")
}

/// `1 breach`, `2 breaches`.
pub(crate) fn counted_status(count: usize, status: Status) -> String {
    let noun = match status {
        Status::Breach if count != 1 => "breaches",
        Status::Improvement if count != 1 => "improvements",
        Status::Leak if count != 1 => "leaks",
        _ => status.name(),
    };
    format!("{count} {noun}")
}

#[cfg(test)]
mod tests {
    use super::super::examples::compared;
    use super::*;
    use crate::judging::budget::{Basis, Figure};

    #[test]
    fn a_share_that_nobody_sees_is_not_shown() {
        let breach = compared("a", Figure::NetBytes, i64::MAX, Basis::Exact, i64::MIN);
        assert_eq!(percent(&breach).as_deref(), Some("+100.0 %"));
        assert_eq!(percent(&compared("a", Figure::NetBytes, (1 << 30) + 1, Basis::Exact, 1 << 30)), None);
        assert_eq!(percent(&compared("a", Figure::NetBytes, 1, Basis::Exact, 0)), None);
        assert_eq!(percent(&compared("a", Figure::NetBytes, 3, Basis::Exact, -2)).as_deref(), Some("+250.0 %"));
    }
}
