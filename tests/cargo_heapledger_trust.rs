//! A process whose own report says that the ledger is violated fails `cargo heapledger test` and `merge`: none of its
//! figures can be trusted. That threads still moved when it ended is no fault of its figures.

#![cfg(all(target_os = "linux", not(miri)))]

#[path = "common/project.rs"]
mod project;
use project::{ALLOCATOR, Project};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Swaps the owner of a block, so that one operation owns less than nothing; or leaves threads that never rest.
const TESTS: &str = r#"
use std::hint::black_box;

fn is_asked_for(what: &str) -> bool {
    std::env::var("DOES").is_ok_and(|does| does == what)
}

fn block_of(operation: &str) -> *mut u8 {
    let _op = heapledger::track(operation.to_string());
    Box::into_raw(black_box(Box::new([1u8; 64]))).cast()
}

#[test]
fn search() {
    let _op = heapledger::track("search");
    black_box(vec![0u8; 100]);
}

#[test]
fn violates() {
    if is_asked_for("violate") {
        let (one, other) = (block_of("one"), block_of("other"));
        unsafe {
            let tag = one.add(64).cast::<u32>().read_unaligned();
            other.add(64).cast::<u32>().write_unaligned(tag);
            drop(Box::from_raw(one.cast::<[u8; 64]>()));
            drop(Box::from_raw(other.cast::<[u8; 64]>()));
        }
    }
}

#[test]
fn moves() {
    if is_asked_for("move") {
        for _ in 0..4 {
            std::thread::spawn(|| {
                let _op = heapledger::track("moves");
                let mut kept = Vec::new();
                loop {
                    kept.push(black_box(vec![0u8; 64]));
                    if kept.len() > 100 {
                        kept.clear();
                    }
                }
            });
        }
    }
}
"#;

#[test]
fn a_process_that_says_that_its_ledger_is_violated_is_not_trusted() {
    let project = Project::new("trust");
    project.write("heapledger.toml", "schema = 1\nunlisted = \"allow\"\n[operation.search]\nallocs = 1\n");
    project.write("tests/budgets.rs", &format!("{ALLOCATOR}{TESTS}"));
    let test = |does: &str, out: &str| {
        project.heapledger_in(&[("DOES", does)], &["test", "--json", out, "--", "--test", "budgets"])
    };
    let merge = |out: &str| project.heapledger(&["merge", out]);
    test("nothing", "target/well.json").exits(0);
    merge("target/well.json").exits(0);
    test("violate", "target/violated.json").exits(6).prints("owns less than nothing");
    merge("target/violated.json").exits(6).prints("owns less than nothing");
    project
        .heapledger(&["merge", "target/well.json", "target/violated.json"])
        .exits(6)
        .prints("owns less than nothing");
    test("move", "target/moved.json").exits(0);
    merge("target/moved.json").exits(0);

    // Whether threads moved is said by a field, not by the sentence.
    let well = project.read("target/well.json");
    assert!(well.contains(r#""problem":null,"unsettled":false"#), "{well}");
    let with = |problem: &str| well.replace(r#""problem":null,"unsettled":false"#, problem);
    project.write("target/a.json", &with(r#""problem":"they moved","unsettled":true"#));
    merge("target/a.json").exits(0);
    project.write("target/b.json", &with(r#""problem":"they moved","unsettled":false"#));
    merge("target/b.json").exits(6).prints("they moved");
    // A report of before there was the field is readable, and not trusted.
    project.write("target/c.json", &with(r#""problem":"they moved""#));
    merge("target/c.json").exits(6).prints("they moved");
    project.write("target/d.json", &with(r#""problem":null"#));
    merge("target/d.json").exits(0);
}
