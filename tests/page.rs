//! The report as a page, in a real browser: what it shows, what it does, and that no report does anything to it.

mod common;

#[path = "common/browser.rs"]
mod browser;
#[path = "common/made_up.rs"]
mod made_up;
#[path = "common/project.rs"]
mod project;
#[path = "common/reader.rs"]
mod reader;

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use browser::Browser;
use heapledger::Report;
use serde_json::{Value, json};
use tempfile::TempDir;

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// What an operation of its own did, and nothing else.
fn row(path: &str, allocated: u64, freed: u64, allocs: u64) -> Value {
    made_up::row(
        path,
        json!({ "allocated_bytes": allocated, "freed_bytes": freed, "allocs": allocs, "frees": allocs / 2 }),
    )
}

/// A report of these operations and stacks that adds up.
fn report_of(rows: Vec<Value>, stacks: Value) -> Report {
    let own = |name: &str| rows.iter().map(|row| row["own"][name].as_i64().expect("it is a number")).sum::<i64>();
    let report = json!({
        "schema": 2, "processes": 1, "difference": false, "problem": null, "misnested": 0, "refused": 0, "foreign": 0,
        "process_bytes": own("allocated_bytes") - own("freed_bytes"), "process_peak_bytes": 9 << 20,
        "process_peak_error": 65536, "shards": 2, "shard_bytes": 4096, "rows": rows, "stacks": stacks,
        "captures": [
            { "pattern": "index*", "sampled_every": null, "matched": true },
            { "pattern": "serach", "sampled_every": 2048, "matched": false },
        ],
    });
    Report::from_json(&report.to_string()).expect("it is a report")
}

/// A function, by the places of its words in their tables.
fn frame(function: usize, file: usize, line: usize, origin: usize) -> Value {
    json!({ "function": function, "file": file, "line": line, "column": 5, "origin": origin, "place": null })
}

/// What an operation did on one stack.
fn charged(stack: usize, allocs: u64, allocated: usize, blocks: i64, live: i64) -> Value {
    let mut charged = json!({ "stack": stack, "allocs": allocs, "allocated_bytes": allocated });
    (charged["live_blocks"], charged["live_bytes"]) = (json!(blocks), json!(live));
    charged
}

/// The same of one class of sizes.
fn size(least: u64, allocs: u64, allocated: usize, blocks: i64, live: i64) -> Value {
    let mut size = charged(0, allocs, allocated, blocks, live);
    size["min_size"] = json!(least);
    size
}

/// Whose code functions are.
fn origin(kind: &str, name: Option<&str>, version: Option<&str>) -> Value {
    json!({ "kind": kind, "name": name, "version": version })
}

/// A small one: two operations of an index, a search, and three stacks.
fn small() -> Report {
    let mut sampled = charged(2, 7, 700, 0, 0);
    sampled["samples"] = json!(3);
    let stacks = json!({
        "strings": ["app::cache::Cache::insert", "src/cache.rs", "app::main", "src/lib.rs",
            "tantivy::Index::open", "src/index.rs",
            "alloc::vec::Vec<T>::with_capacity", "library/alloc/src/vec/mod.rs", "heapledger::front::leak_test::drive"],
        "origins": [
            origin("workspace", None, None),
            origin("crate", Some("tantivy"), Some("0.27.0")),
            origin("std", None, None),
            origin("heapledger", None, None),
        ],
        "modules": [],
        "frames": [
            frame(0, 1, 41, 0), frame(2, 3, 1, 0), frame(4, 5, 100, 1), frame(6, 7, 500, 2), frame(8, 3, 9, 3),
        ],
        "stacks": [
            { "kind": "complete", "frames": [3, 0, 1] },
            { "kind": "complete", "frames": [3, 2, 1] },
            // What calls a leak test's closure, and is around that, is left out.
            { "kind": "complete", "frames": [3, 2, 4, 1] },
        ],
        "operations": [
            {
                "path": "index/commit",
                "stacks": [charged(0, 3, 3000, 1, 1000), charged(1, 5, 50_000, 2, 20_000)],
                "sizes": [size(512, 3, 3000, 1, 1000), size(8192, 5, 50_000, 2, 20_000)],
            },
            { "path": "search", "stacks": [sampled], "sizes": [size(512, 7, 700, 0, 0)], "sampled_every": [2048] },
        ],
    });
    let rows = vec![
        row("index", 1 << 20, 1 << 20, 20),
        row("index/commit", 60_000, 39_000, 10),
        row("search", 5 << 20, 5 << 20, 12_345),
        row("(unattributed)", 300, 100, 2),
        row("(heapledger)", 2048, 1024, 3),
    ];
    report_of(rows, stacks)
}

/// A browser that shows a page, if there is one.
fn shown(page: &str) -> Option<(Browser, TempDir)> {
    let mut browser = Browser::open()?;
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("report.html");
    fs::write(&file, page).expect("the page can be written");
    browser.resize(1280, 800);
    browser.visit(&file);
    browser.until("document.documentElement.dataset.ready !== undefined");
    Some((browser, folder))
}

/// The rows of the view that is seen, by the words in their first column.
const NAMES: &str = "[...document.querySelectorAll('.view:not([hidden]) .row .name')].map((one) => one.textContent)";

#[track_caller]
fn names(browser: &mut Browser) -> Vec<String> {
    let names = browser.eval(NAMES);
    names.as_array().expect("it is a list").iter().map(|name| name.as_str().expect("names are text").into()).collect()
}

#[track_caller]
fn quiet(browser: &Browser) {
    assert_eq!(browser.complaints, [""; 0], "the page asked for something, or complained");
}

#[test]
fn the_page_opens_without_a_word_and_says_what_the_report_says() {
    let report = small();
    let Some((mut browser, _folder)) = shown(&report.to_html()) else { return };
    let total = report.total();
    let figures =
        browser.eval("[...document.querySelectorAll('#headline dd')].map((one) => Number(one.dataset.exact))");
    let allocated = total.allocated_bytes;
    assert_eq!(
        figures,
        json!([total.live_bytes, total.live_blocks, total.net_bytes(), total.peak_bytes, allocated, total.allocs])
    );
    let law = browser.text("document.querySelector('#notes .good').textContent");
    assert!(format!("{report}").contains(&law), "{law}\n{report}");
    let notes = browser.text("document.querySelector('#notes').innerText");
    for said in
        ["captured: index*", "captured nothing of serach, one sample every 2.00 KiB: there was no such operation"]
    {
        assert!(notes.contains(said) && format!("{report:200}").contains(said), "{said}\n{notes}\n{report:200}");
    }
    assert_eq!(names(&mut browser), ["index", "commit", "(heapledger)", "(unattributed)", "search"]);
    quiet(&browser);
}

