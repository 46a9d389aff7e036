//! The command `cargo heapledger record --lines`: what functions had of a figure is recorded with it, and a breach says
//! which are new and which have more.

#![cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]

#[path = "common/project.rs"]
mod project;

use project::{ALLOCATOR, Project};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// A search that allocates in two places.
const TESTS: &str = "
use std::hint::black_box;

#[inline(never)]
fn parse() -> Vec<u8> {
    Vec::with_capacity(black_box(64))
}

#[inline(never)]
fn collect(hits: usize) -> [Vec<u8>; 4] {
    let mut all = [const { Vec::new() }; 4];
    for hit in &mut all[..hits] {
        *hit = Vec::with_capacity(black_box(32));
    }
    all
}

#[test]
fn searches() {
    heapledger::assert_budget(\"search\", || black_box((parse(), collect(2))));
}
";

/// The same with another hit, code in front, and a place that is new.
fn regressed() -> String {
    let copies = "\n#[inline(never)]\nfn copy() -> Vec<u8> {\n    Vec::with_capacity(black_box(16))\n}\n";
    let code = TESTS.replace("collect(2)", "collect(3), copy()").replace("\n#[test]", &format!("{copies}\n#[test]"));
    format!("{ALLOCATOR}// Lines move.\n{code}")
}

/// What stands below `[lines]`.
fn lines(project: &Project) -> Vec<String> {
    let text = project.read(&project.figures());
    text.split_once("\n[lines]\n").map_or(Vec::new(), |(_, lines)| lines.lines().map(String::from).collect())
}

#[test]
fn a_breach_says_which_lines_are_new_and_which_have_more() {
    let project = Project::new("recorded-lines");
    project.write("src/lib.rs", "");
    project.write("tests/budgets.rs", &(ALLOCATOR.to_string() + TESTS));
    project.write("heapledger.toml", "schema = 1\n\n[operation.search]\nallocs = \"ratchet\"\n");
    project.heapledger(&["record"]).exits(0).prints(": 1 figure recorded\n");
    assert_eq!(lines(&project), [""; 0]);

    project.heapledger(&["record", "--lines"]).exits(0).prints(": the lines of 1 figure recorded\n");
    let around = "<- tests/budgets.rs searches::{closure} <- tests/budgets.rs searches <- ..\" = ";
    let expected = [("collect", 2), ("parse", 1)]
        .map(|(function, allocs)| format!("\"search\".allocs.\"tests/budgets.rs {function} {around}{allocs}"));
    assert_eq!(lines(&project), expected);
    // Lines stay with a figure that stays.
    project.heapledger(&["record"]).exits(0).prints("nothing to record");
    project.heapledger(&["record", "--lines"]).exits(0).prints("nothing to record");
    project.heapledger(&["test"]).exits(0);
    assert_eq!(lines(&project), expected);

    project.write("tests/budgets.rs", &regressed());
    let said = project.heapledger(&["test"]);
    said.exits(2).prints("allocs            5 over 3 (+2, +66.7 %)");
    let line = |function: &str| {
        let text = project.read("tests/budgets.rs");
        let at = text.lines().position(|line| line.starts_with(&format!("fn {function}(")));
        at.expect("it is there") + 1
    };
    let of = |allocs: u64, function: &str, below: usize| {
        format!("  lines             {allocs} of 5 allocs  tests/budgets.rs:{} {function} <- ", line(function) + below)
    };
    let shown = [of(3, "collect", 3), of(1, "copy", 1), of(1, "parse", 1)];
    let found = shown.each_ref().map(|part| said.out.find(part.as_str()).unwrap_or_else(|| panic!("{part}\n{said}")));
    assert!(found.is_sorted(), "{said}");
    let rest = |at: usize| said.out[found[at]..].lines().next().expect("there is a line");
    let notes = [" (+1, was 2)", " (new)", " (as recorded)"];
    assert!((0..3).all(|at| rest(at).ends_with(notes[at])), "{said}");

    // A breach that is left keeps the lines of its figure, and one that is recorded takes them along.
    project.heapledger(&["record", "--lines"]).exits(2).never_prints("the lines of");
    assert_eq!(lines(&project), expected);
    project.heapledger(&["test"]).exits(2);
    project
        .heapledger(&["accept", "--breaches", "--reason", "hits are copied"])
        .exits(0)
        .prints(": 1 figure recorded\n");
    assert_eq!(lines(&project), [""; 0]);
    project.heapledger(&["record", "--lines"]).exits(0);
    assert_eq!(lines(&project).len(), 3);

    // In CI it is part of the patch, and comes out of its log.
    project.write("tests/budgets.rs", &(ALLOCATOR.to_string() + TESTS));
    let said = project.heapledger_in(&[("CI", "true")], &["record", "--lines"]);
    said.exits(0);
    project.write("ci.log", &said.out);
    project.heapledger(&["accept", "--from", "ci.log"]).exits(0);
    assert_eq!(lines(&project), expected);
}

/// Code that a leak test and a denied scope find fault with, each at its own line.
const FAULTS: &str = "
use std::hint::black_box;
use std::sync::Mutex;

static KEPT: Mutex<Vec<Box<[u8; 48]>>> = Mutex::new(Vec::new());

#[inline(never)]
pub fn keep() {
    KEPT.lock().unwrap().push(black_box(Box::new([0; 48])));
}

#[inline(never)]
pub fn score() -> usize {
    black_box(vec![1u8; black_box(32)]).len()
}
";

#[test]
fn a_leak_and_an_allocation_that_is_denied_are_annotated_at_their_lines() {
    let project = Project::new("annotated-lines");
    project.write("src/lib.rs", FAULTS);
    let tests = "
#[test]
fn leaks() {
    heapledger::LeakTest::new(\"index\").assert(|_| annotated_lines::keep());
}

#[test]
fn allocates() {
    let _denied = heapledger::deny_alloc(\"score\");
    annotated_lines::score();
}
";
    project.write("tests/budgets.rs", &(ALLOCATOR.to_string() + tests));
    project.write("heapledger.toml", "schema = 1\n");
    let root = project.folder().to_string_lossy().into_owned();
    let said = project.heapledger_in(&[("GITHUB_ACTIONS", "true"), ("GITHUB_WORKSPACE", &*root)], &["test"]);
    let line = |code: &str| FAULTS.lines().position(|line| line.contains(code)).expect("it is there") + 1;
    for (code, title) in [("Box::new([0; 48])", "index"), ("vec![1u8;", "score")] {
        let place = format!("::error file=src/lib.rs,line={},", line(code));
        let is_there = said.out.lines().any(|line| line.starts_with(&place) && line.contains(title));
        assert!(is_there, "{title} at {place}\n{said}");
    }
    assert_eq!(said.out.lines().filter(|line| line.starts_with("::error ")).count(), 2, "{said}");
}
