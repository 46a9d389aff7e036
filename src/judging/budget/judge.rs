//! Holds every figure of an operation against its limit. Whole runs are for `judge_run`; nothing is measured here.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::figure::Figure;
use super::figures::Figures;
use super::finding::{Against, Basis, Finding, Status};
use super::limit::{FigureLimit, Unlisted};
use super::measured::{Measured, Observed};
use super::policy::{Policy, Rules};
use super::toml_text::table_header;
use crate::reading::Environment;

/// Operations shown of those that grew.
const SHOWN: usize = 5;

/// What is judged besides the policy.
pub(crate) struct Case<'a> {
    pub(crate) policy: &'a Policy,
    /// What was recorded in the environment; `None` where no file is.
    pub(crate) recorded: Option<&'a Figures>,
    pub(crate) environment: &'a Environment,
    /// All tests ran, so that what was not measured is missing.
    pub(crate) complete: bool,
}

/// Judges what one assertion measured; `measured` is the operation and those inside it.
pub(crate) fn judge_assertion(case: &Case<'_>, path: &str, measured: &BTreeMap<String, Measured>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (inner, value) in measured {
        judge_operation(case, inner, value, inner == path, measured, &mut findings);
    }
    findings
}

/// Judges the figures of one operation. `by_name` says that the policy names it in full.
pub(super) fn judge_operation(
    case: &Case<'_>,
    path: &str,
    measured: &Measured,
    by_name: bool,
    all: &BTreeMap<String, Measured>,
    findings: &mut Vec<Finding>,
) {
    let rules = case.policy.rules(path, case.environment);
    if let Some(finding) = find_unlisted(case.policy, path, &rules) {
        findings.push(Finding { site: measured.site.clone(), ..finding });
    }
    for (&figure, limit) in &rules.limits {
        let Some(observed) = measured.values.get(&figure) else {
            if by_name {
                let status = if case.complete { Status::Breach } else { Status::NotRun };
                let note = format!("limited at {}, and nothing measured it{}", limit.place, how_to_measure(figure));
                findings.push(Finding::of(path, Some(figure), status).noting(note));
            }
            continue;
        };
        let mut finding = judge_figure(case.recorded, path, figure, *observed, limit);
        finding.site = measured.site.clone();
        if finding.status == Status::Breach {
            finding.line = measured.lines.get(&figure).cloned();
        }
        finding.why = rules.why.clone();
        finding.limit = Some(limit.place.clone());
        if finding.status >= Status::Unstable {
            finding.grew = find_growth(case.recorded, path, figure, all);
        }
        findings.push(finding);
    }
}

/// What helps to measure a figure that no counter tells.
fn how_to_measure(figure: Figure) -> &'static str {
    match figure {
        Figure::LiveBytesPerIteration => ": assert it with `LeakTest` or `assert_budget`",
        Figure::PeakBytes => ": operations inside an assertion have no peak of their own",
        _ => "",
    }
}

/// What is found of an operation that no table of the policy names.
fn find_unlisted(policy: &Policy, path: &str, rules: &Rules) -> Option<Finding> {
    let status = match policy.unlisted {
        _ if rules.listed => return None,
        Unlisted::Allow => return None,
        Unlisted::Warn => Status::Unlisted,
        Unlisted::Fail => Status::Breach,
    };
    let note = format!("no table of {} names it: add `{}`", policy.file, table_header(path));
    Some(Finding::of(path, None, status).noting(note))
}

/// Holds one figure against its limit: against the ceiling, and against the exact or recorded figure. The worse one is
/// what is found.
fn judge_figure(
    recorded: Option<&Figures>,
    path: &str,
    figure: Figure,
    observed: Observed,
    limit: &FigureLimit,
) -> Finding {
    let ceiling = hold_against_ceiling(observed, limit);
    let base = limit.has_base().then(|| hold_against_base(recorded, path, figure, observed, limit));
    // Of two breaches the ceiling's: recording anew does not help there.
    let breaks_ceiling = |held: &Held| {
        held.status == Status::Breach && held.against.as_ref().is_some_and(|against| against.basis == Basis::Ceiling)
    };
    let worst = ceiling.into_iter().chain(base).max_by_key(|held| (held.status, breaks_ceiling(held)));
    let Held { status, against, note } = worst.unwrap_or(Held { status: Status::Within, against: None, note: None });
    Finding { value: Some(observed.value), against, note, ..Finding::of(path, Some(figure), status) }
}

/// What comes of holding one figure against one other.
struct Held {
    status: Status,
    against: Option<Against>,
    note: Option<String>,
}

fn hold_against_ceiling(observed: Observed, limit: &FigureLimit) -> Option<Held> {
    let max = limit.max?;
    let status = if observed.value > max { Status::Breach } else { Status::Within };
    let against = Against { basis: Basis::Ceiling, figure: max, tolerance: 0, place: limit.place.clone() };
    Some(Held { status, against: Some(against), note: None })
}

/// Holds a figure against the exact one that the policy names, else against the recorded one.
fn hold_against_base(
    recorded: Option<&Figures>,
    path: &str,
    figure: Figure,
    observed: Observed,
    limit: &FigureLimit,
) -> Held {
    let from_records = || Some((Basis::Recorded, recorded?.of(path, figure)?));
    let base = limit.exact.map(|exact| (Basis::Exact, (exact, &limit.place))).or_else(from_records);
    match base {
        Some((basis, (base, place))) => {
            let tolerance = limit.tolerance.around(base);
            let against = Against { basis, figure: base, tolerance, place: place.clone() };
            let above = observed.value.saturating_sub(base);
            let (status, note) = match above {
                _ if observed.wobbles(tolerance) => {
                    let (least, most) = (figure.shown(observed.value), figure.shown(observed.highest));
                    let note = format!(
                        "every run said something else, from {least} to {most}: give it a tolerance that covers that, \
                         or a ceiling"
                    );
                    (Status::Unstable, Some(note))
                }
                above if above > tolerance => (Status::Breach, None),
                above if above < -tolerance => (Status::Improvement, None),
                _ => (Status::Within, None),
            };
            Held { status, against: Some(against), note }
        }
        None => {
            let note = match recorded {
                Some(recorded) => format!("not in {} yet", recorded.file),
                None => "nothing is recorded in this environment yet".into(),
            };
            let note = match observed.wobbles(limit.tolerance.around(observed.value)) {
                true => format!("{note}, and no two runs say the same: up to {}", figure.shown(observed.highest)),
                false => note,
            };
            Held { status: Status::New, against: None, note: Some(note) }
        }
    }
}

/// Operations below `path` whose figure grew since it was recorded; where none of them was recorded, those that have
/// most of it. The largest first.
fn find_growth(
    recorded: Option<&Figures>,
    path: &str,
    figure: Figure,
    all: &BTreeMap<String, Measured>,
) -> Vec<(String, i64)> {
    let begins = format!("{path}/");
    let below = all.range(begins.clone()..).take_while(|(inner, _)| inner.starts_with(&begins));
    let values = below.filter_map(|(inner, measured)| Some((inner, measured.values.get(&figure)?.value)));
    let mut grown: Vec<(String, i64)> = values
        .map(|(inner, value)| {
            let before = recorded.and_then(|recorded| recorded.of(inner, figure)).map_or(0, |(before, _)| before);
            (inner.clone(), value.saturating_sub(before))
        })
        .filter(|(_, grown)| *grown > 0)
        .collect();
    grown.sort_by(|one, other| (Reverse(one.1), &one.0).cmp(&(Reverse(other.1), &other.0)));
    grown.truncate(SHOWN);
    grown
}

#[cfg(test)]
mod tests;
