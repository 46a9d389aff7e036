//! Counts the instructions that the ledger adds to an allocation and a free, as callers get them in a release build.
//!
//! Valgrind counts them, so the figures do not depend on how busy the machine is. Every loop runs N and 11 N times, and
//! the difference is what 10 N turns cost: starting and ending the program cancels out. Subtracting the same loop over
//! `System` leaves what the ledger costs. Blocks have 64 bytes, which glibc serves from the same chunks, on the same
//! path, with and without a tag of four bytes; at 24 bytes, for one, a tag would also move a block to the next class.
//!
//! `cargo test --test instructions -- --nocapture` prints the table; with `HEAPLEDGER_PEER=1` alloc_tracker is in it.
//! Where valgrind is missing, it says so and passes, but not in CI.

#![cfg(not(miri))]

#[path = "common/reader.rs"]
mod reader;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Loops, and how many instructions more than over `System` each may cost: what is reached, and a few for other
/// versions of the compiler. Names are those of `fixtures/owners/pair`. Code of a library was compiled before the
/// allocator was known: there it is two calls that keep registers.
const LOOPS: [(&str, &str, f64); 8] = [
    ("box-library", "Box of 64 B, in a library", 29.0),
    ("box-program", "Box of 64 B, in the program", 22.0),
    ("vec-library", "Vec of a size known at run time, in a library", 29.0),
    ("vec-program", "Vec of a size known at run time, in the program", 25.0),
    ("direct", "GlobalAlloc called directly", 24.0),
    ("vec-zeroed", "zeroed Vec of a size known at run time", 26.0),
    ("freed-by-owner", "Box of 64 B at a new peak, in a library, and its free", 32.0),
    ("growth", "Vec from 16 B to 64 KiB, twelve resizes", 780.0),
];
/// What a free may cost more where another operation allocated the block.
const BAR_OTHER: f64 = 45.0;
/// What an allocation and a free may cost more where the call stack is captured, 18 frames of the program deep.
const BAR_CAPTURED: f64 = 400.0;
/// What a run under a monitor may cost, however many others are under way: about a microsecond. Maps are in it, which
/// differ from run to run by some forty.
const BAR_MONITORED: f64 = 2_600.0;
/// What they may cost more where the stack was never seen before. The aim is 1,300; this holds what is reached.
const BAR_NEW_STACK: f64 = 3_100.0;
/// What they may cost more where one stack for 512 KiB is captured.
const BAR_SAMPLED: f64 = 105.0;
/// What entering and leaving an operation with a known name may cost.
const BAR_SCOPE: f64 = 237.0;
/// What they may cost where heapledger is not the global allocator.
const BAR_INERT: f64 = 15.0;

