//! Reports that the environment asks for, of programs that know nothing of it, and `cargo heapledger run`.

#![cfg(all(target_os = "linux", not(miri)))]
#![allow(unsafe_code, reason = "calls fork")]

mod common;
#[path = "common/project.rs"]
mod project;

use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::plays;
use heapledger::{Report, measure, report};
use project::{Project, Said, heapledger};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// The test that is the program.
const PROGRAM: &str = "the_program";

/// What the program does, by its role. It keeps what it allocates until it has ended.
#[test]
fn the_program() {
    if plays("holds stderr") {
        return hold_stderr();
    }
    if plays("leaks") {
        let outcome = heapledger::LeakTest::new("leaks").lines(false).run(|_| Box::leak(Box::new([7_u64; 6])));
        return assert!(outcome.verdict().is_leak(), "{outcome}");
    }
    if !["returns", "exits", "panics", "aborts", "forks", "is sampled", "writes behind a block"]
        .iter()
        .any(|role| plays(role))
    {
        return;
    }
    println!("the program says this");
    std::mem::forget(measure("search", || black_box(vec![0_u8; black_box(12_345)])).0);
    while plays("is sampled") && report().timelines()[0].elapsed_us.len() < 5 {
        std::thread::yield_now();
    }
    if plays("writes behind a block") {
        let mut block = black_box(vec![0_u8; 64]);
        // SAFETY: the allocator made four bytes of room behind the block.
        let tag = unsafe { block.as_mut_ptr().add(64) }.cast::<u32>();
        // SAFETY: those four bytes; volatile, for no object that the compiler knows is there.
        unsafe { tag.write_volatile(0) };
    }
    if plays("exits") {
        std::process::exit(7);
    }
    if plays("forks") {
        // SAFETY: the harness has no thread that is in the middle of anything, and the child ends at once.
        let child = unsafe { libc::fork() };
        if child == 0 {
            std::process::exit(0);
        }
        // SAFETY: the child is ours, and nobody wants to know how it ended.
        assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
    }
    if plays("aborts") {
        std::process::abort();
    }
    assert!(!plays("panics"), "as it is asked to");
}

fn program(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a running test has an executable"));
    command.args(["--exact", PROGRAM, "--nocapture", "--test-threads=1"]).env("HEAPLEDGER_TEST_ROLE", role);
    command
}

/// What becomes of the program in this role when a report is asked for.
fn asked(role: &str, report: impl AsRef<Path>) -> Output {
    program(role).env("HEAPLEDGER_REPORT", report.as_ref()).output().expect("the test's own executable runs")
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The files in the folder.
fn files(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("it is there").map(|file| file.expect("it can be read").file_name());
    files.map(|name| name.to_string_lossy().into_owned()).collect()
}

#[test]
fn a_report_is_written_however_a_process_ends() {
    for (role, code, live) in [
        ("returns", 0, Some(12_345)),
        ("exits", 7, Some(12_345)),
        ("panics", 101, Some(12_345)),
        ("without an operation", 0, None),
    ] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let output = asked(role, folder.path().join("a-%p.json"));
        assert_eq!(output.status.code(), Some(code), "{role}: {}", err(&output));
        let files = files(folder.path());
        assert_eq!(files.len(), 1, "{role}: {files:?}");
        let id = files[0].strip_prefix("a-").and_then(|name| name.strip_suffix(".json"));
        assert!(id.is_some_and(|id| id.parse::<u32>().is_ok()), "{files:?}");
        let text = fs::read_to_string(folder.path().join(&files[0])).expect("it is there");
        let report = Report::from_json(&text).expect("it is a report");
        assert_eq!(report.operation("search").map(|row| row.own.live_bytes), live, "{role}");
        assert_eq!(report.total().live_bytes, report.process_bytes(), "{role}");
        assert!(
            report.problem().is_none_or(|problem| problem.contains("moved memory")),
            "{role}: {:?}",
            report.problem()
        );
    }
}

