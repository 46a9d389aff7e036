//! Judged figures for people: the message of an assertion that fails, and the table of a run. Words that the other
//! outputs of findings share stand here too. Every name may hold anything: nothing is shown but through `printable`.

use std::collections::BTreeMap;
use std::fmt::Display;

use unicode_width::UnicodeWidthStr;

use crate::judging::budget::{Basis, Figure, Finding, Place, Status};
use crate::words::printable;

/// Where the text after a label begins at least, and at most: a label that is longer pushes only its own line.
const LABELS: (usize, usize) = (16, 44);

/// The message of an assertion of operation `name` at `place` that fails.
pub(crate) fn failure(name: &str, place: &dyn Display, findings: &[Finding]) -> String {
    let mut rows = Vec::new();
    for finding in findings {
        rows.push((label(finding, name), sentence(finding)));
        rows.extend(remarks(finding).into_iter().map(|(label, said)| (label.into(), said)));
    }
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

/// What an assertion that passes says all the same: a line about improvements, and one about figures that are new.
pub(crate) fn warning(name: &str, findings: &[Finding]) -> String {
    let of = |status| findings.iter().filter(move |finding| finding.status == status);
    let lines = [(Status::Improvement, "improvement"), (Status::New, "new figure")];
    let lines = lines.into_iter().filter_map(|(status, one)| {
        let first = of(status).next()?;
        let more = match of(status).count() - 1 {
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

const RECORD: &str = "cargo heapledger record";

/// What the finding is about, within the operation `name`.
fn label(finding: &Finding, name: &str) -> String {
    let about = finding.figure.map_or(finding.status.name(), Figure::name);
    if finding.path == name { about.into() } else { format!("{} {about}", printable(&finding.path)) }
}

/// The finding on one line, without its operation and figure.
pub(super) fn sentence(finding: &Finding) -> String {
    let note = finding.note.as_deref().map(plain);
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

/// `1,240 over 1,180 (+60, +5.1 %): recorded figure at figures.toml:14`, where being over or under is what was found.
fn comparison(finding: &Finding) -> Option<String> {
    let (figure, against, value) = (finding.figure?, finding.against.as_ref()?, finding.value?);
    let beside = match finding.difference()? {
        _ if !matches!(finding.status, Status::Breach | Status::Improvement) => return None,
        ..0 => "under",
        0 => "equal to",
        _ => "over",
    };
    let (value, limit) = (figure.shown(value), figure.shown(against.figure));
    let (basis, place) = (against.basis.name(), at(&against.place));
    let by = [difference(finding), percent(finding)].into_iter().flatten().collect::<Vec<_>>().join(", ");
    Some(format!("{value} {beside} {limit} ({by}): {basis} at {place}"))
}

/// `+60`, `-1.50 KiB`.
pub(super) fn difference(finding: &Finding) -> Option<String> {
    let difference = finding.difference()?;
    let sign = if difference > 0 { "+" } else { "" };
    Some(format!("{sign}{}", finding.figure?.short(difference)))
}

/// `+5.1 %`; nothing where there is nothing to have a share of, or where the share rounds to nothing.
pub(super) fn percent(finding: &Finding) -> Option<String> {
    share(finding.difference()?, finding.against.as_ref()?.figure)
}

/// What share of `base` the difference is, likewise.
pub(crate) fn share(difference: i64, base: i64) -> Option<String> {
    let percent = difference as f64 / base.unsigned_abs() as f64 * 100.0;
    (percent.is_finite() && percent.abs() >= 0.05).then(|| format!("{percent:+.1} %"))
}

/// What else there is to say, each with a label. The note is left to `sentence` where that shows it.
pub(super) fn remarks(finding: &Finding) -> Vec<(&'static str, String)> {
    let note = finding.note.as_deref().filter(|_| comparison(finding).is_some());
    let labelled = [("note", note.map(plain)), ("grew", grew(finding)), ("why", finding.why.as_deref().map(plain))];
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
pub(super) fn plain(said: &str) -> String {
    printable(&said.split_whitespace().collect::<Vec<_>>().join(" "))
}

pub(super) fn at(place: &Place) -> String {
    printable(&format!("{}:{}", place.file, place.line))
}

/// What to do about it, if there is anything to advise beyond what was said.
fn advice(findings: &[Finding]) -> Option<String> {
    let wanted = |status, bases: &[Basis]| {
        let of = findings.iter().filter(|finding| finding.status == status).filter_map(|finding| {
            finding.against.as_ref().filter(|against| bases.contains(&against.basis)).map(|against| &against.place)
        });
        places(of.collect())
    };
    let any = |status| findings.iter().any(|finding| finding.status == status);
    // An exact figure is its own limit.
    let is_exact = |finding: &&Finding| finding.against.as_ref().is_some_and(|against| against.basis == Basis::Exact);
    let breaches = findings.iter().filter(|finding| finding.status == Status::Breach && !is_exact(finding));
    let limits = breaches.filter_map(|finding| finding.limit.as_ref());
    let meant = [
        wanted(Status::Breach, &[Basis::Recorded]).map(|_| format!("`{RECORD}`")),
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

/// Each place once, and not too many.
fn places(mut places: Vec<&Place>) -> Option<String> {
    const SHOWN: usize = 3;
    places.sort();
    places.dedup_by_key(|place| (&place.file, place.line));
    let more = places.len().saturating_sub(SHOWN);
    let shown = places.iter().take(SHOWN).map(|place| at(place)).collect::<Vec<_>>().join(", ");
    match more {
        _ if shown.is_empty() => None,
        0 => Some(shown),
        more => Some(format!("{shown} and {more} more places")),
    }
}

/// `10 within, 2 breaches, 1 improvement`: what is well, then the worst first.
pub(super) fn counts<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> String {
    let mut counts: BTreeMap<Status, usize> = BTreeMap::new();
    findings.into_iter().for_each(|finding| *counts.entry(finding.status).or_default() += 1);
    let within = counts.remove_entry(&Status::Within);
    let counts = within.into_iter().chain(counts.into_iter().rev());
    counts.map(|(status, count)| format!("{count} {}", noun(status, count))).collect::<Vec<_>>().join(", ")
}

fn noun(status: Status, count: usize) -> &'static str {
    match status {
        Status::Breach if count != 1 => "breaches",
        Status::Improvement if count != 1 => "improvements",
        Status::Leak if count != 1 => "leaks",
        _ => status.name(),
    }
}

/// Findings that the tests of all outputs share.
#[cfg(test)]
pub(super) mod examples {
    use super::*;
    use crate::judging::budget::Against;
    use crate::words::Site;

    pub(in crate::render) fn place(file: &str, line: usize) -> Place {
        Place { file: file.into(), line, column: 3 }
    }

    pub(in crate::render) fn about(path: &str, figure: Option<Figure>, status: Status) -> Finding {
        let (path, grew) = (path.to_string(), Vec::new());
        Finding {
            path,
            figure,
            value: None,
            against: None,
            limit: None,
            status,
            note: None,
            why: None,
            grew,
            site: None,
        }
    }

    /// `figure` of `path` was `value`, and is held against `limit`.
    pub(in crate::render) fn compared(path: &str, figure: Figure, value: i64, basis: Basis, limit: i64) -> Finding {
        let place = match basis {
            Basis::Recorded => place("figures/linux.toml", 14),
            _ => place("heapledger.toml", 12),
        };
        let status = match (value.cmp(&limit), basis) {
            (std::cmp::Ordering::Greater, _) => Status::Breach,
            (std::cmp::Ordering::Less, Basis::Exact | Basis::Recorded) => Status::Improvement,
            _ => Status::Within,
        };
        let against = Some(Against { basis, figure: limit, tolerance: 0, place });
        let limit = Some(self::place("heapledger.toml", 12));
        Finding { value: Some(value), against, limit, ..about(path, Some(figure), status) }
    }

    pub(in crate::render) fn breach() -> Finding {
        Finding {
            grew: vec![("search/collect".into(), 58), ("search/parse".into(), 2)],
            why: Some("fits the smallest machine\n  we run on".into()),
            site: Some(Site { file: "tests/search.rs".into(), line: 6, column: 12 }),
            ..compared("search", Figure::Allocs, 1240, Basis::Recorded, 1180)
        }
    }

    /// One of everything that a run may find.
    pub(in crate::render) fn run() -> Vec<Finding> {
        let noted = |note: &str, finding: Finding| Finding { note: Some(note.into()), ..finding };
        vec![
            compared("index_build", Figure::Allocs, 12, Basis::Exact, 12),
            compared("index_build", Figure::PeakBytes, 50 << 20, Basis::Ceiling, 64 << 20),
            noted(
                "the policy names it at heapledger.toml:30:1, and no test entered it",
                about("merge", None, Status::NotRun),
            ),
            breach(),
            compared("search", Figure::NetBytes, -100, Basis::Recorded, 0),
            Finding {
                value: Some(2048),
                ..noted("not in linux.toml yet", about("search", Some(Figure::PeakBytes), Status::New))
            },
            noted("no table of heapledger.toml names it", about("stray", None, Status::Unlisted)),
        ]
    }

    /// Everything that could break out of a format.
    pub(in crate::render) const HOSTILE: &str = "a|b`c<d>&\"'\n::error::\r\u{1b}[31m%0A\u{202e}]]>\u{ffff}";

    pub(in crate::render) fn hostile() -> Finding {
        let mut finding = Finding {
            note: Some(HOSTILE.into()),
            why: Some(HOSTILE.into()),
            grew: vec![(HOSTILE.into(), 5)],
            site: Some(Site { file: HOSTILE.into(), line: 1, column: 2 }),
            ..compared(HOSTILE, Figure::Allocs, 3, Basis::Ceiling, 2)
        };
        finding.against.as_mut().expect("it is compared").place.file = HOSTILE.into();
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::examples::*;
    use super::*;

    #[test]
    fn a_failure_says_how_much_more_where_and_what_to_do() {
        let text = failure("search", &"tests/search.rs:6:12", &[breach()]);
        let expected = "\
budget \"search\": 1 breach
  allocs            1,240 over 1,180 (+60, +5.1 %): recorded figure at figures/linux.toml:14
  grew              search/collect by 58, search/parse by 2
  why               fits the smallest machine we run on
  entered           tests/search.rs:6:12
  next              look at what grew; if it is meant, `cargo heapledger record`, or change the limit at heapledger.toml:12";
        assert_eq!(text, expected);
    }

    #[test]
    fn each_kind_of_finding_has_its_own_advice() {
        let findings = [
            compared("search", Figure::AllocatedBytes, 3000, Basis::Ceiling, 2000),
            compared("search", Figure::PeakBytes, 5, Basis::Exact, 0),
            compared("search/parse", Figure::Allocs, 9, Basis::Recorded, 10),
            compared("search/parse", Figure::LiveBytesPerIteration, 9, Basis::Exact, 10),
            Finding {
                note: Some("every run said something else, from 3 to 9".into()),
                status: Status::Unstable,
                ..compared("search", Figure::Allocs, 3, Basis::Recorded, 3)
            },
            Finding {
                value: Some(-64),
                note: Some("not in linux.toml yet".into()),
                ..about("search", Some(Figure::NetBytes), Status::New)
            },
            Finding { note: Some("no table names it".into()), ..about("search", None, Status::Breach) },
        ];
        let expected = "\
budget \"search\": 3 breaches, 1 unstable, 2 improvements, 1 new
  allocated_bytes                        2.93 KiB (3,000 B) over 1.95 KiB (2,000 B) (+1000 B, +50.0 %): ceiling at heapledger.toml:12
  peak_bytes                             5 B over 0 B (+5 B): exact figure at heapledger.toml:12
  search/parse allocs                    9 under 10 (-1, -10.0 %): recorded figure at figures/linux.toml:14
  search/parse live_bytes_per_iteration  9 B under 10 B (-1 B, -10.0 %): exact figure at heapledger.toml:12
  allocs                                 every run said something else, from 3 to 9
  net_bytes                              -64 B: not in linux.toml yet
  breach                                 no table names it
  entered                                here
  next                                   look at what changed; if it is meant, change the figure at heapledger.toml:12, or change the limit at heapledger.toml:12; make it do the same every time, or write a tolerance into the policy; record it, so that it cannot come back: `cargo heapledger record`; lower the exact figure at heapledger.toml:12, so that it cannot come back; record it: `cargo heapledger record`";
        assert_eq!(failure("search", &"here", &findings), expected);
    }

    #[test]
    fn a_warning_is_a_line_about_improvements_and_one_about_new_figures() {
        let better = compared("search", Figure::Allocs, 1100, Basis::Recorded, 1180);
        let expected = "budget \"search\": allocs 1,100 under 1,180 (-80, -6.8 %): recorded figure at figures/linux.toml:14: record it: cargo heapledger record";
        assert_eq!(warning("search", std::slice::from_ref(&better)), expected);
        let exact = compared("search", Figure::Allocs, 11, Basis::Exact, 12);
        let expected =
            "budget \"search\": allocs 11 under 12 (-1, -8.3 %): exact figure at heapledger.toml:12: lower it there";
        assert_eq!(warning("search", &[exact]), expected);
        let new = |figure, value| Finding {
            value: Some(value),
            note: Some("not in linux.toml yet".into()),
            ..about("search/parse", Some(figure), Status::New)
        };
        let new = [
            new(Figure::Allocs, 3),
            better.clone(),
            new(Figure::NetBytes, 0),
            better.clone(),
            new(Figure::PeakBytes, 5),
        ];
        let expected = "\
budget \"search\": allocs 1,100 under 1,180 (-80, -6.8 %): recorded figure at figures/linux.toml:14 and 1 more improvement: record them: cargo heapledger record
budget \"search\": search/parse allocs 3: not in linux.toml yet and 2 more new figures: record them: cargo heapledger record";
        assert_eq!(warning("search", &new), expected);
        assert_eq!(warning("search", &[breach()]), "");
    }

    #[test]
    fn no_name_reaches_the_terminal_raw() {
        let text = failure(HOSTILE, &HOSTILE, &[hostile()]);
        assert!(text.chars().all(|one| one == '\n' || !one.is_control()), "{text:?}");
        assert_eq!(
            text.lines().map(|line| line.trim_start().split(' ').next().expect("it has a word")).collect::<Vec<_>>(),
            ["budget", "allocs", "note", "grew", "why", "entered", "next"]
        );
        assert_eq!(warning(HOSTILE, &[Finding { status: Status::New, ..hostile() }]).lines().count(), 1);
    }

    #[test]
    fn a_share_that_nobody_sees_is_not_shown() {
        let breach = compared("a", Figure::NetBytes, i64::MAX, Basis::Exact, i64::MIN);
        assert_eq!(percent(&breach).as_deref(), Some("+100.0 %"));
        assert_eq!(percent(&compared("a", Figure::NetBytes, (1 << 30) + 1, Basis::Exact, 1 << 30)), None);
        assert_eq!(percent(&compared("a", Figure::NetBytes, 1, Basis::Exact, 0)), None);
        assert_eq!(percent(&compared("a", Figure::NetBytes, 3, Basis::Exact, -2)).as_deref(), Some("+250.0 %"));
    }
}
