//! One assertion beside a policy and recorded figures, written as text.

use super::*;
use crate::words::Site;

fn policy(text: &str) -> Policy {
    Policy::parse("policy.toml", &format!("schema = 1\n{text}")).expect("it is well-formed")
}

fn figures(lines: &str) -> Figures {
    Figures::parse("figures.toml", &format!("schema = 1\n[figures]\n{lines}")).expect("they are well-formed")
}

fn of(values: &[(Figure, Observed)]) -> Measured {
    Measured { values: values.iter().copied().collect(), site: None, inside: None, ..Measured::default() }
}

/// Judges the allocations of `search`, and of what is below it.
fn found(text: &str, lines: Option<&str>, allocs: &[(&str, Observed)]) -> Vec<Finding> {
    let (policy, recorded) = (policy(text), lines.map(figures));
    let environment = Environment::default();
    let case = Case { policy: &policy, recorded: recorded.as_ref(), environment: &environment, complete: true };
    let measured = allocs.iter().map(|(path, value)| (path.to_string(), of(&[(Figure::Allocs, *value)])));
    judge_assertion(&case, "search", &measured.collect())
}

/// The status of one figure that limits `allocs` of `search`, and what it is held against.
fn one(limit: &str, recorded: Option<i64>, value: Observed) -> (Status, Option<(Basis, i64, i64)>) {
    let lines = recorded.map(|at| format!("search.allocs = {at}"));
    let text = format!("[operation.search]\nallocs = {limit}");
    let found = found(&text, lines.as_deref(), &[("search", value)]);
    let [found] = found.as_slice() else { panic!("{found:?} is not one") };
    let against = found.against.as_ref().map(|against| (against.basis, against.figure, against.tolerance));
    (found.status, against)
}

const RATCHET: &str = "'ratchet'";

#[test]
fn a_figure_is_held_against_what_its_limit_says() {
    use Basis::*;
    use Status::*;
    let cases = [
        ("5", None, 5, Within, Some((Exact, 5, 0))),
        ("5", None, 6, Breach, Some((Exact, 5, 0))),
        ("5", None, 4, Improvement, Some((Exact, 5, 0))),
        // An exact figure stands in the policy: what was recorded does not count.
        ("5", Some(9), 6, Breach, Some((Exact, 5, 0))),
        ("'5'", None, 5, Within, Some((Ceiling, 5, 0))),
        ("'5'", None, 6, Breach, Some((Ceiling, 5, 0))),
        ("'5'", Some(9), 0, Within, Some((Ceiling, 5, 0))),
        (RATCHET, Some(5), 5, Within, Some((Recorded, 5, 0))),
        (RATCHET, Some(5), 6, Breach, Some((Recorded, 5, 0))),
        (RATCHET, Some(5), 4, Improvement, Some((Recorded, 5, 0))),
        (RATCHET, Some(0), 0, Within, Some((Recorded, 0, 0))),
        (RATCHET, None, 5, New, None),
        ("'10%'", Some(100), 110, Within, Some((Recorded, 100, 10))),
        ("'10%'", Some(100), 90, Within, Some((Recorded, 100, 10))),
        ("'10%'", Some(100), 111, Breach, Some((Recorded, 100, 10))),
        ("'10%'", Some(100), 89, Improvement, Some((Recorded, 100, 10))),
    ];
    for (limit, recorded, value, status, against) in cases {
        assert_eq!(one(limit, recorded, Observed::of(value)), (status, against), "{limit} {recorded:?} {value}");
    }
}

#[test]
fn the_ceiling_is_what_counts_where_both_are_exceeded() {
    let both = "{ ratchet = true, max = 100 }";
    let cases = [
        (Some(50), 101, Status::Breach, Some((Basis::Ceiling, 100, 0))),
        (Some(50), 60, Status::Breach, Some((Basis::Recorded, 50, 0))),
        // What was recorded may be above a ceiling that was lowered since.
        (Some(200), 150, Status::Breach, Some((Basis::Ceiling, 100, 0))),
        (Some(50), 40, Status::Improvement, Some((Basis::Recorded, 50, 0))),
        (Some(50), 50, Status::Within, Some((Basis::Recorded, 50, 0))),
        (None, 101, Status::Breach, Some((Basis::Ceiling, 100, 0))),
        (None, 100, Status::New, None),
    ];
    for (recorded, value, status, against) in cases {
        assert_eq!(one(both, recorded, Observed::of(value)), (status, against), "{recorded:?} {value}");
    }
}

#[test]
fn what_does_not_repeat_itself_is_unstable_only_beyond_its_tolerance() {
    let wobbles = |value, highest| Observed { value, highest, unstable: true, same: false };
    let status = |limit, recorded, value| one(limit, recorded, value).0;
    assert_eq!(status(RATCHET, Some(100), wobbles(100, 101)), Status::Unstable);
    assert_eq!(status("'10%'", Some(100), wobbles(100, 110)), Status::Within);
    assert_eq!(status("'10%'", Some(100), wobbles(100, 111)), Status::Unstable);
    assert_eq!(status("'10%'", Some(100), wobbles(111, 112)), Status::Breach);
    assert_eq!(status("'200'", None, wobbles(100, 300)), Status::Within);
    assert_eq!(status("{ max = 99, ratchet = true }", Some(100), wobbles(100, 200)), Status::Breach);
    assert_eq!(status(RATCHET, None, wobbles(100, 200)), Status::New);
}

