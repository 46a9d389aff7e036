//! Judging: every figure of a run beside its limit.

use std::collections::BTreeMap;

use super::figure::{Figure, FigureLimit, Place, Unlisted};
use super::figures::Figures;
use super::measured::{Measured, Observed};
use super::policy::{Policy, Rules};
use crate::reading::Environment;
use crate::words::Site;

/// What became of one figure, or of one operation. The later, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Status {
    /// Within its limit.
    Within,
    /// It could be judged if it had been measured, but only a part of the tests was run.
    NotRun,
    /// No table of the policy names the operation.
    Unlisted,
    /// A program that has not heapledger as its allocator enters operations; others saw theirs.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "an assertion that cannot see panics at once"))]
    Unseen,
    /// There is nothing to compare with in this environment yet.
    New,
    /// It is less than recorded: a better figure that asks to be recorded.
    Improvement,
    /// The figure does not repeat itself.
    Unstable,
    /// More than its limit; or the policy wants it judged, and nothing measured it.
    Breach,
    /// A leak test found a leak.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "an assertion is no leak test"))]
    Leak,
    /// heapledger was not the global allocator: nothing was seen.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "an assertion that cannot see panics at once"))]
    Blind,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::NotRun => "not run",
            Self::Unlisted => "unlisted",
            Self::Unseen => "not seen",
            Self::New => "new",
            Self::Improvement => "improvement",
            Self::Unstable => "unstable",
            Self::Breach => "breach",
            Self::Leak => "leak",
            Self::Blind => "not active",
        }
    }

    /// Whether it turns a build red.
    pub(crate) fn fails(self, strict: bool) -> bool {
        match self {
            Self::Within | Self::NotRun | Self::Unlisted | Self::Unseen => false,
            Self::New | Self::Improvement => strict,
            Self::Unstable | Self::Breach | Self::Leak | Self::Blind => true,
        }
    }
}

/// One figure of one operation, judged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    /// Nothing where the finding is about the operation as a whole.
    pub(crate) figure: Option<Figure>,
    pub(crate) value: Option<i64>,
    /// The figure it is held against.
    pub(crate) against: Option<Against>,
    /// Where the policy limits it.
    pub(crate) limit: Option<Place>,
    pub(crate) status: Status,
    /// One sentence, for a finding that has no figures to compare, or that needs more than them.
    pub(crate) note: Option<String>,
    /// What the policy says of the limit's reason.
    pub(crate) why: Option<String>,
    /// Operations below it that grew, or that have most of it, and by how much.
    pub(crate) grew: Vec<(String, i64)>,
    /// Where the operation is entered.
    pub(crate) site: Option<Site>,
}

/// What a figure is held against.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Against {
    pub(crate) basis: Basis,
    pub(crate) figure: i64,
    /// How far the figure may be from it.
    pub(crate) tolerance: i64,
    /// Where it is written.
    pub(crate) place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    Exact,
    Recorded,
    Ceiling,
}

impl Basis {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact figure",
            Self::Recorded => "recorded figure",
            Self::Ceiling => "ceiling",
        }
    }
}

impl Finding {
    /// A program that nothing was seen of.
    #[cfg(feature = "cli")]
    pub(crate) fn blind(program: &str, note: &str) -> Self {
        Self::of(program, None, Status::Blind).noting(note)
    }

    /// By how much the figure is above what it is held against.
    pub(crate) fn difference(&self) -> Option<i64> {
        Some(self.value?.saturating_sub(self.against.as_ref()?.figure))
    }

    pub(super) fn of(path: &str, figure: Option<Figure>, status: Status) -> Self {
        let (path, grew) = (path.to_string(), Vec::new());
        Self { path, figure, value: None, against: None, limit: None, status, note: None, why: None, grew, site: None }
    }

    pub(super) fn noting(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }
}

/// What is judged besides the policy.
pub(crate) struct Case<'a> {
    pub(crate) policy: &'a Policy,
    /// What was recorded in the environment, if anything was.
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
    if let Some(finding) = unlisted(case.policy, path, &rules) {
        findings.push(Finding { site: measured.site.clone(), ..finding });
    }
    for (&figure, limit) in &rules.limits {
        let Some(value) = measured.values.get(&figure) else {
            if by_name {
                let status = if case.complete { Status::Breach } else { Status::NotRun };
                let note = format!("limited at {}, and nothing measured it{}", limit.place, how_to_measure(figure));
                findings.push(Finding::of(path, Some(figure), status).noting(note));
            }
            continue;
        };
        let mut finding = judge_figure(case.recorded, path, figure, *value, limit);
        finding.site = measured.site.clone();
        finding.why = rules.why.clone();
        finding.limit = Some(limit.place.clone());
        if finding.status >= Status::Unstable {
            finding.grew = grew(case.recorded, path, figure, all);
        }
        findings.push(finding);
    }
}

fn how_to_measure(figure: Figure) -> &'static str {
    match figure {
        Figure::LiveBytesPerIteration => ": assert it with `LeakTest` or `assert_budget`",
        Figure::PeakBytes => ": operations inside an assertion have no peak of their own",
        _ => "",
    }
}

