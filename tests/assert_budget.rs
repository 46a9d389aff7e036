//! `assert_budget` and `budget`: what they measure is exact, whoever else is at work; what they judge is what the
//! policy says; and what they say helps. Every test runs in a process of its own, for a process reads its policy once.

#![cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]

use std::fs;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Barrier, Mutex, OnceLock, PoisonError};
use std::thread;

use heapledger::{
    LeakTest, Operation, Report, Tally, Track as _, assert_budget, budget, current, exclude, measure, report, snapshot,
    track,
};

mod common;
use common::{balanced, plays, row};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// A process of its own, and the files that it finds.
#[derive(Default)]
struct Process<'a> {
    policy: Option<&'a str>,
    /// The lines below `[figures]`.
    figures: Option<&'a str>,
    /// Another environment than this that they are of.
    figures_of: Option<[&'a str; 4]>,
    environment: Vec<(&'a str, PathBuf)>,
}

/// What the process printed and how it ended. Paths are relative to the policy's folder.
struct Said {
    output: Output,
    stderr: String,
}

impl<'a> Process<'a> {
    fn under(policy: &'a str) -> Self {
        Self { policy: Some(policy), ..Self::default() }
    }

    fn recorded(self, figures: &'a str) -> Self {
        Self { figures: Some(figures), ..self }
    }

    /// Runs `work`, the body of the test `name`, there. Nothing in the process that does.
    fn run(self, name: &str, work: impl FnOnce()) -> Option<Said> {
        if plays(name) {
            work();
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder can be made");
        let policy = folder.path().join("heapledger.toml");
        if let Some(text) = self.policy {
            fs::write(&policy, text).expect("the folder can be written");
        }
        if let Some(lines) = self.figures {
            let of = self.figures_of.unwrap_or(environment().each_ref().map(String::as_str));
            let keys = ["target", "profile", "allocator", "rustc"].iter().zip(of);
            let head: String = keys.map(|(key, value)| format!("{key} = \"{value}\"\n")).collect();
            let path = folder.path().join("tests/figures").join(of.join("_") + ".toml");
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder can be written");
            fs::write(path, format!("schema = 1\n{head}\n[figures]\n{lines}")).expect("the folder can be written");
        }
        let mut command = again(name, name);
        command.current_dir(folder.path()).env("CARGO_MANIFEST_DIR", folder.path()).envs(self.environment);
        let output = command.output().expect("the test's own executable runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Some(Said { output, stderr })
    }

    fn must_pass(self, name: &str, work: impl FnOnce()) {
        if let Some(said) = self.run(name, work) {
            said.passes();
        }
    }
}

impl Said {
    fn passes(&self) {
        let stdout = String::from_utf8_lossy(&self.output.stdout);
        assert!(self.output.status.success(), "{}\n{stdout}{}", self.output.status, self.stderr);
        assert!(stdout.contains("1 passed"), "the other process ran no test:\n{stdout}{}", self.stderr);
    }
}

fn again(name: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a running test has an executable"));
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env("HEAPLEDGER_TEST_ROLE", role);
    for other in ["HEAPLEDGER_POLICY", "HEAPLEDGER_REPORTS", "HEAPLEDGER_RECORDING"] {
        command.env_remove(other);
    }
    command
}

/// What figures depend on, as a report tells it: their file is named after it.
fn environment() -> &'static [String; 4] {
    static HERE: OnceLock<[String; 4]> = OnceLock::new();
    HERE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let output =
            again("reports_tell_of_this_environment", "tells").env("HEAPLEDGER_REPORTS", folder.path()).output();
        assert!(output.expect("the test's own executable runs").status.success());
        let here = &told(folder.path())["parts"][0]["environment"];
        ["target", "profile", "allocator", "rustc"].map(|key| here[key].as_str().expect("it is told").into())
    })
}

/// What the only process that reported to `folder` told.
fn told(folder: &Path) -> serde_json::Value {
    let files = fs::read_dir(folder).expect("it is a folder").map(|file| file.expect("it is there").path());
    let reports: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
    let [report] = reports.as_slice() else { panic!("{reports:?} is not one report") };
    serde_json::from_str(&fs::read_to_string(report).expect("it can be read")).expect("it is JSON")
}

#[test]
fn reports_tell_of_this_environment() {
    if plays("tells") {
        drop(track("something"));
    }
}

/// The message of a panic, and the line it blames.
fn refused<R>(work: impl FnOnce() -> R) -> (String, u32) {
    static BLAMED: AtomicU64 = AtomicU64::new(0);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().expect("panics have a place");
        // What a guard panics with when it is dropped is nobody's line.
        let line = if place.file().ends_with(file!()) { place.line() } else { 0 };
        BLAMED.store(line.into(), Relaxed);
    }));
    let caught = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    let said = caught.err().expect("it is refused");
    let said =
        said.downcast_ref::<String>().cloned().or_else(|| said.downcast_ref::<&str>().map(|said| (*said).into()));
    (said.expect("panics say something"), BLAMED.load(Relaxed) as u32)
}

/// Takes and gives back blocks, one after another.
fn blocks(count: usize, bytes: usize) {
    (0..count).for_each(|_| drop(black_box(vec![0u8; bytes])));
}

/// Three blocks of 100 B, and one of 1,000 B for whoever wants it.
fn search() -> Vec<u8> {
    let parsed = {
        let _op = track("parse");
        black_box(vec![0u8; 100])
    };
    blocks(2, 100);
    drop(parsed);
    black_box(vec![0u8; 1000])
}

