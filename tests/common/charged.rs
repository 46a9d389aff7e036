//! A report that nobody measured, with call stacks and names that mean harm: every form of a report is tested with it.

use heapledger::Report;
use serde_json::{Value, json};

/// What ends a line, a string, a frame, a cell and a tag, and what turns the direction of writing.
pub const HOSTILE: &str = "a;b\n`c` |<img src=x onerror=alert(1)></script>\"\\\u{1b}[31m\u{202e}";

/// Totals of [`report`]: blocks and bytes allocated, blocks and bytes that live.
pub const TOTALS: [i64; 4] = [17, 6_700, 10, 1_357];

/// Builds of the program of [`report`], and of the only module that has a function without a name.
pub const PROGRAM_BUILD: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
pub const PLUGIN_BUILD: &str = "0123456789abcdef0123456789abcdef01234567";

fn row(path: &str, [allocs, allocated, blocks, bytes]: [i64; 4]) -> Value {
    let mut own = serde_json::to_value(heapledger::Tally::default()).expect("a tally is JSON");
    (own["allocs"], own["allocated_bytes"]) = (json!(allocs), json!(allocated));
    (own["frees"], own["freed_bytes"]) = (json!(allocs - blocks), json!(allocated - bytes));
    let site = json!({ "file": "src/main.rs", "line": 7, "column": 14 });
    json!({ "path": path, "scopes": 1, "threads": 1, "peak_error": 0, "site": site, "own": own, "total": own })
}

/// Operations in operations, with stacks and without, and a hostile name at every place that has one.
pub fn report() -> Report {
    let frame = |function, file: Option<u32>, line: Option<u32>| {
        let column = line.map(|_| 9);
        json!({ "function": function, "file": file, "line": line, "column": column, "origin": 0 })
    };
    let mut allocator = frame(Some(3), None, None);
    allocator["origin"] = json!(1);
    let mut place = frame(None, None, None);
    place["place"] = json!({ "module": 0, "offset": 4096, "address": 8192 });
    let charged = |stack: u32, [allocs, allocated, blocks, bytes]: [i64; 4]| {
        json!({
            "stack": stack, "allocs": allocs, "allocated_bytes": allocated, "live_blocks": blocks, "live_bytes": bytes,
        })
    };
    let file = json!({
        "schema": 2, "heapledger": "0.1.0",
        "processes": 1, "program": { "name": "app", "build_id": PROGRAM_BUILD },
        "difference": false, "process_bytes": TOTALS[3], "process_peak_bytes": 2_000, "process_peak_error": 64,
        "problem": null, "misnested": 0, "refused": 0, "foreign": 0, "shards": 1, "shard_bytes": 4_096,
        "rows": [
            row("build", [4, 400, 2, 200]),
            row("build/commit", [9, 5_000, 5, 1_000]),
            row(HOSTILE, [2, 300, 1, 57]),
            row("(unattributed)", [2, 1_000, 2, 100]),
        ],
        "stacks": {
            "strings": ["app::main", "<app::Cache<[u8; 4]>>::insert", "src/cache.rs", "__rust_alloc", HOSTILE],
            "origins": [{ "kind": "workspace" }, { "kind": "heapledger" }],
            "modules": [{ "name": "plugin.so", "build_id": PLUGIN_BUILD }],
            "frames": [
                frame(Some(0), Some(2), Some(3)), frame(Some(1), Some(2), Some(41)), allocator, place,
                frame(Some(4), Some(4), Some(1)),
            ],
            "stacks": [
                { "kind": "complete", "frames": [2, 1, 0] },
                { "kind": "complete", "frames": [1, 0] },
                { "kind": "incomplete", "frames": [3] },
                { "kind": "complete", "frames": [4] },
            ],
            "operations": [
                { "path": "build/commit", "stacks": [
                    charged(0, [2, 2_000, 1, 500]), charged(1, [3, 1_000, 2, 300]), charged(2, [1, 700, 1, 70]),
                ] },
                { "path": HOSTILE, "stacks": [charged(3, [2, 300, 1, 57])] },
            ],
        },
    });
    Report::from_json(&file.to_string()).expect("it can be read")
}
