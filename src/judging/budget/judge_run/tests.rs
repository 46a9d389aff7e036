//! Whole runs beside a policy and recorded figures, written as text.

use super::*;
use crate::judging::budget::figures::Figures;
use crate::judging::budget::measured::{Denied, LeakTested};
use crate::judging::budget::{Policy, Run, unmatched};
use crate::reading::{Data, Environment, Row, Rows};
use crate::words::{Site, Tally};

fn policy(text: &str) -> Policy {
    Policy::parse("policy.toml", &format!("schema = 1\n{text}")).expect("it is well-formed")
}

/// What an assertion measured of `allocs`, in an operation of its own or inside another one.
fn measured(allocs: i64, inside: Option<&str>) -> Measured {
    let values = BTreeMap::from([(Figure::Allocs, Observed::of(allocs))]);
    Measured { values, site: None, inside: inside.map(String::from), ..Measured::default() }
}

fn tracked(path: &str, scopes: u64, allocs: u64) -> Row {
    let own = Tally { allocs, peak_bytes: Some(9), ..Tally::default() };
    Row { path: path.into(), scopes, threads: 1, peak_error: 0, site: None, own, total: own }
}

fn part(measured: &[(&str, Measured)], rows: Vec<Row>) -> Part {
    let report = Data {
        processes: 1,
        program: None,
        difference: false,
        process_bytes: 0,
        process_peak_bytes: None,
        process_peak_error: 0,
        problem: None,
        unsettled: false,
        misnested: 0,
        overflowed: 0,
        foreign: 0,
        shards: 1,
        shard_bytes: 0,
        rows: Rows::of_paths(rows),
        stacks: Default::default(),
        captures: Vec::new(),
        timelines: Vec::new(),
        leak_tests: Default::default(),
    };
    Part {
        environment: Environment::default(),
        blind: Vec::new(),
        measured: measured.iter().map(|(path, measured)| (path.to_string(), measured.clone())).collect(),
        leak_tests: Vec::new(),
        denied: Vec::new(),
        denying: Vec::new(),
        unmet: Vec::new(),
        report,
    }
}

fn leak_test(path: &str, verdict: LeakVerdict, bytes_per_iteration: f64) -> LeakTested {
    LeakTested { path: path.into(), verdict, sentence: "it leaks".into(), bytes_per_iteration, site: None, line: None }
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
        let part =
            part(&[("search", Measured { values, site: None, inside: None, ..Measured::default() })], Vec::new());
        let text = format!("[operation.search]\nnet_bytes = {{ ratchet = true, minimum = {} }}", i64::MAX);
        let kept = if at.abs_diff(value) <= i64::MAX as u64 { at } else { value };
        let recorded = recorded(&text, &format!("search.net_bytes = {at}"), true, &part);
        assert_eq!(recorded, lines(&[("search.net_bytes", kept)]), "{at} {value}");
    }
}

#[test]
fn what_is_excluded_is_in_no_sum_and_not_recorded() {
    let with_total = |path, allocs, total| Row { total: tracked("", 0, total).total, ..tracked(path, 1, allocs) };
    let rows = vec![
        with_total("search", 5, 5 + 2 + 30 + 400 + 5_000),
        with_total("search/parse", 2, 2 + 5_000),
        with_total("search/parse/(excluded)", 5_000, 5_000),
        with_total("search/(excluded)", 30, 430),
        with_total("search/(excluded)/parse", 400, 400),
        with_total("search/'(excluded)'", 0, 0),
        with_total("(excluded)", 1, 1),
    ];
    let part = part(&[], rows);
    let expected = lines(&[("search.allocs", 7), ("search/'(excluded)'.allocs", 0), ("search/parse.allocs", 2)]);
    assert_eq!(recorded("[operation.'**']\nallocs = 'ratchet'", "", true, &part), expected);
    let peak = operations(&part)["search"].values[&Figure::PeakBytes];
    assert_eq!(peak, Observed::of(9), "the scopes themselves leave it out of their peaks");
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
fn where_a_part_of_the_tests_ran_less_of_a_sum_is_no_improvement_and_less_in_an_assertion_is_one() {
    let policy = policy("[operation.asserted]\nallocs = \"ratchet\"\n[operation.sum]\nallocs = \"ratchet\"");
    let known = "schema = 1\n[figures]\nasserted.allocs = 9\nsum.allocs = 9\n";
    let known = Figures::parse("figures.toml", known).expect("they are well-formed");
    let part = part(&[("asserted", measured(5, None))], vec![tracked("sum", 1, 5)]);
    for (complete, expected) in [(true, Status::Improvement), (false, Status::NotRun)] {
        let environment = Environment::default();
        let case = Case { policy: &policy, recorded: Some(&known), environment: &environment, complete };
        let found: Vec<_> = judge(&case, &part).into_iter().map(|found| (found.path, found.status)).collect();
        assert_eq!(found, [("asserted".into(), Status::Improvement), ("sum".into(), expected)], "{complete}");
    }
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
        let findings = unmatched(&policy, &run, complete);
        findings.into_iter().map(|found| (found.path, found.status)).collect::<Vec<_>>()
    };
    let idle = ("glob/*".to_string(), Status::Unmatched);
    assert_eq!(missing(&["search"], true), [("gone".to_string(), Status::Breach), idle.clone()]);
    assert_eq!(missing(&["search"], false), [("gone".to_string(), Status::NotRun)]);
    // Another environment may have run it.
    assert_eq!(missing(&["search", "gone"], true), [idle]);
    assert_eq!(missing(&["search", "gone", "glob/a/b"], true), []);
}

