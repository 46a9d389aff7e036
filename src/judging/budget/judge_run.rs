//! Judging a complete run: every operation that its processes measured, what is missing, and what is to be recorded.

use std::collections::{BTreeMap, BTreeSet};

use super::figure::{Figure, Place, clamped};
use super::judge::{Case, Finding, Status, judge_operation};
use super::measured::{LeakVerdict, Measured, Observed};
use super::policy::Policy;
use super::run::{Part, Run};

/// Judges every figure that the policy limits: operations by path, their figures by name.
pub(crate) fn judge(case: &Case<'_>, part: &Part) -> Vec<Finding> {
    let mut findings = Vec::new();
    for blind in &part.blind {
        let status = if blind.asserted { Status::Blind } else { Status::Unseen };
        let note = "it enters operations, but heapledger is not its global allocator: nothing was seen in it";
        findings.push(Finding::of(&blind.program, None, status).noting(note));
    }
    let named = case.policy.named(case.environment);
    let by_name: BTreeSet<&str> = named.iter().map(|(path, _)| path.as_str()).collect();
    let operations = operations(part);
    for (path, measured) in &operations {
        let before = findings.len();
        judge_operation(case, path, measured, by_name.contains(path.as_str()), &operations, &mut findings);
        if !case.complete && is_sum(part, path) {
            findings[before..].iter_mut().for_each(in_part);
        }
    }
    only_outermost(&mut findings);
    for test in &part.leak_tests {
        let status = match test.verdict {
            LeakVerdict::Passed => continue,
            LeakVerdict::Leak => Status::Leak,
            LeakVerdict::Unstable => Status::Unstable,
        };
        let found = Finding::of(&test.path, Some(Figure::LiveBytesPerIteration), status).noting(&test.sentence);
        // One line for one leak, and for the worst of several.
        let same = |known: &Finding| (&known.path, known.figure) == (&found.path, found.figure);
        if findings.iter().any(|known| same(known) && known.status > status) {
            continue;
        }
        findings.retain(|known| !same(known));
        findings.push(Finding { value: Some(rounded_up(test.bytes_per_iteration)), site: test.site.clone(), ..found });
    }
    for denied in &part.denied {
        findings.retain(|known| known.path != denied.path || known.figure.is_some());
        let note = format!(
            "{} of {} where none may be",
            if denied.allocs == 1 {
                "1 allocation or resize".into()
            } else {
                format!("{} allocations and resizes", denied.allocs)
            },
            Figure::AllocatedBytes.shown(clamped(denied.allocated_bytes))
        );
        let found = Finding::of(&denied.path, Some(Figure::Allocs), Status::Breach).noting(note);
        findings.push(Finding { value: Some(clamped(denied.allocs)), site: denied.site.clone(), ..found });
    }
    let (foreign, refused) = (part.report.foreign, part.report.refused);
    if foreign > 0 || refused > 0 {
        let note = format!(
            "blocks without a valid owner: {foreign}; scopes past the largest number of operations: {refused}. Figures are \
             wrong or incomplete"
        );
        findings.push(Finding::blind("(report)", &note));
    }
    findings.sort_by(|one, other| (&one.path, one.figure).cmp(&(&other.path, other.figure)));
    findings
}

/// Whether the figures of an operation are the sum over all tests that enter it: then a part of the tests has a part of it.
fn is_sum(part: &Part, path: &str) -> bool {
    !part.measured.contains_key(path)
}

/// What is less than recorded because only a part of the tests ran is no improvement.
fn in_part(finding: &mut Finding) {
    if matches!(finding.status, Status::Improvement | Status::New) {
        finding.status = Status::NotRun;
        finding.note = Some("it is added up over all tests, and only a part of them ran".into());
    }
}

/// Of operations that nobody listed, those that are nested in another one need no word of their own.
fn only_outermost(findings: &mut Vec<Finding>) {
    let about = |finding: &Finding| finding.figure.is_none() && finding.status != Status::Blind;
    let unlisted: BTreeSet<String> = findings.iter().filter(|one| about(one)).map(|one| one.path.clone()).collect();
    findings.retain(|one| {
        let mut above = std::iter::successors(one.path.rsplit_once('/'), |(above, _)| above.rsplit_once('/'));
        !about(one) || !above.any(|(above, _)| unlisted.contains(above))
    });
}

