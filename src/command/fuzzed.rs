//! What the command and its library read that others may have written, as functions of a text, for fuzzing. Each panics
//! where something is wrong: a panic anywhere below, a message that moves the cursor, or what was accepted and is not
//! the same once written and read again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

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

/// A form of a report, and what is to hold of it.
type Form = fn(&Report);

/// Every form.
const FORMS: [Form; 11] = [
    stored,
    |report| assert_harmless("table", &report.to_string()),
    |report| assert_harmless("whole table", &format!("{report:#}")),
    |report| assert_harmless("Markdown", &report.to_markdown()),
    |report| assert_harmless("collapsed stacks", &report.to_folded()),
    |report| assert_harmless("Prometheus", &report.to_prometheus()),
    |report| assert_harmless("OpenMetrics", &report.to_openmetrics()),
    |report| assert_json(&report.to_speedscope()),
    |report| assert_json(&report.to_dhat()),
    page,
    |report| assert!(!report.to_pprof().is_empty()),
];

/// A report that is stored and read again is the same.
fn stored(report: &Report) {
    let stored = report.to_json();
    let again = Report::from_json(&stored).unwrap_or_else(|error| panic!("{error}\n{stored}"));
    assert_eq!(again.to_json(), stored);
}

fn assert_json(text: &str) {
    serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
}

/// No name makes a script in a page.
fn page(report: &Report) {
    let scripts = |page: String| page.to_ascii_lowercase().matches("<script").count();
    static OURS: OnceLock<usize> = OnceLock::new();
    let ours = || read("empty report", Report::from_json(EMPTY)).map_or(0, |empty| scripts(empty.to_html()));
    assert_eq!(scripts(report.to_html()), *OURS.get_or_init(ours), "no name makes a script");
}

/// A stored report: every form of it can be made.
pub fn report(text: &str) {
    let Some(report) = read("report", Report::from_json(text)) else { return };
    FORMS.iter().for_each(|form| form(&report));
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
    let report = report_of(text);
    FORMS.iter().for_each(|form| form(&report));
}

/// The same in one form, which the first byte says: many times as often in the same time.
pub fn names_in_one_form(text: &str) {
    let form = text.bytes().next().map_or(0, usize::from) % FORMS.len();
    FORMS[form](&report_of(text));
}

/// A report in which each line of a text is an operation, the file that entered it, and a leak test.
fn report_of(text: &str) -> Report {
    // A report has each operation once, under a name that there can be: another one would hide those beside it.
    let mut known = BTreeSet::new();
    let can_be = |line: &&str| line.split('/').all(|name| (1..=256).contains(&name.len()));
    let lines = text.lines().filter(can_be).filter(|line| known.insert(*line)).take(20);
    let names = Vec::from_iter(lines.map(|line| Value::from(line).to_string()));
    let tally = serde_json::json!(Tally { peak_bytes: Some(7), ..Tally::default() });
    let each = |make: &dyn Fn(&String) -> String| names.iter().map(make).collect::<Vec<_>>().join(",");
    let rows = each(&|name| {
        format!(
            r#"{{"path":{name},"scopes":1,"threads":1,"peak_error":0,"own":{tally},"total":{tally},
            "site":{{"file":{name},"line":1,"column":1}}}}"#
        )
    });
    let leak_tests = each(&|name| {
        format!(
            r#"{{"path":{name},"program":{name},"process":1,"outcome":"leak","verdict":{name},
            "curve":{{"start":[0,0,0],"windows":[],"slope":null}},"site":{{"file":{name},"line":1,"column":1}}}}"#
        )
    });
    let problem = names.first().map_or("null", String::as_str);
    let whole = EMPTY
        .replace(r#""problem":null"#, &format!(r#""problem":{problem}"#))
        .replace(r#""rows":[]"#, &format!(r#""rows":[{rows}],"leak_tests":{{"tests":[{leak_tests}],"dropped":0}}"#));
    Report::from_json(&whole).unwrap_or_else(|error| panic!("{error}\n{whole}"))
}

#[cfg(test)]
mod tests;
