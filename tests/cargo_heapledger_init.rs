//! The first policy that `cargo heapledger init` writes: exact where a figure is zero or repeats itself, with no
//! tolerance that is larger than the figure, and without a budget for allocations that `deny_alloc` forbids anyway.

#![cfg(all(target_os = "linux", not(miri)))]

#[path = "common/project.rs"]
mod project;

use project::{ALLOCATOR, Project};

const TESTS: &str = r#"
use std::hint::black_box;

#[test]
fn the_same() {
    heapledger::assert_budget("same", || vec![black_box(1u8); 100]);
}

#[test]
fn another_one_each_time() {
    let mut run = 0;
    heapledger::assert_budget("grows", || {
        run += 1;
        (0..3 * run).map(|_| vec![black_box(1u8); 10 * run]).collect::<Vec<_>>()
    });
}

#[test]
fn tracked() {
    let _op = heapledger::track("tracked");
    drop(black_box(vec![1u8; 30]));
}

#[test]
fn denied() {
    let mut buffer = black_box(vec![0u8; 10]);
    let _none = heapledger::deny_alloc("score");
    let _step = heapledger::track("step");
    buffer[0] = 1;
}

#[test]
fn denied_inside() {
    let _op = heapledger::track("around");
    let _none = heapledger::deny_alloc("score");
}
"#;

#[test]
fn a_first_policy_is_exact_where_figures_are() {
    let project = Project::new("first-policy");
    project.write("tests/budgets.rs", &format!("{ALLOCATOR}{TESTS}"));
    let said = project.heapledger(&["init"]);
    // What was measured is shown, although all of it is within its limits.
    said.exits(0).prints("score      allocated_bytes").prints(" within\n");
    let policy = project.read("heapledger.toml");
    let (_, tables) = policy.split_once("\n[operation.").expect("there are tables");
    let expected = r#""around"]
allocs = 0 # 0
allocated_bytes = 0 # 0 B
live_bytes = 0 # 0 B
peak_bytes = 0 # 0 B
# added up over all tests that enter it, tests/budgets.rs:36

[operation."grows"]
allocs = "15" # 4
allocated_bytes = "730 B" # 102 B
live_bytes = { tolerance = "2%", minimum = "121 B" } # 486 B
live_bytes_per_iteration = 0 # 0 B
peak_bytes = "730 B" # 102 B
# measured by an assertion, tests/budgets.rs:14

[operation."same"]
allocs = "ratchet" # 1
allocated_bytes = "ratchet" # 100 B
live_bytes = "ratchet" # 100 B
live_bytes_per_iteration = 0 # 0 B
peak_bytes = "ratchet" # 100 B
# measured by an assertion, tests/budgets.rs:8

[operation."score"]
allocated_bytes = 0 # 0 B
live_bytes = 0 # 0 B
peak_bytes = 0 # 0 B
# `deny_alloc` says how many allocations there may be
# added up over all tests that enter it, tests/budgets.rs:29

[operation."tracked"]
allocs = "2%" # 1
allocated_bytes = { tolerance = "2%", minimum = "7 B" } # 30 B
live_bytes = 0 # 0 B
peak_bytes = "45 B" # 30 B
# added up over all tests that enter it, tests/budgets.rs:22
"#;
    assert_eq!(tables, expected);
}

const HOSTILE: &str = r#"
#[test]
fn hostile() {
    let table = "x\"]\n[operation.\"*\"]";
    for name in ["items[0]", "**", "why?", "a\nb", table, "\u{202e}txt", "a\u{34f}b", "\u{3164}", "\\"] {
        let _op = heapledger::track(name);
        drop(std::hint::black_box(Box::new(1)));
    }
}
"#;

#[test]
fn a_first_policy_names_every_operation_alone_and_in_plain_sight() {
    let project = Project::new("first-policy-hostile");
    project.write("tests/budgets.rs", &format!("{ALLOCATOR}{HOSTILE}"));
    project.heapledger(&["init"]).exits(0);
    let policy = project.read("heapledger.toml");
    assert_eq!(policy.lines().filter(|line| line.starts_with("[operation.")).count(), 9, "{policy}");
    assert!(policy.chars().all(|one| one == '\n' || matches!(one, ' '..='~')), "{policy}");
    // Every operation has its table, and no table reaches another one's.
    project.heapledger(&["test", "--strict"]).exits(0).never_prints("unlisted");
}

const LEAKS: &str = r#"
#[test]
fn leaks() {
    heapledger::assert_budget("engine", || std::mem::forget(std::hint::black_box([1u8; 48].to_vec())));
}
"#;

#[test]
fn a_leak_is_no_limit_to_begin_with() {
    let project = Project::new("first-policy-leak");
    project.write("tests/budgets.rs", &format!("{ALLOCATOR}{LEAKS}"));
    project.heapledger(&["init"]).exits(2).prints("live_bytes_per_iteration").prints("failed: 1 breach (exit 2)");
    let policy = project.read("heapledger.toml");
    assert!(policy.contains("live_bytes_per_iteration = 0 # 48 B: a leak\n"), "{policy}");
}
