//! Judges a whole run: every operation that its processes measured, and what is to be recorded. One
//! operation is for `judge`, what nobody entered for `unmatched`; nothing is measured, read or written here.

use std::collections::{BTreeMap, BTreeSet};

use super::figure::{Figure, clamped};
use super::finding::{Finding, Status};
use super::judge::{Case, judge_operation};
use super::measured::{Denied, LeakTested, Measured, Observed};
use super::run::{Blind, Part};
use crate::reading::{Data, LeakVerdict, Row};
use crate::words::{EXCLUDED, Tally, counted};

/// Judges every figure that the policy limits: operations by path, their figures by name.
pub(crate) fn judge(case: &Case<'_>, part: &Part) -> Vec<Finding> {
    let mut findings: Vec<Finding> = part.blind.iter().map(found_blind).collect();
    let named = case.policy.named(case.environment);
    let by_name: BTreeSet<&str> = named.iter().map(|(path, _)| path.as_str()).collect();
    let operations = operations(part);
    for (path, measured) in &operations {
        let before = findings.len();
        judge_operation(case, path, measured, by_name.contains(path.as_str()), &operations, &mut findings);
        if !case.complete && is_sum(part, path) {
            findings[before..].iter_mut().for_each(excuse_lack);
        }
    }
    keep_outermost(&mut findings);
    part.leak_tests.iter().filter_map(found_leak).for_each(|found| put_worse(&mut findings, found));
    for denied in &part.denied {
        findings.retain(|known| known.path != denied.path || known.figure.is_some());
        findings.push(found_denied(denied));
    }
    findings.extend(incomplete(&part.report).map(|note| Finding::blind("(report)", &note)));
    findings.extend(part.unmet.iter().map(|note| Finding::blind("(environment)", note)));
    findings.sort_by(|one, other| (&one.path, one.figure).cmp(&(&other.path, other.figure)));
    findings
}

fn found_blind(blind: &Blind) -> Finding {
    let status = if blind.asserted { Status::Blind } else { Status::Unseen };
    let note = "it enters operations, but heapledger is not its global allocator: nothing was seen in it";
    Finding::of(&blind.program, None, status).noting(note)
}

fn found_leak(test: &LeakTested) -> Option<Finding> {
    let status = match test.verdict {
        LeakVerdict::Passed => return None,
        LeakVerdict::Leak => Status::Leak,
        LeakVerdict::Unstable => Status::Unstable,
    };
    let found = Finding::of(&test.path, Some(Figure::LiveBytesPerIteration), status).noting(&test.sentence);
    let (site, line) = (test.site.clone(), test.line.clone());
    Some(Finding { value: Some(rounded_up(test.bytes_per_iteration)), site, line, ..found })
}

fn found_denied(denied: &Denied) -> Finding {
    let Denied { path, allocs, allocated_bytes, frees, freed_bytes, first, site, line } = denied;
    let shown = |bytes: &u64| Figure::AllocatedBytes.shown(clamped(*bytes));
    let allocated = match allocs {
        0 => None,
        1 => Some(format!("1 allocation or resize of {}", shown(allocated_bytes))),
        _ => Some(format!("{allocs} allocations and resizes of {}", shown(allocated_bytes))),
    };
    let freed = (*frees > 0).then(|| format!("{} of {}", counted(*frees, "free"), shown(freed_bytes)));
    let did = allocated.into_iter().chain(freed).collect::<Vec<_>>().join(" and ");
    let first = first.as_ref().map_or(String::new(), |first| format!("; the first: {first}"));
    let note = format!("{did} where none may be{first}");
    let found = Finding::of(path, Some(Figure::Allocs), Status::Breach).noting(note);
    Finding { value: Some(clamped(*allocs)), site: site.clone(), line: line.clone(), ..found }
}

/// Why the figures of a report cannot be trusted, if so.
pub(crate) fn incomplete(report: &Data) -> Option<String> {
    let (foreign, refused) = (report.foreign, report.overflowed);
    let mut notes = Vec::new();
    if foreign > 0 || refused > 0 {
        notes.push(format!(
            "blocks without a valid owner: {foreign}; scopes that could not be counted apart: {refused}. Figures are \
             wrong or incomplete"
        ));
    }
    // That threads still move when a process ends is no fault of its figures; a blind program has a finding of its own.
    notes.extend(report.problem.clone().filter(|_| !report.unsettled && report.processes > 0));
    (!notes.is_empty()).then(|| notes.join(". "))
}

/// Takes a finding in, unless a worse one is known of the same figure: one line is enough for one leak, and for the
/// worst of several.
fn put_worse(findings: &mut Vec<Finding>, found: Finding) {
    let same = |known: &Finding| (&known.path, known.figure) == (&found.path, found.figure);
    if findings.iter().any(|known| same(known) && known.status > found.status) {
        return;
    }
    findings.retain(|known| !same(known));
    findings.push(found);
}