fn denied(allocs: u64, allocated_bytes: u64, frees: u64, line: Option<Site>) -> Denied {
    let site = Some(Site { file: "src/guard.rs".into(), line: 7, column: 9 });
    let first = line.as_ref().map(|_| "1 resize of 9 B in a/b  src/audio.rs:44 mix".into());
    Denied { path: "a".into(), allocs, allocated_bytes, frees, freed_bytes: 100 * frees, first, site, line }
}

#[test]
fn what_was_denied_is_found_at_the_line_of_the_first_and_says_who_denied_it() {
    let line = Site { file: "src/audio.rs".into(), line: 44, column: 5 };
    let found = found_denied(&denied(2, 10, 0, Some(line.clone())));
    assert_eq!((found.line, found.site.map(|site| site.line)), (Some(line), Some(7)));
    let note = "2 allocations and resizes of 10 B where none may be; \
                the first: 1 resize of 9 B in a/b  src/audio.rs:44 mix";
    assert_eq!(found.note.as_deref(), Some(note));
    let found = found_denied(&denied(1, 10, 3, None));
    assert_eq!((found.line, found.site.map(|site| site.line)), (None, Some(7)));
    assert_eq!(found.note.as_deref(), Some("1 allocation or resize of 10 B and 3 frees of 300 B where none may be"));
    let found = found_denied(&denied(0, 0, 1, None));
    assert_eq!(found.note.as_deref(), Some("1 free of 100 B where none may be"));
}

#[test]
fn leaks_denied_allocations_and_programs_that_see_nothing_are_found_beside_figures() {
    let (policy, environment) = (policy("[operation.search]\nallocs = 1"), Environment::default());
    let case = Case { policy: &policy, recorded: None, environment: &environment, complete: true };
    let mut part = part(&[("search", measured(1, None))], Vec::new());
    let line = Site { file: "src/cache.rs".into(), line: 41, column: 9 };
    part.leak_tests = vec![
        LeakTested { line: Some(line.clone()), ..leak_test("b", LeakVerdict::Leak, 0.25) },
        leak_test("c", LeakVerdict::Passed, 0.0),
        leak_test("d", LeakVerdict::Unstable, 3.0),
    ];
    part.denied = vec![denied(u64::MAX, u64::MAX, 0, None)];
    let found = judge(&case, &part);
    let lines = Vec::from_iter(found.iter().filter_map(|found| Some((&*found.path, found.line.clone()?))));
    assert_eq!(lines, [("b", line)]);
    let found: Vec<_> = found
        .into_iter()
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

#[test]
fn a_report_that_says_that_it_is_violated_cannot_be_trusted() {
    let found = |problem: Option<&str>, unsettled: bool, foreign: u64, processes: u64| {
        let report = part(&[], Vec::new()).report;
        incomplete(&Data { problem: problem.map(String::from), unsettled, foreign, processes, ..report })
    };
    assert_eq!(found(Some("it does not balance"), false, 0, 1).as_deref(), Some("it does not balance"));
    let both = found(Some("it does not balance"), false, 3, 1).unwrap_or_default();
    assert!(both.contains("valid owner: 3;") && both.ends_with("incomplete. it does not balance"), "{both}");
    assert_eq!(found(Some("threads moved"), true, 0, 1), None);
    assert_eq!(found(Some("it is not installed"), false, 0, 0), None, "blind programs are said to be so");
    assert_eq!(found(None, false, 0, 1), None);
}

#[test]
fn what_the_environment_asks_for_in_vain_is_a_finding() {
    let part = Part { unmet: vec!["HEAPLEDGER_REPORT: it cannot be written".into()], ..part(&[], Vec::new()) };
    let one = Run { parts: vec![part], ..Run::default() };
    let mut both = one.clone();
    both.merge(Run::from_json(&one.to_json()).expect("it was just written")).expect("nothing overflows");
    let [part] = &both.parts[..] else { panic!("{both:?}") };
    let policy = policy("");
    let case = Case { policy: &policy, recorded: None, environment: &part.environment, complete: true };
    let found = judge(&case, part);
    assert_eq!(found, [Finding::blind("(environment)", "HEAPLEDGER_REPORT: it cannot be written")]);
}
