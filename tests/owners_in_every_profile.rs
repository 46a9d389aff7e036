//! Proves that the optimizer leaves every block its owner: an ordinary library and program, built in every kind of
//! profile, must charge each operation exactly what a naive book says, and the same in all of them.
//!
//! The owner's tag stands where the optimizer believes that nothing can stand. Where it sees an allocation and the free
//! of the same block, an unprotected read of the tag gives another owner, and only the counters of single operations
//! show it: all sums stay equal.

#![cfg(not(miri))]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Name of the profile, and of its folder among the build's products.
const PROFILES: [(&str, &str); 9] = [
    ("dev", "debug"),
    ("release", "release"),
    ("thin-lto", "thin-lto"),
    ("fat-lto", "fat-lto"),
    ("fat-lto-one-unit", "fat-lto-one-unit"),
    ("one-unit", "one-unit"),
    ("sixteen-units", "sixteen-units"),
    ("small", "small"),
    ("smallest", "smallest"),
];

/// What the program says; both of its modes print one line per operation.
const MODES: [(&[&str], usize); 2] = [(&[], 10), (&["carried"], 4)];

#[test]
fn every_profile_charges_every_block_to_the_operation_that_owns_it() {
    let mut wrong = Vec::new();
    let mut dev: Vec<String> = Vec::new();
    for (profile, folder) in PROFILES {
        let program = build(profile, folder);
        for (mode, (arguments, lines)) in MODES.into_iter().enumerate() {
            let output = Command::new(&program).args(arguments).output().expect("cargo has just built it");
            let said = String::from_utf8(output.stdout).expect("the program prints names and numbers");
            let differences = String::from_utf8_lossy(&output.stderr);
            if !output.status.success() {
                wrong.push(format!("{profile} {arguments:?}: {}\n{differences}", output.status));
            } else if said.lines().count() != lines {
                wrong.push(format!("{profile} {arguments:?}: {lines} operations are expected, it says\n{said}"));
            }
            match dev.get(mode) {
                None => dev.push(said),
                Some(dev) => {
                    let differ = dev.lines().zip(said.lines()).filter(|(dev, here)| dev != here);
                    wrong.extend(differ.map(|(dev, here)| format!("dev says\n  {dev}\nand {profile}\n  {here}")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} findings:\n\n{}", wrong.len(), wrong.join("\n"));
}

/// Builds the program, in a folder of its own: other builds go on meanwhile.
fn build(profile: &str, folder: &str) -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/owners/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("owners");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--package", "owners", "--profile", profile, "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .env("CARGO_TERM_COLOR", "never")
        .output()
        .expect("cargo runs this test, so it is there");
    assert!(output.status.success(), "profile {profile}: {}", String::from_utf8_lossy(&output.stderr));
    target.join(folder).join(format!("owners{}", std::env::consts::EXE_SUFFIX))
}