/// What `search` does, exactly: more or less fails.
const SEARCH: &str = "
schema = 1
strict = true
[operation.search]
allocs = 4
allocated_bytes = 1300
live_bytes = 1000
net_bytes = 1000
peak_bytes = 1000
live_bytes_per_iteration = 0
[operation.'search/parse']
allocs = 1
allocated_bytes = 100
net_bytes = 100
live_bytes = 0
";

#[test]
fn what_keeps_to_its_budget_passes_and_says_nothing() {
    let said = Process::under(SEARCH).run("what_keeps_to_its_budget_passes_and_says_nothing", || {
        let found = assert_budget("search", search);
        assert_eq!(found.len(), 1000);
        assert_eq!(measure("search", || assert_budget("nothing but what is in search", || 7)).0, 7);
    });
    let Some(said) = said else { return };
    assert!(!said.output.status.success(), "the second one has no limit");
    assert!(said.stderr.contains("no limit in heapledger.toml applies to it"), "{}", said.stderr);
}

#[test]
fn each_figure_is_exact() {
    for (figure, less, more) in [
        ("allocs = 4", "allocs = 3", "allocs = 5"),
        ("allocated_bytes = 1300", "allocated_bytes = 1299", "allocated_bytes = 1301"),
        ("live_bytes = 1000", "live_bytes = 999", "live_bytes = 1001"),
        ("net_bytes = 1000", "net_bytes = 999", "net_bytes = 1001"),
        ("peak_bytes = 1000", "peak_bytes = 999", "peak_bytes = 1001"),
        ("allocs = 1\n", "allocs = 0\n", "allocs = 2\n"),
    ] {
        for (other, found) in [(less, "1 breach"), (more, "1 improvement")] {
            let policy = SEARCH.replacen(figure, other, 1);
            let said = Process::under(&policy).run("each_figure_is_exact", || drop(assert_budget("search", search)));
            let Some(said) = said else { return };
            assert!(!said.output.status.success(), "{other}");
            assert!(said.stderr.contains(&format!("budget \"search\": {found}\n")), "{other}\n{}", said.stderr);
        }
    }
    let Some(said) = Process::under(SEARCH).run("each_figure_is_exact", || ()) else { return };
    said.passes();
}

/// `search`, beside which other things happen that are excluded.
fn search_beside_others() -> Vec<u8> {
    exclude(|| {
        measure("parse", || blocks(1, 5_000));
        thread::spawn(|| blocks(1, 1 << 20)).join().expect("it only allocates");
    });
    let found = search();
    let copy = exclude(|| {
        let _op = track("parse");
        found.clone()
    });
    exclude(|| drop(copy));
    found
}

#[test]
fn what_is_excluded_is_in_no_figure_of_what_is_around_it() {
    let policy = format!("{SEARCH}[operation.border]\nallocs = 1\nnet_bytes = 70\nlive_bytes = 0\npeak_bytes = 70\n");
    Process::under(&policy).must_pass("what_is_excluded_is_in_no_figure_of_what_is_around_it", || {
        assert_budget("search", search_beside_others);
        assert_eq!(row("search/(excluded)/parse").own.allocs, 6);
        // What is allocated outside and freed inside stays in the net, and is owned by nobody.
        assert_budget("border", || {
            let block = black_box(vec![0u8; 70]);
            exclude(|| drop(block));
        });
        let guard = budget("border");
        let block = black_box(vec![0u8; 70]);
        exclude(|| drop(block));
        assert_eq!(guard.finish().frees, 0);
    });
}

#[test]
fn a_breach_names_no_line_of_what_is_excluded() {
    let policy = "schema = 1\n[operation.search]\nallocs = 3";
    Process::under(policy).must_pass("a_breach_names_no_line_of_what_is_excluded", || {
        let (said, _) = refused(|| drop(assert_budget("search", search_beside_others)));
        assert!(said.contains("allocs            4 over 3 ") && !said.contains("(excluded)"), "{said}");
        if cfg!(all(feature = "lines", target_arch = "x86_64")) {
            assert!(said.contains(" of 4 allocs  "), "{said}");
        }
    });
}

#[test]
fn what_is_kept_from_run_to_run_is_a_leak_also_where_it_is_excluded() {
    let policy = "schema = 1\n[operation.leaky]\nallocs = 0\nlive_bytes = 0\nlive_bytes_per_iteration = 0";
    Process::under(policy).must_pass("what_is_kept_from_run_to_run_is_a_leak_also_where_it_is_excluded", || {
        let leak = || exclude(|| std::mem::forget(black_box(vec![0u8; 9])));
        let (said, _) = refused(|| assert_budget("leaky", leak));
        assert!(said.starts_with("budget \"leaky\": 1 breach\n"), "{said}");
        assert!(said.contains("live_bytes_per_iteration"), "{said}");
        let report = LeakTest::new("leaky test").run(|_| leak());
        assert!(matches!(report.verdict(), heapledger::Verdict::Leak { .. }), "{report}");
    });
}