fn unlisted(policy: &Policy, path: &str, rules: &Rules) -> Option<Finding> {
    let status = match policy.unlisted {
        _ if rules.listed => return None,
        Unlisted::Allow => return None,
        Unlisted::Warn => Status::Unlisted,
        Unlisted::Fail => Status::Breach,
    };
    let note = format!("no table of {} names it: add `[operation.\"{path}\"]`", policy.file);
    Some(Finding::of(path, None, status).noting(note))
}

/// Holds one figure against its limit: against the ceiling, and against the exact or recorded figure. The worse one is
/// what is found.
fn judge_figure(
    recorded: Option<&Figures>,
    path: &str,
    figure: Figure,
    value: Observed,
    limit: &FigureLimit,
) -> Finding {
    let finding =
        |status, against| Finding { value: Some(value.value), against, ..Finding::of(path, Some(figure), status) };
    let mut found = Vec::new();
    if let Some(max) = limit.max {
        let status = if value.value > max { Status::Breach } else { Status::Within };
        let against = Against { basis: Basis::Ceiling, figure: max, tolerance: 0, place: limit.place.clone() };
        found.push(finding(status, Some(against)));
    }
    let base = match limit.exact {
        Some(exact) => Some((Basis::Exact, exact, &limit.place)),
        None => recorded.and_then(|recorded| recorded.of(path, figure)).map(|(at, place)| (Basis::Recorded, at, place)),
    };
    match base.filter(|_| limit.exact.is_some() || limit.ratchet) {
        Some((basis, base, place)) => {
            let tolerance = limit.tolerance.around(base);
            let against = Against { basis, figure: base, tolerance, place: place.clone() };
            let above = value.value.saturating_sub(base);
            let wobbles = value.unstable && value.highest.saturating_sub(value.value) > tolerance;
            found.push(match above {
                _ if wobbles => finding(Status::Unstable, Some(against)).noting(format!(
                    "every run said something else, from {} to {}: give it a tolerance that covers that, or a ceiling",
                    figure.shown(value.value),
                    figure.shown(value.highest)
                )),
                above if above > tolerance => finding(Status::Breach, Some(against)),
                above if above < -tolerance => finding(Status::Improvement, Some(against)),
                _ => finding(Status::Within, Some(against)),
            });
        }
        None if limit.ratchet => {
            let note = match recorded {
                Some(recorded) => format!("not in {} yet", recorded.file),
                None => "nothing is recorded in this environment yet".into(),
            };
            let wobbles =
                value.unstable && value.highest.saturating_sub(value.value) > limit.tolerance.around(value.value);
            let note = match wobbles {
                true => format!("{note}, and no two runs say the same: up to {}", figure.shown(value.highest)),
                false => note,
            };
            found.push(finding(Status::New, None).noting(note));
        }
        None => {}
    }
    // Of two breaches the ceiling's: recording anew does not help there.
    let is_ceiling =
        |finding: &Finding| finding.against.as_ref().is_some_and(|against| against.basis == Basis::Ceiling);
    let breaks_ceiling = |finding: &Finding| finding.status == Status::Breach && is_ceiling(finding);
    let worst = found.into_iter().max_by_key(|finding| (finding.status, breaks_ceiling(finding)));
    worst.unwrap_or_else(|| finding(Status::Within, None))
}

/// Operations shown of those that grew.
const SHOWN: usize = 5;

/// Operations below `path` whose figure grew since it was recorded; where nothing of them was recorded, those that have
/// most of it. The largest first.
fn grew(
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
    grown.sort_by(|one, other| (std::cmp::Reverse(one.1), &one.0).cmp(&(std::cmp::Reverse(other.1), &other.0)));
    grown.truncate(SHOWN);
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Policy {
        Policy::parse("policy.toml", &format!("schema = 1\n{text}")).expect("it is well-formed")
    }

    fn figures(lines: &str) -> Figures {
        Figures::parse("figures.toml", &format!("schema = 1\n[figures]\n{lines}")).expect("they are well-formed")
    }

    fn of(values: &[(Figure, Observed)]) -> Measured {
        Measured { values: values.iter().copied().collect(), site: None, inside: None }
    }

    /// Judges the allocations of `search`, and of what is below it.
    fn found(text: &str, lines: Option<&str>, allocs: &[(&str, Observed)]) -> Vec<Finding> {
        let (policy, recorded) = (policy(text), lines.map(figures));
        let environment = Environment::default();
        let case = Case { policy: &policy, recorded: recorded.as_ref(), environment: &environment, complete: true };
        let measured = allocs.iter().map(|(path, value)| (path.to_string(), of(&[(Figure::Allocs, *value)])));
        judge_assertion(&case, "search", &measured.collect())
    }

    /// The verdict on one figure that limits `allocs` of `search`, and what it is held against.
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
        let wobbles = |value, highest| Observed { value, highest, unstable: true };
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
                    let value = Observed { value, highest, unstable: value != highest };
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
}