#[test]
fn no_figure_is_too_large_or_too_small_to_be_judged() {
    let extremes = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    for minimum in [0, 1, i64::MAX] {
        for percent in ["0%", "100%"] {
            for (base, value, highest) in
                extremes.iter().flat_map(|&a| extremes.iter().flat_map(move |&b| extremes.map(|c| (a, b, c))))
            {
                let text = format!(
                    "[operation.search]\nnet_bytes = {{ ratchet = true, tolerance = '{percent}', minimum = {minimum} }}"
                );
                let (policy, recorded) = (policy(&text), figures(&format!("search.net_bytes = {base}")));
                let limits = policy.rules("search", &Environment::default()).limits;
                let value = Observed { value, highest, unstable: value != highest, same: false };
                let limit = limits.get(&Figure::NetBytes).expect("it is limited");
                let found = judge_figure(Some(&recorded), "search", Figure::NetBytes, value, limit);
                assert!(found.difference().is_some());
                if value.value == base && !value.unstable {
                    assert_eq!(found.status, Status::Within, "{value:?} against {base}");
                }
            }
        }
    }
}

#[test]
fn what_grew_below_is_named_the_largest_first() {
    let allocs = [
        ("search", 100),
        ("search/a", 10),
        ("search/a/deep", 9),
        ("search/b", 20),
        ("search/c", 1),
        ("search/d", 5),
        ("search/e", 6),
        ("search/same", 40),
        ("searching", 50),
        ("searching/x", 50),
    ];
    let allocs = allocs.map(|(path, value)| (path, Observed::of(value)));
    let lines = "search.allocs = 1\n'search/b'.allocs = 19\n'search/same'.allocs = 40";
    let findings = found("[operation.search]\nallocs = 'ratchet'", Some(lines), &allocs);
    let breach = findings.iter().find(|found| found.status == Status::Breach).expect("it is one");
    let expected = [("search/a", 10), ("search/a/deep", 9), ("search/e", 6), ("search/d", 5), ("search/b", 1)];
    assert_eq!(breach.grew, expected.map(|(path, by)| (path.to_string(), by)));
}

#[test]
fn what_is_not_measured_is_a_breach_only_of_what_was_asserted() {
    let text = "[defaults]\npeak_bytes = '1 MiB'\nlive_bytes_per_iteration = 0";
    let findings = found(text, None, &[("search", Observed::of(1)), ("search/parse", Observed::of(1))]);
    let breaches = findings.iter().filter(|found| found.status == Status::Breach);
    let breaches: Vec<_> = breaches.map(|found| (found.path.as_str(), found.figure)).collect();
    assert_eq!(breaches, [("search", Some(Figure::LiveBytesPerIteration)), ("search", Some(Figure::PeakBytes))]);
}

#[test]
fn what_no_table_names_is_as_bad_as_the_policy_says() {
    let statuses = |text| {
        let findings = found(text, None, &[("search", Observed::of(1))]);
        findings.into_iter().map(|found| (found.figure, found.status)).collect::<Vec<_>>()
    };
    assert_eq!(statuses("unlisted = 'fail'"), [(None, Status::Breach)]);
    assert_eq!(statuses(""), [(None, Status::Unlisted)]);
    assert_eq!(statuses("unlisted = 'allow'"), []);
    let named = "unlisted = 'fail'\n[operation.'sea*']\nallocs = '1'";
    assert_eq!(statuses(named), [(Some(Figure::Allocs), Status::Within)]);
}

#[test]
fn only_what_is_worse_turns_a_build_red_unless_it_is_strict() {
    use Status::*;
    for (status, fails, strictly) in [
        (Within, false, false),
        (NotRun, false, false),
        (Unlisted, false, false),
        (New, false, true),
        (Improvement, false, true),
        (Unstable, true, true),
        (Breach, true, true),
        (Leak, true, true),
        (Blind, true, true),
    ] {
        assert_eq!((status.fails(false), status.fails(true)), (fails, strictly), "{status:?}");
    }
}

#[test]
fn a_breach_and_nothing_else_has_the_line_that_has_most_of_its_figure() {
    let line = Site { file: "src/cache.rs".into(), line: 41, column: 9 };
    let lines = |limit: &str, of: Figure| {
        let policy = policy(&format!("[operation.search]\nallocs = {limit}"));
        let environment = Environment::default();
        let case = Case { policy: &policy, recorded: None, environment: &environment, complete: true };
        let measured = of_allocs(3, [(of, line.clone())].into());
        let found = judge_assertion(&case, "search", &[("search".to_string(), measured)].into());
        Vec::from_iter(found.into_iter().map(|found| found.line))
    };
    assert_eq!(lines("2", Figure::Allocs), [Some(line.clone())]);
    assert_eq!(lines("2", Figure::LiveBytes), [None]);
    assert_eq!(lines("3", Figure::Allocs), [None]);
}

fn of_allocs(allocs: i64, lines: BTreeMap<Figure, Site>) -> Measured {
    Measured { lines, ..of(&[(Figure::Allocs, Observed::of(allocs))]) }
}