#[test]
fn a_breach_says_how_much_what_grew_and_where() {
    let policy = "schema = 1\n\n[operation.search]\nallocs = \"ratchet\"\nallocated_bytes = '1 KiB'\nwhy = 'each user waits for it'\n";
    let figures = "\"search\".allocs = 2\n\"search/parse\".allocs = 0\n";
    let name = "a_breach_says_how_much_what_grew_and_where";
    let said = Process::under(policy).recorded(figures).run(name, || {
        let mut line = 0;
        let (said, blamed) = refused(|| {
            line = line!() + 1;
            assert_budget("search", search)
        });
        assert_eq!(blamed, line);
        let figures = environment().join("_");
        let expected = format!(
            "\
budget \"search\": 2 breaches
  allocs            4 over 2 (+2, +100.0 %): recorded figure at tests/figures/{figures}.toml:8
  grew              search/parse by 1
  why               each user waits for it
  allocated_bytes   1.27 KiB (1,300 B) over 1.00 KiB (1,024 B) (+276 B, +27.0 %): ceiling at heapledger.toml:5
  grew              search/parse by 100 B
  why               each user waits for it
  entered           tests/assert_budget.rs:{line}:13
  next              look at what grew; if it is meant, `cargo heapledger test`, then `cargo heapledger accept --breaches --reason \"..\"`, or change the limit at heapledger.toml:4, heapledger.toml:5"
        );
        let (lines, rest): (Vec<&str>, Vec<&str>) = said.lines().partition(|line| line.starts_with("  lines  "));
        assert_eq!(rest.join("\n"), expected);
        if cfg!(all(feature = "lines", target_arch = "x86_64")) {
            let of = |marked: &str| {
                let at = include_str!("assert_budget.rs").lines().position(|line| line.trim() == marked);
                format!("tests/assert_budget.rs:{} ", at.expect("it stands there") + 1)
            };
            let names = |line: &str, share: &str, marked: &str| line.contains(share) && line.contains(&of(marked));
            let copies = "(0..count).for_each(|_| drop(black_box(vec![0u8; bytes])));";
            assert!(names(lines[0], "  2 of 4 allocs  ", copies), "{said}");
            let parse = |line: &&str| names(line, "  1 of 4 allocs  ", "black_box(vec![0u8; 100])");
            assert!(lines.len() == 3 && lines.iter().any(parse), "{said}");
        }
    });
    if let Some(said) = said {
        said.passes();
    }
}

#[test]
fn limits_hold_up_to_their_edge() {
    let policy = "
schema = 1
strict = true
[operation.'exact']
allocs = { exact = 100, tolerance = '10%' }
[operation.'ratchet']
allocs = { ratchet = true, tolerance = '1%', minimum = 8 }
[operation.'ceiling']
allocated_bytes = '200 B'
[operation.'both']
allocs = { ratchet = true, max = 150, tolerance = '100%' }
";
    let figures = "\"ratchet\".allocs = 100\n\"both\".allocs = 100\n";
    Process::under(policy).recorded(figures).must_pass("limits_hold_up_to_their_edge", || {
        for (name, count) in [("exact", 90), ("exact", 110), ("ratchet", 92), ("ratchet", 108), ("ceiling", 200)] {
            assert_budget(name, || blocks(count, 1));
        }
        for count in [0, 100, 150] {
            assert_budget("both", || blocks(count, 1));
        }
        let cases = [
            ("exact", 89, "allocs            89 under 100 (-11, -11.0 %): exact figure at heapledger.toml:5"),
            ("exact", 111, "allocs            111 over 100 (+11, +11.0 %): exact figure at heapledger.toml:5"),
            ("ratchet", 91, "91 under 100 (-9, -9.0 %): recorded figure"),
            ("ratchet", 109, "109 over 100 (+9, +9.0 %): recorded figure"),
            ("ceiling", 201, "allocated_bytes   201 B over 200 B (+1 B, +0.5 %): ceiling at heapledger.toml:9"),
            ("both", 151, "151 over 150 (+1, +0.7 %): ceiling at heapledger.toml:11"),
        ];
        for (name, count, expected) in cases {
            let (said, _) = refused(|| assert_budget(name, || blocks(count, 1)));
            assert!(said.contains(expected), "{name} {count}: {said}");
        }
    });
}

#[test]
fn improvements_and_new_figures_warn() {
    let policy =
        "schema = 1\n[operation.search]\nallocs = 'ratchet'\nnet_bytes = 'ratchet'\n[operation.exact]\nallocs = 5\n";
    let name = "improvements_and_new_figures_warn";
    let said = Process::under(policy).recorded("\"search\".allocs = 5\n").run(name, || {
        assert_budget("search", search);
        assert_budget("exact", search);
    });
    let Some(said) = said else { return };
    said.passes();
    let key = environment().join("_");
    let expected = format!(
        "\
budget \"search\": allocs 4 under 5 (-1, -20.0 %): recorded figure at tests/figures/{key}.toml:8: record it: cargo heapledger record
budget \"search\": net_bytes 1000 B: not in tests/figures/{key}.toml yet: record it: cargo heapledger record
budget \"exact\": allocs 4 under 5 (-1, -20.0 %): exact figure at heapledger.toml:6: lower it there\n"
    );
    assert_eq!(said.stderr, expected);
}

#[test]
fn improvements_and_new_figures_fail_where_the_policy_is_strict() {
    let policy = "schema = 1\nstrict = true\n[operation.'*']\nallocs = 'ratchet'\n";
    let name = "improvements_and_new_figures_fail_where_the_policy_is_strict";
    Process::under(policy).recorded("\"search\".allocs = 5\n").must_pass(name, || {
        let (said, _) = refused(|| assert_budget("search", || blocks(4, 1)));
        assert!(said.starts_with("budget \"search\": 1 improvement\n"), "{said}");
        assert!(said.contains("record it, so that it cannot come back: `cargo heapledger record`"), "{said}");
        let (said, _) = refused(|| assert_budget("other", || blocks(4, 1)));
        assert!(said.starts_with("budget \"other\": 1 new\n") && said.contains("4: not in tests/figures/"), "{said}");
    });
}

