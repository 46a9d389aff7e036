//! Thirty leaks that are planted in all kinds of code, and the line that the message of the failing leak test names:
//! `cargo test --test planted_leaks -- --nocapture` prints how many of them are right in a debug build. With
//! `HEAPLEDGER_PROFILES=all` it builds release with line tables, thin and fat LTO, without debug information and
//! stripped, too.

#![cfg(all(feature = "lines", target_os = "linux", target_env = "gnu", target_arch = "x86_64", not(miri)))]

use std::path::{Path, PathBuf};
use std::process::Command;

/// How many leaks there are.
const PLANTED: usize = 30;

const SOURCE: &str = include_str!("../fixtures/lines/leaks/src/kinds.rs");

/// What a message must say to be right.
#[derive(Clone, Copy, PartialEq)]
enum Right {
    /// The file and the line.
    Line,
    /// The function, where there are no lines.
    Function,
    /// A place in the file of the program, and its build id.
    Place,
}

fn built(profile: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lines");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lines/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--package", "leaks", "--profile", profile, "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .output()
        .expect("cargo runs this test, so it is there");
    assert!(output.status.success(), "{profile}: {}", String::from_utf8_lossy(&output.stderr));
    target.join(if profile == "dev" { "debug" } else { profile }).join("leaks")
}

/// What the program says of each leak, by name.
fn said(program: &Path) -> Vec<(String, String)> {
    let output = Command::new(program).output().expect("cargo has just built it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("the program prints text");
    let told = text.lines().filter_map(|line| line.strip_prefix("leak ")?.split_once(' '));
    told.map(|(name, text)| (name.into(), text.into())).collect()
}

/// Whether `text`, which begins with the line that has most of the leak, is right.
fn is_right(right: Right, name: &str, text: &str) -> bool {
    let first = text.split(" | ").next().unwrap_or("");
    match right {
        Right::Line => {
            let mark = format!("// planted: {name}");
            let at = SOURCE.lines().position(|line| line.ends_with(&mark)).expect("it is planted") + 1;
            // The innermost function of the workspace comes first.
            first.split("  ").nth(1).is_some_and(|place| place.starts_with(&format!("leaks/src/kinds.rs:{at} ")))
        }
        Right::Function => {
            let function = match name {
                // What was inlined is nowhere.
                "inlined_code" => "around_inlined",
                "panic_path" => "LeaksWhenDropped",
                "own_iterator" => "OwnIterator",
                name => name,
            };
            // The innermost function comes first.
            first.split(" <- ").next().is_some_and(|innermost| innermost.contains(function))
        }
        Right::Place => first.contains("leaks+0x") && text.contains("its build id is "),
    }
}

#[test]
fn planted_leaks_are_named_by_their_line_in_every_profile() {
    // How many are right, at least. A derived `clone` has the line of the type; a function that ends with a call is on
    // no stack while that call goes on; and without lines, what was inlined is called as the function around it.
    let usual = [("dev", Right::Line, 29)];
    let more = [
        ("tables", Right::Line, 28),
        ("thin-lto", Right::Line, 28),
        ("fat-lto", Right::Line, 28),
        ("bare", Right::Function, 25),
        ("stripped", Right::Place, 29),
    ];
    let all = std::env::var("HEAPLEDGER_PROFILES").is_ok_and(|wanted| wanted == "all");
    let mut missed = Vec::new();
    for (profile, right, least) in usual.into_iter().chain(more.into_iter().filter(|_| all)) {
        let said = said(&built(profile));
        assert_eq!(said.len(), PLANTED, "{profile}");
        let (good, wrong): (Vec<_>, Vec<_>) = said.iter().partition(|(name, text)| is_right(right, name, text));
        println!("{profile:<10} {:>2} of {PLANTED}", good.len());
        for (name, text) in &wrong {
            println!("           {name}: {text}");
        }
        if good.len() < least {
            missed.push(profile);
        }
    }
    assert!(missed.is_empty(), "fewer are right than were: {missed:?}");
}