#[test]
fn the_ledger_adds_few_instructions_to_an_allocation_and_its_free() {
    if !reader::has("valgrind", &["--version"]) {
        return;
    }
    let with_peer = std::env::var_os("HEAPLEDGER_PEER").is_some();
    let folder = build(with_peer);
    let per_turn = |program: &str, name: &str, times: u64| per_turn(&folder, program, name, times);
    let mut missed = Vec::new();
    let peer = if with_peer { "  alloc_tracker" } else { "" };
    println!("{:<50} {:>8} {:>8} {:>8}{peer}", "instructions", "System", "ledger", "adds");
    for (name, what, bar) in LOOPS {
        let times = if name == "growth" { 200 } else { 10_000 };
        let [system, ledger] = ["system", "ledger"].map(|program| per_turn(program, name, times));
        let adds = ledger - system;
        let peer = with_peer.then(|| format!("{:>+15.1}", per_turn("tracker", name, times) - system));
        println!("{what:<50} {system:>8.1} {ledger:>8.1} {adds:>+8.1}{}", peer.unwrap_or_default());
        assert!(adds > 4.0, "{what}: a ledger that adds {adds} instructions counts nothing");
        if adds > bar {
            missed.push(format!("{what}: {adds:.1} instructions more than System, the bar is {bar}"));
        }
    }
    // Both loops allocate and free the same batches in the same two operations; only who frees differs.
    let [owner, other] = ["freed-by-owner", "freed-by-other"].map(|name| per_turn("ledger", name, 10_000));
    println!("{:<50} {:>26.1}", "a block that another operation frees, besides", other - owner);
    assert!(other > owner, "a free that is written down twice cannot cost less ({other}) than one ({owner})");
    if other - owner > BAR_OTHER {
        missed.push(format!("a block that another operation frees: {:.1} more, the bar is {BAR_OTHER}", other - owner));
    }
    for (program, what, bar) in [
        ("ledger", "entering and leaving an operation, known name", BAR_SCOPE),
        ("system", "the same without the allocator", BAR_INERT),
    ] {
        let scope = per_turn(program, "scope", 10_000) - per_turn(program, "nothing", 10_000);
        println!("{what:<50} {scope:>26.1}");
        if scope > bar {
            missed.push(format!("{what} costs {scope:.1} instructions, the bar is {bar}"));
        }
    }
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let [captured, not] = ["on", "off"].map(|whether| per_turn("captured", whether, 10_000));
        let captured = captured - not;
        // In an operation of which nothing is asked, no call takes the slow path.
        let plain = per_turn("ledger", "box-program", 10_000);
        assert!((not - plain).abs() < 10.0, "a Box in an operation takes {not} instructions, and {plain} outside");
        println!("{:<50} {captured:>26.1}", "the stack of a block captured, 18 frames");
        assert!(captured > 100.0, "a stack that costs {captured} instructions was not looked at");
        if captured > BAR_CAPTURED {
            missed.push(format!("a captured stack costs {captured:.1} instructions, the bar is {BAR_CAPTURED}"));
        }
        // A program knows few stacks; this is how many differ.
        assert!(instructions(&folder.join("captured"), "new-read", 759) > 0, "each stack is another one");
        let [new, not] = ["new", "new-off"].map(|whether| per_turn("captured", whether, 69));
        println!("{:<50} {:>26.1}", "the stack of a block captured, never seen before", new - not);
        assert!(new - not > captured, "a stack that was never seen was walked");
        if new - not > BAR_NEW_STACK {
            missed.push(format!("a new stack costs {:.1} instructions, the bar is {BAR_NEW_STACK}", new - not));
        }
        let sampled = per_turn("captured", "sampled", 10_000) - per_turn("captured", "off", 10_000);
        println!("{:<50} {sampled:>26.1}", "the same, sampled every 512 KiB");
        if sampled > BAR_SAMPLED {
            missed.push(format!("a sampled block costs {sampled:.1} instructions, the bar is {BAR_SAMPLED}"));
        }
    }
    let [few, many] = ["200", "20000"].map(|open| per_turn("monitored", open, 500));
    println!("{:<50} {few:>17.1} {many:>8.1}", "a run under a monitor, 200 and 20,000 others open");
    if many > BAR_MONITORED || many > 1.5 * few {
        missed.push(format!("a run costs {many:.1} instructions beside 20,000 others and {few:.1} beside 200"));
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Instructions of one turn of loop `name`.
fn per_turn(folder: &Path, program: &str, name: &str, times: u64) -> f64 {
    let [few, many] = [times, 11 * times].map(|times| instructions(&folder.join(program), name, times));
    // A loop of nothing may cost a few instructions less. What is below a tenth is of the start of the program.
    ((many as f64 - few as f64) / times as f64).round() / 10.0
}

/// Instructions of the whole run.
fn instructions(program: &Path, name: &str, times: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([name, &times.to_string()])
        .output()
        .expect("valgrind was there a moment ago");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {name} {times}: {said}", program.display());
    let count = said.lines().find_map(|line| line.split_once("Collected :")).map(|(_, count)| count.trim().parse());
    count.and_then(Result::ok).unwrap_or_else(|| panic!("callgrind says how many instructions it collected: {said}"))
}

/// Builds the programs in release, that of the peer if it is asked for, and says in which folder they are.
fn build(with_peer: bool) -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/owners/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("owners");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--package", "pair", "--release", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .args(with_peer.then_some("--features=peer"))
        // With it, every unit is compiled apart, and the figures are others.
        .env_remove("CARGO_INCREMENTAL")
        .output()
        .expect("cargo runs this test, so it is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("release")
}