#[test]
fn what_is_wrong_with_a_report_stands_at_its_head() {
    let mut told: Value = serde_json::from_str(&small().to_json()).expect("it is JSON");
    told["problem"] = json!("the ledger does not balance\u{202e}");
    told["process_bytes"] = json!(7);
    (told["misnested"], told["refused"], told["foreign"]) = (json!(1), json!(2), json!(3));
    (told["processes"], told["difference"]) = (json!(4), json!(true));
    let report = Report::from_json(&told.to_string()).expect("it is a report");
    let Some((mut browser, _folder)) = shown(&report.to_html()) else { return };
    let wrong = browser.eval("[...document.querySelectorAll('#notes .bad')].map((one) => one.textContent)");
    let table = format!("{report:200}");
    assert_eq!(wrong.as_array().map(Vec::len), Some(6));
    for said in wrong.as_array().expect("it is a list") {
        assert!(table.contains(said.as_str().expect("it is text")), "{said}\n{table}");
    }
    assert_eq!(browser.eval("document.querySelector('#notes .good')"), Value::Null);
    let about = browser.text("document.querySelector('#about').textContent");
    assert_eq!(about, "difference of two readings, 4 processes, 5 operations");
    assert_eq!(browser.text("document.querySelector('[data-column=name]').textContent"), "operation (difference)");
}

