//! Runs that nobody measured, written by hand as test processes write them, and folders in which they are judged: most
//! of what the command does needs no cargo project. What should come of them is for the tests to say.

#![allow(dead_code, reason = "every test binary uses its own part of this")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::project::Project;

pub const POLICY: &str = "schema = 1\n[operation.'**']\nallocs = \"ratchet\"\n";
pub const FIGURES: &str = "tests/figures/x86_64-unknown-linux-gnu_debug_System_1.95.0.toml";

/// What a counter of every operation in a run is, but those that a test names.
fn tally(named: Value) -> Value {
    let mut tally = json!({ "peak_bytes": null });
    let zero = "allocs allocated_bytes frees freed_bytes reallocs others_frees others_freed_bytes freed_elsewhere_blocks \
                freed_elsewhere_bytes taken_over_blocks taken_over_bytes given_away_blocks given_away_bytes live_blocks live_bytes";
    for name in zero.split_whitespace() {
        tally[name] = json!(0);
    }
    named.as_object().expect("counters are named").iter().for_each(|(name, value)| tally[name] = value.clone());
    tally
}

/// An operation that was entered once.
pub fn row(path: &str, counters: Value) -> Value {
    let own = tally(counters);
    json!({ "path": path, "scopes": 1, "threads": 1, "peak_error": 0, "site": null, "own": own, "total": own })
}

/// What an assertion measured of one operation.
pub fn measured(figures: &[(&str, i64)]) -> Value {
    let value = |value: i64| json!({ "value": value, "highest": value, "unstable": false });
    let values: BTreeMap<&str, Value> = figures.iter().map(|(name, at)| (*name, value(*at))).collect();
    json!({ "values": values, "site": { "file": "tests/a.rs", "line": 3, "column": 5 }, "inside": null })
}

/// A run of one process, in the environment that [`FIGURES`] is of.
pub fn run() -> Value {
    json!({ "schema": 1, "heapledger": "0.1.0", "parts": [{
        "environment": {
            "target": "x86_64-unknown-linux-gnu", "profile": "debug", "allocator": "System", "rustc": "1.95.0", "cfg": ["unix"]
        },
        "blind": [], "measured": {}, "leak_tests": [], "denied": [],
        "report": {
            "processes": 1, "difference": false, "process_bytes": 0, "process_peak_bytes": null, "process_peak_error": 0,
            "problem": null, "misnested": 0, "refused": 0, "foreign": 0, "shards": 1, "shard_bytes": 1, "rows": []
        }
    }] })
}

/// The same, where an assertion measured these blocks.
pub fn run_of(allocs: &[(&str, i64)]) -> Value {
    let mut run = run();
    for (path, allocs) in allocs {
        run["parts"][0]["measured"][path] = measured(&[("allocs", *allocs)]);
    }
    run
}

pub fn figures_of(allocs: &[(&str, i64)]) -> String {
    let head = "schema = 1\ntarget = \"x86_64-unknown-linux-gnu\"\nprofile = \"debug\"\nallocator = \"System\"\nrustc = \"1.95.0\"\n";
    let lines = allocs.iter().map(|(path, allocs)| format!("{path:?}.allocs = {allocs}\n"));
    format!("{head}\n[figures]\n{}", lines.collect::<String>())
}

/// A folder in which `merge run.json` finds everything within its budget.
pub fn folder() -> Project {
    let project = Project::bare();
    project.write("heapledger.toml", POLICY);
    project.write(FIGURES, &figures_of(&[("search", 12)]));
    project.write("run.json", &run_of(&[("search", 12)]).to_string());
    project
}

/// The same, as a package whose last run is `run`, so that `accept` knows it.
pub fn package(run: &Value) -> Project {
    let project = folder();
    project.write("Cargo.toml", "[package]\nname = \"hostile\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    project.write("src/lib.rs", "");
    project.write("target/heapledger/last-run.json", &run.to_string());
    project
}

/// A log of CI with the patch from one state of the figures of environment `key` to another one.
pub fn log_of(key: &str, before: &str, after: &str) -> String {
    let lines = |sign: &str, text: &str| text.lines().map(|line| format!("{sign}{line}\n")).collect::<String>();
    let (was, is) = (before.lines().count(), after.lines().count());
    let from = if was == 0 { 0 } else { 1 };
    format!(
        "-----BEGIN HEAPLEDGER PATCH-----\nfigures: {key}\n--- original\n+++ modified\n@@ -{from},{was} +1,{is} @@\n{}{}\
         -----END HEAPLEDGER PATCH-----\n",
        lines("-", before),
        lines("+", after)
    )
}
