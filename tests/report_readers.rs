//! A report in the forms of others, read by their own readers: what these say is what the report has, to the byte.

#![cfg(all(target_os = "linux", not(miri)))]

#[path = "common/browser.rs"]
mod browser;
#[path = "common/charged.rs"]
mod charged;
#[path = "common/reader.rs"]
mod reader;

use std::path::{Path, PathBuf};

use browser::Browser;
use charged::{PLUGIN_BUILD, PROGRAM_BUILD, TOTALS, report};
use heapledger::Report;
use reader::{Reader, has, is_there};
use serde_json::{Value, json};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// The system's, which has what Debian packages for it.
const PYTHON: &str = "/usr/bin/python3";

/// What `go tool pprof` says of the profile.
fn pprof(file: &Path, arguments: &[&str]) -> String {
    Reader::new("go").args(["tool", "pprof", "-symbolize=none"]).args(arguments).arg(file).says()
}

#[test]
fn pprof_shows_the_totals_of_all_four_figures_to_the_byte() {
    if !has("go", &["version"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("report.pb.gz");
    report().save(&file).expect("it can be written");
    let figures = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];
    for (figure, total) in figures.into_iter().zip(TOTALS) {
        let unit = if figure.ends_with("space") { "B" } else { "" };
        let said =
            pprof(&file, &["-top", "-nodefraction=0", &format!("-unit={unit}"), &format!("-sample_index={figure}")]);
        let line = format!("Showing nodes accounting for {total}{unit}, 100% of {total}{unit} total");
        assert!(said.contains(&line), "{figure}: {said}");
    }
    let said = pprof(&file, &["-top"]);
    assert!(said.contains("\nType: inuse_space\n"), "{said}");
    // An operation is a function around those of its stacks, and a label.
    let commit = pprof(&file, &["-top", "-nodefraction=0", "-unit=B", "-focus=app::main"]);
    assert!(commit.lines().any(|line| line.ends_with("800B 58.95%  commit")), "{commit}");
    // The innermost function has it, and not the operation.
    let inner = |line: &str| line.trim_start().starts_with("800B") && line.ends_with("  <app::Cache<[u8; 4]>>::insert");
    assert!(commit.lines().any(inner), "{commit}");
    let labels = pprof(&file, &["-tags", "-unit=B"]);
    assert!(
        labels.lines().any(|line| line.trim_start().starts_with("1000.0B") && line.ends_with(": build/commit")),
        "{labels}"
    );
}

/// What `go tool pprof` says of the program, and the mappings that the profile has.
fn program_of(report: &Report) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("report.pb.gz");
    report.save(&file).expect("it can be written");
    let program = |line: &&str| line.starts_with("File: ") || line.starts_with("Build ID: ");
    let top = pprof(&file, &["-top"]);
    let raw = pprof(&file, &["-raw"]);
    let mappings = raw.lines().skip_while(|line| *line != "Mappings").skip(1).map(|line| line.trim_end().into());
    (top.lines().filter(program).collect::<Vec<_>>().join("\n"), mappings.collect())
}

