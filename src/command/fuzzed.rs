//! What the command and its library read that others may have written, as functions of a text, for fuzzing. Each panics
//! where something is wrong: a panic anywhere below, a message that moves the cursor, or what was accepted and is not
//! the same once written and read again.

use std::collections::BTreeMap;

use serde_json::Value;

use super::patch::patches_in;
use crate::judging::budget::{Figures, Policy, Run, figures};
use crate::reading::Report;
use crate::words::{Error, Tally};

/// What is to hold for any text.
pub type Target = fn(&str);

/// What may be fuzzed: the name of its corpus, and what it does with a text.
pub const TARGETS: [(&str, Target); 6] = [
    ("policy", policy),
    ("figures", recorded_figures),
    ("log", log),
    ("report", report),
    ("run", run),
    ("names", names),
];

/// Panics where a text for people has characters that terminals obey.
fn assert_harmless(what: &str, text: &str) {
    let harmful =
        |one: char| one.is_control() && one != '\n' || matches!(one, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!text.contains(harmful), "{what}: {text:?}");
}

/// What was read, if it was. Its error is harmless.
fn read<T>(what: &str, read: Result<T, Error>) -> Option<T> {
    read.inspect_err(|error| assert_harmless(what, &error.to_string())).ok()
}

/// A budget's policy.
pub fn policy(text: &str) {
    read("policy", Policy::parse("heapledger.toml", text));
}

/// Recorded figures: written and read again, they are the same.
pub fn recorded_figures(text: &str) {
    let Some(known) = read("figures", Figures::parse("figures.toml", text)) else { return };
    let values =
        |read: &Figures| BTreeMap::from_iter(read.values.iter().map(|(key, (value, _))| (key.clone(), *value)));
    let written = figures(&known.environment, &values(&known), &known.reasons, &known.lines);
    let again = Figures::parse("figures.toml", &written).unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!((values(&again), &again.lines), (values(&known), &known.lines), "{written}");
}

/// A log of CI: what patches it has, and what they make of an empty file.
pub fn log(text: &str) {
    for patch in patches_in(text) {
        if let Ok(parsed) = diffy::Patch::from_str(&patch.text)
            && let Ok(after) = diffy::apply("", &parsed)
        {
            recorded_figures(&after);
        }
    }
}

/// A stored report: written and read again it is the same, and every form of it can be made.
pub fn report(text: &str) {
    let Some(report) = read("report", Report::from_json(text)) else { return };
    let stored = report.to_json();
    let again = Report::from_json(&stored).unwrap_or_else(|error| panic!("{error}\n{stored}"));
    assert_eq!(again.to_json(), stored);
    assert_harmless("table", &report.to_string());
    assert_harmless("whole table", &format!("{report:#}"));
    assert_harmless("Markdown", &report.to_markdown());
    assert_harmless("collapsed stacks", &report.to_folded());
    assert_harmless("Prometheus", &report.to_prometheus());
    assert_harmless("OpenMetrics", &report.to_openmetrics());
    for json in [report.to_speedscope(), report.to_dhat()] {
        serde_json::from_str::<Value>(&json).unwrap_or_else(|error| panic!("{error}\n{json}"));
    }
    let page = report.to_html();
    let scripts = |page: &str| page.to_ascii_lowercase().matches("<script").count();
    let empty = Report::from_json(EMPTY).map(|empty| scripts(&empty.to_html()));
    assert_eq!(Some(scripts(&page)), empty.ok(), "no name makes a script");
    assert!(!report.to_pprof().is_empty());
}

/// A report without any operation.
const EMPTY: &str = r#"{"schema":2,"heapledger":"0.1.0","processes":1,"difference":false,"process_bytes":0,
"process_peak_bytes":null,"process_peak_error":0,"problem":null,"unsettled":false,"misnested":0,"refused":0,"foreign":0,
"shards":1,"shard_bytes":1,"rows":[]}"#;

/// A run that was measured: written and read again it is the same.
pub fn run(text: &str) {
    let Some(run) = read("run", Run::from_json(text)) else { return };
    let stored = run.to_json();
    let again = Run::from_json(&stored).unwrap_or_else(|error| panic!("{error}\n{stored}"));
    assert_eq!(again.to_json(), stored);
}

/// Names of operations and files that nobody meant well: each line is one. What a report of them is made into is held
/// against the rules of its form.
pub fn names(text: &str) {
    let Ok(mut whole) = serde_json::from_str::<Value>(EMPTY) else { return };
    let tally = Tally { peak_bytes: Some(7), ..Tally::default() };
    let row = |name: &str| {
        serde_json::json!({ "path": name, "scopes": 1, "threads": 1, "peak_error": 0, "own": tally, "total": tally,
            "site": { "file": name, "line": 1, "column": 1 } })
    };
    let curve = serde_json::json!({ "start": [0, 0, 0], "windows": [], "slope": null });
    let leak_test = |name: &str| {
        serde_json::json!({ "path": name, "program": name, "process": 1, "outcome": "leak", "verdict": name,
            "curve": curve, "site": { "file": name, "line": 1, "column": 1 } })
    };
    whole["rows"] = text.lines().take(20).map(row).collect();
    whole["leak_tests"] = serde_json::json!({ "tests": [], "dropped": 0 });
    whole["leak_tests"]["tests"] = text.lines().take(20).map(leak_test).collect();
    whole["problem"] = text.lines().next().map(Value::from).unwrap_or_default();
    report(&whole.to_string());
}

#[cfg(test)]
mod tests;
