//! Every way to write a limit, and every way to write one wrongly.

use super::*;
use crate::judging::budget::policy::samples::{FILE, error, limit, linux, place, policy};

/// The limit of `allocs` or `net_bytes` that `written` makes.
fn made(figure: &str, written: &str) -> Option<FigureLimit> {
    let column = figure.len() + 4;
    let rules = policy(&format!("[defaults]\n{figure} = {written}\n")).rules("a", &linux());
    let limit = rules.limits.into_values().next();
    assert!(limit.as_ref().is_none_or(|limit| limit.place == place(3, column)), "{limit:?}");
    limit
}

#[test]
fn every_kind_of_limit_is_read() {
    let some = |limit: FigureLimit| Some(limit);
    let allocs = limit(3, 10);
    let around = |percent, minimum| Tolerance { percent, minimum };
    let cases = [
        ("0", some(FigureLimit { exact: Some(0), ..allocs.clone() })),
        ("0x10", some(FigureLimit { exact: Some(16), ..allocs.clone() })),
        ("\"1000\"", some(FigureLimit { max: Some(1000), ..allocs.clone() })),
        ("\"12 k\"", some(FigureLimit { max: Some(12_000), ..allocs.clone() })),
        ("' 2.5M '", some(FigureLimit { max: Some(2_500_000), ..allocs.clone() })),
        ("\"ratchet\"", some(FigureLimit { ratchet: true, ..allocs.clone() })),
        ("\"1%\"", some(FigureLimit { ratchet: true, tolerance: around(1.0, 0), ..allocs.clone() })),
        ("\"0.5 %\"", some(FigureLimit { ratchet: true, tolerance: around(0.5, 0), ..allocs.clone() })),
        ("\"100%\"", some(FigureLimit { ratchet: true, tolerance: around(100.0, 0), ..allocs.clone() })),
        ("\"none\"", None),
        ("{ exact = 3 }", some(FigureLimit { exact: Some(3), ..allocs.clone() })),
        ("{ exact = \"3 k\", max = 9 }", some(FigureLimit { exact: Some(3000), max: Some(9), ..allocs.clone() })),
        ("{ max = \"3 k\", ratchet = false }", some(FigureLimit { max: Some(3000), ..allocs.clone() })),
        ("{ tolerance = \"2%\" }", some(FigureLimit { ratchet: true, tolerance: around(2.0, 0), ..allocs.clone() })),
        (
            "{ tolerance = \"2%\", minimum = 5 }",
            some(FigureLimit { ratchet: true, tolerance: around(2.0, 5), ..allocs.clone() }),
        ),
        (
            "{ exact = 3, ratchet = false, minimum = \"1 k\" }",
            some(FigureLimit { exact: Some(3), tolerance: around(0.0, 1000), ..allocs.clone() }),
        ),
        (
            "{ ratchet = true, max = 9, minimum = 2 }",
            some(FigureLimit { ratchet: true, max: Some(9), tolerance: around(0.0, 2), ..allocs }),
        ),
    ];
    for (written, expected) in cases {
        assert_eq!(made("allocs", written), expected, "{written}");
    }
    let net = limit(3, 13);
    assert_eq!(made("net_bytes", "-5"), some(FigureLimit { exact: Some(-5), ..net.clone() }));
    assert_eq!(made("net_bytes", "{ max = -5 }"), some(FigureLimit { max: Some(-5), ..net.clone() }));
    assert_eq!(made("net_bytes", &i64::MIN.to_string()), some(FigureLimit { exact: Some(i64::MIN), ..net }));
}

#[test]
fn limits_that_are_none_are_refused_at_their_value() {
    let ways =
        "write an integer (exactly), \"12 k\" (at most), \"ratchet\", \"1%\" (as recorded), \"none\", or a table";
    let cases = [
        ("true", format!("10: `allocs` is a boolean: {ways}")),
        ("1.5", format!("10: `allocs` is a float: {ways}")),
        ("[1]", format!("10: `allocs` is an array: {ways}")),
        ("'much'", format!("10: \"much\" is no limit: {ways}")),
        ("'rachet'", "10: \"rachet\" is no limit: did you mean `ratchet`?".into()),
        ("-1", "10: `allocs` is never below zero: write 0 or more".into()),
        ("9223372036854775808", "10: `allocs` does not fit into 64 bits: write less".into()),
        ("'-1'", "10: \"-1\" is below zero: write a number and a unit, such as \"12 k\"".into()),
        ("'1 x'", "10: `x` is no unit of `allocs`, which counts blocks: valid are `k`, `M`, `G`, `T`".into()),
        (
            "'150%'",
            "10: \"150%\" is a tolerance of more than the figure, which no improvement could leave: \
             write at most \"100%\", or a ceiling such as \"12 k\""
                .into(),
        ),
        (
            "'100.1%'",
            "10: \"100.1%\" is a tolerance of more than the figure, which no improvement could leave: \
             write at most \"100%\", or a ceiling such as \"12 k\""
                .into(),
        ),
        ("'-1%'", "10: \"-1%\" is no tolerance: write a percentage from \"0%\" to \"100%\"".into()),
        ("'inf%'", "10: \"inf%\" is no tolerance: write a percentage from \"0%\" to \"100%\"".into()),
        ("'1e2%'", "10: \"1e2%\" is no tolerance: write a percentage from \"0%\" to \"100%\"".into()),
        ("'%'", "10: \"%\" is no tolerance: write a percentage from \"0%\" to \"100%\"".into()),
        ("{}", "10: this table limits nothing: add `max`, `exact` or `ratchet = true`, or write \"none\"".into()),
        (
            "{ ratchet = false }",
            "10: this table limits nothing: add `max`, `exact` or `ratchet = true`, or write \"none\"".into(),
        ),
        (
            "{ ratchet = true, exact = 1 }",
            "10: `exact` and `ratchet` exclude each other: keep the one that the figure is held against".into(),
        ),
        (
            "{ minimum = 1 }",
            "12: `minimum` is around no figure: add `ratchet = true` or `exact = ..`, or take it away".into(),
        ),
        (
            "{ max = 1, tolerance = '1%' }",
            "21: `tolerance` is around no figure: add `ratchet = true` or `exact = ..`, or take it away".into(),
        ),
        (
            "{ ratchet = false, tolerance = '1%' }",
            "29: `tolerance` is around no figure: add `ratchet = true` or `exact = ..`, or take it away".into(),
        ),
        ("{ exact = -1 }", "20: `allocs` is never below zero: write 0 or more".into()),
        ("{ max = true }", "18: `max` is a boolean: write an integer or a string such as \"12 k\"".into()),
        ("{ max = 'ratchet' }", "18: \"ratchet\" is no amount: write a number and a unit, such as \"12 k\"".into()),
        ("{ ratchet = 1 }", "22: `ratchet` is an integer: write `true` or `false`".into()),
        ("{ tolerance = 1 }", "24: `tolerance` is an integer: write a percentage such as \"1%\"".into()),
        ("{ tolerance = '1' }", "24: \"1\" is no tolerance: write a percentage from \"0%\" to \"100%\"".into()),
        ("{ maxi = 1 }", "12: unknown key `maxi`: did you mean `max`?".into()),
    ];
    for (written, expected) in cases {
        assert_eq!(error(&format!("[defaults]\nallocs = {written}")), format!("{FILE}:3:{expected}"));
    }
    let said = error("[defaults]\nnet_bytes = { ratchet = true, minimum = -1 }");
    assert_eq!(said, format!("{FILE}:3:41: `minimum` is below zero: write 0 or more"));
}