#[test]
fn figures_of_another_environment_are_not_held_against_this_one() {
    let policy = "schema = 1\n[operation.search]\nallocs = 'ratchet'\n";
    let other = Process {
        figures_of: Some(["mips", "debug", "System", "1.95.0"]),
        ..Process::under(policy).recorded("\"search\".allocs = 1\n")
    };
    let said = other.run("figures_of_another_environment_are_not_held_against_this_one", || {
        assert_budget("search", search);
    });
    let Some(said) = said else { return };
    said.passes();
    let expected = "budget \"search\": allocs 4: nothing is recorded in this environment yet: record it: cargo heapledger record\n";
    assert_eq!(said.stderr, expected);
}

#[test]
fn what_cannot_be_judged_does_not_pass() {
    let name = "what_cannot_be_judged_does_not_pass";
    let cases = [
        (None, "there is no heapledger.toml in . or above it in the workspace"),
        (Some("schema = 1\n[operation.search]\nalocs = 1\n"), "heapledger.toml:3:1: unknown key `alocs`"),
        (
            Some("schema = 1\n[operation.other]\nallocs = 1\n"),
            "budget \"search\": no limit in heapledger.toml applies to it",
        ),
        (
            Some("schema = 1\n[operation.search]\nallocs = 'none'\n[defaults]\nallocs = 1\n"),
            "budget \"search\": no limit in heapledger.toml applies to it",
        ),
        (
            Some("schema = 1\nunlisted = 'fail'\n[defaults]\nallocs = 4\n"),
            "budget \"search\": 1 breach\n  breach            no table of heapledger.toml names it: add `[operation.\"search\"]`",
        ),
    ];
    for (policy, expected) in cases {
        let said = Process { policy, ..Process::default() }.run(name, || {
            let mut line = 0;
            let (said, blamed) = refused(|| {
                line = line!() + 1;
                assert_budget("search", || blocks(4, 1))
            });
            assert_eq!(blamed, line);
            let (of_guard, blamed) = refused(|| {
                line = line!() + 1;
                let guard = budget("search");
                blocks(4, 1);
                line = if said.contains("1 breach") { line!() + 1 } else { line };
                guard.finish()
            });
            assert_eq!(blamed, line);
            assert_eq!(said.lines().take(2).collect::<Vec<_>>(), of_guard.lines().take(2).collect::<Vec<_>>());
            eprintln!("{said}");
        });
        let Some(said) = said else { return };
        said.passes();
        assert!(said.stderr.contains(expected), "{expected}\n{}", said.stderr);
    }
}

#[test]
fn where_anything_may_be_unlisted_what_has_no_limit_passes() {
    let policy = "schema = 1\nunlisted = 'allow'\n";
    let said = Process::under(policy).run("where_anything_may_be_unlisted_what_has_no_limit_passes", || {
        assert_budget("search", search);
        assert_eq!(budget("search").finish().net_bytes(), 0);
    });
    let Some(said) = said else { return };
    said.passes();
    assert_eq!(said.stderr, "");
}

#[test]
fn the_policy_may_be_named() {
    let elsewhere = tempfile::tempdir().expect("a folder can be made");
    let path = elsewhere.path().join("limits.toml");
    fs::write(&path, SEARCH).expect("it can be written");
    let named = Process { environment: vec![("HEAPLEDGER_POLICY", path)], ..Process::default() };
    named.must_pass("the_policy_may_be_named", || drop(assert_budget("search", search)));
}

/// Neighbours that do wild things under the same name, until `work` is done.
fn beside_neighbours(work: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut kept = Vec::new();
            while !stop.load(Relaxed) {
                let _op = track("search");
                let _parse = track("parse");
                kept.push(vec![0u8; 1 + kept.len()]);
                kept.truncate(100);
                blocks(10, 77);
            }
        });
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                let _op = track("search");
                thread::scope(|inner| drop(inner.spawn(|| blocks(3, 5))));
            }
        });
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                // What it returned is freed while others measure.
                let found = assert_budget("search", search);
                thread::yield_now();
                drop(found);
            }
        });
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                let test = LeakTest::new("search").iterations(4).time(std::time::Duration::from_millis(1));
                test.assert(|_| drop(search()));
            }
        });
        work();
        stop.store(true, Relaxed);
    });
}

const ROUNDS: usize = 200;

#[test]
fn figures_are_exact_beside_neighbours_that_use_the_same_name() {
    let policy = format!("{SEARCH}[operation.free]\nallocs = 1\nlive_bytes = 0\nnet_bytes = -1000\n");
    Process::under(&policy).must_pass("figures_are_exact_beside_neighbours_that_use_the_same_name", || {
        beside_neighbours(|| {
            for round in 0..ROUNDS {
                let found = assert_budget("search", search);
                let guard = budget("free");
                drop(black_box(vec![0u8; 50]));
                drop(found);
                let tally = guard.finish();
                assert_eq!((tally.allocs, tally.net_bytes()), (1, -1000), "round {round}");
            }
        });
        balanced();
    });
}

