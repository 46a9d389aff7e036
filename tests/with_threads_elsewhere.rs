//! Where `pthread_create` cannot be interposed, `with_threads()` does not compile, and the message says why and what to
//! do instead; where it can, the same program runs.

#![cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]

use std::path::Path;
use std::process::{Command, Output};

/// Runs `cargo` on the program, for this very target, so that flags reach the program alone.
fn cargo(command: &str, flags: &str) -> Output {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    Command::new(env!("CARGO"))
        .args([command, "--quiet", "--target", &target, "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/threads/Cargo.toml"))
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("threads"))
        .env("RUSTFLAGS", flags)
        .output()
        .expect("cargo runs this test, so it is there")
}

#[test]
fn a_static_libc_is_told_at_compile_time_and_a_dynamic_one_works() {
    let dynamic = cargo("run", "");
    assert!(dynamic.status.success(), "{}", String::from_utf8_lossy(&dynamic.stderr));

    let fixed = cargo("check", "-C target-feature=+crt-static");
    let said = String::from_utf8_lossy(&fixed.stderr);
    assert!(!fixed.status.success(), "a call that cannot work must not compile");
    assert!(said.contains("`with_threads()` cannot work on this target"), "{said}");
    assert!(said.contains("Operation::run"), "{said}");
}
