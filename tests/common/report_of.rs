//! A report that nobody measured, of operations with figures that a test chooses.

use heapledger::{Report, Tally, report};
use serde_json::{Value, json};

/// The operations: path, bytes allocated, bytes freed. The law holds in it. It is read from a file of schema 2, in
/// which rows have paths.
///
/// # Panics
/// When no ledger could have written it.
pub fn report_of(rows: &[(&str, u64, u64)]) -> Report {
    let empty = serde_json::to_value(Tally::default()).expect("a tally is JSON");
    let mut file: Value = serde_json::from_str(&report().to_json()).expect("a report is JSON");
    let (mut all, mut made) = (0, Vec::new());
    for &(path, allocated, freed) in rows {
        let live = allocated as i64 - freed as i64;
        let mut own = empty.clone();
        own["allocs"] = json!(allocated / 10);
        own["frees"] = json!(freed / 10);
        own["allocated_bytes"] = json!(allocated);
        own["freed_bytes"] = json!(freed);
        own["live_blocks"] = json!(allocated as i64 / 10 - freed as i64 / 10);
        own["live_bytes"] = json!(live);
        own["peak_bytes"] = json!(allocated);
        made.push(json!({
            "path": path, "scopes": 1, "threads": 1, "peak_error": 0, "own": own.clone(), "total": own,
        }));
        all += live;
    }
    file["schema"] = json!(2);
    file["rows"] = json!(made);
    file["process_bytes"] = json!(all);
    file["process_peak_bytes"] = json!(rows.iter().map(|row| row.1).sum::<u64>());
    Report::from_json(&file.to_string()).unwrap_or_else(|error| panic!("{error}"))
}