#[test]
fn what_one_assertion_returned_is_nothing_to_the_next() {
    let policy = "schema = 1\nstrict = true\n[operation.search]\nlive_bytes = { exact = 1000 }\n";
    Process::under(policy).must_pass("what_one_assertion_returned_is_nothing_to_the_next", || {
        let first = assert_budget("search", search);
        let guard = budget("search");
        drop(first);
        let found = search();
        guard.finish();
        // A block of the one before that is freed while this one is under way is not its own.
        let guard = budget("search");
        drop(found);
        let last = search();
        drop(guard);
        drop(last);
    });
}

#[test]
fn a_first_run_may_warm_up() {
    let policy = "
schema = 1
strict = true
[operation.warm]
allocs = 2
allocated_bytes = 20
live_bytes = 0
net_bytes = 0
peak_bytes = 10
live_bytes_per_iteration = 0
[operation.leak]
live_bytes = 48
net_bytes = 48
live_bytes_per_iteration = 48
[operation.'leak/once']
runs = 5
live_bytes = 48
net_bytes = 48
[operation.'leak/sometimes']
runs = 6
live_bytes = 48
live_bytes_per_iteration = 24
[operation.two]
runs = 2
allocs = 1
live_bytes_per_iteration = 48
[operation.one]
runs = 1
allocs = 1
live_bytes = 48
";
    Process::under(policy).must_pass("a_first_run_may_warm_up", || {
        static WARM: OnceLock<Vec<u8>> = OnceLock::new();
        assert_budget("warm", || {
            WARM.get_or_init(|| vec![0; 5000]);
            blocks(2, 10);
        });
        let mut runs = 0;
        let mut leak_in = |name: &str, which: &[usize]| {
            runs = 0;
            assert_budget(name, || {
                runs += 1;
                if which.contains(&runs) {
                    std::mem::forget(black_box(vec![0u8; 48]));
                }
            });
            runs
        };
        let always: Vec<usize> = (0..100).collect();
        assert_eq!(leak_in("leak", &always), 3);
        // Without it, the least count is that of the others.
        assert_eq!(leak_in("leak/once", &[4]), 5);
        // Between the readings after the first run and after the last but one there are four, of which two leak.
        assert_eq!(leak_in("leak/sometimes", &[2, 4, 6]), 6);
        assert_eq!(leak_in("two", &always), 3);
        assert_eq!(leak_in("one", &always), 1);
    });
}

#[test]
fn counts_that_do_not_repeat_themselves_are_measured_more_often_and_said_to_be_unstable() {
    let policy = "
schema = 1
strict = true
[operation.third]
allocs = 4
[operation.never]
allocs = 1
[operation.wobbles]
allocs = { exact = 100, tolerance = '10%' }
[operation.ceiling]
allocs = '1 k'
";
    let name = "counts_that_do_not_repeat_themselves_are_measured_more_often_and_said_to_be_unstable";
    Process::under(policy).must_pass(name, || {
        let counting = |name: &str, counts: &[usize]| {
            let mut runs = 0;
            assert_budget(name, || {
                blocks(counts[runs], 1);
                runs += 1;
            });
            runs
        };
        assert_eq!(counting("third", &[9, 7, 4, 8, 4]), 5);
        assert_eq!(counting("third", &[9, 4, 4]), 3);
        // The first run warms up, and is nothing that the others have to repeat; within its tolerance a count may
        // wobble, and below a ceiling do what it likes.
        assert_eq!(counting("wobbles", &[5000, 100, 101]), 3);
        assert_eq!(counting("ceiling", &[1000, 100, 101]), 3);
        let (said, _) = refused(|| counting("never", &[1, 9, 8, 7, 6, 5, 4, 3, 2]));
        assert!(said.starts_with("budget \"never\": 1 unstable\n"), "{said}");
        assert!(said.contains("from 1 to 9"), "{said}");
        assert!(said.contains("make it do the same every time, or write a tolerance into the policy"), "{said}");
    });
}

