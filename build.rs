//! Finds out what the target can do, and what figures measured on it depend on. Cargo.toml says `links = "heapledger"`,
//! which keeps two versions of the ledger out of one program and needs a build script.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if has_assembly() {
        println!("cargo::rustc-cfg=heapledger_asm");
    }
    if env::var_os("CARGO_FEATURE_THREADS").is_some() && interposable() {
        println!("cargo::rustc-cfg=heapledger_interpose");
    }
    if env::var_os("CARGO_FEATURE_LINES").is_some() {
        if has_rules() {
            println!("cargo::rustc-cfg=heapledger_lines");
        } else if has_unwinder() {
            println!("cargo::rustc-cfg=heapledger_backtrace");
        }
    }
    for (name, value) in
        [("TARGET", variable("TARGET")), ("PROFILE", profile()), ("RUSTC", rustc_version()), ("CFG", target_cfgs())]
    {
        println!("cargo::rustc-env=HEAPLEDGER_{name}={value}");
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn cfg(name: &str) -> String {
    variable(&format!("CARGO_CFG_{name}"))
}

fn under_miri() -> bool {
    env::var_os("CARGO_CFG_MIRI").is_some()
}

/// Whether stable Rust has inline assembly for the target. Miri interprets none.
fn has_assembly() -> bool {
    let known = ["x86", "x86_64", "arm", "aarch64", "riscv32", "riscv64", "loongarch64", "s390x"];
    known.contains(&cfg("TARGET_ARCH").as_str()) && !under_miri()
}

/// Whether `pthread_create` can be interposed: in a plain dynamic glibc program. Not with a static libc (no
/// `dlsym`), not under a sanitizer (it interposes `pthread_create` itself), not on another system.
fn interposable() -> bool {
    cfg("TARGET_OS") == "linux"
        && cfg("TARGET_ENV") == "gnu"
        && !cfg("TARGET_FEATURE").split(',').any(|feature| feature == "crt-static")
        && cfg("SANITIZE").is_empty()
        && !under_miri()
}

/// Whether call stacks can be captured by rules: on x86-64 Linux, whose unwind tables and registers the recorder knows.
/// `--cfg heapledger_backtrace` does without, so that what other targets have is tested.
fn has_rules() -> bool {
    cfg("TARGET_OS") == "linux"
        && cfg("TARGET_ARCH") == "x86_64"
        && cfg("TARGET_POINTER_WIDTH") == "64"
        && env::var_os("CARGO_CFG_HEAPLEDGER_BACKTRACE").is_none()
        && !under_miri()
}

/// Whether the system has an unwinder that many threads may call at once. On 32-bit Windows it is none.
fn has_unwinder() -> bool {
    let family = cfg("FAMILY");
    let is_unix = family.split(',').any(|one| one == "unix");
    (is_unix || cfg("TARGET_OS") == "windows" && cfg("TARGET_POINTER_WIDTH") == "64") && !under_miri()
}

/// The name of the profile's folder, which alone tells custom profiles apart: `<target>/<profile>/build/..`.
fn profile() -> String {
    let out = variable("OUT_DIR");
    let mut folders = out.rsplit(['/', '\\']);
    let profile = folders.find(|folder| *folder == "build").and_then(|_| folders.next());
    profile.map_or_else(|| variable("PROFILE"), String::from)
}

/// The version of rustc: `1.95.0`, or with the date for a nightly, `1.97.0-nightly.2026-05-01`.
fn rustc_version() -> String {
    let said = Command::new(variable("RUSTC")).arg("-V").output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut words = said.split_whitespace().skip(1);
    let version = words.next().unwrap_or("unknown");
    let date = words.last().map(|date| date.trim_end_matches(')'));
    match date.filter(|_| version.contains("nightly") || version.contains("dev")) {
        Some(date) => format!("{version}.{date}"),
        None => version.into(),
    }
}

/// Separates `cfg`s, which `reading/environment.rs` splits again: ASCII's unit separator, which no `cfg` holds.
const SEPARATOR: &str = "\u{1f}";

/// The `cfg`s of the target, separated by [`SEPARATOR`]. Features and other `cfg`s of the package itself are left out.
fn target_cfgs() -> String {
    let mut cfgs = Vec::new();
    for (name, values) in env::vars().filter(|(name, _)| name.starts_with("CARGO_CFG_")) {
        let name = name["CARGO_CFG_".len()..].to_ascii_lowercase();
        match name.as_str() {
            "unix" | "windows" | "miri" => cfgs.push(name),
            "panic" | "sanitize" => cfgs.extend(values.split(',').map(|value| format!("{name}=\"{value}\""))),
            _ if name.starts_with("target_") => {
                cfgs.extend(values.split(',').map(|value| format!("{name}=\"{value}\"")));
            }
            _ => {}
        }
    }
    cfgs.sort();
    cfgs.join(SEPARATOR)
}
