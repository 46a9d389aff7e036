//! The table of a run, line by line.

use super::super::examples::*;
use super::*;
use crate::judging::budget::{Basis, Figure};

/// As a text, where no terminal shows it.
fn table(findings: &[Finding], width: usize, colour: bool, show_all: bool) -> String {
    shown(findings, show_all, &Look { width, wraps: false, colour, exact: false })
}

fn shown(findings: &[Finding], show_all: bool, look: &Look) -> String {
    let mut text = String::new();
    super::table(findings, show_all, look, &mut text).expect("it is only a string");
    text
}

#[test]
fn a_table_has_a_line_per_figure_and_says_more_of_those_that_ask_for_attention() {
    let mut findings = run();
    findings[4].against.as_mut().expect("it is compared").tolerance = 12;
    let expected = "\
operation    figure      measured       budget           difference  verdict
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
merge                                                                not run
index_build  allocs            12         = 12                    0  within
             peak_bytes  50.0 MiB  <= 64.0 MiB  -14.0 MiB (-21.9 %)  within
5 figures of 4 operations: 2 within, 1 breach, 1 improvement, 1 new, 1 unlisted, 1 not run
";
    assert_eq!(table(&findings, 120, false, true), expected);
    // What needs no attention is left out, and counted.
    let loud = table(&findings, 120, false, false);
    assert!(!loud.contains("  within\n") && !loud.contains("merge") && loud.contains("stray"), "{loud}");
    let hidden = "and 2 figures of 2 operations: 2 within, 1 not run; `--all` shows them\n5 figures of 4";
    assert!(loud.contains(hidden), "{loud}");
    assert_eq!(table(&findings[..2], 120, false, false), "2 figures of 1 operation: 2 within\n");
}

#[test]
fn no_line_is_wider_than_the_terminal_and_none_is_left_out() {
    let mut findings = run();
    findings.push(hostile());
    findings.push(Finding { path: "日本語/".repeat(30), ..breach() });
    findings.push(compared("leaks", Figure::LiveBytesPerIteration, 1 << 40, Basis::Exact, 0));
    for width in 24..=140 {
        let text = shown(&findings, true, &Look { width, wraps: true, colour: false, exact: false });
        let widest = text.lines().max_by_key(|line| line.width()).expect("there are lines");
        assert!(widest.width() <= width, "{width}: {widest}\n{text}");
        let words = text.split_whitespace().collect::<String>();
        for said in ["within", "notrun", "search/collectby58,search/parseby2", "+60(+5.1%)", "figures/linux.toml:14"] {
            assert!(words.contains(said), "{width}: {said}\n{text}");
        }
    }
    let narrow = "\
search
  allocs breach
    measured     1,240
    budget       1,180
    difference   +60 (+5.1
                 %)
    grew
";
    let look = |width| Look { width, wraps: true, colour: false, exact: false };
    let text = shown(&[Finding { grew: Vec::new(), ..breach() }], false, &look(26));
    assert!(text.starts_with(narrow.trim_end_matches("    grew\n")), "{text}");
    // A terminal that is no wider than a word has lines that are.
    assert_eq!(shown(&[breach()], false, &look(1)), shown(&[breach()], false, &look(24)));
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
    let text = table(&run(), 120, true, true);
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
    assert_eq!(plain, table(&run(), 120, false, true));
}

/// Without what `paint` added.
fn anstyle_free(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().expect("there is always a first part").to_string();
    parts.fold(first, |plain, part| plain + part.split_once('m').expect("every escape ends").1)
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
