//! Runs as values: what they add up to, and whether they agree.

use super::*;

fn site(line: u32) -> Site {
    Site { file: "tests/search.rs".into(), line, column: 5 }
}

/// What an operation did, first entered on `line`.
fn doing(line: u32, values: &[(Figure, i64)]) -> Doing {
    Doing { values: values.iter().copied().collect(), site: Some(site(line)) }
}

/// Runs, each as operations by path and what they did.
fn runs(runs: &[&[(&str, Doing)]]) -> Runs {
    let mut all = Runs::default();
    for run in runs {
        all.push(run.iter().map(|(path, doing)| (path.to_string(), doing.clone())).collect());
    }
    all
}

/// Runs of `search` alone, which did so much of one figure in each.
fn runs_of(figure: Figure, over: &[i64]) -> Runs {
    let mut all = Runs::default();
    for value in over {
        all.push([("search".to_string(), doing(1, &[(figure, *value)]))].into());
    }
    all
}

/// Whether runs of `search` differ under the limit of one figure.
fn differ(limit: &str, runs: &Runs) -> bool {
    let policy = format!("schema = 1\n[operation.search]\n{limit}");
    let policy = Policy::parse("policy.toml", &policy).expect("it is well-formed");
    runs.differ(&policy, &Environment::default())
}

fn per_iteration(kept: &[i64]) -> Option<i64> {
    let mut runs = runs_of(Figure::Allocs, &[1]);
    kept.iter().for_each(|live| runs.push_kept(*live));
    let measured = runs.measured("search", site(1));
    measured["search"].values.get(&Figure::LiveBytesPerIteration).map(|observed| observed.value)
}

#[test]
fn of_counts_and_peaks_the_least_run_counts_and_of_what_is_kept_the_most() {
    let stable = |value| Observed::of(value);
    for figure in [Figure::Allocs, Figure::AllocatedBytes, Figure::PeakBytes] {
        let least = |value, highest, unstable| Observed { value, highest, unstable, same: false };
        for (over, expected) in [
            (&[7][..], stable(7)),
            (&[7, 7], Observed { same: true, ..stable(7) }),
            // The first run may warm up: how far it is from the others does not count.
            (&[9, 7, 7], least(7, 7, false)),
            (&[7, 9, 7], least(7, 9, false)),
            (&[7, 9], least(7, 9, true)),
            (&[9, 7], least(7, 7, true)),
            (&[9, 9, 7], least(7, 9, true)),
        ] {
            assert_eq!(sum_up(figure, over), Some(expected), "{figure} {over:?}");
        }
    }
    for figure in [Figure::LiveBytes, Figure::NetBytes] {
        for (over, expected) in [(&[7][..], 7), (&[90, 7, 8], 8), (&[-9, -7, -8], -7), (&[3, 9, 4], 9)] {
            assert_eq!(sum_up(figure, over), Some(stable(expected)), "{figure} {over:?}");
        }
        assert_eq!(sum_up(figure, &[7, 7, 7]), Some(Observed { same: true, ..stable(7) }));
    }
    assert_eq!(sum_up(Figure::Allocs, &[]), None);
}

#[test]
fn runs_differ_where_a_figure_must_repeat_itself_and_does_not() {
    let wobbly = runs_of(Figure::Allocs, &[100, 104, 109]);
    for (limit, expected) in [
        ("allocs = 'ratchet'", true),
        ("allocs = 100", true),
        ("allocs = '5%'", true),
        ("allocs = { exact = 100, tolerance = '8%' }", true),
        ("allocs = { exact = 100, tolerance = '9%' }", false),
        ("allocs = '9%'", false),
        ("allocs = '100'", false),
        ("allocs = 'none'", false),
        ("net_bytes = 'ratchet'", false),
    ] {
        assert_eq!(differ(limit, &wobbly), expected, "{limit}");
    }
    assert!(!differ("allocs = 'ratchet'", &runs_of(Figure::Allocs, &[100, 109, 100])));
    // The tolerance is a share of the least: 9.5 % of 100 is 9, and of 110 it is 10.
    assert!(differ("allocs = '9.5%'", &runs_of(Figure::Allocs, &[100, 104, 110])));
    assert!(!differ("net_bytes = 'ratchet'", &runs_of(Figure::NetBytes, &[1, 2, 3])));
}

#[test]
fn runs_differ_where_an_operation_inside_does() {
    let search = || doing(1, &[(Figure::Allocs, 9)]);
    let parse = |allocs| doing(2, &[(Figure::Allocs, allocs)]);
    let inside = runs(&[
        &[("search", search()), ("search/parse", parse(3))],
        &[("search", search()), ("search/parse", parse(4))],
        &[("search", search())],
    ]);
    assert!(!differ("allocs = 'ratchet'", &inside));
    assert!(differ("allocs = 'ratchet'\n[operation.'search/parse']\nallocs = 'ratchet'", &inside));
}

#[test]
fn an_operation_did_nothing_in_a_run_that_did_not_enter_it_but_has_no_peak_there() {
    let entered = doing(2, &[(Figure::Allocs, 3), (Figure::NetBytes, 8), (Figure::PeakBytes, 8)]);
    let again = doing(3, &[(Figure::Allocs, 0), (Figure::NetBytes, 0), (Figure::PeakBytes, 9)]);
    let own = || doing(1, &[(Figure::Allocs, 9), (Figure::PeakBytes, 8)]);
    let runs = runs(&[
        &[("search", own())],
        &[("search", own()), ("search/parse", entered)],
        &[("search", own()), ("search/parse", again)],
    ]);
    let parse = &runs.measured("search", site(7))["search/parse"];
    let values = [
        (Figure::Allocs, Observed { value: 0, highest: 3, unstable: false, same: false }),
        (Figure::NetBytes, Observed::of(8)),
    ];
    assert_eq!(parse.values, values.into());
    assert_eq!((&parse.site, parse.inside.as_deref()), (&Some(site(2)), Some("search")));
}

#[test]
fn the_asserted_operation_is_entered_where_the_assertion_stands() {
    let runs = runs(&[&[("search", doing(1, &[])), ("search/parse", doing(2, &[]))]]);
    let measured = runs.measured("search", site(7));
    let found = |path| (measured[path].site.clone(), measured[path].inside.clone());
    assert_eq!(found("search"), (Some(site(7)), None));
    assert_eq!(found("search/parse"), (Some(site(2)), Some("search".into())));
    assert_eq!(runs.count(), 1);
}

#[test]
fn what_is_kept_for_each_run_is_rounded_up_after_a_first_run_that_may_warm_up() {
    for (kept, expected) in [
        (&[][..], None),
        (&[500], None),
        (&[500, 500], Some(0)),
        (&[500, 501, 501], Some(1)),
        (&[500, 510, 520], Some(10)),
        (&[500, 400, 503], Some(2)),
        (&[500, 500, 499], Some(0)),
        (&[500, 500, 497], Some(-1)),
        (&[500, 500, 498], Some(-1)),
        (&[500, 500, 496], Some(-2)),
    ] {
        assert_eq!(per_iteration(kept), expected, "{kept:?}");
    }
}
