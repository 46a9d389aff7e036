//! A report in the forms of others: what stands in each, to the byte, and that no name is anything but text.

#![cfg(not(miri))]

#[path = "common/charged.rs"]
mod charged;

use charged::{HOSTILE, TOTALS, report};
use serde_json::{Value, json};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

const CUT: &str = "(further functions are not known)";
const REST: &str = "(blocks of which no call stack was captured)";

/// Nothing in it controls a terminal, or the direction of writing.
fn must_be_plain(text: &str) {
    let wrong = text.chars().find(|one| one.is_control() && *one != '\n' || *one == '\u{202e}');
    assert_eq!(wrong, None, "{text}");
}

#[test]
fn collapsed_stacks_have_a_line_each_and_weigh_what_lives() {
    let text = report().to_folded();
    must_be_plain(&text);
    let hostile = r#"a:b\n`c` |<img src=x onerror=alert(1)><"#;
    let (plain, harm): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| !line.starts_with("a:b"));
    let expected = [
        "(unattributed) 100".to_string(),
        "build 200".into(),
        format!("build;commit;{REST} 130"),
        format!("build;commit;{CUT};plugin.so+0x1000 70"),
        "build;commit;app::main;<app::Cache<[u8: 4]>>::insert 800".into(),
    ];
    assert_eq!(plain, expected);
    // The path has a slash in it, so it is two operations.
    assert!(harm.len() == 1 && harm[0].starts_with(&format!("{hostile};script>")) && harm[0].ends_with(" 57"));
    assert_eq!(harm[0].matches(';').count(), 2, "{harm:?}");
    let weight = |line: &str| line.rsplit_once(' ').and_then(|(_, weight)| weight.parse().ok()).unwrap_or(i64::MIN);
    assert_eq!(text.lines().map(weight).sum::<i64>(), TOTALS[3]);
}

#[test]
fn what_is_not_positive_has_no_line_in_a_picture() {
    let mut file: Value = serde_json::from_str(&report().to_json()).expect("a report is JSON");
    for row in file["rows"].as_array_mut().expect("it is a list") {
        (row["own"]["frees"], row["own"]["freed_bytes"]) = (json!(100), json!(9_000));
    }
    let gone = heapledger::Report::from_json(&file.to_string()).expect("it can be read");
    let stacks = Vec::from_iter(gone.to_folded().lines().map(String::from));
    assert!(stacks.len() == 3 && stacks.iter().all(|line| !line.contains('-') && !line.contains(REST)), "{stacks:?}");
    let speedscope: Value = serde_json::from_str(&gone.to_speedscope()).expect("it is JSON");
    assert_eq!(speedscope["profiles"][0]["weights"].as_array().map(Vec::len), Some(3));
}

#[test]
fn speedscope_gets_four_profiles_over_the_same_frames() {
    let text = report().to_speedscope();
    must_be_plain(&text);
    let file: Value = serde_json::from_str(&text).expect("it is JSON");
    let figures = ["live bytes", "live blocks", "allocated bytes", "allocations"].into_iter();
    for (at, (name, total)) in figures.zip([TOTALS[3], TOTALS[2], TOTALS[1], TOTALS[0]]).enumerate() {
        let profile = &file["profiles"][at];
        assert_eq!((&profile["name"], &profile["endValue"]), (&json!(name), &json!(total)), "{profile}");
        let weights = profile["weights"].as_array().expect("it is a list");
        assert_eq!(weights.iter().filter_map(Value::as_i64).sum::<i64>(), total);
        assert_eq!(profile["samples"].as_array().map(Vec::len), Some(weights.len()));
    }
    assert_eq!(file["name"], json!("app"));
    let frames = file["shared"]["frames"].as_array().expect("it is a list");
    let insert = json!({ "name": "<app::Cache<[u8; 4]>>::insert", "file": "src/cache.rs", "line": 41, "col": 9 });
    let position = |frame: &Value| frames.iter().position(|one| one == frame).map(|at| json!(at));
    let build = json!({ "name": "build", "file": "src/main.rs", "line": 7, "col": 14 });
    let sample = file["profiles"][0]["samples"].as_array().expect("it is a list").iter();
    // The allocator's own function is left out, so two stacks are one.
    let ends = Vec::from_iter(
        sample.filter(|sample| sample.as_array().and_then(|all| all.last()) == position(&insert).as_ref()),
    );
    assert_eq!((ends.len(), ends[0].as_array().map(Vec::len)), (1, Some(4)));
    assert_eq!(Some(ends[0][0].clone()), position(&build));
    assert_eq!(position(&json!({ "name": CUT })).is_some(), position(&json!({ "name": "no such" })).is_none());
}

