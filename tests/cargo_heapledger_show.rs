//! The command `cargo heapledger show`: reports that a program stored, as it prints them itself.

#![cfg(all(target_os = "linux", not(miri)))]

use std::hint::black_box;

use serde_json::{Value, json};

#[path = "common/made_up.rs"]
mod made_up;
#[path = "common/project.rs"]
mod project;

use heapledger::SortKey;
use made_up::run_of;
use project::{Project, Said, heapledger};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// What is said in a folder with these files.
fn show(files: &[(&str, &str)], arguments: &[&str]) -> Said {
    let project = Project::bare();
    for (name, text) in files {
        project.write(name, text);
    }
    let mut command = heapledger(project.folder());
    command.arg("show").args(arguments);
    Said::by(command)
}

/// A report with an operation, and where stacks can be taken, with stacks of it.
fn report() -> heapledger::Report {
    let _capture = heapledger::capture("shown");
    let (kept, _) = heapledger::measure("shown", || black_box(vec![0_u8; black_box(12_345)]));
    let report = heapledger::report();
    drop(kept);
    report
}

#[test]
fn a_stored_report_looks_as_it_did_in_its_program() {
    let report = report();
    let json = report.to_json();
    let said = show(&[("one.json", &json)], &["one.json"]);
    assert_eq!(said.exits(0).out, format!("{report:120}\n"));
    assert!(said.out.contains("call stacks of shown\n") && said.err.is_empty(), "{said}");
    let said = show(&[("one.json", &json)], &["--exact", "one.json"]);
    assert_eq!(said.exits(0).out, format!("{report:#120}\n"));
    said.prints("12,345");
    let said = show(&[("one.json", &json)], &["one.json", "--color", "always"]);
    said.exits(0).prints("\u{1b}[1m");
}

#[test]
fn a_leak_test_is_a_line_with_its_curve_its_slope_and_its_verdict() {
    let outcome = heapledger::LeakTest::new("leaks").lines(false).run(|_| Box::leak(Box::new([7_u64; 6])));
    assert!(outcome.verdict().is_leak());
    let report = heapledger::report();
    let site = report.leak_tests()[0].site.as_ref().expect("it was run somewhere");
    let verdict = "LEAK: it leaves exactly 48 B in 1 block per iteration";
    let line = format!("▇█ 48 B leaks ({site}): {verdict}");
    let json = report.to_json();
    for (arguments, is_shown) in [
        (&["one.json"][..], true),
        (&["one.json", "--exact", "--operation", "leaks"], true),
        (&["one.json", "--operation", "(unattributed)"], false),
    ] {
        let said = show(&[("one.json", &json)], arguments);
        let words = Vec::from_iter(said.exits(0).out.split_whitespace()).join(" ");
        assert_eq!(words.contains(&line), is_shown, "{line}\n{said}");
    }
    let markdown = Vec::from_iter(report.to_markdown().split_whitespace().map(String::from)).join(" ");
    assert!(markdown.contains(&line), "{markdown}");
}

#[test]
fn what_is_shown_of_a_report_is_chosen_with_options() {
    let report = report();
    let json = report.to_json();
    let said = |arguments: &[&str]| show(&[("one.json", &json)], &[&["one.json"], arguments].concat());
    let table = report.table().operation("shown").expect("it is there").operation("(un*").expect("it is there");
    let table = table.depth(2).sort_by(SortKey::Name).stacks(usize::MAX).sites();
    let options = ["--operation", "shown", "--depth", "2", "--sort", "name", "--stacks", "all", "--sites"];
    let options = [&options[..], &["--operation", "(un*", "--exact"]].concat();
    assert_eq!(said(&options).exits(0).out, format!("{table:#120}\n"));
    said(&["--stacks", "0"]).exits(0).never_prints("call stacks of shown");
    said(&["--operation", "shwon"])
        .exits(1)
        .complains("error: no operation of the report matches `shwon`: did you mean `shown`?");
    said(&["--operation", "a["]).exits(1).complains("error: `a[` is no valid glob");
    said(&["--depth", "0"]).exits(1).complains("0 is not in 1..");
    said(&["--stacks", "many"]).exits(1).complains("write a number, or `all`");
    said(&["--sort", "size"])
        .exits(1)
        .complains("possible values: live, net, allocated, freed, allocs, scopes, threads, peak, name");
    // A file and a page are of the whole report.
    for option in [
        &["--exact"][..],
        &["--operation", "shown"],
        &["--depth", "1"],
        &["--sort", "net"],
        &["--stacks", "1"],
        &["--sites"],
    ] {
        said(&[option, &["--to", "to.txt"]].concat()).exits(1).complains("'--to <FILE>'");
        said(&[option, &["--open"]].concat()).exits(1).complains("'--open'");
    }
}

