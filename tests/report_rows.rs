//! The rows of a stored report: each says its own name and the row that it is nested in, so that a name is written
//! once.

#![cfg(not(miri))]

#[path = "common/charged.rs"]
mod charged;
#[path = "common/schema_2.rs"]
mod schema_2;

use charged::{HOSTILE, report};
use heapledger::Report;
use schema_2::in_schema_2;
use serde_json::{Value, json};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

fn file_of(report: &Report) -> Value {
    serde_json::from_str(&report.to_json()).expect("a report is JSON")
}

fn read(file: &Value) -> Result<Report, String> {
    Report::from_json(&file.to_string()).map_err(|error| error.to_string())
}

#[test]
fn a_row_says_its_own_name_and_the_place_of_the_row_around_it() {
    let file = file_of(&report());
    let said =
        |row: &Value| (row["name"].as_str().map(String::from), row["parent"].as_u64(), row.get("path").is_some());
    let rows = Vec::from_iter(file["rows"].as_array().expect("it is a list").iter().map(said));
    let named = |name: &str, parent| (Some(name.to_string()), parent, false);
    // A name has no `/`: what a user gives as one is several.
    let hostile = Vec::from_iter(HOSTILE.split('/'));
    let expected = [
        named("build", None),
        named("commit", Some(0)),
        named(hostile[0], None),
        named(hostile[1], Some(2)),
        named("(unattributed)", None),
    ];
    assert_eq!(rows, expected);
    let of_stacks = file["stacks"]["operations"].as_array().expect("it is a list").iter();
    let of_stacks = Vec::from_iter(of_stacks.map(|of| (of["row"].as_u64(), of.get("path").is_some())));
    assert_eq!(of_stacks, [(Some(3), false), (Some(1), false)]);
}

#[test]
fn a_report_nests_operations_as_they_were_entered() {
    heapledger::measure("outer/idle/busy", || drop(std::hint::black_box(vec![0u8; 64])));
    let report = heapledger::report();
    let row = |path: &str| report.operation(path).unwrap_or_else(|| panic!("{path} is not there"));
    let allocs = ["outer", "outer/idle", "outer/idle/busy"].map(row).map(|row| (row.own.allocs, row.total.allocs));
    assert_eq!(allocs, [(0, 1), (0, 1), (1, 1)]);
    assert!(report.operation("busy").is_none() && report.operation("idle/busy").is_none());
}

#[test]
fn a_file_of_schema_2_says_the_same() {
    let report = report();
    let old = read(&in_schema_2(&report)).expect("it can be read");
    assert_eq!(old.to_json(), report.to_json());
    assert_eq!(old.rows(), report.rows());
    for row in report.rows() {
        assert_eq!(old.stacks(&row.path), report.stacks(&row.path), "{}", row.path);
    }
}

#[test]
fn rows_that_are_nested_in_each_other_are_read_in_any_order_that_has_the_outer_one_first() {
    let mut file = file_of(&report());
    let rows = file["rows"].as_array_mut().expect("it is a list");
    rows.swap(0, 4);
    rows.swap(1, 4);
    (rows[1]["parent"], rows[4]["parent"]) = (Value::Null, json!(1));
    let operations = file["stacks"]["operations"].as_array_mut().expect("it is a list");
    operations[1]["row"] = json!(4);
    let read = read(&file).expect("it can be read");
    assert_eq!(read.to_json(), report().to_json());
}

#[test]
fn a_row_with_a_path_brings_what_it_is_nested_in_and_places_are_those_of_the_file() {
    let mut file = nested(2);
    let rows = file["rows"].as_array_mut().expect("it is a list");
    let first = rows[0].as_object_mut().expect("it is an object");
    first.remove("name");
    first.remove("parent");
    first.insert("path".into(), json!("a/b"));
    rows[1]["name"] = json!("c");
    let read = read(&file).expect("it can be read");
    assert_eq!(Vec::from_iter(read.rows().iter().map(|row| row.path.as_str())), ["a", "a/b", "a/b/c"]);
}

#[test]
fn what_no_row_can_say_is_an_error_that_names_the_row() {
    let good = file_of(&report());
    let long = "x".repeat(257);
    for (place, value, complaint) in [
        ("/rows/1/name", json!("a/b"), "rows[1] has a name that cannot be: names have 1 to 256 bytes, and no `/`"),
        ("/rows/1/name", json!(""), "rows[1] has a name that cannot be"),
        ("/rows/1/name", json!(long), "rows[1] has a name that cannot be"),
        ("/rows/1/name", json!(null), "rows[1] has no `name`"),
        ("/rows/1/name", json!(7), "invalid type: integer `7`, expected a string"),
        ("/rows/1/parent", json!(1), "rows[1] has the `parent` 1, which is none of the rows before it"),
        ("/rows/0/parent", json!(1), "rows[0] has the `parent` 1, which is none of the rows before it"),
        ("/rows/4/parent", json!(u32::MAX), "rows[4] has the `parent` 4294967295, which is none of the rows"),
        ("/rows/1/parent", json!(-1), "invalid value: integer `-1`, expected u32"),
        ("/rows/1/parent", json!(1_u64 << 32), "invalid value: integer `4294967296`, expected u32"),
        ("/rows/2/name", json!("build"), "rows[2] names an operation that another row names, too"),
        ("/stacks/operations/0/row", json!(5), "row 5 is named, and there are 5"),
        ("/stacks/operations/0/row", json!(null), "stacks.operations[0] has no `row`"),
        ("/stacks/operations/0/row", json!(1), "the stacks of operation \"build/commit\" are there twice"),
    ] {
        let mut file = good.clone();
        *file.pointer_mut(place).unwrap_or_else(|| panic!("there is no {place}")) = value;
        let error = read(&file).map(|read| read.to_json()).expect_err(place);
        assert!(error.contains(complaint), "{place}: {error}");
    }
    for (place, complaint) in [
        ("/rows/0", "rows[0] has a `path` beside its `name` or `parent`"),
        ("/stacks/operations/1", "stacks.operations[1] has no `row`, or a `path` beside it"),
    ] {
        let mut file = good.clone();
        file.pointer_mut(place).expect(place)["path"] = json!("build");
        assert!(read(&file).is_err_and(|error| error.contains(complaint)), "{place}");
    }
    let mut only_below = good.clone();
    let row = only_below.pointer_mut("/rows/1").and_then(Value::as_object_mut).expect("it is an object");
    row.remove("name");
    row.insert("path".into(), json!("commit"));
    assert!(read(&only_below).is_err_and(|error| error.contains("rows[1] has a `path` beside its `name` or `parent`")));
}

/// A report of so many rows, each nested in the one before.
fn nested(rows: usize) -> Value {
    let mut file = file_of(&report());
    let row = file["rows"][0].clone();
    file["stacks"] = Value::Null;
    let named = |at: usize| {
        let mut row = row.clone();
        (row["name"], row["parent"]) = (json!("n".repeat(256)), json!(at.checked_sub(1)));
        row
    };
    file["rows"] = (0..rows).map(named).collect();
    file
}

#[test]
fn operations_are_nested_as_deep_as_a_ledger_nests_them_and_no_deeper() {
    let deepest = read(&nested(128)).expect("it can be read");
    assert_eq!(deepest.rows().last().map(|row| row.path.len()), Some(128 * 257 - 1));
    let deeper = read(&nested(129)).expect_err("it cannot be");
    assert!(deeper.contains("rows[128] is nested deeper than 128 operations can be"), "{deeper}");
}