#[test]
fn dhat_gets_every_stack_once_innermost_first() {
    let text = report().to_dhat();
    must_be_plain(&text);
    let file: Value = serde_json::from_str(&text).expect("it is JSON");
    let points = file["pps"].as_array().expect("it is a list");
    let sum = |key: &str| points.iter().filter_map(|point| point[key].as_i64()).sum::<i64>();
    assert_eq!(["tbk", "tb", "ebk", "eb"].map(sum), TOTALS);
    assert_eq!(["mbk", "mb", "gbk", "gb"].map(sum), [TOTALS[2], TOTALS[3], TOTALS[2], TOTALS[3]]);
    let name = |at: &Value| file["ftbl"][at.as_u64().expect("it is a place") as usize].as_str().expect("it is text");
    let named = |point: &Value| Vec::from_iter(point["fs"].as_array().expect("it is a list").iter().map(name));
    let stack = [
        "<app::Cache<[u8; 4]>>::insert (src/cache.rs:41:9)",
        "app::main (src/cache.rs:3:9)",
        "commit (src/main.rs:7:14)",
        "build (src/main.rs:7:14)",
    ];
    let found = Vec::from_iter(points.iter().filter(|point| named(point) == stack));
    assert_eq!(found.len(), 1, "{points:?}");
    assert_eq!(["tbk", "tb", "ebk", "eb"].map(|key| found[0][key].as_i64()), [5, 3_000, 3, 800].map(Some));
    assert_eq!(file["cmd"], json!("app"));
    assert_eq!((&file["ftbl"][0], &file["tg"], &file["te"]), (&json!("[root]"), &json!(1), &json!(1)));
}

#[test]
fn markdown_has_the_table_and_what_stands_below_it() {
    let text = report().to_markdown();
    must_be_plain(&text);
    let rows = Vec::from_iter(text.lines().filter(|line| line.starts_with('|')));
    assert!(rows.iter().all(|row| row.matches('|').count() == 10), "{text}");
    assert_eq!(rows[0], "| operation | threads | scopes | allocs | allocated | freed | net | live | peak |");
    assert_eq!(rows[2], "| <code>build</code> | 1 | 1 | 13 | 5.27 KiB | 4.10 KiB | +1.17 KiB | 1.17 KiB | - |");
    assert!(rows[4].starts_with("| <code>└─ commit</code> | 1 | 1 | 9 |"), "{text}");
    assert!(text.contains("\nsum of net 1,357 B = sum of live 1,357 B = process 1,357 B\n"), "{text}");
    assert!(text.contains("call stacks of build/commit\n") && text.ends_with("\n```\n"), "{text}");
    let table = &text[..text.find("\n\n```").expect("it has a fence")];
    assert!(!table.contains("<img") && !table.contains('`'), "{table}");
}

#[test]
fn no_name_ends_the_fence_that_it_stands_in() {
    let mut file: Value = serde_json::from_str(&report().to_json()).expect("a report is JSON");
    file["stacks"]["strings"] =
        file["stacks"]["strings"].to_string().replace("app::main", "````").parse().expect("JSON");
    let text = heapledger::Report::from_json(&file.to_string()).expect("it can be read").to_markdown();
    assert!(text.contains("\n\n`````text\n") && text.ends_with("\n`````\n"), "{text}");
}