/// Operations that the policy names in full, and that nothing measured, in any environment.
pub(crate) fn missing(policy: &Policy, run: &Run, complete: bool) -> Vec<Finding> {
    let seen: BTreeSet<String> = run.parts.iter().flat_map(|part| operations(part).into_keys()).collect();
    let named: BTreeMap<String, Place> = run.parts.iter().flat_map(|part| policy.named(&part.environment)).collect();
    let missing = named.into_iter().filter(|(path, _)| !seen.contains(path));
    missing
        .map(|(path, place)| {
            let status = if complete { Status::Breach } else { Status::NotRun };
            Finding::of(&path, None, status).noting(format!("the policy names it at {place}, and no test entered it"))
        })
        .collect()
}

/// Every operation that was measured: by an assertion, by a leak test, or only tracked.
pub(crate) fn operations(part: &Part) -> BTreeMap<String, Measured> {
    let mut operations = part.measured.clone();
    // What assertions and leak tests run again and again adds up to nothing that repeats itself: no report has it.
    for row in part.report.rows.iter().filter(|row| row.scopes > 0) {
        if part.measured.contains_key(&row.path) {
            continue;
        }
        let total = &row.total;
        let counted = [
            (Figure::Allocs, Some(clamped(total.allocs))),
            (Figure::AllocatedBytes, Some(clamped(total.allocated_bytes))),
            (Figure::LiveBytes, Some(total.live_bytes)),
            (Figure::NetBytes, Some(total.net_bytes())),
            (Figure::PeakBytes, row.own.peak_bytes.map(clamped)),
        ];
        let values = counted.into_iter().filter_map(|(figure, value)| Some((figure, Observed::of(value?)))).collect();
        operations.insert(row.path.clone(), Measured { values, site: row.site.clone(), inside: None });
    }
    for test in part.leak_tests.iter().filter(|test| test.verdict != LeakVerdict::Unstable) {
        let value = Observed::of(rounded_up(test.bytes_per_iteration));
        let measured = operations.entry(test.path.clone()).or_insert_with(|| Measured {
            values: BTreeMap::new(),
            site: test.site.clone(),
            inside: None,
        });
        let known = measured.values.entry(Figure::LiveBytesPerIteration).or_insert(value);
        known.value = known.value.max(value.value);
    }
    operations
}

/// A rare leak of less than a byte per iteration is a byte, not nothing.
fn rounded_up(per_iteration: f64) -> i64 {
    per_iteration.ceil() as i64
}

/// The figures as they are to be recorded: of every limit that wants one, and of the operations below, so that a breach
/// can say which of them grew. A figure within its tolerance stays as it was committed. What was not measured stays too,
/// unless all tests ran.
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
            let below = below.filter(|(inner, _)| inner.len() == path.len() || inner[path.len()..].starts_with('/'));
            // Beside what an assertion saw inside, others may track the same: that is another figure.
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
mod tests {
    use super::*;
    use crate::judging::budget::figures::Figures;
    use crate::judging::budget::measured::{Denied, LeakTested};
    use crate::reading::{Data, Environment, Row};
    use crate::words::Tally;

    fn policy(text: &str) -> Policy {
        Policy::parse("policy.toml", &format!("schema = 1\n{text}")).expect("it is well-formed")
    }

    /// What an assertion measured of `allocs`, in an operation of its own or inside another one.
    fn measured(allocs: i64, inside: Option<&str>) -> Measured {
        let values = BTreeMap::from([(Figure::Allocs, Observed::of(allocs))]);
        Measured { values, site: None, inside: inside.map(String::from) }
    }

    fn tracked(path: &str, scopes: u64, allocs: u64) -> Row {
        let own = Tally { allocs, peak_bytes: Some(9), ..Tally::default() };
        Row { path: path.into(), scopes, threads: 1, peak_error: 0, site: None, own, total: own }
    }

