//! Builds programs, and understands what they print.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::symbols::CallFrame;
use crate::symbols::modules::ModuleFiles;
use crate::symbols::symbolize::symbolize_in;

/// The stacks of the program in `fixtures/lines/`, in every profile that has lines.
pub static WITH_LINES: LazyLock<Vec<(&str, Vec<Case>)>> = LazyLock::new(|| {
    let profiles = ["dev", "tables", "thin-lto", "fat-lto", "packed", "unpacked"];
    let profiles = profiles.into_iter().map(|profile| (profile, cases(profile, &[])));
    let v0 = ("v0", cases("v0", &["-Csymbol-mangling-version=v0"]));
    let compressed = cfg!(feature = "compressed").then(|| ("compressed", compressed()));
    profiles.chain([v0]).chain(compressed).collect()
});

/// Those of the program whose debug information the linker compressed.
pub fn compressed() -> Vec<Case> {
    cases("compressed", &["-Clink-arg=-Wl,--compress-debug-sections=zlib"])
}

/// A call stack of the program, and the place of the call that it was taken for.
pub struct Case {
    pub name: String,
    pub file: String,
    pub line: u32,
    /// The innermost first; functions of the program that print the stack are left out.
    pub frames: Vec<CallFrame>,
}

/// Builds the program in that profile, runs it, and looks its stacks up.
pub fn cases(profile: &str, arguments: &[&str]) -> Vec<Case> {
    let program = build(profile, arguments);
    let output = Command::new(&program).output().expect("cargo has just built it");
    assert!(output.status.success(), "{profile}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("the program prints text");
    let modules = ModuleFiles::read(text.as_bytes());
    let told = text.lines().filter_map(|line| line.strip_prefix("stack "));
    let told = Vec::from_iter(told.map(|line| Vec::from_iter(line.split(' '))));
    assert_eq!(told.len(), 10, "{text}");
    let address = |digits: &&str| usize::from_str_radix(digits, 16).expect("the program prints hexadecimal digits");
    let stacks = Vec::from_iter(told.iter().map(|words| Vec::from_iter(words[3..].iter().map(address))));
    let found = symbolize_in(&modules, &stacks, &["program/src/shapes.rs", "program/src/main.rs"]);
    let case = |(words, mut frames): (Vec<&str>, Vec<CallFrame>)| {
        let is_tell = |frame: &CallFrame| frame.function.as_deref().is_some_and(|name| name.ends_with("tell"));
        if let Some(tell) = frames.iter().position(is_tell) {
            frames.drain(..=tell);
        }
        let line = words[2].parse().expect("a line is a number");
        Case { name: words[0].into(), file: words[1].into(), line, frames }
    };
    told.into_iter().zip(found).map(case).collect()
}

fn build(profile: &str, arguments: &[&str]) -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lines/Cargo.toml");
    let target = own_folder().join("lines");
    // Two builds in one folder would wait for each other anyway, and say so.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let output = Command::new(env!("CARGO"))
        .args(["rustc", "--package", "program", "--profile", profile, "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .arg("--")
        .args(arguments)
        .env("CARGO_TERM_COLOR", "never")
        .output()
        .expect("cargo runs this test, so it is there");
    assert!(output.status.success(), "profile {profile}: {}", String::from_utf8_lossy(&output.stderr));
    target.join(if profile == "dev" { "debug" } else { profile }).join("program")
}

/// A folder for what tests build: `tmp` beside the folder of the profile, as cargo has it for integration tests.
pub fn own_folder() -> PathBuf {
    let program = std::env::current_exe().expect("this program runs");
    program.ancestors().nth(3).expect("it is in `<target>/<profile>/deps`").join("tmp")
}