#[test]
fn what_is_returned_is_alive_when_measured_and_dropped_inside() {
    static DROPPED_IN: Mutex<Vec<Operation>> = Mutex::new(Vec::new());
    struct Found(#[expect(dead_code, reason = "it is memory")] Vec<u8>);
    impl Drop for Found {
        fn drop(&mut self) {
            blocks(1, 7);
            DROPPED_IN.lock().unwrap_or_else(PoisonError::into_inner).push(current());
        }
    }
    let policy = "schema = 1\nstrict = true\n[operation.found]\nallocs = 1\nlive_bytes = 100\nnet_bytes = 100\n\
                  live_bytes_per_iteration = 0\n";
    Process::under(policy).must_pass("what_is_returned_is_alive_when_measured_and_dropped_inside", || {
        DROPPED_IN.lock().unwrap().reserve(10);
        let last = assert_budget("found", || Found(vec![0; 100]));
        let paths = || DROPPED_IN.lock().unwrap().iter().map(|op| op.path()).collect::<Vec<_>>();
        assert_eq!(paths(), ["found", "found"]);
        drop(last);
        assert_eq!(paths(), ["found", "found", "(unattributed)"]);
        let row = row("found");
        assert_eq!((row.scopes, row.own.allocs, row.own.live_bytes), (3, 5, 0));
    });
}

#[test]
fn threads_count_that_are_joined_and_that_are_not() {
    let policy = "
schema = 1
strict = true
[operation.joined]
allocated_bytes = { exact = 3000, tolerance = '50%' }
net_bytes = 0
live_bytes = 0
peak_bytes = '300 KiB'
live_bytes_per_iteration = 0
[operation.'outlives/*']
runs = 1
live_bytes = { exact = 10000, tolerance = '10%' }
[operation.carried]
allocs = 3
live_bytes = 0
[operation.polled]
allocs = 3
allocated_bytes = 33
live_bytes = 0
[operation.entered]
allocs = 1
";
    Process::under(policy).must_pass("threads_count_that_are_joined_and_that_are_not", || {
        assert_budget("joined", || {
            let all: Vec<_> = (0..3).map(|_| thread::spawn(|| blocks(10, 100))).collect();
            all.into_iter().for_each(|one| one.join().expect("it does not panic"));
        });
        // What one leaves running does not count in the next.
        let (go, waits) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            let guard = budget("outlives/first");
            let ready = &Barrier::new(2);
            let (go, waits) = (&go, &waits);
            let kept = scope.spawn(move || {
                let kept = black_box(vec![0u8; 10_000]);
                waits.wait();
                go.wait();
                blocks(1000, 1000);
                kept
            });
            waits.wait();
            guard.finish();
            let guard = budget("outlives/first");
            go.wait();
            let own = kept.join().expect("it does not panic");
            let next = black_box(vec![0u8; 9500]);
            drop(own);
            guard.finish();
            drop((next, ready));
        });
        // Nor does what a thread does that is in the operation of one, and owns nothing there.
        let (given, goes) = (Barrier::new(2), Barrier::new(2));
        let operation = Mutex::new(None::<Operation>);
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                given.wait();
                let operation = operation.lock().expect("nobody panics").expect("it was given");
                let _op = operation.enter();
                given.wait();
                goes.wait();
                blocks(5, 100);
            });
            let guard = budget("entered");
            *operation.lock().expect("nobody panics") = Some(current());
            given.wait();
            given.wait();
            blocks(1, 100);
            guard.finish();
            let guard = budget("entered");
            goes.wait();
            worker.join().expect("it does not panic");
            blocks(1, 100);
            guard.finish();
        });
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("the system has threads");
        pool.broadcast(|_| ());
        assert_budget("carried", || {
            let op = current();
            pool.in_place_scope(|_| {
                let done = pool.broadcast(move |_| op.run(|| drop(black_box(vec![0u8; 10]))));
                black_box(done.len());
            });
        });
        assert_budget("polled", || {
            block_on(async {
                blocks(1, 11);
                async { blocks(1, 11) }.tracked("inner").await;
                blocks(1, 11);
            })
        });
    });
}

fn block_on<R>(future: impl Future<Output = R>) -> R {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}

#[test]
fn guards_nest_in_operations_and_in_each_other() {
    let policy = "
schema = 1
strict = true
[operation.outer]
allocs = 4
[operation.'outer/inner']
allocs = 3
[operation.'outer/inner/parse']
allocs = 1
[operation.'request/search']
allocs = 2
";
    Process::under(policy).must_pass("guards_nest_in_operations_and_in_each_other", || {
        let before = balanced();
        let outer = budget("outer");
        let kept = black_box(vec![0u8; 10]);
        let inner = budget("inner");
        let within = current();
        blocks(2, 1);
        measure("parse", || blocks(1, 1));
        assert_eq!(inner.finish().allocs, 3);
        let back = current();
        let tally: Tally = outer.finish();
        assert_eq!([within, back, current()].map(Operation::path), ["outer/inner", "outer", "(unattributed)"]);
        assert_eq!((tally.allocs, tally.net_bytes(), tally.peak_bytes), (4, 10, Some(11)));
        drop(kept);
        let ((), tally) = measure("request", || {
            let _search = budget("search");
            blocks(2, 1);
        });
        assert_eq!(tally.allocs, 2);
        let did = balanced() - before;
        let rows = ["outer", "outer/inner", "outer/inner/parse", "request", "request/search"];
        let counted = rows.map(|path| did.operation(path).map(|row| (row.scopes, row.own.allocs, row.total.allocs)));
        assert_eq!(counted, [Some((1, 1, 4)), Some((1, 2, 3)), Some((1, 1, 1)), Some((1, 0, 2)), Some((1, 2, 2))]);
        let (said, _) = refused(|| {
            let _guard = budget("outer");
            blocks(5, 1);
        });
        assert!(said.starts_with("budget \"outer\": 1 breach\n"), "{said}");
    });
}

#[test]
fn what_is_asserted_within_another_assertion_is_judged_once_and_reported_with_its_path() {
    // Of three runs of the inner one, each has three blocks; the outer one sees all of them in each run of its own.
    let policy = "schema = 1\nstrict = true\n[operation.outer]\nallocs = 10\n[operation.'outer/inner']\nallocs = '3'\n";
    let name = "what_is_asserted_within_another_assertion_is_judged_once_and_reported_with_its_path";
    Process::under(policy).must_pass(name, || {
        assert_budget("outer", || {
            measure("inner", || blocks(1, 1));
            assert_budget("inner", || blocks(3, 1));
        });
        let row = row("outer/inner");
        assert_eq!((row.scopes, row.own.allocs), (3 * (1 + 3), 3 * (1 + 9)));
        assert_eq!(report().operation("outer/inner").map(|row| row.own.allocs), Some(30));
    });
}

