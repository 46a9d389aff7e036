//! Captures that the environment asks for: they begin with the first operation of a program that knows nothing of them.

#![cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]

mod common;

use std::env;
use std::process::Command;

use common::plays;
use heapledger::{CallStackKind, measure, snapshot};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

const TEST: &str = "a_program_that_nobody_changes_is_captured";

/// What the program finds of its operations when `asked` stands in its environment, what is said meanwhile, and
/// what its report says of that.
fn found(asked: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let mut command = Command::new(env::current_exe().expect("a running test has an executable"));
    command.args(["--exact", TEST, "--nocapture", "--test-threads=1"]);
    let output = command.env("HEAPLEDGER_TEST_ROLE", TEST).env("HEAPLEDGER_CAPTURE", asked).output();
    let output = output.expect("the test's own executable runs");
    assert!(output.status.success(), "{output:?}");
    let lines = |bytes: &[u8], with: &str| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        Vec::from_iter(text.lines().filter_map(|line| Some(line.split_once(with)?.1.to_string())))
    };
    let said = lines(&output.stderr, "heapledger: HEAPLEDGER_CAPTURE: ");
    (lines(&output.stdout, "found: "), said, lines(&output.stdout, "reported: "))
}

/// The program: it says of each of its operations how much it has of which kind.
fn program() {
    let paths = ["index_build", "search/parse", "reply", "(unattributed)"];
    let kept = paths.map(|path| match path {
        "(unattributed)" => vec![0u8; 1_000],
        path => measure(path, || vec![0u8; 1_000]).0,
    });
    for path in paths {
        let stacks = snapshot().stacks(path);
        let of = |kind| stacks.iter().any(|stack| stack.kind == kind && stack.live_bytes >= 1_000);
        let captured = of(CallStackKind::Complete);
        let what = match captured {
            true if stacks.iter().any(|stack| stack.samples.is_some()) => "sampled",
            true => "captured",
            false if of(CallStackKind::NotSampled) => "not sampled",
            false => "not captured",
        };
        println!("found: {path} {what}");
    }
    let report = heapledger::report().to_string();
    report.lines().filter(|line| line.starts_with("captured")).for_each(|line| println!("reported: {line}"));
    drop(kept);
}

#[test]
fn a_program_that_nobody_changes_is_captured() {
    if plays(TEST) {
        return program();
    }
    let of = |asked| found(asked).0.join(", ");
    assert_eq!(
        of(""),
        "index_build not captured, search/parse not captured, reply not captured, (unattributed) not captured"
    );
    assert_eq!(
        of("index_build,search/*@1024GiB"),
        "index_build captured, search/parse not sampled, reply not captured, (unattributed) not captured"
    );
    assert_eq!(
        of("(unattributed), reply@1B"),
        "index_build not captured, search/parse not captured, reply captured, (unattributed) captured"
    );
    assert_eq!(of("**@16B"), "index_build sampled, search/parse sampled, reply sampled, (unattributed) sampled");
}

#[test]
fn the_report_of_a_program_that_nobody_changes_says_what_was_captured() {
    let of = |asked| found(asked).2.join("\n");
    assert_eq!(of(""), "");
    assert_eq!(
        of("index_build,serach/*,search/*@512KiB"),
        "captured: index_build; search/*, one sample every 512 KiB\n\
         captured nothing of serach/*: there was no such operation"
    );
}

#[test]
fn what_is_wrong_is_said_once_and_the_rest_is_captured() {
    let (found, said, _) = found("index_build,search[,index_build@12");
    assert_eq!(found[0], "index_build captured");
    assert_eq!(found[1], "search/parse not captured");
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("`search[` is no valid glob") && said[0].ends_with("; it is not captured"), "{said:?}");
    assert!(said[1].starts_with("`12` is no size"), "{said:?}");
}

#[cfg(unix)]
#[test]
fn what_is_no_text_is_said_too() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let mut command = Command::new(env::current_exe().expect("a running test has an executable"));
    command.args(["--exact", TEST, "--nocapture", "--test-threads=1"]).env("HEAPLEDGER_TEST_ROLE", TEST);
    let output = command.env("HEAPLEDGER_CAPTURE", OsStr::from_bytes(b"a\xff")).output();
    let output = output.expect("the test's own executable runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("HEAPLEDGER_CAPTURE: it is not Unicode"), "{said}");
}
