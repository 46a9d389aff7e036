//! Reports: the table that people read (aligned, complete, without escape codes), and the JSON that other programs
//! read (lossless, versioned, and refused with a clear message when it is not ours), and many reports read as one.

mod common;
#[path = "common/report_of.rs"]
mod report_of;

use common::{alone, balanced};
use heapledger::{Report, Tally, measure, report, track};
use report_of::report_of;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

const BUILTINS: [(&str, u64, u64); 2] = [("(unattributed)", 500, 100), ("(heapledger)", 70, 0)];

/// The lines of the table, without those above and below it.
fn table(text: &str) -> Vec<&str> {
    let end = text.lines().position(|line| line.starts_with("sum of net")).expect("the law stands below the table");
    text.lines().take(end).collect()
}

fn tree() -> Vec<(&'static str, u64, u64)> {
    let mut rows = vec![
        ("search", 4_000_000_000, 3_999_000_000),
        ("search/parse", 12_345, 0),
        ("index_build", 9_999_999, 1_000),
        ("index_build/commit", 77, 0),
        ("index_build/commit/flush", 5_000_000_000_000, 5_000_000_000_000),
        ("index_build/merge", 1_024, 24),
        ("検索インデックス", 512, 0),
        ("検索インデックス/全文検索のための索引の作成と更新", 300, 0),
        ("한국어", 1, 0),
        ("e\u{301}te\u{301}", 40, 0),
        ("warning \u{26a0}\u{fe0f} sign", 40, 0),
        ("heart \u{2764}\u{fe0f}", 40, 0),
        ("a name that is far too long to be shown whole in any column of a table that is eighty wide", 60, 10),
        ("control \u{1b}[31m", 20, 0),
    ];
    rows.extend(BUILTINS);
    rows
}

#[test]
fn every_line_of_the_table_is_equally_wide_and_none_is_wider_than_asked() {
    let _alone = alone();
    let report = report_of(&tree());
    for width in [60, 80, 100, 120, 200] {
        for text in [format!("{report:width$}"), format!("{report:#width$}")] {
            let widths: Vec<usize> = table(&text).iter().map(|line| line.width()).collect();
            assert!(widths.iter().all(|wide| *wide == widths[0]), "{widths:?} at {width}:\n{text}");
        }
        let text = format!("{report:width$}");
        assert!(table(&text)[0].width() <= width, "{} at {width}:\n{text}", table(&text)[0].width());
    }
}