#[test]
fn a_file_with_the_name_of_a_page_is_one() {
    let (folder, report) = (tempfile::tempdir().expect("there is room for a folder"), small());
    let file = folder.path().join("report.html");
    report.save(&file).expect("it can be written");
    assert_eq!(fs::read_to_string(&file).expect("it is text"), report.to_html());
    fs::write(folder.path().join("report.json"), report.to_json()).expect("it can be written");
    let mut command = project::heapledger(folder.path());
    command.args(["show", "report.json", "--to", "shown.html"]);
    project::Said::by(command).exits(0);
    fs::write(folder.path().join("later.json"), small().to_json()).expect("it can be written");
    let diff = |arguments: &[&str]| {
        let mut command = project::heapledger(folder.path());
        command.arg("diff").args(arguments);
        project::Said::by(command)
    };
    diff(&["report.json", "later.json", "--to", "changes.html"]).exits(0);
    let changes = fs::read_to_string(folder.path().join("changes.html")).expect("it is text");
    assert!(changes.contains(r#""before":{"report":{"schema":"#));
    // There is no workspace around that folder, whose code could be shown.
    let shown = fs::read_to_string(folder.path().join("shown.html")).expect("it is text");
    let code = include_str!("../src/lib.rs").lines().next().expect("it has a line");
    assert_eq!(shown, report.to_html().replace(&format!("\"{code}\""), "null"));
}

#[test]
fn rows_are_sorted_opened_and_closed_by_clicks() {
    let Some((mut browser, _folder)) = shown(&small().to_html()) else { return };
    let sort = |browser: &mut Browser, column: &str| {
        browser.click(&format!("[data-column={column}]"));
        names(browser)
    };
    let by_allocs = ["search", "index", "commit", "(heapledger)", "(unattributed)"];
    assert_eq!(sort(&mut browser, "allocs"), by_allocs);
    assert_eq!(browser.text("document.querySelector('[aria-sort=descending]').textContent"), "allocs");
    assert_eq!(sort(&mut browser, "allocs"), ["(unattributed)", "(heapledger)", "index", "commit", "search"]);
    assert_eq!(browser.text("document.querySelector('[aria-sort=ascending]').textContent"), "allocs");
    assert_eq!(sort(&mut browser, "name"), ["(heapledger)", "(unattributed)", "index", "commit", "search"]);
    browser.click("[aria-expanded=true] .caret");
    assert_eq!(names(&mut browser), ["(heapledger)", "(unattributed)", "index", "search"]);
    browser.click("[aria-expanded=false] .caret");
    assert_eq!(names(&mut browser), ["(heapledger)", "(unattributed)", "index", "commit", "search"]);
    // Of `index` alone nothing is left.
    let live =
        "[...document.querySelectorAll('.row')].map((row) => row.querySelectorAll('[role=gridcell]')[6].textContent)";
    assert_eq!(browser.eval(live), json!(["1.00 KiB", "200 B", "20.5 KiB", "20.5 KiB", "0 B"]));
    browser.click("[data-value=own]");
    assert_eq!(browser.eval(live), json!(["1.00 KiB", "200 B", "0 B", "20.5 KiB", "0 B"]));
    browser.click("#exact");
    assert_eq!(browser.eval(live), json!(["1,024", "200", "0", "21,000", "0"]));
    quiet(&browser);
}

#[test]
fn figures_are_said_as_the_table_says_them() {
    let sizes = [0, 1, 1023, 1024, 10_234, 10_235, 102_348, 102_349, 1_023_487, 1_023_488, 5 << 20, 7 << 40];
    let counts = [0, 9999, 10_000, 99_949, 99_950, 999_499, 999_500, 9_995_000, 1, 2, 3, 4];
    let rows = sizes.iter().zip(counts).enumerate();
    let rows = Vec::from_iter(rows.map(|(at, (size, count))| row(&format!("of{at}"), *size, size / 3, count)));
    let report = report_of(rows, Value::Null);
    let Some((mut browser, _folder)) = shown(&report.to_html()) else { return };
    let rows = browser
        .eval("[...document.querySelectorAll('.row')].map((row) => [...row.children].map((one) => one.textContent))");
    assert_eq!(rows.as_array().map(Vec::len), Some(sizes.len()));
    let table = format!("{report:200}");
    for row in rows.as_array().expect("it is a list") {
        let cells =
            Vec::from_iter(row.as_array().expect("so is a row").iter().map(|cell| cell.as_str().expect("of text")));
        let line = table.lines().find(|line| line.split_whitespace().next() == Some(cells[0])).expect("it is there");
        let said = Vec::from_iter(line.split("  ").map(str::trim).filter(|word| !word.is_empty()));
        assert_eq!(said, cells);
    }
}

#[test]
fn what_is_less_than_nothing_has_no_width() {
    let report = report_of(vec![row("kept", 500, 0, 1), row("freed", 100, 400, 1)], Value::Null);
    let Some((mut browser, _folder)) = shown(&report.to_html()) else { return };
    assert_eq!(browser.text("document.querySelector('#headline dd').textContent"), "200 B");
    browser.click("#tab-1");
    assert_eq!(browser.eval(BLOCKS), json!(["all operations, 500 B, 100.0 %", "kept, 500 B, 100.0 %"]));
    quiet(&browser);
}

#[test]
fn a_search_keeps_what_is_found_and_what_is_around_it() {
    let Some((mut browser, _folder)) = shown(&small().to_html()) else { return };
    browser.press("/");
    browser.write("COMM");
    assert_eq!(names(&mut browser), ["index", "commit"]);
    assert_eq!(browser.text("document.querySelector('#found').textContent"), "1 found");
    browser.write("on");
    assert!(names(&mut browser).is_empty());
    assert_eq!(
        browser.text("document.querySelector('.empty:not([hidden])').textContent"),
        "Nothing here has such a name."
    );
    browser.eval("document.querySelector('#search').select()");
    browser.press("Delete");
    browser
        .eval("const box = document.querySelector('#search'); box.value = ''; box.dispatchEvent(new Event('input'))");
    assert_eq!(names(&mut browser).len(), 5);
    assert_eq!(browser.text("document.querySelector('#found').textContent"), "");
    quiet(&browser);
}

/// What is said of the blocks that are drawn.
const BLOCKS: &str = "[...document.querySelectorAll('.block')].map((one) => \
    one.getAttribute('aria-label') + (one.matches('.around') ? ' (around)' : ''))";

/// Their widths in thousandths of all.
const WIDTHS: &str = "[...document.querySelectorAll('.block')].map((one) => \
    Math.round(1000 * (one.clientWidth + 1) / document.querySelector('.icicle .sheet').clientWidth))";

/// The name of the lowest block.
const DEEPEST: &str = "[...document.querySelectorAll('.block')].reduce((low, one) => \
    one.getBoundingClientRect().y > low.getBoundingClientRect().y ? one : low).getAttribute('aria-label').split(',')[0]";

#[test]
fn blocks_are_as_wide_as_what_they_have_and_can_be_zoomed_into() {
    let Some((mut browser, _folder)) = shown(&small().to_html()) else { return };
    browser.click("#tab-1");
    let whole = [
        "all operations, 21.7 KiB, 100.0 %",
        "index, 20.5 KiB, 94.5 %",
        "commit, 20.5 KiB, 94.5 %",
        "main, 20.5 KiB, 94.5 %",
        "Index::open, 19.5 KiB, 90.0 %",
        "Cache::insert, 1000 B, 4.5 %",
        "(heapledger), 1.00 KiB, 4.6 %",
    ];
    // What has no width is not drawn: `(unattributed)` has 0.9 %, which is enough.
    let drawn = browser.eval(BLOCKS);
    let drawn = Vec::from_iter(
        drawn.as_array().expect("it is a list").iter().map(|one| one.as_str().expect("it is text").to_string()),
    );
    assert_eq!(drawn[..7], whole);
    assert_eq!(drawn[7..], ["(unattributed), 200 B, 0.9 %"]);
    assert_eq!(browser.eval(WIDTHS), json!([1000, 945, 945, 945, 900, 45, 46, 9]));
    browser.click(".block[aria-label^='Index::open']");
    let zoomed = browser.eval(BLOCKS);
    assert_eq!(zoomed[4], "Index::open, 19.5 KiB, 90.0 %");
    assert_eq!(zoomed[0], "all operations, 21.7 KiB, 100.0 % (around)");
    assert_eq!(browser.eval(WIDTHS), json!([1000, 1000, 1000, 1000, 1000]));
    let about = browser.text("document.querySelector('.about').textContent");
    assert!(
        about.contains("tantivy::Index::open") && about.contains("100.0 % of what is shown, 90.0 % of all"),
        "{about}"
    );
    for (key, blocks) in [("Escape", 6), ("Escape", 6), ("ArrowUp", 6), ("Home", 8), ("ArrowDown", 8), ("Enter", 6)] {
        if key == "Escape" {
            browser.eval("document.querySelector('[role=tree]').focus()");
        }
        browser.press(key);
        let drawn = browser.eval("document.querySelectorAll('.block').length");
        assert_eq!(drawn, blocks, "after {key}");
    }
    assert_eq!(browser.text("document.querySelector('.block.active').textContent"), "index");
    browser.click("[data-value=allocated]");
    assert!(
        browser
            .text("document.querySelector('.block').getAttribute('aria-label')")
            .starts_with("all operations, 6.06 MiB")
    );
    assert_eq!(browser.eval(DEEPEST), "Index::open", "of what is in every stack nothing is shown");
    browser.click("[data-value=all]");
    assert_eq!(browser.eval(DEEPEST), "Vec::with_capacity");
    browser.click("[data-value=live]");
    browser.press("/");
    browser.write("index");
    assert_eq!(browser.text("document.querySelector('#found').textContent"), "20.5 KiB found", "nothing counts twice");
    browser.eval("document.querySelector('#search').value = ''");
    browser.click("[data-value=allocated]");
    browser.press("/");
    browser.write("insert");
    assert_eq!(browser.text("document.querySelector('#found').textContent"), "2.93 KiB found");
    assert!(browser.eval("document.querySelectorAll('.block.found').length") == 0, "it is too narrow to be drawn");
    quiet(&browser);
}

/// The figures of the outermost rows of the view that is seen.
const FIGURES: &str = "[...document.querySelectorAll('.view:not([hidden]) .row[aria-level=\"1\"]')].map((row) => \
    [...row.querySelectorAll('[role=gridcell]')].map((cell) => Number(cell.title.replaceAll(',', ''))))";

const NOTE: &str = "document.querySelector('.view:not([hidden]) .note').textContent";

fn figures(browser: &mut Browser) -> Value {
    browser.eval(FIGURES)
}

#[test]
fn lines_and_crates_add_up_what_was_captured() {
    let Some((mut browser, _folder)) = shown(&small().to_html()) else { return };
    browser.click("#tab-2");
    let first = include_str!("../src/lib.rs").lines().next().expect("it has a line");
    let none = "(blocks of which no call stack was captured)";
    let known = names(&mut browser);
    let expected = [
        // What leads to a line stands below it; this one's file is there to be read.
        &format!("src/lib.rs:1 main{first}"),
        "tantivy-0.27.0 src/index.rs:100 Index::open← src/lib.rs:1 main",
        none,
        "src/cache.rs:41 Cache::insert",
        "src/cache.rs:41 Cache::insert← src/lib.rs:1 main",
        "tantivy-0.27.0 src/index.rs:100 Index::open",
        "tantivy-0.27.0 src/index.rs:100 Index::open",
    ];
    assert_eq!(known, expected);
    assert_eq!(
        figures(&mut browser),
        json!([[20_000, 2, 50_000, 5], [1224, 6188, 6_300_104, 12_365], [1000, 1, 3000, 3], [0, 0, 700, 7]])
    );
    assert_eq!(
        browser.text(NOTE),
        "call stacks are known of 20.5 KiB of 21.7 KiB live, and of 52.4 KiB of 6.06 MiB allocated; \
         ~ estimated from 3 samples, one every 2.00 KiB"
    );

    browser.click("#tab-3");
    assert_eq!(names(&mut browser)[..2], ["tantivy-0.27.0", "tantivy-0.27.0 src/index.rs:100 Index::open"]);
    assert_eq!(
        figures(&mut browser),
        json!([[20_000, 2, 50_700, 12], [1224, 6188, 6_300_104, 12_365], [1000, 1, 3000, 3]])
    );

    let shown = "[...document.querySelectorAll('.view:not([hidden]) .row')].map((row) => row.textContent)";
    assert_eq!(browser.eval(shown)[0], "tantivy-0.27.0~19.5 KiB~2~49.5 KiB~12", "a part of it is an estimate");

    browser.click("#tab-4");
    assert_eq!(names(&mut browser), ["512..1024 B", "8..16 KiB"]);
    assert_eq!(figures(&mut browser), json!([[1000, 1, 3700, 10], [20_000, 2, 50_000, 5]]));

    // Whoever chooses an operation sees no other one, in any view.
    browser.click("#tab-0");
    browser.click(".row:nth-child(2) .text");
    assert_eq!(browser.text("document.querySelector('#within').textContent"), "within index/commit ✕");
    let chosen = "[...document.querySelectorAll('.row[aria-selected=true] .name')].map((one) => one.textContent)";
    assert_eq!(browser.eval(chosen), json!(["commit"]));
    browser.click(".row:nth-child(2) .text");
    assert!(browser.eval("document.querySelector('#within').hidden") == true, "who chooses it again lets go of it");
    browser.click(".row:nth-child(2) .text");
    let details = browser.text("document.querySelector('.details').textContent");
    assert!(details.contains("live21,000 B in") && details.contains("allocated60,000 B in 10 blocks"), "{details}");
    browser.click("#tab-2");
    assert_eq!(figures(&mut browser), json!([[20_000, 2, 50_000, 5], [1000, 1, 3000, 3], [0, 2, 7000, 2]]));
    browser.click("#within");
    assert_eq!(names(&mut browser), expected);
    browser.click("#tab-0");
    assert_eq!(browser.eval("document.querySelectorAll('.row[aria-selected=true]').length"), 0);
    quiet(&browser);
}

#[test]
fn two_reports_show_what_changed_in_between() {
    let before =
        report_of(vec![row("index", 5000, 0, 4), row("index/merge", 100, 0, 1), row("old", 70, 0, 2)], Value::Null);
    let after =
        report_of(vec![row("index", 9000, 500, 8), row("index/commit", 30, 0, 1), row("old", 70, 0, 2)], Value::Null);
    let Some((mut browser, _folder)) = shown(&after.to_html_since(&before)) else { return };
    assert_eq!(browser.text("document.querySelector('[aria-selected=true]').textContent"), "Changes");
    assert_eq!(names(&mut browser), ["index", "commit new", "merge gone", "old"]);
    let cells = "[...document.querySelectorAll('.view:not([hidden]) .row')].map((row) => \
        [...row.querySelectorAll('[role=gridcell]')].map((cell) => cell.textContent).join(' | '))";
    assert_eq!(
        browser.eval(cells),
        json!([
            "4.98 KiB | 8.33 KiB | +3.35 KiB | +3.84 KiB | +4",
            "- | 30 B | +30 B | +30 B | +1",
            "100 B | - | -100 B | -100 B | -1",
            "70 B | 70 B | 0 B | 0 B | 0",
        ])
    );
    quiet(&browser);
}

#[test]
fn every_view_is_used_by_keys_alone() {
    let Some((mut browser, _folder)) = shown(&small().to_html()) else { return };
    let active = "document.getElementById(document.querySelector('.view:not([hidden]) [role=treegrid]') \
        .getAttribute('aria-activedescendant')).querySelector('.name').textContent";
    browser.eval("document.querySelector('[role=treegrid]').focus()");
    for (key, name) in [
        ("ArrowDown", "commit"),
        ("ArrowDown", "(heapledger)"),
        ("End", "search"),
        ("ArrowDown", "search"),
        ("Home", "index"),
        ("ArrowUp", "index"),
        ("ArrowRight", "commit"),
        ("ArrowLeft", "index"),
        ("ArrowLeft", "index"),
        ("ArrowDown", "(heapledger)"),
        ("ArrowUp", "index"),
        ("ArrowRight", "index"),
        ("ArrowRight", "commit"),
        ("PageDown", "search"),
        ("PageUp", "index"),
        (" ", "index"),
        ("ArrowDown", "(heapledger)"),
    ] {
        browser.press(key);
        assert_eq!(browser.text(active), name, "after {key}");
    }
    browser.press("Enter");
    assert_eq!(browser.text("document.querySelector('#within').textContent"), "within (heapledger) ✕");
    browser.eval("document.querySelector('[role=tab][aria-selected=true]').focus()");
    for view in ["Icicle", "Lines", "Crates", "Sizes", "Operations", "Icicle"] {
        browser.press("ArrowRight");
        assert_eq!(browser.text("document.activeElement.textContent"), view);
        assert_eq!(browser.eval("document.querySelectorAll('.view:not([hidden])').length"), 1);
    }
    browser.press("ArrowLeft");
    assert_eq!(browser.text("document.activeElement.textContent"), "Operations");
    assert_eq!(
        browser.eval("[...document.querySelectorAll('[role=tab]')].map((tab) => tab.tabIndex)"),
        json!([0, -1, -1, -1, -1])
    );
    quiet(&browser);
}

#[test]
fn whatever_can_be_used_has_a_name_for_those_who_do_not_see_it() {
    let report = small();
    let Some((mut browser, _folder)) = shown(&report.to_html_since(&report)) else { return };
    const USED: [&str; 9] =
        ["button", "searchbox", "textbox", "combobox", "tab", "treegrid", "tree", "row", "treeitem"];
    let mut seen = std::collections::BTreeSet::new();
    for tab in 0..6 {
        browser.click(&format!("#tab-{tab}"));
        let tree = browser.call("Accessibility.getFullAXTree", json!({}));
        for node in tree["nodes"].as_array().expect("it is a list") {
            let role = node["role"]["value"].as_str().unwrap_or_default();
            if node["ignored"] == false && USED.contains(&role) {
                let name = node["name"]["value"].as_str().unwrap_or_default().trim();
                assert!(!name.is_empty(), "{node}");
                seen.insert(role.to_string());
            }
        }
    }
    for role in ["button", "searchbox", "tab", "treegrid", "tree", "row", "treeitem"] {
        assert!(seen.contains(role), "no {role} was seen: {seen:?}");
    }
}

#[test]
fn it_is_light_or_dark_as_the_reader_likes_and_stays_so() {
    let Some((mut browser, folder)) = shown(&small().to_html()) else { return };
    let ground = "getComputedStyle(document.body).backgroundColor";
    let (light, dark) = ("rgb(250, 249, 247)", "rgb(20, 23, 26)");
    for (scheme, colour) in [("light", light), ("dark", dark)] {
        browser.prefer(scheme);
        assert_eq!(browser.text(ground), colour);
    }
    for (theme, colour) in [("light", light), ("dark", dark), ("auto", dark), ("light", light)] {
        browser.click("#theme");
        assert_eq!(
            (browser.text("document.querySelector('#theme').textContent"), browser.text(ground)),
            (format!("theme: {theme}"), colour.into())
        );
    }
    browser.visit(&folder.path().join("report.html"));
    browser.until("document.documentElement.dataset.theme === 'light'");
    assert_eq!(browser.text(ground), light);
    quiet(&browser);
}

#[test]
fn nothing_is_wider_than_a_phone() {
    let report = small();
    let Some((mut browser, _folder)) = shown(&report.to_html_since(&report)) else { return };
    browser.resize(360, 640);
    browser.until("document.documentElement.clientWidth === 360");
    for tab in 0..6 {
        browser.click(&format!("#tab-{tab}"));
        browser.until("document.documentElement.scrollWidth <= 360");
    }
    // The columns for which there is room, and a list to sort by any.
    browser.click("#tab-0");
    browser.until("document.querySelectorAll('.view:not([hidden]) [role=columnheader]').length === 3");
    let select = "document.querySelector('.view:not([hidden]) select')";
    assert!(browser.eval(&format!("{select}.getBoundingClientRect().width > 0")) == true);
    browser.eval(&format!("{select}.value = 'allocs'; {select}.dispatchEvent(new Event('change'))"));
    let heads =
        "[...document.querySelectorAll('.view:not([hidden]) [role=columnheader]')].map((one) => one.textContent)";
    assert_eq!(browser.eval(heads), json!(["operation", "allocs", "live"]));
    assert_eq!(names(&mut browser)[0], "search");
    quiet(&browser);
}

#[test]
fn no_name_does_anything_to_the_page() {
    let hostile = [
        "<img src=x onerror=\"document.title='broken'\">",
        "</script><script>document.title='broken'</script>",
        "<!--<script>",
        "'\"`;document.title='broken';//",
        "\u{202e}txet desrever",
        "line\nbreak\ttab\u{7}bell",
        "a\u{200b}b\u{feff}c\u{ad}d\u{e0041}e\u{2066}f",
        "${document.title='broken'}",
        "javascript:document.title='broken'",
        "{script}",
        "&lt;b&gt;",
        "__proto__",
        "constructor",
        "\u{2028}\u{85}",
    ];
    let long = "x".repeat(255);
    // Names have no slash: what is behind one is an operation inside.
    let mut paths =
        Vec::from_iter(hostile.into_iter().chain([long.as_str()]).map(|name| name.replace('/', "\u{2044}")));
    paths.insert(1, format!("{}/{}", paths[0], "</script>".replace('/', "")));
    let rows = paths.iter().enumerate().map(|(at, path)| row(path, 1000 - at as u64, 0, 2));
    let stacks = json!({
        "strings": hostile,
        "origins": [origin("crate", Some(hostile[0]), Some(hostile[1])), origin("workspace", None, None)],
        "modules": [],
        "frames": Vec::from_iter((0..hostile.len()).map(|at| frame(at, (at + 1) % hostile.len(), 1, at % 2))),
        "stacks": Vec::from_iter((0..hostile.len()).map(|at| json!({ "kind": "complete", "frames": [at] }))),
        "operations": [{
            "path": paths[0], "stacks": Vec::from_iter((0..hostile.len()).map(|at| charged(at, 0, 10, 0, 10))),
        }],
    });
    let report = report_of(rows.collect(), stacks);
    let Some((mut browser, _folder)) = shown(&report.to_html_since(&report)) else { return };
    browser.click("#tab-0");
    let seen = names(&mut browser);
    // The table shows the same names, and they are safe on a terminal.
    let table = format!("{report:4000}");
    for name in &seen {
        assert!(table.contains(name.as_str()), "{name:?} is not what the table shows");
        assert!(
            !name.chars().any(|one| one.is_control() || "\u{202e}\u{200b}\u{feff}\u{ad}\u{2066}\u{2028}".contains(one)),
            "{name:?}"
        );
    }
    assert_eq!(seen.len(), paths.len());
    for tab in 0..6 {
        browser.click(&format!("#tab-{tab}"));
        assert_eq!(browser.eval("document.querySelectorAll('img, a, iframe, main script, .row b b').length"), 0);
        assert_eq!(browser.text("document.title"), "heapledger report");
        assert_eq!(browser.eval("document.documentElement.scrollWidth <= 1280"), true);
    }
    browser.click("#tab-0");
    for at in 1..=3 {
        browser.click(&format!(".row:nth-child({at}) .text"));
        assert!(browser.eval("document.querySelector('#within').textContent.length > 8") == true);
    }
    let last = browser.eval("Object.prototype.live === undefined && ({}).figures === undefined");
    assert_eq!(last, true);
    quiet(&browser);
}

/// Of operations, and of stacks.
const MANY: usize = 10_000;

/// A report of ten thousand operations, in groups, with a stack of twelve functions each.
fn large() -> Report {
    let rows =
        (0..MANY).map(|at| row(&format!("group{}/operation{at}", at % 100), 1000 + at as u64, at as u64 / 2, 10));
    let rows = Vec::from_iter((0..100).map(|at| row(&format!("group{at}"), 0, 0, 0)).chain(rows));
    let functions = Vec::from_iter((0..2000).map(|at| format!("app::module{}::Type{}::method{at}", at % 40, at % 300)));
    let files = (0..40).map(|at| format!("src/module{at}.rs"));
    let strings = Vec::from_iter(functions.iter().cloned().chain(files));
    let frames = Vec::from_iter((0..8000).map(|at| frame(at % 2000, 2000 + at % 40, at / 40 + 1, 0)));
    let leads = |at: usize| Vec::from_iter((0..12).map(|depth| (at * (depth + 1) * 7 + depth) % 8000));
    let stacks = Vec::from_iter((0..MANY).map(|at| json!({ "kind": "complete", "frames": leads(at) })));
    let of = |at: usize| {
        let path = format!("group{}/operation{at}", at % 100);
        json!({ "path": path, "stacks": [charged(at, 10, 1000 + at, 1, 500)] })
    };
    let stacks = json!({
        "strings": strings, "origins": [origin("workspace", None, None)], "modules": [], "frames": frames,
        "stacks": stacks, "operations": Vec::from_iter((0..MANY).map(of)),
    });
    report_of(rows, stacks)
}

#[test]
fn ten_thousand_operations_and_stacks_are_in_few_rows() {
    let report = large();
    let page = report.to_html();
    let Some((mut browser, _folder)) = shown(&page) else { return };
    let opened = browser.eval("Number(document.documentElement.dataset.ready)");
    let timed = |browser: &mut Browser, what: &str| {
        let drawn = format!("{what}; document.body.offsetHeight; return Math.round(performance.now() - start)");
        browser.eval(&format!("(() => {{ const start = performance.now(); {drawn} }})()"))
    };
    let sorted = timed(&mut browser, "document.querySelector('[data-column=allocated]').click()");
    let search = |query: &str| {
        format!(
            "const box = document.querySelector('#search'); box.value = '{query}'; \
             box.dispatchEvent(new Event('input'))"
        )
    };
    let found = timed(&mut browser, &search("operation99"));
    assert_eq!(browser.text("document.querySelector('#found').textContent"), "111 found");
    timed(&mut browser, &search("operation"));
    let again = timed(&mut browser, "document.querySelector('[data-column=freed]').click()");
    // All of them are open, and few of them are there.
    assert_eq!(browser.eval("document.querySelector('[role=treegrid]').getAttribute('aria-rowcount')"), "10101");
    assert!(browser.eval("document.querySelectorAll('.row').length").as_i64() < Some(60));
    browser.eval("document.querySelector('[role=treegrid]').focus()");
    browser.press("End");
    assert_eq!(browser.text("[...document.querySelectorAll('.row .name')].at(-1).textContent"), "operation0");
    timed(&mut browser, &search(""));
    let icicle = timed(&mut browser, "document.querySelector('#tab-1').click()");
    assert!(browser.eval("document.querySelectorAll('.block').length").as_i64() > Some(100));
    let lines = timed(&mut browser, "document.querySelector('#tab-2').click()");
    assert!(browser.eval("document.querySelectorAll('.view:not([hidden]) .row').length").as_i64() < Some(60));
    quiet(&browser);
    let mib = page.len() as f64 / f64::from(1 << 20);
    println!("{MANY} operations x {MANY} stacks: page {mib:.1} MiB, opened {opened} ms, sorted {sorted} ms,");
    println!("all rows {again} ms, searched {found} ms, icicle {icicle} ms, lines {lines} ms");
}

/// The same report with what its operations owned at four moments.
fn over_time() -> Report {
    let mut told: Value = serde_json::from_str(&small().to_json()).expect("it is JSON");
    let operation = |path: &str, live: [i64; 4]| json!({ "path": path, "known_from": 0, "live_bytes": live });
    let mut operations = vec![
        operation("search", [0, 5 << 20, 0, 0]),
        operation("index/commit", [0, 1 << 20, 30_000, 21_000]),
        operation("<b>\u{202e}", [0, 0, 300, 300]),
    ];
    operations.extend((0..8).map(|at| operation(&format!("small{at}"), [10, 10, 10, 10])));
    operations[10]["known_from"] = json!(2);
    operations[10]["live_bytes"] = json!([0, 0, 10, 10]);
    told["timelines"] = json!([{
        "program": "app", "process": 7, "every_us": 1_000_000, "elapsed_us": [0, 1_000_000, 2_000_000, 4_000_000],
        "unsettled": [1], "operations": operations, "others": [100, 200, -300, 400], "problem": null,
    }]);
    Report::from_json(&told.to_string()).expect("it is a report")
}

/// The lowest and the highest place of all areas.
const EXTENT: &str = "(() => { const all = [...document.querySelectorAll('.timeline path')].flatMap((one) => \
    one.getAttribute('d').match(/[\\d.]+ [\\d.]+/g).map((corner) => Number(corner.split(' ')[1]))); \
    return [Math.max(...all), Math.min(...all)]; })()";
/// What is said of the chosen point, and of the areas there.
const POINT: &str = "document.querySelector('.timeline .about').textContent";
const ENTRIES: &str = "[...document.querySelectorAll('.legend li')].map((one) => \
    [...one.children].slice(1, 3).map((cell) => cell.textContent).join(' '))";

#[test]
fn what_operations_owned_over_time_is_read_point_by_point() {
    let Some((mut browser, _folder)) = shown(&over_time().to_html()) else { return };
    browser.click("#tab-5");
    assert_eq!(browser.text("document.querySelector('#tab-5').textContent"), "Timeline");
    let note = "document.querySelector('.view:not([hidden]) .note').textContent";
    assert_eq!(browser.text(note), "4 points, one every 1 s; 1 of them read while memory moved");
    // From nothing to the highest point, which all areas have together.
    assert_eq!(browser.eval(EXTENT), json!([296, 10]));
    assert_eq!(browser.text(POINT), "after 4 s: 21.3 KiB live");
    let last = browser.eval(ENTRIES);
    let mut entries = ["search 0 B", "index/commit 20.5 KiB", "<b>\\u{202e} 300 B"].map(String::from).to_vec();
    entries.extend((0..6).map(|at| format!("small{at} 10 B")));
    entries.push("all others 420 B".into());
    assert_eq!(last, json!(entries));
    browser.eval("document.querySelector('.timeline svg').focus()");
    browser.press("Home");
    assert_eq!(browser.text(POINT), "after 0 ms: 170 B live");
    browser.press("ArrowRight");
    assert_eq!(browser.text(POINT), "after 1 s: 6.00 MiB live, about: memory moved while it was read");
    let value = "document.querySelector('.timeline svg').getAttribute('aria-valuetext')";
    assert_eq!(browser.text(value), browser.text(POINT));
    for (key, after) in [("ArrowLeft", "0 ms"), ("ArrowLeft", "0 ms"), ("PageUp", "4 s"), ("ArrowRight", "4 s")] {
        browser.press(key);
        assert!(browser.text(POINT).starts_with(&format!("after {after}: ")), "{key}: {}", browser.text(POINT));
    }
    let near = "(() => { const svg = document.querySelector('.timeline svg'), box = svg.getBoundingClientRect(); \
        svg.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + 66 + (box.width - 80) * 0.45 })); })()";
    browser.eval(near);
    assert_eq!(browser.text(POINT), "after 2 s: 29.4 KiB live");
    browser.press("/");
    browser.write("small");
    assert_eq!(browser.text("document.querySelector('#found').textContent"), "6 found");
    assert_eq!(browser.eval("document.querySelectorAll('.timeline path.other').length"), json!(4));
    quiet(&browser);
}

#[test]
fn the_timeline_of_one_operation_has_those_below_it_and_no_others() {
    let Some((mut browser, _folder)) = shown(&over_time().to_html()) else { return };
    browser.click("#tab-5");
    browser.eval("document.querySelectorAll('.legend button')[1].click()");
    assert_eq!(browser.text("document.querySelector('#within').textContent"), "within index/commit ✕");
    assert_eq!(browser.eval(ENTRIES), json!(["index/commit 20.5 KiB"]));
    assert_eq!(browser.text(POINT), "after 4 s: 20.5 KiB live");
    assert!(browser.text("document.querySelector('.view:not([hidden]) .note').textContent").ends_with("are left out"));
    browser.resize(390, 760);
    browser.until("document.querySelector('.timeline svg').clientWidth < 390");
    assert_eq!(browser.eval("document.documentElement.scrollWidth"), json!(390));
    assert_eq!(browser.eval(EXTENT), json!([296, 10]));
    quiet(&browser);
}

/// A leak test whose windows have two readings each, of so many bytes after each iteration.
fn leak_test(path: &str, outcome: &str, verdict: &str, after: fn(u64) -> i64, slope: Value) -> Value {
    let (mut done, mut windows) = (2, Vec::new());
    for iterations in [16, 32, 64] {
        let (middle, end) = (done + iterations / 2, done + iterations);
        let lives = [after(middle), after(end)];
        windows.push(json!({
            "iterations": iterations, "live_bytes": lives[1], "live_blocks": end, "min_bytes": lives[0].min(lives[1]),
            "max_bytes": lives[0].max(lives[1]), "readings": [[middle, lives[0], middle]],
        }));
        done = end;
    }
    json!({
        "path": path, "program": "app", "process": 7, "site": { "file": "tests/a.rs", "line": 12, "column": 5 },
        "outcome": outcome, "verdict": verdict,
        "curve": { "start": [2, after(2), 2], "windows": windows, "slope": slope },
    })
}

const HOSTILE: &str = "</script><svg onload=alert(1)>\u{202e}";

/// The same report with leak tests, of which the first one leaves so many bytes with every iteration.
fn with_leak_tests(bytes: i64) -> Report {
    let mut told: Value = serde_json::from_str(&over_time().to_json()).expect("it is JSON");
    let slope = |bytes: i64, blocks: i64| json!({ "bytes": bytes * 64, "blocks": blocks * 64, "iterations": 64 });
    let leaks = match bytes {
        48 => leak_test(
            "search",
            "leak",
            "LEAK: it leaves exactly 48 B in 1 block per iteration",
            |at| at as i64 * 48,
            slope(48, 1),
        ),
        _ => leak_test(
            "search",
            "leak",
            "LEAK: it leaves exactly 96 B in 1 block per iteration",
            |at| at as i64 * 96,
            slope(96, 1),
        ),
    };
    let swings = leak_test(HOSTILE, "unstable", HOSTILE, |at| if at % 3 == 0 { -500 } else { 500 }, Value::Null);
    let passed = leak_test("index/commit", "passed", "warm-up: the first iterations keep 4 B", |_| 4, slope(0, 0));
    told["leak_tests"] = json!({ "tests": [leaks, swings, passed], "dropped": 5 });
    Report::from_json(&told.to_string()).expect("it is a report")
}

/// Of every leak test that is shown: its name, how it ended, its slope, its reading, and its verdict.
const CARDS: &str = "[...document.querySelectorAll('.curve')].map((card) => \
    ['.text', '.outcome', '.slope-figure', '.about', '.verdict'].map((part) => card.querySelector(part).textContent))";
/// Where a line of the first leak test begins and ends.
fn ends(line: &str) -> String {
    format!(
        "(() => {{ const all = document.querySelector('.curve path.{line}').getAttribute('d').match(/[\\d.]+ [\\d.]+/g); \
         return [all[0], all.at(-1)].map((corner) => corner.split(' ').map(Number)); }})()"
    )
}

#[test]
fn leak_tests_are_pictures_with_their_windows_readings_slope_and_verdict() {
    let Some((mut browser, _folder)) = shown(&with_leak_tests(48).to_html()) else { return };
    browser.click("#tab-6");
    assert_eq!(browser.text("document.querySelector('#tab-6').textContent"), "Leak tests");
    let note = "document.querySelector('.view:not([hidden]) .note').textContent";
    assert_eq!(browser.text(note), "3 leak tests, 1 of them leaks, 5 more for which there was no room");
    let hostile = "</script><svg onload=alert(1)>\\u{202e}";
    let verdict = "LEAK: it leaves exactly 48 B in 1 block per iteration";
    let last = |bytes: &str| format!("after 114 iterations: {bytes} in 114 blocks");
    assert_eq!(
        browser.eval(CARDS),
        json!([
            ["search", "leaks", "48 B in 1 block per iteration", last("5.34 KiB"), verdict],
            [hostile, "no verdict", "too few windows for a slope", last("-500 B"), hostile],
            ["index/commit", "passed", "0 B per iteration", last("4 B"), "warm-up: the first iterations keep 4 B"],
        ])
    );
    let places = browser.eval("[...document.querySelectorAll('.curve > .place')].map((one) => one.textContent)");
    assert_eq!(places, json!(vec!["run at tests/a.rs:12"; 3]));
    // From 96 to 5,472 bytes over all of the picture: the line of the slope is the curve itself.
    assert_eq!(browser.eval(&ends("lived")), json!([[62, 151.4], [350, 8]]));
    assert_eq!(browser.eval(&ends("slope")), browser.eval(&ends("lived")));
    assert_eq!(browser.eval("document.querySelectorAll('.curve path.slope').length"), json!(2));
    let windows =
        "[...document.querySelectorAll('.curve')[0].querySelectorAll('.window title')].map((one) => one.textContent)";
    assert_eq!(
        browser.eval(windows),
        json!([
            "window 1: 16 iterations, 480 B to 864 B",
            "window 2: 32 iterations, 1.59 KiB to 2.34 KiB",
            "window 3: 64 iterations, 3.84 KiB to 5.34 KiB",
        ])
    );
    browser.eval("document.querySelector('.curve svg').focus()");
    let about = "document.querySelector('.curve .about').textContent";
    for (key, said) in [
        ("Home", "after 2 iterations: 96 B in 2 blocks"),
        ("ArrowLeft", "after 2 iterations: 96 B in 2 blocks"),
        ("ArrowRight", "after 10 iterations: 480 B in 10 blocks"),
        ("PageUp", "after 114 iterations: 5.34 KiB in 114 blocks"),
        ("ArrowDown", "after 82 iterations: 3.84 KiB in 82 blocks"),
    ] {
        browser.press(key);
        assert_eq!(browser.text(about), said, "{key}");
        let value = "document.querySelector('.curve svg').getAttribute('aria-valuetext')";
        assert_eq!(browser.text(value), said, "{key}");
    }
    let near = "(() => { const svg = document.querySelector('.curve svg'), box = svg.getBoundingClientRect(); \
        svg.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + box.width * 106 / 360 })); })()";
    browser.eval(near);
    assert_eq!(browser.text(about), "after 18 iterations: 864 B in 18 blocks");
    quiet(&browser);
}

#[test]
fn a_leak_test_that_ran_is_drawn_as_it_was_judged() {
    let outcome = heapledger::LeakTest::new("ran").lines(false).run(|_| Box::leak(Box::new([7_u64; 6])));
    let (iterations, bytes) = (outcome.iterations(), outcome.windows().last().map_or(0, |window| window.live_bytes));
    assert_eq!(bytes, iterations as i64 * 48);
    let Some((mut browser, _folder)) = shown(&heapledger::report().to_html()) else { return };
    browser.eval("[...document.querySelectorAll('.tab')].find((tab) => tab.textContent === 'Leak tests').click()");
    browser.click("#exact");
    let exact = |number: i64| {
        let digits = number.to_string();
        let first = digits.len() % 3;
        let rest = digits.as_bytes()[first..].chunks(3).map(|three| String::from_utf8_lossy(three).into_owned());
        let groups = (first > 0).then(|| digits[..first].to_string()).into_iter().chain(rest);
        Vec::from_iter(groups).join(",")
    };
    let about = format!("after {0} iterations: {1} in {0} blocks", exact(iterations as i64), exact(bytes));
    let verdict = "LEAK: it leaves exactly 48 B in 1 block per iteration";
    assert_eq!(browser.eval(CARDS), json!([["ran", "leaks", "48 B in 1 block per iteration", about, verdict]]));
    // The line of the slope is the curve, but for how its ends are rounded.
    let [lived, slope] = [ends("lived"), ends("slope")].map(|line| browser.eval(&line));
    for at in ["/0/0", "/0/1", "/1/0", "/1/1"] {
        let [lived, slope] = [&lived, &slope].map(|ends| ends.pointer(at).and_then(Value::as_f64).expect(at));
        assert!((lived - slope).abs() < 0.2, "{lived} {slope}");
    }
    quiet(&browser);
}

#[test]
fn leak_tests_are_found_by_name_and_those_of_one_operation_alone_shown_on_a_phone_too() {
    let Some((mut browser, _folder)) = shown(&with_leak_tests(48).to_html()) else { return };
    browser.click("#tab-6");
    browser.press("/");
    browser.write("</scr");
    assert_eq!(browser.text("document.querySelector('#found').textContent"), "1 found");
    let shown = "[...document.querySelectorAll('.curve .text')].map((one) => one.textContent)";
    assert_eq!(browser.eval(shown), json!(["</script><svg onload=alert(1)>\\u{202e}"]));
    browser.eval(
        "(() => { const search = document.querySelector('#search'); search.value = 'none'; \
        search.dispatchEvent(new Event('input')); search.value = ''; })()",
    );
    assert_eq!(browser.text("document.querySelector('.curves').textContent"), "no leak test");
    browser.eval("document.querySelector('#search').dispatchEvent(new Event('input'))");
    browser.click(".curve.passed h2 button");
    assert_eq!(browser.text("document.querySelector('#within').textContent"), "within index/commit ✕");
    assert_eq!(browser.eval(shown), json!(["index/commit"]));
    browser.click("#within");
    assert_eq!(browser.eval("document.querySelectorAll('.curve').length"), json!(3));
    let colour = "getComputedStyle(document.querySelector('.curve.leak .lived')).stroke";
    let light = browser.text(colour);
    browser.prefer("dark");
    assert_ne!(browser.text(colour), light);
    browser.click("#exact");
    assert_eq!(
        browser.text("document.querySelector('.curve .about').textContent"),
        "after 114 iterations: 5,472 in 114 blocks"
    );
    browser.resize(390, 760);
    browser.until("document.querySelector('.curve').clientWidth < 390");
    assert_eq!(browser.eval("document.documentElement.scrollWidth"), json!(390));
    quiet(&browser);
}

#[test]
fn the_slope_of_a_leak_test_stands_beside_the_one_it_had_before() {
    let Some((mut browser, _folder)) = shown(&with_leak_tests(48).to_html_since(&with_leak_tests(96))) else { return };
    browser.click("#tab-6");
    let slope = "[...document.querySelectorAll('.slope-figure')].map((one) => one.textContent)";
    assert_eq!(
        browser.eval(slope),
        json!([
            "48 B in 1 block per iteration before: 96 B in 1 block per iteration",
            "too few windows for a slope before: too few windows for a slope",
            "0 B per iteration before: 0 B per iteration",
        ])
    );
    quiet(&browser);
}

#[test]
fn a_report_with_a_problem_is_not_called_right_though_its_sums_are_equal() {
    let mut told: Value = serde_json::from_str(&small().to_json()).expect("it is JSON");
    told["problem"] = json!("threads moved");
    let report = Report::from_json(&told.to_string()).expect("it is a report");
    let Some((mut browser, _folder)) = shown(&report.to_html()) else { return };
    let first = "document.querySelector('#notes p')";
    assert!(!browser.text(&format!("{first}.textContent")).contains('≠'));
    assert_eq!(browser.text(&format!("{first}.className")), "bad");
}

#[test]
fn sums_are_exact_beyond_what_a_script_counts_and_other_figures_say_that_they_are_not() {
    // The nearest numbers that a script has are one more and one less.
    let rows = vec![row("much", (1 << 53) + 1, 0, 1), row("less", 0, 1 << 20, 0)];
    let Some((mut browser, _folder)) = shown(&report_of(rows, Value::Null).to_html()) else { return };
    let law = browser.text("document.querySelector('#notes .good').textContent");
    let sum = "9,007,199,253,692,417 B";
    assert_eq!(law, format!("sum of net {sum} = sum of live {sum} = process {sum}"));
    browser.click("#exact");
    let cells = "[...document.querySelector('.row').querySelectorAll('.allocated')].map((one) => one.textContent)";
    assert_eq!(browser.eval(cells), json!(["≈9,007,199,254,740,992"]));
}

#[test]
fn stacks_that_were_not_looked_up_are_said() {
    let mut told: Value = serde_json::from_str(&small().to_json()).expect("it is JSON");
    told["stacks"]["operations"][0]["summed"] = json!(1_234);
    let report = Report::from_json(&told.to_string()).expect("it is a report");
    let Some((mut browser, _folder)) = shown(&report.to_html()) else { return };
    let notes = browser.text("document.querySelector('#notes').innerText");
    let said = "1,234 small stacks not looked up: with those for which there was no room";
    assert!(notes.contains(said) && format!("{report:200}").contains(said), "{notes}\n{report:200}");
}

/// Where pictures are kept; else nobody sees them.
const PICTURES: &str = "HEAPLEDGER_PICTURES";

/// The stored report that a variable of the environment names; else a made-up one.
fn stored(variable: &str, made_up: impl FnOnce() -> Report) -> Report {
    let text = std::env::var_os(variable).map(|file| fs::read_to_string(file).expect("the report can be read"));
    text.map_or_else(made_up, |text| Report::from_json(&text).expect("it is a report"))
}

/// A name, light or dark, the width and the height, and what is clicked before.
type Shot<'a> = (&'a str, &'a str, u32, u32, &'a [&'a str]);

/// Takes pictures of a page.
fn take(page: &str, pictures: &[Shot]) {
    let Some((mut browser, _folder)) = shown(page) else { return };
    for (name, scheme, width, height, clicks) in pictures {
        browser.resize(*width, *height);
        browser.prefer(scheme);
        clicks.iter().for_each(|click| browser.click(click));
        let picture = STANDARD.decode(browser.picture()).expect("it is base64");
        // A blank picture has a few thousand bytes.
        assert!(picture.starts_with(b"RIFF") && picture.len() > 10_000, "{name}: {} B", picture.len());
        if let Some(folder) = std::env::var_os(PICTURES) {
            fs::write(Path::new(&folder).join(format!("{name}.webp")), picture).expect("the picture can be written");
        }
    }
    quiet(&browser);
}

#[test]
fn a_picture_of_every_view_can_be_taken() {
    let report = stored("HEAPLEDGER_PICTURES_OF", over_time);
    take(
        &report.to_html(),
        &[
            ("icicle", "light", 1280, 760, &["#tab-1", "[data-value=allocated]"]),
            ("lines", "light", 1280, 760, &["#tab-2"]),
            ("timeline", "light", 1280, 760, &["#tab-5"]),
            ("phone", "light", 390, 760, &["#tab-0"]),
            ("operations", "dark", 1280, 760, &["#tab-0", ".row:nth-child(3) .text"]),
        ],
    );
    let leaks = stored("HEAPLEDGER_PICTURES_OF_LEAKS", || with_leak_tests(48));
    // Without a timeline, their tab has its place.
    let tab = format!("#tab-{}", 5 + leaks.timelines().len());
    take(&leaks.to_html(), &[("leak-tests", "light", 1280, 760, &[&tab])]);
    let earlier = stored("HEAPLEDGER_PICTURES_SINCE", || with_leak_tests(96));
    take(&report.to_html_since(&earlier), &[("changes", "dark", 1280, 760, &[])]);
}