#[test]
fn the_leak_tests_of_a_program_are_in_every_form_of_its_report() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let written = |name: &str| {
        let file = folder.path().join(name);
        let output = asked("leaks", &file);
        assert!(output.status.success(), "{}", err(&output));
        fs::read_to_string(file).expect("it is there")
    };
    let words = |text: &str| Vec::from_iter(text.split_whitespace()).join(" ");
    let verdict = "LEAK: it leaves exactly 48 B in 1 block per iteration";
    let stored = written("a.json");
    let report = Report::from_json(&stored).expect("it is a report");
    let [test] = report.leak_tests() else { panic!("{:?}", report.leak_tests()) };
    let slope = test.curve.slope.expect("there are windows enough");
    assert_eq!((slope.bytes_per_iteration(), slope.blocks_per_iteration(), &*test.verdict), (48.0, 1.0, verdict));
    assert_eq!((test.program.starts_with("report_wanted"), test.process != std::process::id()), (true, true));
    assert!(stored.contains(&format!(r#""slope":{{"bytes":{},"#, 48 * slope.iterations)), "{stored}");
    let mut show = heapledger(folder.path());
    show.args(["show", "a.json"]);
    let said = Said::by(show);
    for text in [&said.exits(0).out, &written("a.txt"), &written("a.md")] {
        let text = words(text);
        assert!(text.contains("▇█ 48 B leaks (tests/report_wanted.rs:"), "{text}");
        assert!(text.contains(verdict), "{text}");
    }
    // Browsers show it in `tests/page.rs`.
    assert!(written("a.html").contains(verdict));
    let (_, said) = run("leaks", &[]);
    assert!(words(&said.exits(0).err).contains("▇█ 48 B leaks ("), "{said}");
}

#[test]
fn a_process_that_aborts_or_is_not_asked_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    assert_eq!(asked("aborts", folder.path().join("a.json")).status.code(), None);
    let output = program("returns").current_dir(folder.path()).env("HEAPLEDGER_REPORT", "").output();
    assert_eq!(err(&output.expect("it runs")), "");
    assert_eq!(files(folder.path()), [""; 0]);
}

#[test]
fn the_table_is_printed_where_standard_error_is_asked_for() {
    let said = err(&asked("returns", "stderr"));
    let row = said.lines().find(|line| line.starts_with("search ")).unwrap_or_else(|| panic!("{said}"));
    assert!(row.ends_with(" 12.1 KiB"), "{said}");
    assert!(said.contains("\nsum of net "), "{said}");
}

#[test]
fn a_child_that_a_process_forks_reports_nothing_of_it() {
    let output = asked("forks", "stderr");
    assert_eq!((output.status.code(), err(&output).matches("sum of net ").count()), (Some(0), 1), "{}", err(&output));
}

#[test]
fn what_cannot_be_written_is_said_and_fails_nothing() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let output = asked("returns", folder.path().join("missing/a.txt"));
    let said = err(&output);
    assert!(
        said.starts_with("heapledger: HEAPLEDGER_REPORT: ") && said.contains("a.txt: cannot be written: "),
        "{said}"
    );
    assert_eq!((output.status.code(), said.lines().count()), (Some(0), 1), "{said}");
    let output = asked("returns", "report.doc");
    let said = err(&output);
    assert!(said.starts_with("heapledger: HEAPLEDGER_REPORT: report.doc: the name of a report ends"), "{said}");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(files(folder.path()), [""; 0]);
}

#[test]
fn a_file_is_where_the_process_began_and_takes_any_form() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let output = program("returns").current_dir(folder.path()).env("HEAPLEDGER_REPORT", "a.folded").output();
    assert_eq!(err(&output.expect("it runs")), "");
    let text = fs::read_to_string(folder.path().join("a.folded")).expect("it is there");
    assert!(text.lines().any(|line| line == "search 12345"), "{text}");
}

#[test]
fn a_timeline_is_taken_however_a_process_ends() {
    let roles = [("returns", 2), ("is sampled", 5), ("exits", 2), ("panics", 2), ("without an operation", 2)];
    for (role, fewest) in roles {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("a.json");
        let output = program(role).env("HEAPLEDGER_REPORT", &file).env("HEAPLEDGER_TIMELINE", "1ms").output();
        let said = err(&output.expect("it runs"));
        assert!(!said.contains("heapledger: "), "{said}");
        let report = Report::from_json(&fs::read_to_string(file).expect("it is there")).expect("it is a report");
        let [timeline] = report.timelines() else { panic!("{role}: {:?}", report.timelines()) };
        assert!(timeline.elapsed_us.len() >= fewest, "{role}: {timeline:?}");
        assert_eq!(timeline.totals().last(), Some(&report.total().live_bytes), "{role}");
        let search = timeline.operations.iter().find(|one| one.path == "search").map(|one| &one.live_bytes);
        let kept = (role != "without an operation").then_some(12_345);
        assert_eq!(search.and_then(|live| live.last().copied()), kept, "{role}");
        // It begins before `main`.
        assert_eq!(search.map_or(0, |live| live[0]), 0, "{role}");
    }
}

