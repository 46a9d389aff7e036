//! What an assertion says, word by word.

use super::super::examples::*;
use super::*;
use crate::judging::budget::Figure;

#[test]
fn a_failure_says_how_much_more_where_and_what_to_do() {
    let text = failure("search", &"tests/search.rs:6:12", &[breach()], None, None);
    let expected = "\
budget \"search\": 1 breach
  allocs            1,240 over 1,180 (+60, +5.1 %): recorded figure at figures/linux.toml:14
  grew              search/collect by 58, search/parse by 2
  why               fits the smallest machine we run on
  entered           tests/search.rs:6:12
  next              look at what grew; if it is meant, `cargo heapledger test`, then `cargo heapledger accept --breaches --reason \"..\"`, or change the limit at heapledger.toml:12";
    assert_eq!(text, expected);
}

#[test]
fn each_kind_of_finding_has_its_own_advice() {
    let findings = [
        compared("search", Figure::AllocatedBytes, 3000, Basis::Ceiling, 2000),
        compared("search", Figure::PeakBytes, 5, Basis::Exact, 0),
        compared("search/parse", Figure::Allocs, 9, Basis::Recorded, 10),
        compared("search/parse", Figure::LiveBytesPerIteration, 9, Basis::Exact, 10),
        Finding {
            note: Some("every run said something else, from 3 to 9".into()),
            status: Status::Unstable,
            ..compared("search", Figure::Allocs, 3, Basis::Recorded, 3)
        },
        Finding {
            value: Some(-64),
            note: Some("not in linux.toml yet".into()),
            ..Finding::of("search", Some(Figure::NetBytes), Status::New)
        },
        Finding { note: Some("no table names it".into()), ..Finding::of("search", None, Status::Breach) },
    ];
    let expected = "\
budget \"search\": 3 breaches, 1 unstable, 2 improvements, 1 new
  allocated_bytes                        2.93 KiB (3,000 B) over 1.95 KiB (2,000 B) (+1000 B, +50.0 %): ceiling at heapledger.toml:12
  peak_bytes                             5 B over 0 B (+5 B): exact figure at heapledger.toml:12
  search/parse allocs                    9 under 10 (-1, -10.0 %): recorded figure at figures/linux.toml:14
  search/parse live_bytes_per_iteration  9 B under 10 B (-1 B, -10.0 %): exact figure at heapledger.toml:12
  allocs                                 every run said something else, from 3 to 9
  net_bytes                              -64 B: not in linux.toml yet
  breach                                 no table names it
  entered                                here
  next                                   look at what changed; if it is meant, change the figure at heapledger.toml:12, or change the limit at heapledger.toml:12; make it do the same every time, or write a tolerance into the policy; record it, so that it cannot come back: `cargo heapledger record`; lower the exact figure at heapledger.toml:12, so that it cannot come back; record it: `cargo heapledger record`";
    assert_eq!(failure("search", &"here", &findings, None, None), expected);
}

#[test]
fn a_warning_is_a_line_about_improvements_and_one_about_new_figures() {
    let better = compared("search", Figure::Allocs, 1100, Basis::Recorded, 1180);
    let expected = "budget \"search\": allocs 1,100 under 1,180 (-80, -6.8 %): recorded figure at figures/linux.toml:14: record it: cargo heapledger record";
    assert_eq!(warning("search", std::slice::from_ref(&better)), expected);
    let exact = compared("search", Figure::Allocs, 11, Basis::Exact, 12);
    let expected =
        "budget \"search\": allocs 11 under 12 (-1, -8.3 %): exact figure at heapledger.toml:12: lower it there";
    assert_eq!(warning("search", &[exact]), expected);
    let new = |figure, value| Finding {
        value: Some(value),
        note: Some("not in linux.toml yet".into()),
        ..Finding::of("search/parse", Some(figure), Status::New)
    };
    let new =
        [new(Figure::Allocs, 3), better.clone(), new(Figure::NetBytes, 0), better.clone(), new(Figure::PeakBytes, 5)];
    let expected = "\
budget \"search\": allocs 1,100 under 1,180 (-80, -6.8 %): recorded figure at figures/linux.toml:14 and 1 more improvement: record them: cargo heapledger record
budget \"search\": search/parse allocs 3: not in linux.toml yet and 2 more new figures: record them: cargo heapledger record";
    assert_eq!(warning("search", &new), expected);
    assert_eq!(warning("search", &[breach()]), "");
}

#[test]
fn no_name_reaches_the_terminal_raw() {
    let text = failure(HOSTILE, &HOSTILE, &[hostile()], None, None);
    assert!(text.chars().all(|one| one == '\n' || !one.is_control()), "{text:?}");
    assert_eq!(
        text.lines().map(|line| line.trim_start().split(' ').next().expect("it has a word")).collect::<Vec<_>>(),
        ["budget", "allocs", "note", "grew", "why", "entered", "next"]
    );
    assert_eq!(warning(HOSTILE, &[Finding { status: Status::New, ..hostile() }]).lines().count(), 1);
}