    fn part(measured: &[(&str, Measured)], rows: Vec<Row>) -> Part {
        let report = Data {
            processes: 1,
            difference: false,
            process_bytes: 0,
            process_peak_bytes: None,
            process_peak_error: 0,
            problem: None,
            misnested: 0,
            refused: 0,
            foreign: 0,
            shards: 1,
            shard_bytes: 0,
            rows,
        };
        Part {
            environment: Environment::default(),
            blind: Vec::new(),
            measured: measured.iter().map(|(path, measured)| (path.to_string(), measured.clone())).collect(),
            leak_tests: Vec::new(),
            denied: Vec::new(),
            report,
        }
    }

    fn leak_test(path: &str, verdict: LeakVerdict, bytes_per_iteration: f64) -> LeakTested {
        LeakTested { path: path.into(), verdict, sentence: "it leaks".into(), bytes_per_iteration, site: None }
    }

    /// What is to be recorded under a policy, where `lines` were.
    fn recorded(text: &str, lines: &str, complete: bool, part: &Part) -> Vec<(String, i64)> {
        let lines = format!("schema = 1\n[figures]\n{lines}");
        let known = Figures::parse("figures.toml", &lines).expect("they are well-formed");
        let (policy, environment) = (policy(text), Environment::default());
        let case = Case { policy: &policy, recorded: Some(&known), environment: &environment, complete };
        let figures = to_record(&case, part).into_iter();
        figures.map(|((path, figure), value)| (format!("{path}.{figure}"), value)).collect()
    }

    fn lines(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
        expected.iter().map(|(name, value)| (name.to_string(), *value)).collect()
    }

    #[test]
    fn a_figure_within_its_tolerance_stays_as_it_was_committed() {
        let text = "[operation.search]\nallocs = '10%'";
        for (value, kept) in [(100, 100), (90, 100), (110, 100), (89, 89), (111, 111), (0, 0)] {
            let part = part(&[("search", measured(value, None))], Vec::new());
            let recorded = recorded(text, "search.allocs = 100", true, &part);
            assert_eq!(recorded, lines(&[("search.allocs", kept)]), "{value}");
        }
        let exact = recorded(
            "[operation.search]\nallocs = 'ratchet'",
            "search.allocs = 100",
            true,
            &part(&[("search", measured(101, None))], Vec::new()),
        );
        assert_eq!(exact, lines(&[("search.allocs", 101)]));
    }

    #[test]
    fn no_figure_is_too_large_or_too_small_to_be_recorded() {
        let extremes = [i64::MIN, -1, 0, i64::MAX];
        for (at, value) in extremes.iter().flat_map(|at| extremes.map(|value| (*at, value))) {
            let values = BTreeMap::from([(Figure::NetBytes, Observed::of(value))]);
            let part = part(&[("search", Measured { values, site: None, inside: None })], Vec::new());
            let text = format!("[operation.search]\nnet_bytes = {{ ratchet = true, minimum = {} }}", i64::MAX);
            let kept = if at.abs_diff(value) <= i64::MAX as u64 { at } else { value };
            let recorded = recorded(&text, &format!("search.net_bytes = {at}"), true, &part);
            assert_eq!(recorded, lines(&[("search.net_bytes", kept)]), "{at} {value}");
        }
    }

    #[test]
    fn what_is_below_a_limited_operation_is_recorded_and_its_neighbours_are_not() {
        let part = part(
            &[
                ("search", measured(5, None)),
                ("search/parse", measured(2, Some("search"))),
                ("search/parse/deep", measured(1, Some("search"))),
                ("search-2", measured(7, None)),
                ("searching", measured(8, None)),
            ],
            vec![tracked("search/stray", 1, 9), tracked("stray", 1, 9)],
        );
        let expected = [("search.allocs", 5), ("search/parse.allocs", 2), ("search/parse/deep.allocs", 1)];
        let text = "[operation.search]\nallocs = 'ratchet'";
        assert_eq!(recorded(text, "", true, &part), lines(&expected));
        for unrecorded in ["allocs = 5", "allocs = '5'", "net_bytes = 'ratchet'"] {
            assert_eq!(recorded(&format!("[operation.search]\n{unrecorded}"), "", true, &part), []);
        }
    }