#[test]
fn a_timeline_that_cannot_be_is_said_and_fails_nothing() {
    let output = program("returns").env("HEAPLEDGER_TIMELINE", "100").output().expect("it runs");
    let said = "heapledger: HEAPLEDGER_TIMELINE: `100` is no span of time: write a whole number and ms, s or min, as in \
                `100ms`\n";
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), said));
    let output = program("returns").env("HEAPLEDGER_TIMELINE", "").output().expect("it runs");
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""));
}

#[test]
fn what_is_wrong_is_said_while_another_thread_has_standard_error_and_enters_an_operation() {
    for (variable, value) in [("HEAPLEDGER_REPORTS", "/dev/null/nowhere"), ("HEAPLEDGER_REPORT", "report.doc")] {
        let mut command = program("holds stderr");
        let mut child = command.env(variable, value).stderr(Stdio::piped()).spawn().expect("it runs");
        let until = Instant::now() + Duration::from_secs(60);
        while child.try_wait().expect("it is a child").is_none() {
            if Instant::now() > until {
                child.kill().expect("it is a child");
                panic!("{variable}: two threads wait for each other");
            }
            std::thread::yield_now();
        }
        let said = String::from_utf8_lossy(&child.wait_with_output().expect("it has ended").stderr).into_owned();
        assert!(said.contains("heapledger: ") && said.contains("held\n"), "{said}");
    }
}

/// Enters an operation on each of two threads, of which one has standard error meanwhile.
fn hold_stderr() {
    let mut held = std::io::stderr().lock();
    let thread = std::thread::spawn(|| drop(heapledger::track("in another thread")));
    for _ in 0..1_000 {
        std::thread::yield_now();
    }
    drop(heapledger::track("beside it"));
    writeln!(held, "held").expect("it is open");
    drop(held);
    thread.join().expect("it only enters");
}

/// What `cargo heapledger run` says of the program in this role.
fn run(role: &str, options: &[&str]) -> (Project, Said) {
    run_with(role, options, None)
}

/// The same, with a variable of the environment.
fn run_with(role: &str, options: &[&str], variable: Option<(&str, &str)>) -> (Project, Said) {
    let project = Project::bare();
    let program = program(role);
    let mut command = heapledger(project.folder());
    command.arg("run").args(options).arg("--").arg(program.get_program()).args(program.get_args());
    command.env("HEAPLEDGER_TEST_ROLE", role).envs(variable);
    (project, Said::by(command))
}

#[test]
fn a_program_is_run_and_its_report_shown_beside_what_it_says() {
    for (role, code) in [("returns", 0), ("exits", 7), ("panics", 101)] {
        let (_, said) = run(role, &[]);
        said.exits(code).prints("the program says this\n").complains("\nsum of net ");
        assert!(said.err.lines().any(|line| line.starts_with("search ")) && !said.out.contains("sum of net"), "{said}");
    }
    let (_, said) = run("without an operation", &[]);
    said.exits(0).complains("(unattributed)").complains("\nsum of net ");
}

#[test]
fn a_program_is_captured_and_its_report_written_without_any_change() {
    let (project, said) = run("returns", &["--capture", "search", "--to", "a.folded"]);
    assert!(!said.exits(0).err.contains("sum of net"), "{said}");
    let text = project.read("a.folded");
    let line = text.lines().find(|line| line.starts_with("search;")).unwrap_or_else(|| panic!("{text}"));
    assert!(line.contains(";report_wanted::the_program") && line.ends_with(" 12345"), "{text}");
}