#[test]
fn pprof_names_the_program_and_which_build_of_it_that_was() {
    if !has("go", &["version"]) {
        return;
    }
    let program = format!("File: app\nBuild ID: {PROGRAM_BUILD}");
    let plugin = format!("2: 0x0/0x0/0x0 plugin.so {PLUGIN_BUILD}");
    let main = format!("1: 0x0/0x0/0x0 app {PROGRAM_BUILD}");
    assert_eq!(program_of(&report()), (program.clone(), vec![main.clone(), plugin.clone()]));
    // The same build is the same program, however its file is called.
    let changed = |from: &str, to: &str| {
        let text = report().to_json();
        assert!(text.contains(from), "{from}: {text}");
        Report::from_json(&text.replace(from, to)).expect("it can be read")
    };
    assert_eq!(program_of(&changed(PLUGIN_BUILD, PROGRAM_BUILD)), (program, vec![main]));
    let text = changed(&format!(r#""{PROGRAM_BUILD}""#), "null").to_json();
    let text = text.replace(&format!(r#""{PLUGIN_BUILD}""#), "null");
    let without_builds = Report::from_json(&text).expect("it can be read");
    let both = vec!["1: 0x0/0x0/0x0 app".into(), "2: 0x0/0x0/0x0 plugin.so".into()];
    assert_eq!(program_of(&without_builds), ("File: app".into(), both));
    // Where it is not known, nothing else is taken for it.
    let of_none = changed(&format!(r#"{{"name":"app","build_id":"{PROGRAM_BUILD}"}}"#), "null");
    assert_eq!(program_of(&of_none), (String::new(), vec!["1: 0x0/0x0/0x0".into(), plugin]));

    // This program, by the name of its file, and the build that stands in it.
    let file = std::env::current_exe().expect("a running test has an executable");
    let name = file.file_name().expect("it is a file").to_string_lossy();
    let (said, _) = program_of(&heapledger::report());
    let id = said.strip_prefix(&format!("File: {name}\nBuild ID: ")).unwrap_or_else(|| panic!("{said}"));
    let digits = |at| u8::from_str_radix(&id[at..at + 2], 16).expect("they are hexadecimal");
    let note = Vec::from_iter(b"GNU\0".iter().copied().chain((0..id.len()).step_by(2).map(digits)));
    let code = std::fs::read(&file).expect("it can be read");
    assert!(note.len() > 8 && code.windows(note.len()).any(|part| part == note), "{said}");
}

#[test]
fn promtool_has_nothing_to_say_of_the_metrics() {
    if !has("promtool", &["--version"]) {
        return;
    }
    assert_eq!(Reader::new("promtool").args(["check", "metrics"]).reads(&report().to_prometheus()), "");
}

#[test]
fn the_reference_parser_of_openmetrics_takes_the_metrics_and_their_units() {
    if !has(PYTHON, &["-c", "import prometheus_client.openmetrics.parser"]) {
        return;
    }
    let program = "import json, sys\n\
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as families\n\
        try: print(json.dumps({f.name: [f.type, f.unit, f.documentation, sum(s.value for s in f.samples), \
                                        len({s.labels.get('operation') for s in f.samples})] \
                               for f in families(sys.stdin.read())}))\n\
        except ValueError as refused: print('refused:', refused)";
    let read = |text: &str| Reader::new(PYTHON).args(["-c", program]).reads(text);
    let text = report().to_openmetrics();
    let said: Value = serde_json::from_str(&read(&text)).expect("it takes all");
    let rows = report().rows().len();
    for (name, kind, unit, total) in [
        ("allocs", "counter", "", TOTALS[0]),
        ("allocated_bytes", "counter", "bytes", TOTALS[1]),
        ("live_blocks", "gauge", "", TOTALS[2]),
        ("live_bytes", "gauge", "bytes", TOTALS[3]),
    ] {
        let family = &said[format!("heapledger_operation_{name}")];
        assert_eq!((&family[0], &family[1], family[3].as_f64()), (&json!(kind), &json!(unit), Some(total as f64)));
        assert_eq!((&family[4], family[2] == ""), (&json!(rows), false), "{name}");
    }
    // What is cut off is not taken for all, and the other form is none of this one.
    let cut = text.strip_suffix("# EOF\n").expect("it ends so");
    for text in [cut, &(report().to_prometheus() + "# EOF\n")] {
        assert!(read(text).starts_with("refused:"), "it sees nothing");
    }
}

/// DHAT's viewer, as valgrind has it.
const DH_VIEW: &str = "/usr/libexec/valgrind/dh_view.html";

#[test]
fn dhat_shows_every_stack_with_its_figures() {
    let Some(mut browser) = is_there(DH_VIEW.as_ref()).then(Browser::open).flatten() else { return };
    browser.visit(DH_VIEW.as_ref());
    let text = report().to_dhat();
    browser.eval(&format!(
        "{{ const files = new DataTransfer(); files.items.add(new File([{}], 'report.dhat.json')); \
         gInput.files = files.files; loadFile(); }}",
        Value::from(text.as_str())
    ));
    browser.until("gTimingsDiv.innerText.length > 0 || !!document.querySelector('.error')");
    let total = browser.eval("[gRoot._totalBlocks, gRoot._totalBytes, gRoot._atTEndBlocks, gRoot._atTEndBytes]");
    assert_eq!(total, json!(TOTALS), "{}", browser.text("document.body.innerText"));
    let leaves = "(function walk(node) { return node._kids ? node._kids.flatMap(walk) : \
                  [[node._totalBlocks, node._totalBytes, node._atTEndBlocks, node._atTEndBytes]]; })(gRoot)";
    let figures = |all: &Value, of: fn(&Value) -> Value| {
        let mut all = Vec::from_iter(all.as_array().expect("it is a list").iter().map(|one| of(one).to_string()));
        all.sort();
        all
    };
    let written: Value = serde_json::from_str(&text).expect("it is JSON");
    let points = figures(&written["pps"], |point| json!([point["tbk"], point["tb"], point["ebk"], point["eb"]]));
    assert_eq!(figures(&browser.eval(leaves), Value::clone), points);
    let shown = browser.text("document.body.innerText");
    assert!(shown.contains("At t-end:  1,357 bytes (100%) in 10 blocks (100%)"), "{shown}");
    assert_eq!(browser.eval("document.querySelectorAll('img, script:not([src])').length"), json!(0));
    let complaint = browser.complaints.iter().find(|complaint| !complaint.contains("dh_view."));
    assert_eq!(complaint, None);
}

/// Where `.ci/run` installs what npm and cargo have.
fn readers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/readers")
}

/// What npm has.
fn installed(file: &str) -> PathBuf {
    readers().join("node_modules").join(file)
}

#[test]
fn inferno_makes_a_picture_in_which_every_function_has_the_bytes_of_its_stacks() {
    let inferno = readers().join("bin/inferno-flamegraph");
    if !is_there(&inferno) {
        return;
    }
    let Some(mut browser) = Browser::open() else { return };
    let inferno = inferno.to_str().expect("it is text");
    let picture = Reader::new(inferno).args(["--countname", "bytes"]).reads(&report().to_folded());
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("report.svg");
    std::fs::write(&file, picture).expect("it can be written");
    browser.visit(&file);
    let titles = browser.eval("[...document.querySelectorAll('g > title')].map(one => one.textContent)");
    let titles = Vec::from_iter(titles.as_array().expect("it is a list").iter().filter_map(Value::as_str));
    for title in [
        "all (1,357 bytes, 100%)",
        "build (1,200 bytes, 88.43%)",
        "commit (1,000 bytes, 73.69%)",
        "app::main (800 bytes, 58.95%)",
        "<app::Cache<[u8: 4]>>::insert (800 bytes, 58.95%)",
        "plugin.so+0x1000 (70 bytes, 5.16%)",
        "(unattributed) (100 bytes, 7.37%)",
    ] {
        assert_eq!(titles.iter().filter(|one| **one == title).count(), 1, "{title}: {titles:?}");
    }
    // The hostile operation, whose path has a slash in it, and its only function.
    let harmless = |title: &&&str| title.ends_with(" (57 bytes, 4.20%)");
    assert_eq!(titles.iter().filter(harmless).count(), 3, "{titles:?}");
    assert_eq!(browser.eval("document.querySelectorAll('img, script:not([type])').length"), json!(0));
    assert_eq!(browser.complaints, [""; 0]);
}

#[test]
fn speedscope_has_a_schema_and_the_report_is_valid_by_it() {
    let schema = installed("speedscope/dist/release/file-format-schema.json");
    if !is_there(&schema) || !has("node", &["--version"]) {
        return;
    }
    let program = "const { default: Ajv } = require(process.argv[1]); const { readFileSync } = require('fs');\
        const valid = new Ajv({ strict: false }).compile(JSON.parse(readFileSync(process.argv[2])));\
        if (!valid(JSON.parse(readFileSync(0)))) console.log(JSON.stringify(valid.errors));";
    let reader = || Reader::new("node").args(["-e", program]).arg(installed("ajv")).arg(&schema);
    assert_eq!(reader().reads(&report().to_speedscope()), "");
    let broken = report().to_speedscope().replace("\"sampled\"", "\"simple\"");
    assert!(reader().reads(&broken).contains("/profiles/0"), "the schema sees nothing");
}

#[test]
fn speedscope_opens_its_own_form_and_collapsed_stacks_and_pprof() {
    let page = installed("speedscope/dist/release/index.html");
    if !is_there(&page) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (name, form) in [
        ("report.speedscope.json", "speedscope json file"),
        ("report.folded", "collapsed stack format"),
        ("report.pb.gz", "protobuf encoded pprof file"),
    ] {
        let Some(mut browser) = Browser::open() else { return };
        let file = folder.path().join(name);
        report().save(&file).expect("it can be written");
        let bytes = std::fs::read(&file).expect("it is there");
        // As the command `speedscope` does.
        let script = folder.path().join("report.js");
        let load = format!("speedscope.loadFileFromBase64({name:?}, btoa(String.fromCharCode(...{bytes:?})))");
        std::fs::write(&script, load).expect("it can be written");
        browser.visit(format!("{}#localProfilePath={}", page.display(), script.display()).as_ref());
        browser.until("document.querySelectorAll('canvas').length > 1");
        assert!(browser.complaints.iter().any(|said| said.contains(&format!("Importing as {form}"))), "{name}");
        let shown = browser.text("document.body.innerText");
        let profile = if name.ends_with(".json") { "\nlive bytes (1/4)\n" } else { name };
        assert!(shown.contains(profile) && !shown.to_lowercase().contains("error"), "{shown}");
    }
}