#[test]
fn a_panic_passes_through_and_the_next_is_exact() {
    Process::under(SEARCH).must_pass("a_panic_passes_through_and_the_next_is_exact", || {
        for round in 0..20 {
            let (said, _) = refused(|| {
                assert_budget("search", || {
                    let _kept = search();
                    panic!("round {round}")
                })
            });
            assert_eq!(said, format!("round {round}"));
            let (said, _) = refused(|| {
                let _guard = budget("search");
                panic!("guarded {round}");
            });
            assert_eq!(said, format!("guarded {round}"));
            assert_eq!(current().path(), "(unattributed)");
            assert_budget("search", search);
        }
        let report = report();
        assert_eq!(report.misnested(), 0);
        balanced();
    });
}

#[test]
fn an_assertion_in_the_last_destructor_of_a_thread_is_exact_too() {
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            assert_budget("search", search);
            drop(budget("guard"));
        }
    }
    thread_local!(static LAST: Last = const { Last });
    let policy = format!("{SEARCH}[operation.guard]\nallocs = 0\n");
    let name = "an_assertion_in_the_last_destructor_of_a_thread_is_exact_too";
    Process::under(&policy).must_pass(name, || {
        for _ in 0..10 {
            thread::spawn(|| LAST.with(|_| ())).join().expect("it keeps to its budget");
        }
        assert_eq!((row("search").scopes, row("guard").scopes), (30, 10));
    });
}

#[test]
fn a_breach_is_told_to_whoever_made_it() {
    let policy = "schema = 1\n[operation.search]\nallocs = 1\n";
    Process::under(policy).must_pass("a_breach_is_told_to_whoever_made_it", || {
        let ended = thread::spawn(|| assert_budget("search", search)).join().expect_err("it breaches");
        let said = ended.downcast_ref::<String>().expect("it says something");
        assert!(said.contains("4 over 1 (+3, +300.0 %)"), "{said}");
    });
}

#[test]
fn assertions_nest_in_their_own_name() {
    let policy = "schema = 1\nstrict = true\n[operation.a]\nallocs = 13\n[operation.'a/a']\nallocs = '12'\n[operation.'a/a/a']\nallocs = 1\n";
    Process::under(policy).must_pass("assertions_nest_in_their_own_name", || {
        assert_budget("a", || {
            blocks(1, 1);
            assert_budget("a", || {
                blocks(1, 1);
                assert_budget("a", || blocks(1, 1));
            });
        });
    });
}

#[test]
fn assertions_without_end_need_neither_operations_nor_memory() {
    let policy = "schema = 1\n[operation.search]\nallocs = 1\n[operation.cached]\nallocs = 1\n";
    Process::under(policy).must_pass("assertions_without_end_need_neither_operations_nor_memory", || {
        let mut kept = Vec::with_capacity(2000);
        let mut footprint = Vec::new();
        for _ in 0..4 {
            for _ in 0..500 {
                assert_budget("search", || blocks(1, 1));
                // Whoever keeps what it returned keeps the operation busy, and yet there is an end.
                let guard = budget("cached");
                kept.push(black_box(Box::new(1u8)));
                drop(guard);
            }
            let report = report();
            let ledger = report.operation("(heapledger)").expect("it always is");
            footprint.push((ledger.own.live_bytes, report.shard_bytes()));
        }
        let [first, .., last] = footprint[..] else { panic!("there are four") };
        assert!(last.0 - first.0 < 1024 && last.1 == first.1, "{footprint:?}");
        assert!(first.0 < 256 << 10, "{footprint:?}");
        assert_eq!((row("search").scopes, row("cached").own.live_bytes), (6000, 2000));
    });
}

#[test]
fn any_name_is_a_name() {
    let policy = "schema = 1\n[defaults]\nallocs = 0\n";
    Process::under(policy).must_pass("any_name_is_a_name", || {
        let long = "x".repeat(10_000);
        let deep = "d/".repeat(100);
        let cases = [
            ("", "budget \"(unnamed)\": 1 breach"),
            ("/", "budget \"(unnamed)\": 1 breach"),
            ("a//b/", "budget \"a/b\": 1 breach"),
            (&long, "budget \"xxx"),
            (&deep, "budget \"d/d/d/"),
            ("red\u{1b}[31m\n\u{202e}", "budget \"red\\u{1b}[31m\\n\\u{202e}\": 1 breach"),
            ("(unattributed)", "budget \"'(unattributed)'\": 1 breach"),
            ("(heapledger)", "budget \"'(heapledger)'\": 1 breach"),
            ("**", "budget \"**\": 1 breach"),
        ];
        for (name, expected) in cases {
            for _ in 0..3 {
                let (said, _) = refused(|| assert_budget(name, || blocks(1, 1)));
                assert!(said.starts_with(expected), "{name:?}: {said}");
                assert!(!said.contains(|one: char| one.is_control() && one != '\n'), "{said:?}");
                assert!(said.lines().all(|line| line.len() < 400), "{said}");
            }
        }
        let _op = track(&deep);
        let (said, _) = refused(|| assert_budget(&deep, || ()));
        assert!(said.contains("nested too deep"), "{said}");
        balanced();
    });
}