#[test]
fn a_stored_report_becomes_a_file_of_another_form() {
    let report = report();
    let project = Project::bare();
    project.write("one.json", &report.to_json());
    let convert = |to: &str| {
        let mut command = heapledger(project.folder());
        command.args(["show", "one.json", "--to", to]);
        Said::by(command)
    };
    for (to, text) in
        [("to.folded", report.to_folded()), ("to.txt", format!("{report}\n")), ("to.md", report.to_markdown())]
    {
        let said = convert(to);
        assert_eq!((said.exits(0).out.as_str(), said.err.as_str()), ("", ""), "{to}");
        assert_eq!(project.read(to), text, "{to}");
    }
    convert("to.pb.gz").exits(0);
    assert_eq!(std::fs::read(project.folder().join("to.pb.gz")).expect("it is there"), report.to_pprof());
    convert("to.doc").exits(1).complains("error: to.doc: the name of a report ends with its form:\n  .txt  ");
    convert("no/to.txt").exits(1).complains("error: no/to.txt: cannot be written: ");
    show(&[], &["--help"]).exits(0).prints(".speedscope.json  for https://www.speedscope.app\n");
}

#[test]
fn a_report_opens_in_the_browser() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::bare();
    project.write("one.json", &report().to_json());
    // What opens files on this system, for this test.
    project.write("bin/xdg-open", "#!/bin/sh\ncp \"$1\" opened; echo \"$1\" >name\n");
    let opener = project.path("bin/xdg-open");
    std::fs::set_permissions(opener, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let path = format!("{}:{}", project.path("bin").display(), std::env::var("PATH").unwrap_or_default());
    let open = |arguments: &[&str]| {
        let mut command = heapledger(project.folder());
        command.args(["show", "one.json", "--open"]).args(arguments).env("PATH", &path);
        let said = Said::by(command);
        assert_eq!(said.exits(0).out, "");
        project.read("name").trim_end().to_string()
    };
    let page = open(&[]);
    assert!(page.ends_with(".html") && project.read("opened").starts_with("<!doctype html>"), "{page}");
    std::fs::remove_file(page).expect("it stays for the browser");
    assert_eq!(open(&["--to", "a.md"]), "a.md");
    assert_eq!(project.read("opened"), project.read("a.md"));
}

#[test]
fn several_reports_add_up() {
    let (one, two) = (report(), report());
    let said = show(&[("one.json", &one.to_json()), ("two.json", &two.to_json())], &["one.json", "two.json"]);
    let mut both = one;
    both.merge(&two).expect("nothing overflows");
    assert_eq!(said.exits(0).out, format!("{both:120}\n"));
    said.prints("total of 2 processes");
}

#[test]
fn what_is_no_report_is_said_with_the_file_and_the_place() {
    let good: Value = serde_json::from_str(&report().to_json()).expect("a report is JSON");
    let mut newer = good.clone();
    newer["schema"] = json!(99);
    let mut huge = good.clone();
    huge["process_bytes"] = json!(i64::MAX);
    let good = good.to_string();
    let run = run_of(&[]).to_string();
    let [newer, huge, more] = [newer, huge.clone(), huge].map(|file| file.to_string());
    for (text, complaint) in [
        (
            "{\n  \"schema\": 2,\n  oops }",
            "bad.json cannot be read: not a heapledger report: key must be a string at line 3 column 3",
        ),
        ("{}", "bad.json cannot be read: not a heapledger report: missing field `schema` at line 1 column 2"),
        (&newer, "bad.json cannot be read: the report has schema 99, and this heapledger"),
        (&run, "bad.json is a run, not a report: `cargo heapledger merge` judges it"),
    ] {
        let said = show(&[("bad.json", text), ("good.json", &good)], &["good.json", "bad.json"]);
        said.exits(1).complains(&format!("error: {complaint}"));
        assert_eq!(said.out, "");
    }
    let said = show(&[("a.json", &huge), ("b.json", &more)], &["a.json", "b.json"]);
    said.exits(1).complains("error: b.json cannot be added: ");
    show(&[("a.json", &good)], &["a.json", "./a.json"]).exits(1).complains("a.json is given twice");
    show(&[], &["none.json"]).exits(1).complains("none.json: ");
    show(&[], &[]).exits(1).complains("<FILE>...");
}