    #[test]
    fn what_was_not_measured_stays_unless_all_tests_ran() {
        let text = "[operation.search]\nallocs = 'ratchet'\n[operation.gone]\nallocs = 'ratchet'";
        let part = part(&[("search", measured(4, None))], Vec::new());
        let known = "search.allocs = 5\ngone.allocs = 3\nunlimited.net_bytes = -3";
        let partly = [("gone.allocs", 3), ("search.allocs", 4), ("unlimited.net_bytes", -3)];
        assert_eq!(recorded(text, known, false, &part), lines(&partly));
        assert_eq!(recorded(text, known, true, &part), lines(&[("search.allocs", 4)]));
    }

    #[test]
    fn what_an_assertion_measured_counts_and_not_what_others_track_under_its_name() {
        let rows = ["search", "search/stray", "leaks", "searching", "above/search", "never"];
        let rows = rows.map(|path| tracked(path, u64::from(path != "never"), 99));
        let mut part = part(
            &[("search", measured(5, None)), ("above/inner", measured(1, Some("above")))],
            rows.into_iter().chain([tracked("above/inner", 3, 7)]).collect(),
        );
        part.leak_tests = vec![leak_test("leaks", LeakVerdict::Leak, 0.25)];
        let operations = operations(&part);
        let allocs = operations
            .iter()
            .map(|(path, measured)| (path.as_str(), measured.values.get(&Figure::Allocs).map(|value| value.value)));
        let expected = [
            ("above/inner", Some(1)),
            ("above/search", Some(99)),
            ("leaks", Some(99)),
            ("search", Some(5)),
            ("search/stray", Some(99)),
            ("searching", Some(99)),
        ];
        assert_eq!(allocs.collect::<Vec<_>>(), expected);
        // Less than a byte per iteration is a leak all the same.
        assert_eq!(operations["leaks"].values[&Figure::LiveBytesPerIteration], Observed::of(1));
        assert_eq!(operations["searching"].values[&Figure::PeakBytes], Observed::of(9));
    }

    #[test]
    fn what_the_policy_names_and_no_test_entered_is_missing() {
        let policy =
            policy("[operation.search]\nallocs = 1\n[operation.gone]\nallocs = 1\n[operation.'glob/*']\nallocs = 1");
        let part = |path| part(&[(path, measured(1, None))], Vec::new());
        let missing = |paths: &[&'static str], complete| {
            let run = Run { complete: true, clean: true, parts: paths.iter().map(|path| part(path)).collect() };
            let findings = missing(&policy, &run, complete);
            findings.into_iter().map(|found| (found.path, found.status)).collect::<Vec<_>>()
        };
        assert_eq!(missing(&["search"], true), [("gone".to_string(), Status::Breach)]);
        assert_eq!(missing(&["search"], false), [("gone".to_string(), Status::NotRun)]);
        // Another environment may have run it.
        assert_eq!(missing(&["search", "gone"], true), []);
    }

    #[test]
    fn leaks_denied_allocations_and_programs_that_see_nothing_are_found_beside_figures() {
        let (policy, environment) = (policy("[operation.search]\nallocs = 1"), Environment::default());
        let case = Case { policy: &policy, recorded: None, environment: &environment, complete: true };
        let mut part = part(&[("search", measured(1, None))], Vec::new());
        part.leak_tests = vec![
            leak_test("b", LeakVerdict::Leak, 0.25),
            leak_test("c", LeakVerdict::Passed, 0.0),
            leak_test("d", LeakVerdict::Unstable, 3.0),
        ];
        part.denied = vec![Denied { path: "a".into(), allocs: u64::MAX, allocated_bytes: u64::MAX, site: None }];
        let found = judge(&case, &part).into_iter();
        let found: Vec<_> = found
            .filter(|found| found.status != Status::Unlisted)
            .map(|found| (found.path, found.status, found.value))
            .collect();
        let expected = [
            ("a".into(), Status::Breach, Some(i64::MAX)),
            ("b".into(), Status::Leak, Some(1)),
            ("d".into(), Status::Unstable, Some(3)),
            ("search".to_string(), Status::Within, Some(1)),
        ];
        assert_eq!(found, expected);
    }
}
