//! Tables that show a part of a report, or more than its own: what is left out is said, and the sums stay true.

#![cfg(not(miri))]

#[path = "common/charged.rs"]
mod charged;
mod common;
#[path = "common/report_of.rs"]
mod report_of;
#[path = "common/schema_2.rs"]
mod schema_2;

use common::Random;
use heapledger::{Report, ReportTable, SortKey};
use report_of::report_of;
use schema_2::in_schema_2;
use serde_json::{Value, json};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

const TREE: [(&str, u64, u64); 9] = [
    ("search", 10, 0),
    ("search/parse", 90, 40),
    ("search/collect", 1_000, 1_000),
    ("search/collect/merge", 70, 0),
    ("index", 4_000, 1_000),
    ("index/commit", 800, 0),
    ("index/commit/merge", 60, 50),
    ("(unattributed)", 500, 100),
    ("(heapledger)", 30, 0),
];

/// The lines of the table, without those below it.
fn lines(table: &ReportTable) -> Vec<String> {
    let text = format!("{table:#200}");
    Vec::from_iter(text.lines().take_while(|line| !line.starts_with("sum of net")).map(|line| line.trim_end().into()))
}

/// The names in the first column, without the title and the total.
fn names(table: &ReportTable) -> Vec<String> {
    let shown = lines(table).into_iter().skip(1).take_while(|line| !line.starts_with('─'));
    let name = |line: String| line.trim_start_matches(['│', '├', '└', '─', ' ']).split("  ").next().map(String::from);
    shown.filter_map(name).collect()
}

/// The figures at the end of a line: allocated, freed, net and live.
fn figures(line: &str) -> [i64; 4] {
    let cells = Vec::from_iter(line.split_whitespace().rev().skip(1).take(4));
    let figure = |cell: &&str| cell.replace([',', '+'], "").parse().unwrap_or_else(|_| panic!("{cell} in {line}"));
    let mut figures = Vec::from_iter(cells.iter().map(figure));
    figures.reverse();
    figures.try_into().expect("there are four")
}

#[test]
fn a_table_of_some_operations_says_what_the_others_come_to() {
    let report = report_of(&TREE);
    let table =
        report.table().operation("search/*").expect("there is one").operation("*/commit").expect("there is one");
    let text = format!("{table:#200}");
    let expected = "\
operation           threads  scopes  allocs  allocated  freed     net   live    peak
index/commit              1       1      86        860     50    +810    810     800
├─ (own)                                 80        800      0    +800    800       -
└─ merge                  1       1       6         60     50     +10     10      60
search/collect            1       1     107      1,070  1,000     +70     70   1,000
├─ (own)                                100      1,000  1,000       0      0       -
└─ merge                  1       1       7         70      0     +70     70      70
search/parse              1       1       9         90     40     +50     50      90
4 other operations                      454      4,540  1,100  +3,440  3,440       -
────────────────────────────────────────────────────────────────────────────────────
total                                   656      6,560  2,190  +4,370  4,370  ~6,560
sum of net 4,370 B = sum of live 4,370 B = process 4,370 B
footprint: 30 B on the heap";
    assert!(text.starts_with(expected), "{text}");
    assert!(!text.contains("deeper"), "{text}");
}

#[test]
fn what_is_deeper_is_in_the_figures_above_and_counted() {
    let report = report_of(&TREE);
    let all = lines(&report.table());
    let shown = lines(&report.table().depth(1));
    let outermost = |line: &&String| !line.starts_with(['├', '└', '│', ' ']);
    assert_eq!(shown, Vec::from_iter(all.iter().filter(outermost).cloned()));
    let text = report.table().depth(1).to_string();
    assert!(text.contains("\n5 operations deeper than these, with 930 B live, are in their figures\n"), "{text}");
    let text = format!("{:#}", report.table().depth(2));
    assert!(text.contains("\n2 operations deeper than these, with 80 B live, are in their figures\n"), "{text}");
    assert_eq!(names(&report.table().depth(2))[..4], ["index", "(own)", "commit", "search"]);
    // Levels are those below what is asked for, and no table shows none.
    let below = |depth| names(&report.table().operation("index/commit").expect("it is there").depth(depth));
    assert_eq!(below(1), ["index/commit", "7 other operations"]);
    assert_eq!(below(2), ["index/commit", "(own)", "merge", "7 other operations"]);
    assert_eq!(below(0), below(1));
    for depth in [3, usize::MAX] {
        assert_eq!(report.table().depth(depth).to_string(), report.to_string());
    }
}