#[test]
fn what_assertions_did_is_in_reports_once() {
    let policy = "schema = 1\nunlisted = 'allow'\n";
    Process::under(policy).must_pass("what_assertions_did_is_in_reports_once", || {
        measure("search", || blocks(1, 1));
        let before = balanced();
        let first = assert_budget("search", search);
        let second = assert_budget("search", search);
        let did = balanced() - &before;
        did.check().expect("nothing else happens");
        let row = did.operation("search").expect("it ran");
        assert_eq!((row.scopes, row.own.allocs, row.total.allocs), (6, 18, 24));
        assert_eq!((row.own.live_bytes, row.total.live_bytes), (2000, 2000));
        let parse = did.operation("search/parse").expect("it ran inside");
        assert_eq!((parse.scopes, parse.own.allocs, parse.own.net_bytes()), (6, 6, 600));
        let all = did.report();
        assert_eq!(all.rows().iter().filter(|row| row.path == "search").count(), 1);
        assert_eq!(all.operation("search").map(|row| (row.scopes, row.total)), Some((6, row.total)));
        let read = Report::from_json(&all.to_json()).expect("it is our own");
        assert_eq!(read.rows(), all.rows());
        let mut twice = all.clone();
        twice.merge(&read).expect("the counters have room");
        assert_eq!(twice.operation("search").map(|row| (row.scopes, row.total.allocs)), Some((12, 48)));
        drop((first, second));
        balanced();
    });
}

#[test]
fn an_assertion_that_passes_leaves_no_trace_of_itself() {
    let policy = "schema = 1\n[operation.'*']\nallocs = 0\n[operation.'outside/search']\nallocs = 9\n";
    Process::under(policy).must_pass("an_assertion_that_passes_leaves_no_trace_of_itself", || {
        let mut counted = Vec::with_capacity(10);
        for _ in 0..5 {
            let before = snapshot();
            // It warns: less than nine.
            let ((), all) = measure("outside", || drop(assert_budget("search", search)));
            budget("warns").finish();
            let did = snapshot() - before;
            let own = |path: &str| did.operation(path).map(|row| row.own).unwrap_or_default();
            let outside = own("outside");
            counted.push((all.allocs, all.reallocs, outside.allocs + outside.frees + outside.reallocs));
        }
        // Three runs of four blocks, and nothing but the last drop.
        assert_eq!(counted, [(12, 0, 1); 5]);
    });
}

/// Enters operations inside each other until no name is an operation any more, and allocates there.
fn nested(deeper: usize) {
    let _op = track("deeper");
    match deeper {
        0 => blocks(5, 100),
        _ => nested(deeper - 1),
    }
}

#[test]
fn what_no_name_tells_apart_is_the_budgets_own_and_fails_it() {
    let policy = "schema = 1\n[operation.deep]\nallocs = 5\nlive_bytes = 0\n";
    Process::under(policy).must_pass("what_no_name_tells_apart_is_the_budgets_own_and_fails_it", || {
        assert_budget("deep", || nested(100));
        let (said, _) = refused(|| assert_budget("deep", || nested(200)));
        // There are 128 levels, the budget's own among them, so 127 of 201 scopes are operations.
        assert!(said.contains("74 scopes could not be counted apart"), "{said}");
        assert_eq!(row("(other)").own.allocs, 0, "the budget has seen all of it");
        let leaks = LeakTest::new("deep").run(|_| {
            let _op = track("deeper/".repeat(130));
            std::mem::forget(vec![0u8; 8]);
        });
        assert!(leaks.verdict().is_leak(), "{leaks}");
    });
}

#[test]
fn what_a_panic_allocates_in_a_denied_scope_is_no_offence() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let environment = vec![("HEAPLEDGER_REPORTS", folder.path().to_path_buf())];
    let process = Process { environment, ..Process::under("schema = 1\n") };
    let said = process.run("what_a_panic_allocates_in_a_denied_scope_is_no_offence", || {
        for before in [0, 5] {
            let (said, _) = refused(|| {
                let _none = heapledger::deny_alloc(format!("{before} B before"));
                (before > 0).then(|| blocks(1, before));
                let _dropped_by_the_panic = DropsABlock;
                panic!("of another cause, {before}");
            });
            assert!(said.starts_with("of another cause"), "{said}");
        }
    });
    let Some(said) = said else { return };
    said.passes();
    let denied = &told(folder.path())["parts"][0]["denied"];
    assert_eq!(denied.as_array().map(Vec::len), Some(1), "{denied}");
    assert_eq!(
        (&denied[0]["path"], &denied[0]["allocs"], &denied[0]["allocated_bytes"]),
        (&"5 B before".into(), &1.into(), &5.into())
    );
}

/// Allocates when it is dropped.
struct DropsABlock;

impl Drop for DropsABlock {
    fn drop(&mut self) {
        blocks(1, 50);
    }
}

#[test]
fn a_foreign_tag_fails_the_budget_that_it_comes_back_in() {
    #![allow(unsafe_code, reason = "writes behind a block, on purpose")]
    let policy = "schema = 1\n[operation.free]\nallocs = 1\n[operation.later]\nallocs = 0\n";
    Process::under(policy).must_pass("a_foreign_tag_fails_the_budget_that_it_comes_back_in", || {
        let (said, _) = refused(|| {
            assert_budget("free", || {
                let mut block = black_box(vec![0u8; 64]);
                // SAFETY: the allocator made four bytes of room behind the block.
                let tag = unsafe { block.as_mut_ptr().add(64) }.cast::<u32>();
                // SAFETY: those four bytes; volatile, for no object that the compiler knows is there.
                unsafe { tag.write_volatile(0) };
            })
        });
        assert!(said.contains("blocks that came back without a valid owner tag: "), "{said}");
        let (said, _) = refused(|| assert_budget("later", || ()));
        assert!(said.contains("without a valid owner tag"), "no figure is trusted from then on: {said}");
    });
}