#[test]
fn what_cannot_be_trusted_or_was_asked_for_in_vain_is_no_success() {
    let (_, said) = run("writes behind a block", &[]);
    said.exits(6).complains("blocks without a valid owner: 1;").complains("came back without a valid owner tag");
    let (_, said) = run("returns", &["--capture", "serch/**@512KiB"]);
    said.exits(6).complains("\ncaptured nothing of serch/**: there was no such operation\n");
    let (_, said) = run("exits", &["--capture", "serch"]);
    said.exits(7).complains("\ncaptured nothing of serch: there was no such operation\n");
}

#[test]
fn what_cannot_be_read_is_refused_before_the_program_begins() {
    for (options, why) in [
        (["--capture", "["], "'--capture <GLOB>': `[` is no valid glob"),
        (["--capture", "search,a@12"], "`12` is no size"),
        (["--capture", " , "], "it names no operation"),
        (["--timeline", "soon"], "`soon` is no span of time"),
        (["--to", "report.doc"], "report.doc: the name of a report ends with its form"),
    ] {
        let (_, said) = run("returns", &options);
        assert_eq!(said.exits(1).complains(why).out, "", "{options:?}");
    }
    let (_, said) = run("returns", &["--to", "missing/a.txt"]);
    said.exits(1).complains("missing/a.txt: cannot be written: ");
}

#[test]
fn what_the_environment_asks_for_and_does_not_get_is_no_success() {
    for (variable, value, why) in [
        ("HEAPLEDGER_CAPTURE", "search,[", "\nHEAPLEDGER_CAPTURE: `[` is no valid glob"),
        ("HEAPLEDGER_CAPTURE", "serch", "\ncaptured nothing of serch: there was no such operation\n"),
        ("HEAPLEDGER_TIMELINE", "soon", "\nHEAPLEDGER_TIMELINE: `soon` is no span of time"),
        ("HEAPLEDGER_REPORT", "report.doc", "\nHEAPLEDGER_REPORT: report.doc: the name of a report ends with its form"),
        ("HEAPLEDGER_REPORT", "missing/a.txt", "\nHEAPLEDGER_REPORT: missing/a.txt: cannot be written: "),
    ] {
        let variable = Some((variable, value));
        run_with("returns", &[], variable).1.exits(6).prints("the program says this\n").complains(why);
        run_with("exits", &[], variable).1.exits(7).complains(why);
    }
    for variable in [("HEAPLEDGER_CAPTURE", "search"), ("HEAPLEDGER_CAPTURE", ""), ("HEAPLEDGER_TIMELINE", "")] {
        run_with("returns", &[], Some(variable)).1.exits(0);
    }
    // Otherwise its assertions would judge nothing.
    let mut command = heapledger(Path::new("."));
    command.args(["run", "--", "sh", "-c", "echo ${HEAPLEDGER_RECORDING-judged}"]).env("HEAPLEDGER_RECORDING", "1");
    Said::by(command).prints("judged\n");
    // It is the program's and not the command's.
    let (project, said) = run_with("returns", &[], Some(("HEAPLEDGER_REPORT", "a.json")));
    said.exits(0);
    let report = Report::from_json(&project.read("a.json")).expect("it is a report");
    assert_eq!(report.operation("search").map(|row| row.own.live_bytes), Some(12_345));
}

#[test]
fn a_program_is_sampled_without_any_change() {
    let (project, said) = run("is sampled", &["--timeline", "1ms", "--to", "a.json"]);
    said.exits(0);
    let report = Report::from_json(&project.read("a.json")).expect("it is a report");
    assert!(report.timelines()[0].elapsed_us.len() >= 5);
    let (_, said) = run("returns", &["--timeline", "soon"]);
    said.exits(1).complains("`soon` is no span of time");
}

#[test]
fn a_program_without_a_report_is_told_from_one_without_the_allocator() {
    let (_, said) = run("aborts", &[]);
    said.exits(128 + 6).complains("it ended without a report: it was killed, or aborted");
    let project = Project::bare();
    let run = |program: &[&str]| {
        let mut command = heapledger(project.folder());
        command.args(["run", "--"]).args(program);
        Said::by(command)
    };
    run(&["true"]).exits(6).complains("true: there is nothing to show: heapledger is not the global allocator");
    run(&["false"]).exits(1).complains("false: there is nothing to show");
    run(&["./missing"]).exits(1).complains("error: ./missing cannot be run: ");
    run(&[]).exits(1).complains("<PROGRAM>");
}
