//! `cargo heapledger diff` of two reports: what changed in live bytes, by operation and by call stack.

#![cfg(all(target_os = "linux", not(miri)))]

#[path = "common/charged.rs"]
mod charged;
#[path = "common/made_up.rs"]
mod made_up;
#[path = "common/project.rs"]
mod project;
#[path = "common/schema_2.rs"]
mod schema_2;

use charged::{HOSTILE, report};
use project::{Project, Said, heapledger};
use schema_2::in_schema_2;
use serde_json::{Value, json};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// A report, and a later one: of `build` nothing is left, what is in it shrank, and `search` is new.
fn reports() -> (Value, Value) {
    let before = in_schema_2(&report());
    let mut after = before.clone();
    let rows = after["rows"].as_array_mut().expect("it is a list");
    let at = |rows: &[Value], path: &str| rows.iter().position(|row| row["path"] == path).expect("it is there");
    let build = at(rows, "build");
    rows[build]["path"] = json!("search");
    let commit = at(rows, "build/commit");
    rows[commit]["own"]["freed_bytes"] = json!(4_000 + 300);
    let own = at(rows, "(unattributed)");
    rows[own]["own"]["freed_bytes"] = json!(0);
    let operations = after["stacks"]["operations"].as_array_mut().expect("it is a list");
    let commit = at(operations, "build/commit");
    operations[commit]["stacks"][0]["live_bytes"] = json!(200);
    (before, after)
}

fn diff(before: &Value, after: &Value, to: Option<&str>) -> (Project, Said) {
    let project = Project::bare();
    project.write("before.json", &before.to_string());
    project.write("after.json", &after.to_string());
    let mut command = heapledger(project.folder());
    command.args(["diff", "before.json", "after.json"]).args(to.map(|to| ["--to", to]).into_iter().flatten());
    let said = Said::by(command);
    (project, said)
}

#[test]
fn what_grew_shrank_is_new_or_gone_is_shown_by_the_size_of_the_change() {
    let (before, after) = reports();
    let (_, said) = diff(&before, &after, None);
    let lines = Vec::from_iter(said.exits(0).out.lines().map(str::trim_end));
    let operations = [
        "change  before   after          live bytes of each operation alone",
        "+900 B   100 B  1000 B  grew    (unattributed)",
        "-300 B  1000 B   700 B  shrank  build/commit",
        "-200 B   200 B     0 B  shrank  build",
        "+200 B       -   200 B  new     search",
        "",
    ];
    assert_eq!(lines[..6], operations, "{said}");
    assert_eq!(lines[6], "change  before  after          live bytes of each call stack", "{said}");
    assert!(lines[7].starts_with("-100 B   800 B  700 B  shrank  build/commit: src/cache.rs:41 "), "{said}");
    assert_eq!(lines.len(), 9, "{said}");
    let (_, said) = diff(&after, &before, None);
    said.exits(0)
        .prints("-200 B   200 B       -  gone    search\n")
        .prints("+300 B   700 B  1000 B  grew    build/commit\n");
}

#[test]
fn nothing_is_said_where_nothing_changed() {
    let (before, _) = reports();
    let (_, said) = diff(&before, &before, None);
    assert_eq!(said.exits(0).out.matches("nothing changed\n").count(), 2, "{said}");
}

#[test]
fn changes_are_written_as_markdown_in_which_names_are_text() {
    let (before, mut after) = reports();
    let rows = after["rows"].as_array_mut().expect("it is a list");
    let hostile = rows.iter_mut().find(|row| row["path"] == HOSTILE).expect("it is there");
    hostile["own"]["freed_bytes"] = json!(0);
    let (project, said) = diff(&before, &after, Some("changes.md"));
    assert_eq!(said.exits(0).out, "");
    let text = project.read("changes.md");
    let row = "| -300 B | 1000 B | 700 B | shrank | <code>build/commit</code> |\n";
    assert!(text.contains(row) && text.contains("| +243 B | 57 B | 300 B | grew | <code>a;b"), "{text}");
    assert!(!text.contains("<img") && text.lines().all(|line| line.matches('|').count() % 6 == 0), "{text}");
    diff(&before, &after, Some("changes.doc")).1.exits(1).complains("changes.doc: what changed is written as .html");
}

#[test]
fn a_run_and_a_report_are_two_kinds() {
    let (report, _) = reports();
    let run = made_up::run();
    let (_, said) = diff(&run, &report, None);
    let of_a_kind = "only two of a kind can be compared";
    said.exits(1).complains(&format!("error: before.json is a run and after.json is a report: {of_a_kind}"));
    let (_, said) = diff(&report, &run, None);
    said.exits(1).complains(&format!("error: after.json is a run and before.json is a report: {of_a_kind}"));
    let (_, said) = diff(&report, &json!({}), None);
    said.exits(1).complains("error: after.json cannot be read: not a heapledger run: missing field `schema`");
}