/// Whether the figures of an operation are the sum over all tests that enter it: a part of the tests then tells only a
/// part of the sum.
fn is_sum(part: &Part, path: &str) -> bool {
    !part.measured.contains_key(path)
}

/// What is less than recorded because only a part of the tests ran is no improvement.
fn excuse_lack(finding: &mut Finding) {
    if matches!(finding.status, Status::Improvement | Status::New) {
        finding.status = Status::NotRun;
        finding.note = Some("it is added up over all tests, and only a part of them ran".into());
    }
}

/// Drops findings about operations that no table names and that are nested in another such operation: one finding is
/// enough for both.
fn keep_outermost(findings: &mut Vec<Finding>) {
    let is_about_operation = |finding: &Finding| finding.figure.is_none() && finding.status != Status::Blind;
    let unlisted =
        findings.iter().filter(|one| is_about_operation(one)).map(|one| one.path.clone()).collect::<BTreeSet<_>>();
    findings.retain(|one| {
        let mut above = std::iter::successors(one.path.rsplit_once('/'), |(above, _)| above.rsplit_once('/'));
        !is_about_operation(one) || !above.any(|(above, _)| unlisted.contains(above))
    });
}

/// Whether the operation is left out of those around it.
fn is_excluded(path: &str) -> bool {
    path.split('/').any(|name| name == EXCLUDED)
}

/// Every operation that was measured: by an assertion, by a leak test, or only tracked, but for what is left out.
pub(crate) fn operations(part: &Part) -> BTreeMap<String, Measured> {
    let mut operations = part.measured.clone();
    // A process leaves out of its report what assertions and leak tests run: over so many iterations no sum repeats
    // itself.
    let (excluded, rows): (Vec<_>, Vec<_>) = part.report.rows.listed().iter().partition(|row| is_excluded(&row.path));
    for row in rows.into_iter().filter(|row| row.scopes > 0) {
        if part.measured.contains_key(&row.path) {
            continue;
        }
        // A peak is never added up: that of the operation itself covers all that is inside it.
        let did = Tally { peak_bytes: row.own.peak_bytes, ..row.total };
        let left_out = |figure: Figure| {
            let own = |row: &&Row| figure.taken_from(&Tally { peak_bytes: None, ..row.own });
            excluded.iter().filter(|inner| is_within(&inner.path, &row.path)).filter_map(own).sum::<i64>()
        };
        let values = Figure::all_taken_from(&did)
            .map(|(figure, value)| (figure, Observed::of(value.saturating_sub(left_out(figure)))))
            .collect();
        operations.insert(row.path.clone(), Measured { values, site: row.site.clone(), ..Measured::default() });
    }
    for test in part.leak_tests.iter().filter(|test| test.verdict != LeakVerdict::Unstable) {
        let value = Observed::of(rounded_up(test.bytes_per_iteration));
        let measured = operations
            .entry(test.path.clone())
            .or_insert_with(|| Measured { site: test.site.clone(), ..Measured::default() });
        let known = measured.values.entry(Figure::LiveBytesPerIteration).or_insert(value);
        known.value = known.value.max(value.value);
    }
    operations
}

/// Whether the operation at `path` is the one at `outer`, or nested in it.
pub(crate) fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whole bytes, upwards: a leak that is rarer than a byte per iteration must not count as zero.
fn rounded_up(per_iteration: f64) -> i64 {
    per_iteration.ceil() as i64
}

/// The figures as they are to be recorded: of every limit that wants one, and of the operations below, so that a breach
/// can say which of them grew. A figure within its tolerance stays as it was committed. A figure that was not measured
/// stays too, unless all tests ran.
pub(crate) fn to_record(case: &Case<'_>, part: &Part) -> BTreeMap<(String, Figure), i64> {
    let mut figures = BTreeMap::new();
    if let Some(recorded) = case.recorded.filter(|_| !case.complete) {
        figures.extend(recorded.values.iter().map(|(key, (value, _))| (key.clone(), *value)));
    }
    let operations = operations(part);
    for path in operations.keys().filter(|path| case.complete || !is_sum(part, path)) {
        let rules = case.policy.rules(path, case.environment);
        for (&figure, limit) in rules.limits.iter().filter(|(_, limit)| limit.ratchet) {
            let below = operations.range(path.clone()..).take_while(|(inner, _)| inner.starts_with(path.as_str()));
            let below = below.filter(|(inner, _)| is_within(inner, path));
            // An assertion's figures and sums over all tests are different figures, even of operations with one path.
            let below = below.filter(|(inner, _)| is_sum(part, inner) == is_sum(part, path));
            for (inner, measured) in below {
                let Some(value) = measured.values.get(&figure) else { continue };
                let committed = case.recorded.and_then(|recorded| recorded.of(inner, figure)).map(|(value, _)| value);
                let kept =
                    committed.filter(|at| value.value.abs_diff(*at) <= limit.tolerance.around(*at).unsigned_abs());
                figures.insert((inner.clone(), figure), kept.unwrap_or(value.value));
            }
        }
    }
    figures
}

#[cfg(test)]
mod tests;