#[test]
fn metrics_are_of_every_operation_alone_and_add_up() {
    let text = report().to_prometheus();
    must_be_plain(&text);
    let sum = |name: &str| {
        let values = text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')));
        values.filter_map(|line| line.rsplit_once(' ')?.1.parse::<i64>().ok()).sum::<i64>()
    };
    let names = ["allocs_total", "allocated_bytes_total", "live_blocks", "live_bytes"];
    assert_eq!(names.map(|name| sum(&format!("heapledger_operation_{name}"))), TOTALS);
    assert!(text.contains("heapledger_operation_live_bytes{operation=\"build/commit\"} 1000\n"), "{text}");
    let hostile =
        r#"heapledger_operation_live_bytes{operation="a;b\\n`c` |<img src=x onerror=alert(1)></script>\"\\\\u{1b}"#;
    assert!(text.contains(hostile), "{text}");
    assert!(text.contains("\nheapledger_process_live_bytes 1357\n") && text.contains("\nheapledger_trusted 1\n"));
    // Every counter of a tally is a metric, and says what it counts.
    let help = "# HELP heapledger_operation_others_frees_total Of `frees`: blocks that another operation owned.\n";
    assert!(text.contains(help), "{text}");
}

#[test]
fn openmetrics_has_the_same_samples_and_says_more_of_them() {
    let (text, prometheus) = (report().to_openmetrics(), report().to_prometheus());
    must_be_plain(&text);
    let samples = |text: &str| Vec::from_iter(text.lines().filter(|line| !line.starts_with('#')).map(String::from));
    assert_eq!(samples(&text), samples(&prometheus));
    assert!(!prometheus.contains("# UNIT") && !prometheus.contains("# EOF"), "{prometheus}");
    let described = |name: &str| {
        let lines = text.lines().filter(|line| line.starts_with('#') && line.split(' ').nth(2) == Some(name));
        lines.collect::<Vec<_>>()
    };
    let scopes = "heapledger_operation_scopes";
    let help = format!("# HELP {scopes} How often it was entered.");
    assert_eq!(described(scopes), [help, format!("# TYPE {scopes} counter")]);
    let peak = "heapledger_process_peak_bytes";
    let help = format!("# HELP {peak} The highest live bytes of the process.");
    assert_eq!(described(peak), [help, format!("# TYPE {peak} gauge"), format!("# UNIT {peak} bytes")]);
    assert!(text.ends_with("\nheapledger_trusted 1\n# EOF\n"), "{text}");
}

#[test]
fn a_report_is_saved_in_the_form_that_the_name_says() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let report = report();
    let saved = |name: &str| {
        report.save(folder.path().join(name)).unwrap_or_else(|error| panic!("{error}"));
        std::fs::read(folder.path().join(name)).expect("it is there")
    };
    for (name, text) in [
        ("a.txt", format!("{report}\n")),
        ("a.json", report.to_json()),
        ("a.folded", report.to_folded()),
        ("a.speedscope.json", report.to_speedscope()),
        ("a.dhat.json", report.to_dhat()),
        ("a.md", report.to_markdown()),
        ("a.prom", report.to_prometheus()),
        ("a.openmetrics", report.to_openmetrics()),
    ] {
        assert_eq!(String::from_utf8_lossy(&saved(name)), text, "{name}");
    }
    assert_eq!(saved("a.pb.gz"), report.to_pprof());
    report.save(folder.path().join("%p.txt")).expect("it can be written");
    assert!(folder.path().join(format!("{}.txt", std::process::id())).exists());

    let refused = |name: &str| report.save(name).expect_err(name).to_string();
    let forms = refused("a.doc");
    assert!(forms.starts_with("a.doc: the name of a report ends with its form:\n  .txt "), "{forms}");
    let all = [".txt", ".dhat.json", ".speedscope.json", ".json", ".folded", ".pb.gz", ".md", ".prom", ".openmetrics"];
    assert!(all.iter().all(|extension| forms.contains(&format!("\n  {extension} "))), "{forms}");
    assert!(refused("no/such/folder/a.txt").starts_with("no/such/folder/a.txt: cannot be written: "));
    let hostile = refused(&HOSTILE.replace('/', ""));
    must_be_plain(&hostile);
}
