//! Cases of one test, each in a process of its own that does not think that it runs this test alone.

#![allow(dead_code, reason = "every test binary uses its own part of this")]

use std::process::{Command, Output};

const CASE: &str = "HEAPLEDGER_TEST_CASE";

/// Runs one of the cases in this process if it was started for that, and says so.
///
/// # Panics
/// As the case does.
pub fn plays(cases: &[(&str, fn())]) -> bool {
    let Ok(case) = std::env::var(CASE) else { return false };
    let (_, run) = cases.iter().find(|(name, _)| *name == case).expect("it is one of them");
    run();
    true
}

/// Runs `case` of the test `test` of this binary in a process of its own, within these limits of the shell, if any.
pub fn run(test: &str, case: &str, limits: &str) -> (Output, String) {
    let program = std::env::current_exe().expect("a running test has an executable");
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{limits} exec \"$0\" \"$@\"")).arg(program);
    // Two threads, so that the test does not think it is alone.
    command.args(["--exact", test, "--nocapture", "--test-threads=2"]);
    let output = command.env(CASE, case).env_remove("NEXTEST").env_remove("RUST_TEST_THREADS").output();
    let output = output.expect("the test's own executable runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, said)
}

/// Runs every case in a process of its own.
///
/// # Panics
/// When one fails.
pub fn pass_each(test: &str, cases: &[(&str, fn())]) {
    if plays(cases) {
        return;
    }
    for (case, _) in cases {
        let (output, said) = run(test, case, "");
        assert!(output.status.success() && said.contains("1 passed"), "{case}: {}\n{said}", output.status);
    }
}
