//! The table of a run, line by line.

use super::super::examples::*;
use super::*;
use crate::judging::budget::{Basis, Figure};

/// As a text.
fn table(findings: &[Finding], width: usize, colour: bool, show_all: bool) -> String {
    let mut text = String::new();
    super::table(findings, show_all, &Look { width, colour, exact: false }, &mut text).expect("it is only a string");
    text
}

#[test]
fn a_table_has_a_line_per_figure_and_says_more_of_those_that_ask_for_attention() {
    let mut findings = run();
    findings[4].against.as_mut().expect("it is compared").tolerance = 12;
    let expected = "\
operation    figure      measured       budget           difference  verdict
index_build  allocs            12         = 12                    0  within
             peak_bytes  50.0 MiB  <= 64.0 MiB  -14.0 MiB (-21.9 %)  within
merge                                                                not run
search       allocs         1,240        1,180         +60 (+5.1 %)  breach
    grew         search/collect by 58, search/parse by 2
    why          fits the smallest machine we run on
    recorded at  figures/linux.toml:14
    entered at   tests/search.rs:6
             net_bytes     -100 B    0 B ±12 B               -100 B  improvement
    recorded at  figures/linux.toml:14
             peak_bytes  2.00 KiB                                    new
    note         not in linux.toml yet
stray                                                                unlisted
    note         no table of heapledger.toml names it
5 figures of 4 operations: 2 within, 1 breach, 1 improvement, 1 new, 1 unlisted, 1 not run
";
    assert_eq!(table(&findings, 120, false, false), expected);
}

#[test]
fn a_narrow_table_cuts_names_in_the_middle_and_moves_the_difference() {
    let findings = [Finding { path: "index_build/commit/segment".into(), ..breach() }];
    let expected = "\
operation         figure  measured  budget  verdict
index_b…/segment  allocs     1,240   1,180  breach
    difference   +60 (+5.1 %)
";
    let text = table(&findings, 51, false, false);
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(cut_in_middle("日本語日本語日本語", 8), "日…本語");
    assert_eq!(cut_in_middle("a\u{301}bcdefgh", 5), "a\u{301}b…gh");
    assert_eq!(cut_in_middle("abc", 0), "…");
}

#[test]
fn colour_comes_only_on_request() {
    let text = table(&run(), 120, true, false);
    let painted = |style: Style, text: &str| format!("{style}{text}{style:#}");
    for part in [
        painted(BAD, "breach"),
        painted(WARNING, "improvement"),
        painted(WARNING, "unlisted"),
        painted(GOOD, "within"),
        painted(FAINT, "not run"),
        painted(FAINT, "    entered at   tests/search.rs:6"),
    ] {
        assert!(text.contains(&part), "{part} in {text}");
    }
    let plain = anstyle_free(&text);
    assert_eq!(plain, table(&run(), 120, false, false));
}

/// Without what `paint` added.
fn anstyle_free(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().expect("there is always a first part").to_string();
    parts.fold(first, |plain, part| plain + part.split_once('m').expect("every escape ends").1)
}

#[test]
fn of_many_operations_those_within_are_only_counted() {
    let mut findings: Vec<Finding> =
        (0..201).map(|at| compared(&format!("operation{at}"), Figure::Allocs, 1, Basis::Exact, 1)).collect();
    findings.push(breach());
    let text = table(&findings, 120, false, false);
    assert_eq!(text.lines().count(), 8, "{text}");
    let expected = "\
and 201 figures of 201 operations: 201 within; `--all` shows them
202 figures of 202 operations: 201 within, 1 breach
";
    assert!(text.ends_with(expected), "{text}");
    assert_eq!(table(&findings, 120, false, true).lines().count(), 1 + 201 + 5 + 1);
    assert_eq!(table(&findings[1..], 120, false, false).lines().count(), 1 + 200 + 5 + 1);
}

#[test]
fn no_name_reaches_the_terminal_raw() {
    for width in [0, 20, 80, 1000] {
        let text = table(&[hostile()], width, false, true);
        assert!(text.chars().all(|one| one == '\n' || !one.is_control()), "{text:?}");
        assert!(text.lines().count() <= 9, "{text}");
    }
}

#[test]
fn nothing_to_judge_is_said() {
    assert_eq!(table(&[], 80, false, false), "0 figures of 0 operations: nothing to judge\n");
}
