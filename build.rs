//! Asks the target what it can do, and holds `links = "heapledger"`, which keeps two versions of the ledger
//! out of one program.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if has_assembly() {
        println!("cargo::rustc-cfg=heapledger_asm");
    }
    if env::var_os("CARGO_FEATURE_THREADS").is_some() && interposable() {
        println!("cargo::rustc-cfg=heapledger_interpose");
    }
}

fn cfg(name: &str) -> String {
    env::var(format!("CARGO_CFG_{name}")).unwrap_or_default()
}

fn miri() -> bool {
    env::var_os("CARGO_CFG_MIRI").is_some()
}

/// Inline assembly on stable Rust; Miri interprets none.
fn has_assembly() -> bool {
    let known = ["x86", "x86_64", "arm", "aarch64", "riscv32", "riscv64", "loongarch64", "s390x"];
    known.contains(&cfg("TARGET_ARCH").as_str()) && !miri()
}

/// Whether `pthread_create` can be interposed: in a plain dynamic glibc program. Not with a static libc (no
/// `dlsym`), not under a sanitizer (it interposes `pthread_create` itself), not on another system.
fn interposable() -> bool {
    cfg("TARGET_OS") == "linux"
        && cfg("TARGET_ENV") == "gnu"
        && !cfg("TARGET_FEATURE").split(',').any(|feature| feature == "crt-static")
        && cfg("SANITIZE").is_empty()
        && !miri()
}
