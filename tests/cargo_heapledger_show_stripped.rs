//! The command `cargo heapledger show` with reports of stripped programs: it finds functions and lines in files of the
//! same build, and in no others. Needs `objcopy` and `strip`.

#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64", not(miri)))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "common/project.rs"]
mod project;

use project::{Project, Said, cargo, heapledger};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Stores a report, in which one function allocated at line 5.
const PROGRAM: &str = r#"#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
#[inline(never)]
fn keep(size: usize) -> Vec<u8> {
    Vec::with_capacity(size)
}
fn main() {
    let _capture = heapledger::capture("work");
    let (kept, _) = heapledger::measure("work", || keep(std::hint::black_box(4_096)));
    let report = heapledger::report().to_json();
    drop(kept);
    std::fs::write(std::env::args().nth(1).unwrap(), report).unwrap();
}
"#;

fn run(program: &str, arguments: &[&Path]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program} is needed here (of binutils): {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Builds the program with `source`.
fn built(project: &Project, source: &str) -> PathBuf {
    project.write("src/main.rs", source);
    let mut command = cargo(project.folder());
    command.args(["build", "--quiet"]);
    Said::by(command).exits(0);
    project.folder().join("target/debug/stripped")
}

/// What is said of the report in a folder outside of any project.
fn show(report: &Path, debug_dirs: &[&Path]) -> Said {
    let elsewhere = Project::bare();
    let mut command = heapledger(elsewhere.folder());
    command.arg("show").arg(report);
    for folder in debug_dirs {
        command.arg("--debug-dir").arg(folder);
    }
    let said = Said::by(command);
    said.exits(0);
    said
}

#[test]
fn a_stripped_program_has_its_lines_from_the_same_build_and_from_no_other() {
    let project = Project::new("stripped");
    let program = built(&project, PROGRAM);
    let at = |name: &str| project.folder().join(name);
    for folder in ["run", "debug", "debug/by", "other", "ids/.build-id"] {
        fs::create_dir_all(at(folder)).expect("the folder is ours");
    }
    let (stripped, debug, report) = (at("run/stripped"), at("debug/by/any.name"), at("report.json"));
    run("objcopy", &[Path::new("--only-keep-debug"), &program, &debug]);
    run("strip", &[&program, Path::new("-o"), &stripped]);
    run(stripped.to_str().expect("it is text"), &[&report]);

    let text = fs::read_to_string(&report).expect("the program wrote it");
    let ids = text.split("\"name\":\"stripped\",\"build_id\":\"").nth(1).expect("it says its build id");
    let id = &ids[..ids.find('"').expect("it ends")];
    let line = "src/main.rs:5 keep <- src/main.rs:9 main::{closure} <- src/main.rs:9 main\n";

    // Without symbols there are places, and what would help is said.
    for unhelpful in [&[][..], &[&*at("run")], &[&*at("none")]] {
        let said = show(&report, unhelpful);
        said.prints("`cargo heapledger show --debug-dir DIR FILE`");
        said.prints("stripped+0x").complains(&format!("note: the symbols of stripped with build id {id} were not"));
        said.never_prints("main.rs");
    }
    for folder in [at("debug"), debug.clone(), at("target")] {
        let said = show(&report, &[&at("run"), &folder]);
        said.prints(line).never_prints("stripped+0x");
        assert_eq!(said.err, "");
    }
    // Symbols alone have names, and debug information more, wherever it is found first.
    fs::create_dir_all(at("names")).expect("the folder is ours");
    run("strip", &[Path::new("--strip-debug"), &program, Path::new("-o"), &at("names/any")]);
    show(&report, &[&at("names")]).prints("stripped::keep <- stripped::main").never_prints("main.rs");
    for both in [["names", "debug"], ["debug", "names"]] {
        show(&report, &both.map(at).each_ref().map(|path| path.as_path())).prints(line);
    }
    // A program that has names itself keeps its places, too.
    let by_name = at("by_name.json");
    run(at("names/any").to_str().expect("it is text"), &[&by_name]);
    let said = show(&by_name, &[&at("names")]);
    said.prints("stripped::keep <- stripped::main").never_prints("main.rs");
    said.prints("lines are not in the program").prints("`cargo heapledger show --debug-dir DIR FILE`");
    said.complains(&format!("note: the lines of any with build id {id} were not found: --debug-dir takes"));
    assert_eq!(said.err.lines().count(), 1, "{said}");
    let said = show(&by_name, &[&debug]);
    said.prints(line).never_prints("lines are");
    assert_eq!(said.err, "");
    // No file has such a build id, and none is looked for.
    let hostile = at("hostile.json");
    for made_up in ["", "a", "\u{e9}\u{e9}", "../../debug"] {
        fs::write(&hostile, text.replace(id, made_up)).expect("there is room");
        show(&hostile, &[&at("debug")]).prints("stripped+0x").complains("note: the symbols of stripped");
    }
    // The project finds what it built by itself.
    let mut command = heapledger(project.folder());
    command.args(["show", "report.json"]);
    Said::by(command).exits(0).prints(line);

    // As debuggers have it; and not what only has the name.
    let named = at("ids/.build-id").join(&id[..2]);
    fs::create_dir_all(&named).expect("the folder is ours");
    fs::copy(&debug, named.join(format!("{}.debug", &id[2..]))).expect("there is room");
    show(&report, &[&at("ids")]).prints(line);

    // A report of before `address` was written: whole files have the headers that lead there.
    let old = at("old.json");
    let begin = "\"offset\":";
    let mut parts = text.split(begin);
    let mut without = parts.next().expect("there is one").to_string();
    for part in parts {
        let (offset, rest) = part.split_once(",\"address\":").expect("every place has one");
        let rest = &rest[rest.find('}').expect("the object ends")..];
        without += &format!("{begin}{offset}{rest}");
    }
    fs::write(&old, &without).expect("there is room");
    show(&old, &[&at("target")]).prints(line);

    // Another build, in which everything stands elsewhere.
    let other = built(&project, &format!("fn _more() {{}}\n\n{}", PROGRAM.replace("4_096", "8_192")));
    fs::copy(&other, at("other/stripped")).expect("there is room");
    fs::copy(&other, named.join(format!("{}.debug", &id[2..]))).expect("there is room");
    // The reports of both together: each place is looked up in its own build.
    let (stripped, second) = (at("run/other"), at("second.json"));
    run("strip", &[&other, Path::new("-o"), &stripped]);
    run(stripped.to_str().expect("it is text"), &[&second]);
    let mut command = heapledger(project.folder());
    command.args(["show", "report.json", "second.json", "--debug-dir", "debug"]);
    Said::by(command).exits(0).prints(line).prints("src/main.rs:7 keep <- src/main.rs:11 main::{closure}");
    for folder in ["other", "ids"] {
        show(&report, &[&at(folder)]).complains(id).prints("stripped+0x").never_prints("main.rs");
    }
}