/// A tree that nobody would write, by the same random numbers in every run.
fn random_report(random: &mut Random) -> (Report, Vec<String>) {
    let mut paths = vec!["a".to_string()];
    for _ in 0..random.below(30) {
        let parent = paths[random.below(paths.len())].clone();
        let name = ["a", "b", "ab", "(own)"][random.below(4)];
        let path = if random.below(3) == 0 { name.into() } else { format!("{parent}/{name}") };
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let rows = Vec::from_iter(paths.iter().map(|path| {
        let allocated = random.below(100_000) as u64;
        (path.as_str(), allocated, random.below(allocated as usize + 1) as u64)
    }));
    (report_of(&rows), paths.clone())
}

#[test]
fn whatever_is_chosen_the_outermost_rows_add_up_to_the_report_and_no_operation_is_lost() {
    let mut random = Random::new(11);
    let globs = ["a", "**/ab", "*/b", "a/**", "?b", "**", "a/*/a"];
    let mut shown = 0;
    for _ in 0..300 {
        let (report, paths) = random_report(&mut random);
        let mut table = report.table().sort_by(KEYS[random.below(KEYS.len())]);
        for _ in 0..random.below(3) {
            // A glob that matches nothing is refused.
            table = table.clone().operation(globs[random.below(globs.len())]).unwrap_or(table);
        }
        table = if random.below(2) == 0 { table.depth(1 + random.below(3)) } else { table };
        let text = format!("{table:#400}");
        let lines = lines(&table);
        let (total, rest) = lines.split_last().expect("it has a total");
        let rows = &rest[1..rest.len() - 1];
        let outermost = rows.iter().filter(|line| !line.starts_with(['├', '└', '│', ' ']));
        let sum = outermost.map(|line| figures(line)).fold([0; 4], |sum, one| [0, 1, 2, 3].map(|at| sum[at] + one[at]));
        assert_eq!(sum, figures(total), "{text}");
        // A line of an operation has a name and eight figures.
        let has_all =
            |line: &&String| line.trim_start_matches(['│', '├', '└', '─', ' ']).split_whitespace().count() == 9;
        let counted = |what: &str| {
            let numbers = text.lines().filter_map(|line| line.split_once(what)?.0.parse::<usize>().ok());
            numbers.sum::<usize>()
        };
        let others = counted(" other operation");
        let operations = rows.iter().filter(has_all).count() - usize::from(others > 0);
        let deeper = counted(" operations deeper") + counted(" operation deeper");
        let known = report.rows().len();
        assert!(paths.len() <= known);
        assert_eq!(operations + others + deeper, known, "{text}");
        shown += operations;
    }
    assert!(shown > 1_000, "{shown}");
}

const KEYS: [SortKey; 9] = [
    SortKey::Live,
    SortKey::Net,
    SortKey::Allocated,
    SortKey::Freed,
    SortKey::Allocs,
    SortKey::Scopes,
    SortKey::Threads,
    SortKey::Peak,
    SortKey::Name,
];

#[test]
fn every_key_sorts_neighbours_by_its_own_column_and_the_ledgers_own_stay_last() {
    let paths = ["top/p", "top/q", "top/r", "top/s"].map(|path| (path, 0, 0));
    let report = report_of(&[&paths[..], &[("(heapledger)", 9_000, 0), ("(unattributed)", 8_000, 0)]].concat());
    let mut file = in_schema_2(&report);
    let counters = json!({
        "top/p": { "allocs": 4, "allocated_bytes": 1000, "freed_bytes": 0, "freed_elsewhere_bytes": 900, "peak_bytes": 50 },
        "top/q": { "allocs": 2, "allocated_bytes": 300, "freed_bytes": 100, "peak_bytes": null },
        "top/r": { "allocs": 1, "allocated_bytes": 900, "freed_bytes": 600, "peak_bytes": 70 },
        "top/s": { "allocs": 3, "allocated_bytes": 450, "freed_bytes": 400, "freed_elsewhere_bytes": 10, "peak_bytes": 60 },
    });
    let entered = json!({ "top/p": [2, 3], "top/q": [4, 1], "top/r": [1, 4], "top/s": [3, 2] });
    for row in file["rows"].as_array_mut().expect("it is a list") {
        let path = row["path"].as_str().expect("it is text").to_string();
        for (name, counter) in counters[&path].as_object().into_iter().flatten() {
            row["own"][name] = counter.clone();
        }
        if let Some([scopes, threads]) = entered[&path].as_array().map(Vec::as_slice) {
            (row["scopes"], row["threads"]) = (scopes.clone(), threads.clone());
        }
    }
    let report = Report::from_json(&file.to_string()).expect("it can be read");
    let sorted = ["rqps", "prqs", "prsq", "rsqp", "psqr", "qspr", "rpsq", "rspq", "pqrs"];
    for (key, expected) in KEYS.into_iter().zip(sorted) {
        let names = names(&report.table().sort_by(key));
        assert_eq!(names[1..5].concat(), expected, "{key:?}");
        assert_eq!([&names[0], &names[5], &names[6]], ["top", "(unattributed)", "(heapledger)"], "{key:?}");
    }
    assert_eq!(names(&report.table())[1..5].concat(), sorted[0]);
    // What no shown operation is around is sorted too.
    let table = report.table().operation("*/*").expect("there are some").sort_by(SortKey::Scopes);
    assert_eq!(names(&table)[..4], ["top/q", "top/s", "top/p", "top/r"]);
}

#[test]
fn the_table_says_where_operations_were_entered() {
    let report = charged::report();
    let text = format!("{:120}", report.table().sites().operation("build").expect("it is there"));
    let lines = Vec::from_iter(text.lines());
    assert!(lines[0].ends_with("      peak  entered at"), "{text}");
    assert!(lines[1].ends_with("  -  src/main.rs:7:14") && lines[3].ends_with("  -  src/main.rs:7:14"), "{text}");
    assert!(lines[2].starts_with("├─ (own)") && lines[2].ends_with("  -"), "{text}");
    // Other columns make room for it, and it is not cut.
    let narrow = format!("{:60}", report.table().sites());
    let titles = Vec::from_iter(narrow.split_whitespace().take(6));
    assert_eq!(titles, ["operation", "net", "live", "peak", "entered", "at"], "{narrow}");
    assert!(narrow.contains("  src/main.rs:7:14\n"), "{narrow}");
    let mut file: Value = serde_json::from_str(&report.to_json()).expect("a report is JSON");
    file["rows"][0]["site"]["file"] = json!(charged::HOSTILE);
    let hostile = Report::from_json(&file.to_string()).expect("it can be read").table().sites().to_string();
    assert!(hostile.contains("\\u{1b}[31m\\u{202e}:7:14") && !hostile.contains(['\u{1b}', '\u{202e}']), "{hostile}");
}

/// The lines of call stacks, each as its live bytes and how it ends.
fn stacks(table: &ReportTable) -> Vec<String> {
    let text = format!("{table:#120}");
    let section = text.split("\n\n").nth(1).unwrap_or_default();
    Vec::from_iter(section.lines().map(String::from))
}

#[test]
fn as_many_stacks_are_shown_as_are_asked_for() {
    let report = charged::report();
    let shown = |most| stacks(&report.table().operation("build").expect("it is there").stacks(most));
    let [title, insert, rest] = [
        "live  allocated  allocs  call stacks of build/commit",
        " 800      3,000       5  src/cache.rs:41 Cache::insert <- src/cache.rs:3 main",
        " 130      1,300       3  (blocks of which no call stack was captured)",
    ];
    assert_eq!(shown(0), [""; 0]);
    assert_eq!(shown(1), [title, insert, rest, "  70        700       1  1 other stack"]);
    assert_eq!(shown(2)[..4], [title, insert, rest, "  70        700       1  plugin.so+0x1000"]);
    assert_eq!(shown(usize::MAX), shown(2));
    assert_eq!(shown(2)[4..].iter().filter(|line| line.contains("stack")).count(), 0);
    assert_eq!(shown(3), stacks(&report.table().operation("build").expect("it is there")));
}

#[test]
fn all_stacks_are_all_however_many_there_are() {
    const MANY: usize = 5_000;
    let mut file = in_schema_2(&charged::report());
    let frame = file["stacks"]["frames"].as_array().expect("it is a list").iter().find(|frame| frame["line"] == 3);
    let mut frame = frame.expect("it is there").clone();
    let (mut frames, mut listed, mut charged) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..MANY {
        frame["line"] = json!(at + 1);
        frames.push(frame.clone());
        listed.push(json!({ "kind": "complete", "frames": [at] }));
        charged.push(json!({ "stack": at, "allocs": 1, "allocated_bytes": 1, "live_blocks": 0, "live_bytes": 0 }));
    }
    (file["stacks"]["frames"], file["stacks"]["stacks"]) = (json!(frames), json!(listed));
    file["stacks"]["operations"] = json!([{ "path": "build/commit", "stacks": charged }]);
    let row = file["rows"].as_array_mut().expect("it is a list").iter_mut().find(|row| row["path"] == "build/commit");
    row.expect("it is there")["own"]["allocs"] = json!(MANY);
    let report = Report::from_json(&file.to_string()).expect("it can be read");
    let lines = stacks(&report.table().stacks(usize::MAX));
    assert_eq!(lines.iter().filter(|line| line.contains("  src/cache.rs:")).count(), MANY);
    assert!(!lines.iter().any(|line| line.contains(" other stack")));
}

#[test]
fn stacks_are_those_of_what_is_asked_for() {
    let mut file = in_schema_2(&charged::report());
    let (rows, operations) = (file["rows"].take(), file["stacks"]["operations"].take());
    let [rows, operations] = [&rows, &operations].map(|all| all.as_array().expect("it is a list"));
    let at = |all: &[Value]| all.iter().position(|one| one["path"] == "build/commit").expect("it is there");
    let [row, of] = [&rows[at(rows)], &operations[at(operations)]];
    let named = |one: &Value, path: &str| {
        let mut one = one.clone();
        one["path"] = json!(path);
        one
    };
    let paths = Vec::from_iter((0..10).map(|at| format!("op{at}")).chain(["op0/in".into()]));
    file["rows"] = paths.iter().map(|path| named(row, path)).collect();
    file["stacks"]["operations"] = paths.iter().map(|path| named(of, path)).collect();
    let report = Report::from_json(&file.to_string()).expect("it can be read");
    let sections = |table: &ReportTable| {
        let text = format!("{table:#120}");
        let names = text.lines().filter_map(|line| Some(line.split_once("call stacks of ")?.1.to_string()));
        Vec::from_iter(names)
    };
    let usual = sections(&report.table());
    assert_eq!((usual.len(), usual[8].as_str()), (9, "2 other operations are in the report too"));
    assert_eq!(sections(&report.table().stacks(1)).len(), 10);
    assert_eq!(sections(&report.table().operation("op[1-3]").expect("they are there")), ["op1", "op2", "op3"]);
    // An operation around it was captured too, but nobody asked for that one.
    assert_eq!(sections(&report.table().operation("op0/*").expect("it is there")), ["op0/in"]);
}

#[test]
fn an_operation_that_nothing_matches_is_an_error_that_says_what_was_meant() {
    let report = report_of(&TREE);
    let said = |path| {
        let error = report.table().operation(path).expect_err("nothing matches");
        assert!(error.is_unmatched() && !error.is_unreadable(), "{error}");
        error.to_string()
    };
    assert_eq!(said("serch"), "no operation of the report matches `serch`: did you mean `search`?");
    assert_eq!(said("parse"), "no operation of the report matches `parse`: did you mean `search/parse`?");
    assert_eq!(said("serch/*"), "no operation of the report matches `serch/*`: did you mean `search/*`?");
    assert_eq!(said("nothing like it\n"), "no operation of the report matches `nothing like it\\n`");
    assert_eq!(said(""), "no operation of the report matches ``");
    let error = report.table().operation("a[").expect_err("it is no glob");
    assert!(error.is_unreadable() && error.to_string().contains("`a[` is no valid glob"), "{error}");
}