#[test]
fn narrow_tables_keep_what_matters() {
    let _alone = alone();
    let report = report_of(&tree());
    let titles = |width: usize| {
        let text = format!("{report:width$}");
        table(&text)[0].split_whitespace().skip(1).map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(titles(200), ["threads", "scopes", "allocs", "allocated", "freed", "net", "live", "peak"]);
    for width in [60, 80, 120] {
        let titles = titles(width);
        assert!(["net", "live", "peak"].iter().all(|title| titles.iter().any(|shown| shown == title)), "{titles:?}");
    }
    assert!(titles(60).len() < titles(120).len());
}

#[test]
fn exact_bytes_are_shown_on_request() {
    let _alone = alone();
    let report = report_of(&tree());
    let (short, exact) = (format!("{report:200}"), format!("{report:#200}"));
    assert!(short.contains("9.54 MiB") && !short.contains("9,999,999"), "{short}");
    assert!(exact.contains("9,999,999") && exact.contains("5,000,000,000,000"), "{exact}");
    let live: i64 = tree().iter().map(|row| row.1 as i64 - row.2 as i64).sum();
    assert_eq!(report.process_bytes(), live);
    let number = exact_number(live);
    let law = format!("sum of net {number} B = sum of live {number} B = process {number} B");
    assert!(short.contains(&law) && exact.contains(&law), "{law}\n{short}");
}

/// An independent way to set the thousands apart.
fn exact_number(number: i64) -> String {
    let digits: Vec<char> = number.to_string().chars().rev().collect();
    let groups: Vec<String> = digits.chunks(3).map(|group| group.iter().collect()).collect();
    groups.join(",").chars().rev().collect()
}

#[test]
fn siblings_stand_by_live_bytes_and_the_ledgers_own_rows_last() {
    let _alone = alone();
    let report = report_of(&tree());
    let paths: Vec<&str> = report.rows().iter().map(|row| row.path.as_str()).collect();
    assert_eq!(
        paths[..6],
        [
            "index_build",
            "index_build/merge",
            "index_build/commit",
            "index_build/commit/flush",
            "search",
            "search/parse"
        ]
    );
    assert_eq!(paths[paths.len() - 2..], ["(unattributed)", "(heapledger)"]);
    let live = |path: &str| report.operation(path).expect("it is in the report").total.live_bytes;
    assert_eq!((live("index_build"), live("search")), (9_998_999 + 77 + 1_000, 1_012_345));
    // By name where all else is equal.
    let own = [("(foreign)", 10, 0), ("(other)", 10, 0), BUILTINS[0], BUILTINS[1]];
    let equal = report_of(&[&[("c", 10, 0), ("a", 10, 0), ("b", 10, 0)], &own[..]].concat());
    let paths: Vec<&str> = equal.rows().iter().map(|row| row.path.as_str()).collect();
    assert_eq!(paths, ["a", "b", "c", "(unattributed)", "(other)", "(foreign)", "(heapledger)"]);
}

#[test]
fn the_unattributed_and_the_ledgers_own_rows_are_always_there() {
    let _alone = alone();
    let earlier = balanced();
    let nothing = (balanced() - earlier).report();
    for report in [&nothing, &report()] {
        let text = report.to_string();
        for name in ["(unattributed)", "(heapledger)"] {
            assert!(report.operation(name).is_some());
            assert!(text.lines().any(|line| line.starts_with(name)), "{text}");
        }
    }
}

#[test]
fn the_table_of_a_difference_says_so_also_where_names_are_short() {
    let _alone = alone();
    let earlier = balanced();
    let text = (balanced() - earlier).report().to_string();
    assert!(text.starts_with("operation (difference)"), "{text}");
}

#[test]
fn an_operation_within_another_that_is_named_like_the_ledgers_own_is_one_like_others() {
    let _alone = alone();
    let report = report_of(&[("top/(heapledger)", 5_000, 0), ("top/small", 10, 0), ("(heapledger)", 30, 0)]);
    let paths: Vec<&str> = report.rows().iter().map(|row| row.path.as_str()).collect();
    assert_eq!(paths, ["top", "top/(heapledger)", "top/small", "(heapledger)"]);
    assert!(report.to_string().contains("\nfootprint: 30 B on the heap"), "{report}");
}

#[test]
fn display_has_no_escape_codes() {
    let _alone = alone();
    let _op = track("plain");
    let _kept = vec![0u8; 10_000];
    let text = format!("{}{:#}{:60}", report(), report(), report_of(&tree()));
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn json_is_lossless() {
    let _alone = alone();
    let (kept, _) = measure("json/below", || vec![0u8; 321]);
    std::thread::spawn(move || measure("json/elsewhere", || drop(kept))).join().unwrap();
    for report in [report(), report_of(&tree()), difference().report()] {
        let json = report.to_json();
        let read = Report::from_json(&json).expect("it is our own");
        assert_eq!(read.to_json(), json);
        assert_eq!(read.rows(), report.rows());
        assert_eq!(format!("{read:#150}"), format!("{report:#150}"));
        assert_eq!((read.total(), read.process_bytes()), (report.total(), report.process_bytes()));
        // As other JSON tools write it.
        let value: Value = serde_json::from_str(&json).expect("it is JSON");
        let pretty = serde_json::to_string_pretty(&value).expect("it was JSON");
        assert_eq!(Report::from_json(&pretty).expect("order and blanks say nothing").to_json(), json);
    }
}

fn difference() -> heapledger::Snapshot {
    let earlier = balanced();
    drop(measure("in between", || vec![0u8; 9]));
    balanced() - earlier
}

#[test]
fn a_newer_schema_is_refused_by_number() {
    let _alone = alone();
    let mut file: Value = serde_json::from_str(&report().to_json()).expect("a report is JSON");
    let ours = file["schema"].as_u64().expect("the schema is a number");
    // Whatever else a newer report holds, the number is found.
    file["schema"] = json!(ours + 1);
    file["rows"] = json!("another form");
    let error = Report::from_json(&file.to_string()).unwrap_err().to_string();
    let said = format!("schema {}", ours + 1);
    assert!(error.contains(&said) && error.contains(&format!("reads schemas 1 to {ours}")), "{error}");
    // A field that is new within the schema is none of our business.
    let mut file: Value = serde_json::from_str(&report().to_json()).expect("a report is JSON");
    file["new_field"] = json!({ "any": [1, 2] });
    file["rows"][0]["new_field"] = json!(1);
    assert!(Report::from_json(&file.to_string()).is_ok());
}

#[test]
fn what_is_not_a_report_is_refused_and_never_panics() {
    let _alone = alone();
    let json = report_of(&tree()).to_json();
    for end in (0..json.len()).filter(|end| json.is_char_boundary(*end)).step_by(7) {
        let error = Report::from_json(&json[..end]).expect_err("it is cut off");
        assert!(error.to_string().starts_with("not a heapledger report"), "{error}");
        assert!(!error.is_violated() && !error.is_unsettled() && !error.is_not_installed());
    }
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let broken = [
        "",
        "null",
        "[]",
        "{}",
        "\u{feff}{}",
        "{\"schema\": \"1\"}",
        "{\"schema\": -1}",
        "{\"schema\": 1}",
        "{\"schema\": 1e99}",
        &deep("[", "]"),
        &deep("{\"schema\":", "}"),
        &json.replacen("\"rows\":", "\"rows\":7,\"rows\":", 1),
        &json.replacen("\"scopes\":1", "\"scopes\":-1", 1),
        &json.replacen("\"scopes\":1", "\"scopes\":1.5", 1),
        &json.replacen("\"scopes\":1", "\"scopes\":18446744073709551616", 1),
        &json.replacen("\"scopes\":1", "\"scopes\":1e30", 1),
        &json.replacen("\"process_bytes\":", "\"process_bytes\":9223372036854775808,\"was\":", 1),
        &json.replacen("\"name\":\"search\"", "\"name\":\"index_build\"", 1),
        &json.replacen("\"name\":\"search\"", "\"name\":\"\"", 1),
        &json.replacen("\"name\":\"search\"", &format!("\"name\":\"{}\"", "x".repeat(1 << 20)), 1),
        &format!("{json} {json}"),
    ];
    for text in broken {
        let error = Report::from_json(text).map(|report| report.to_json()).expect_err(&text[..text.len().min(200)]);
        assert!(error.to_string().contains("report"), "{error}");
    }
}

/// The JSON of a small report in which one counter of two operations, one below the other, says `value`.
fn with_huge(counters: &[&str], value: &Value) -> String {
    let report = report_of(&[("a", 10, 0), ("a/b", 10, 0), ("c", 10, 0), BUILTINS[0], BUILTINS[1]]);
    let mut file: Value = serde_json::from_str(&report.to_json()).expect("a report is JSON");
    for row in file["rows"].as_array_mut().expect("rows are a list") {
        for counter in counters {
            row["own"][*counter] = value.clone();
        }
    }
    file.to_string()
}

#[test]
fn huge_counters_are_refused_or_shown_but_never_panic_and_never_read_as_nothing() {
    let _alone = alone();
    let tally = serde_json::to_value(Tally::default()).expect("a tally is JSON");
    let names: Vec<&str> = tally.as_object().expect("it has fields").keys().map(String::as_str).collect();
    for value in [json!(u64::MAX), json!(i64::MAX), json!(i64::MIN)] {
        let mut sets: Vec<Vec<&str>> = names.iter().map(|name| vec![*name]).collect();
        sets.insert(0, vec!["allocs", "frees", "reallocs"]);
        for counters in sets {
            let Ok(report) = Report::from_json(&with_huge(&counters, &value)) else { continue };
            let _ = (report.to_string(), format!("{report:#60}"));
            for row in report.rows() {
                let _ = (row.own.net_bytes(), row.total.net_blocks());
            }
            let total = report.total();
            // The rows do hold blocks; a total of nothing would be a lie.
            assert!(total.allocated_bytes > 0 || total.live_bytes != 0, "{counters:?} {value}");
        }
    }
}

#[test]
fn live_figures_of_a_file_are_computed_anew_and_not_believed() {
    let _alone = alone();
    let report = report_of(&[("a", 1_000, 10), ("a/b", 70, 30), BUILTINS[0], BUILTINS[1]]);
    let mut lie: Value = serde_json::from_str(&report.to_json()).expect("a report is JSON");
    for row in lie["rows"].as_array_mut().expect("it has rows") {
        (row["own"]["live_bytes"], row["own"]["live_blocks"]) = (json!(7), json!(-7));
    }
    assert_eq!(Report::from_json(&lie.to_string()).expect("it can be read").rows(), report.rows());
}

fn three() -> [Report; 3] {
    [
        report_of(&[("a", 1_000, 10), ("a/b", 30, 0), BUILTINS[0], BUILTINS[1]]),
        report_of(&[("a", 500, 500), ("c", 70, 60), BUILTINS[0], BUILTINS[1]]),
        report_of(&[("a/b", 9_000, 20), ("c", 10, 0), ("d", 1, 0), BUILTINS[0], BUILTINS[1]]),
    ]
}

fn merged(reports: &[&Report]) -> Report {
    let mut all = reports[0].clone();
    for report in &reports[1..] {
        all.merge(report).expect("small numbers");
    }
    all
}

#[test]
fn merging_adds_counters_keeps_the_highest_peak_and_still_balances() {
    let _alone = alone();
    let [one, two, three] = three();
    let all = merged(&[&one, &two, &three]);
    let row = |path: &str| all.operation(path).expect("one of them had it");
    let a = row("a");
    assert_eq!((a.own.allocated_bytes, a.own.freed_bytes, a.own.live_bytes), (1_500, 510, 990));
    assert_eq!((a.own.peak_bytes, a.scopes, a.threads), (Some(1_000), 2, 2));
    assert_eq!((a.total.allocated_bytes, a.total.live_bytes), (1_500 + 9_030, 990 + 9_010));
    assert_eq!((row("c").own.allocated_bytes, row("d").own.allocated_bytes), (80, 1));
    assert_eq!((row("(unattributed)").own.live_bytes, row("(heapledger)").own.live_bytes), (1_200, 210));
    let process = one.process_bytes() + two.process_bytes() + three.process_bytes();
    assert_eq!((all.process_bytes(), all.total().live_bytes, all.total().net_bytes()), (process, process, process));
    assert_eq!(
        all.total().peak_bytes,
        [&one, &two, &three].map(|one| one.total().peak_bytes).into_iter().max().unwrap()
    );
    let text = all.to_string();
    assert!(text.contains("total of 3 processes"), "{text}");
    assert_eq!(Report::from_json(&all.to_json()).expect("it is our own").to_json(), all.to_json());
}

#[test]
fn merging_is_associative_and_the_order_does_not_matter() {
    let _alone = alone();
    let [one, two, three] = three();
    let left = merged(&[&merged(&[&one, &two]), &three]).to_json();
    let right = merged(&[&one, &merged(&[&two, &three])]).to_json();
    assert_eq!(left, right);
    assert_eq!(merged(&[&three, &two, &one]).to_json(), left);
}

#[test]
fn a_merge_is_of_a_program_only_if_all_reports_are_of_it() {
    let _alone = alone();
    let file: Value = serde_json::from_str(&report().to_json()).expect("a report is JSON");
    let of = |program: Value| {
        let mut file = file.clone();
        file["program"] = program;
        Report::from_json(&file.to_string()).expect("it can be read")
    };
    let program = |name: &str, build: &str| json!({ "name": name, "build_id": build });
    let merged_of = |all: [Value; 2]| {
        let file: Value = serde_json::from_str(&merged(&all.map(of).each_ref()).to_json()).expect("it is JSON");
        file["program"].clone()
    };
    let app = program("app", "c0ffee");
    assert_eq!(merged_of([app.clone(), app.clone()]), app);
    for other in [program("app", "beef"), program("tool", "c0ffee"), json!({ "name": "app" }), Value::Null] {
        assert_eq!(merged_of([app.clone(), other.clone()]), Value::Null);
        assert_eq!(merged_of([other, app.clone()]), Value::Null);
    }
}

#[test]
fn a_merge_that_would_overflow_is_refused_and_changes_nothing() {
    let _alone = alone();
    let mut one = report_of(&[("a", 10, 0), BUILTINS[0], BUILTINS[1]]);
    let mut file: Value = serde_json::from_str(&one.to_json()).expect("a report is JSON");
    file["rows"][0]["own"]["reallocs"] = json!(u64::MAX);
    let huge = Report::from_json(&file.to_string()).expect("each number fits");
    let before = one.to_json();
    one.merge(&huge).expect("the sum still fits");
    let mut again = one.clone();
    let error = again.merge(&huge).expect_err("twice the highest number does not fit");
    assert!(error.to_string().contains("overflow"), "{error}");
    assert_eq!(again.to_json(), one.to_json());
    assert_ne!(one.to_json(), before);
}
