//! Reports as versions of before wrote them.

use heapledger::Report;
use serde_json::{Value, json};

/// The report as a file of schema 2, in which rows, and operations that have stacks, say their whole path.
pub fn in_schema_2(report: &Report) -> Value {
    let mut file: Value = serde_json::from_str(&report.to_json()).expect("a report is JSON");
    file["schema"] = json!(2);
    let mut paths: Vec<Value> = Vec::new();
    for row in file["rows"].as_array_mut().expect("rows are a list") {
        let row = row.as_object_mut().expect("a row is an object");
        let name = row.remove("name").expect("a row has a name");
        let path = match row.remove("parent").expect("a row says where it stands").as_u64() {
            Some(parent) => json!(format!("{}/{}", paths[parent as usize].as_str().unwrap(), name.as_str().unwrap())),
            None => name,
        };
        row.insert("path".into(), path.clone());
        paths.push(path);
    }
    for of in file.pointer_mut("/stacks/operations").and_then(Value::as_array_mut).into_iter().flatten() {
        let of = of.as_object_mut().expect("it is an object");
        let row = of.remove("row").and_then(|row| row.as_u64()).expect("it has a row");
        of.insert("path".into(), paths[row as usize].clone());
    }
    file
}
