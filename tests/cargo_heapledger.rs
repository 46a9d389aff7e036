//! The command `cargo heapledger`, end to end: on small real projects, driven as users do. What code allocates is
//! turned with dials, in a file that the projects' tests read, so that one build serves many runs.

#[path = "common/project.rs"]
mod project;

use std::collections::BTreeMap;
use std::process::Stdio;

use project::{ALLOCATOR, Project, Said, heapledger};

/// What the projects' tests do, as `dials.txt` turns it.
const LIBRARY: &str = r#"//! Turned by dials.txt.
use std::hint::black_box;

/// The number behind `name`. Read before anything is measured.
pub fn dial(name: &str) -> usize {
    let text = std::fs::read_to_string("dials.txt").expect("the dials are there");
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0)
}

pub fn parse(blocks: usize, bytes: usize) {
    let _op = heapledger::track("parse");
    (0..blocks).for_each(|_| drop(black_box(vec![1u8; bytes])));
}

pub fn collect(bytes: usize) -> Vec<u8> {
    let _op = heapledger::track("collect");
    black_box(vec![1u8; bytes])
}
"#;

const TESTS: &str = r#"
use NAME::{collect, dial, parse};

#[test]
fn search() {
    let (blocks, bytes, kept) = (dial("blocks"), dial("bytes"), dial("kept"));
    heapledger::assert_budget("search", || {
        parse(blocks, bytes);
        collect(kept)
    });
}

#[test]
fn index() {
    let blocks = dial("indexed");
    let _op = heapledger::track("index");
    parse(blocks, 10);
}

#[test]
fn serve() {
    let leaked = dial("leaked");
    let test = heapledger::LeakTest::new("serve").iterations(4);
    test.assert(|_| std::mem::forget(std::hint::black_box(vec![1u8; leaked])));
}

#[test]
fn wobble() {
    let more = dial("wobble");
    let mut run = 0;
    heapledger::assert_budget("wobble", || {
        run += more;
        parse(1 + run, 10);
    });
}

#[test]
fn other() {
    assert_eq!(dial("broken"), 0, "this is broken");
}
"#;

const DIALS: &str = "blocks 3\nbytes 100\nkept 2000\nindexed 5\nleaked 0\nwobble 0\nbroken 0\n";

const POLICY: &str = r#"# Kept by the search team.
schema = 1 # the first

[operation."search"] # the heart of it
allocs = "ratchet"
allocated_bytes = { tolerance = "1%", minimum = 50 }
peak_bytes = "4 KiB" # the smallest machine has no more
why = "fits the smallest machine"

[operation."index"]
allocs = "ratchet"

[operation."serve"]
live_bytes_per_iteration = 0

[operation."wobble"]
allocs = "ratchet"
"#;

/// A project with the dials, the policy, and nothing recorded.
fn dialled(name: &str) -> Project {
    let project = Project::new(name);
    project.write("src/lib.rs", LIBRARY);
    project.write("tests/budgets.rs", &(ALLOCATOR.to_string() + &TESTS.replace("NAME", &name.replace('-', "_"))));
    project.write("dials.txt", DIALS);
    project.write("heapledger.toml", POLICY);
    project
}

/// Turns one dial.
fn turn(project: &Project, name: &str, to: usize) {
    let dials = project.read("dials.txt");
    let turned = dials.lines().map(|line| match line.split(' ').next() {
        Some(known) if known == name => format!("{name} {to}\n"),
        _ => format!("{line}\n"),
    });
    project.write("dials.txt", &turned.collect::<String>());
}

/// The number of the line in which `text` stands, the only one.
#[track_caller]
fn line_of(project: &Project, file: &str, text: &str) -> usize {
    let all = project.read(file);
    let mut lines = all.lines().enumerate().filter(|(_, line)| line.contains(text));
    let (at, _) = lines.next().unwrap_or_else(|| panic!("{text:?} stands in {file}:\n{all}"));
    assert_eq!(lines.next(), None, "{text:?} stands in {file} once");
    at + 1
}

/// What stands below `[figures]`.
fn recorded(project: &Project) -> String {
    let text = project.read(&project.figures());
    text.split_once("[figures]\n").expect("the figures have a heading").1.to_string()
}

const RECORDED: &str = "\
\"index\".allocs = 5
\"index/parse\".allocs = 5
\"search\".allocs = 4
\"search\".allocated_bytes = 2300 # 2.25 KiB
\"search/collect\".allocs = 1
\"search/collect\".allocated_bytes = 2000 # 1.95 KiB
\"search/parse\".allocs = 3
\"search/parse\".allocated_bytes = 300
\"wobble\".allocs = 1
\"wobble/parse\".allocs = 1
";

/// The line of the table for one figure of one operation, without blanks at its ends and with single ones in it.
#[track_caller]
fn row(said: &Said, figure: &str, of: &str) -> String {
    let mut operation = "";
    for line in said.out.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if !line.starts_with(' ') {
            operation = words.first().copied().unwrap_or("");
        }
        let about = if line.starts_with(' ') { words.first() } else { words.get(1) };
        if operation == of && about == Some(&figure) {
            let from = usize::from(!line.starts_with(' '));
            return words[from..].join(" ");
        }
    }
    panic!("the table has no {figure} of {of}:\n{said}");
}

#[test]
fn a_first_run_writes_a_policy_and_figures() {
    let project = dialled("first-run");
    project.remove("heapledger.toml");
    let before = project.files();
    project.heapledger(&["test", "--all"]).exits(1).complains(
        "error: there is no heapledger.toml here or above, up to the workspace: `cargo heapledger init` writes one",
    );
    project.heapledger(&["record"]).exits(1).complains("`cargo heapledger init` writes one");
    project.heapledger(&["review"]).exits(1).complains("`cargo heapledger init` writes one");
    assert_eq!(project.files(), before);

    let said = project.heapledger(&["init"]);
    said.exits(0).prints("heapledger.toml: written\n").prints("figures recorded\n");
    said.prints("read heapledger.toml, tighten what matters, and commit it with the figures\n");
    assert_eq!(row(&said, "allocs", "search"), "allocs 4 4 0 within");
    let policy = project.read("heapledger.toml");
    assert!(policy.starts_with("# Memory budgets: what operations may keep and allocate."), "{policy}");
    let tables: Vec<&str> = policy.lines().filter(|line| line.starts_with('[')).collect();
    let expected = ["index", "search", "serve", "wobble"].map(|name| format!("[operation.\"{name}\"]"));
    assert_eq!(tables, expected);
    let search = line_of(&project, "tests/budgets.rs", "assert_budget(\"search\"");
    let expected = format!(
        "\
[operation.\"search\"]
allocs = \"ratchet\" # 4
allocated_bytes = \"ratchet\" # 2.25 KiB (2,300 B)
live_bytes = \"ratchet\" # 1.95 KiB (2,000 B)
live_bytes_per_iteration = 0 # 0 B
peak_bytes = \"ratchet\" # 1.95 KiB (2,000 B)
# measured by an assertion, tests/budgets.rs:{search}
"
    );
    assert!(policy.contains(&expected), "{policy}");
    let leak_test = line_of(&project, "tests/budgets.rs", "LeakTest::new");
    assert!(policy.contains(&format!("# measured by a leak test, tests/budgets.rs:{}\n", leak_test + 1)), "{policy}");

    let written = project.files();
    let said = project.heapledger(&["test", "--all"]);
    said.exits(0).prints(" within\n").never_prints("breach").never_prints(" new").never_prints("to record");
    said.prints("x86_64-unknown-linux-gnu, debug, over System, rustc ");
    project.heapledger(&["record"]).exits(0).prints("nothing to record: every figure is as it was");
    project.heapledger(&["init"]).exits(1).complains("heapledger.toml is there already: edit it, or write over it");
    assert_eq!(project.files(), written);

    project.write("heapledger.toml", "schema = 1\n# mine\n");
    project.heapledger(&["init", "--force"]).exits(0);
    assert_eq!(project.files(), written);
    project.heapledger_in(&[("CI", "true")], &["init", "--force"]).exits(1).complains("in CI nothing is written");

    // What is wrong in the policy is named with its place, before anything runs.
    project.write("heapledger.toml", "schema = 1\n[operation.\"search\"]\n  peek_bytes = \"1 KiB\"\n");
    let said = project.heapledger(&["test", "--all"]);
    said.exits(1).complains("error: heapledger.toml:3:3: unknown key `peek_bytes`: did you mean `peak_bytes`?\n");
    assert_eq!(said.out, "");
    project.write("heapledger.toml", "schema = 1\n[operation.\"search\"]\nallocs = \"ratched\"\n");
    project
        .heapledger(&["test"])
        .exits(1)
        .complains("error: heapledger.toml:3:10: \"ratched\" is no limit: did you mean `ratchet`?\n");
    project
        .heapledger(&["test", "--policy", "elsewhere.toml"])
        .exits(1)
        .complains("error: elsewhere.toml: cannot be read");
}

#[test]
fn more_than_recorded_is_a_breach_and_less_asks_to_be_recorded() {
    let project = dialled("regression");
    let said = project.heapledger(&["record"]);
    said.exits(0).prints("10 figures recorded\n");
    assert_eq!(recorded(&project), RECORDED);
    let figures = project.figures();
    let committed = project.files();
    project.heapledger(&["test", "--all"]).exits(0);

    // Three blocks become seven.
    let line = line_of(&project, &figures, "\"search\".allocs");
    let search = line_of(&project, "tests/budgets.rs", "assert_budget(\"search\"");
    turn(&project, "blocks", 7);
    turn(&project, "bytes", 42);
    let said = project.heapledger(&["test", "--all"]);
    said.exits(2);
    assert_eq!(row(&said, "allocs", "search"), "allocs 8 4 +4 (+100.0 %) breach");
    assert_eq!(row(&said, "allocated_bytes", "search"), "allocated_bytes 2.24 KiB 2.25 KiB ±50 B -6 B (-0.3 %) within");
    said.prints(&format!(
        "    grew         search/parse by 4\n    why          fits the smallest machine\n    \
         recorded at  {figures}:{line}\n    entered at   tests/budgets.rs:{search}\n"
    ));
    // The assertion itself says the same.
    said.prints(&format!("panicked at tests/budgets.rs:{search}:5:\nbudget \"search\": 1 breach\n"));
    said.prints(&format!(
        "  allocs            8 over 4 (+4, +100.0 %): recorded figure at {figures}:{line}\n  \
         grew              search/parse by 4\n  why               fits the smallest machine\n"
    ));
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        said.prints("\n  lines             7 of 8 allocs  src/lib.rs:");
    }
    said.prints(&format!(
        "\n  entered           tests/budgets.rs:{search}:5\n  \
         next              look at what grew; if it is meant, `cargo heapledger test`, then `cargo heapledger accept --breaches --reason \"..\"`"
    ));
    said.prints("1 breach\n");
    assert_eq!(without_dials(&project), committed_without_dials(&committed));

    // In plain `cargo test` too.
    let mut plain = project::cargo(project.folder());
    plain.args(["test", "-q"]);
    Said::by(plain).exits(101).prints("  allocs            8 over 4 (+4, +100.0 %): recorded figure at ");

    // More than the ceiling, whatever is recorded.
    turn(&project, "blocks", 3);
    turn(&project, "bytes", 100);
    turn(&project, "kept", 5000);
    let ceiling = line_of(&project, "heapledger.toml", "peak_bytes");
    let said = project.heapledger(&["test", "--all"]);
    said.exits(2);
    assert_eq!(row(&said, "peak_bytes", "search"), "peak_bytes 4.88 KiB <= 4.00 KiB +904 B (+22.1 %) breach");
    said.prints(&format!(
        "    why          fits the smallest machine\n    limit at     heapledger.toml:{ceiling}\n    \
         entered at   tests/budgets.rs:{search}\n"
    ));
    said.prints("4.88 KiB (5,000 B) over 4.00 KiB (4,096 B) (+904 B, +22.1 %): ceiling at heapledger.toml:");
    // What is worse is recorded only where somebody says why, before any test runs.
    let before = project.files();
    for amiss in [&["record", "--breaches"][..], &["record", "search"], &["record", "--reason", "larger hits"]] {
        project.heapledger(amiss).exits(1).complains("reason").never_prints("running ");
    }
    let unknown = ["record", "serch", "--reason", "larger hits"];
    project.heapledger(&unknown).exits(1).complains("`serch` is no operation with a breach: did you mean `search`?");
    let said = project.heapledger(&["record"]);
    said.exits(2).never_prints(" recorded\n").prints("1 breach: `cargo heapledger review` shows each; ");
    assert_eq!(
        row(&said, "allocated_bytes", "search"),
        "allocated_bytes 5.18 KiB 2.25 KiB ±50 B +2.93 KiB (+130.4 %) breach"
    );
    assert_eq!(project.files(), before);
    // Recording does not lift a ceiling: the build stays red.
    let said = project.heapledger(&["record", "search", "--reason", "larger hits"]);
    said.exits(2)
        .prints("  search allocated_bytes: 2.25 KiB (2,300 B) -> 5.18 KiB (5,300 B) (+2.93 KiB (3,000 B))  breach\n");
    said.prints("2 figures recorded\n");
    assert!(recorded(&project).contains("5300 # 5.18 KiB; larger hits\n"));
    assert_eq!(row(&said, "peak_bytes", "search"), "peak_bytes 4.88 KiB <= 4.00 KiB +904 B (+22.1 %) breach");
    turn(&project, "kept", 2000);
    project.heapledger(&["record"]).exits(0).prints("2 figures recorded\n");
    assert_eq!(project.files(), committed);

    // A real edit of code that is only tracked.
    project.replace(
        "tests/budgets.rs",
        "    parse(blocks, 10);\n}\n\n#[test]\nfn serve",
        "    parse(blocks, 10);\n    collect(9);\n}\n\n#[test]\nfn serve",
    );
    let said = project.heapledger(&["test", "--all"]);
    said.exits(2).prints("    grew         index/collect by 1\n");
    assert_eq!(row(&said, "allocs", "index"), "allocs 6 5 +1 (+20.0 %) breach");
    said.prints(&format!(
        "entered at   tests/budgets.rs:{}\n",
        line_of(&project, "tests/budgets.rs", "track(\"index\")")
    ));
}

fn without_dials(project: &Project) -> BTreeMap<String, Vec<u8>> {
    committed_without_dials(&project.files())
}

fn committed_without_dials(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    files.iter().filter(|(name, _)| *name != "dials.txt").map(|(name, held)| (name.clone(), held.clone())).collect()
}

#[test]
fn improvements_warn_and_fail_where_that_is_asked_for_until_they_are_recorded() {
    let project = dialled("improvement");
    project.heapledger(&["accept"]).exits(1).complains("no run is known: `cargo heapledger test` first");
    project.heapledger(&["review"]).exits(1).complains("no run is known: `cargo heapledger test` first");
    project.heapledger(&["record"]).exits(0);
    let figures = project.figures();
    let committed = without_dials(&project);

    turn(&project, "blocks", 2);
    let said = project.heapledger(&["test", "--all", "--", "--", "--nocapture"]);
    said.exits(0);
    assert_eq!(row(&said, "allocs", "search"), "allocs 3 4 -1 (-25.0 %) improvement");
    assert_eq!(
        row(&said, "allocated_bytes", "search"),
        "allocated_bytes 2.15 KiB 2.25 KiB ±50 B -100 B (-4.3 %) improvement"
    );
    said.prints("2 improvements to record: `cargo heapledger accept` takes them\n");
    let line = line_of(&project, &figures, "\"search\".allocs");
    said.complains(&format!(
        "budget \"search\": allocs 3 under 4 (-1, -25.0 %): recorded figure at {figures}:{line} and 1 more improvement: \
         record them: cargo heapledger record\n"
    ));
    project.heapledger(&["test", "--strict"]).exits(4);
    project.replace("heapledger.toml", "schema = 1 # the first\n", "schema = 1 # the first\nstrict = true\n");
    // The assertion fails by itself then, and the command says why.
    project.heapledger(&["test", "--all"]).exits(4).prints("budget \"search\": 2 improvements\n");
    project.replace("heapledger.toml", "strict = true\n", "");
    assert_eq!(without_dials(&project), committed);

    // Without a terminal, a review shows what an answer would be asked for.
    let said = project.heapledger(&["review"]);
    said.exits(0)
        .prints("search allocs: 4 -> 3 (-1)  improvement\n")
        .prints("search/parse allocated_bytes: 300 B -> 200 B (-100 B)  step\n");
    said.prints("answers are read from a terminal; `cargo heapledger accept` takes all but the breaches\n");
    project.heapledger_in(&[("CI", "1")], &["review"]).exits(1).complains("in CI nobody answers");
    project.heapledger_in(&[("CI", "1")], &["accept"]).exits(1).complains("in CI nothing is written");
    assert_eq!(without_dials(&project), committed);

    let said = project.heapledger(&["accept"]);
    said.exits(0);
    let list = "  search allocs: 4 -> 3 (-1)  improvement
  search allocated_bytes: 2.25 KiB (2,300 B) -> 2.15 KiB (2,200 B) (-100 B)  improvement
  search/parse allocs: 3 -> 2 (-1)  step
  search/parse allocated_bytes: 300 B -> 200 B (-100 B)  step
";
    assert_eq!(said.out, format!("{list}{figures}: 4 figures recorded\n"));
    let better = RECORDED
        .replace("\"search\".allocs = 4", "\"search\".allocs = 3")
        .replace("2300 # 2.25 KiB", "2200 # 2.15 KiB")
        .replace("\"search/parse\".allocs = 3", "\"search/parse\".allocs = 2")
        .replace("allocated_bytes = 300", "allocated_bytes = 200");
    assert_eq!(recorded(&project), better);
    assert_eq!(project.read("heapledger.toml"), POLICY, "comments of the policy are people's own");
    project.heapledger(&["test", "--strict"]).exits(0);
    project.heapledger(&["accept"]).exits(0).prints("nothing to record: every figure is as it was");
    project.heapledger(&["review"]).exits(0).prints("nothing to review: every figure is as it was");

    // Within its tolerance a figure stays as it was committed, both ways; beyond it moves, and all below with it.
    let committed = without_dials(&project);
    for kept in [2050, 1950] {
        turn(&project, "kept", kept);
        project.heapledger(&["record"]).exits(0).prints("nothing to record: every figure is as it was");
        assert_eq!(without_dials(&project), committed);
    }
    turn(&project, "kept", 2051);
    let meant = ["record", "--breaches", "--reason", "longer hits"];
    project.heapledger(&meant).exits(0).prints(&format!("{figures}: 2 figures recorded\n"));
    let moved =
        better.replace("2200 # 2.15 KiB", "2251 # 2.20 KiB; longer hits").replace("2000 # 1.95 KiB", "2051 # 2.00 KiB");
    assert_eq!(recorded(&project), moved);

    // A breach is accepted by who says why; it is for people to say what is meant.
    turn(&project, "blocks", 5);
    project.heapledger(&["test", "--all"]).exits(2);
    let worse = recorded(&project);
    project.heapledger(&["accept"]).exits(2).prints("not recorded:\n  search allocs: 3 -> 6 (+3)  breach\n");
    assert_eq!(recorded(&project), worse);
    let meant = ["accept", "search", "--reason", "hits are owned"];
    project.heapledger(&meant).exits(0).prints("4 figures recorded\n");
    project.heapledger(&["test", "--all"]).exits(0);
    // What only a part of the tests measured is all that changes.
    turn(&project, "indexed", 6);
    turn(&project, "blocks", 4);
    let before = recorded(&project);
    let part = ["record", "--", "--test", "budgets", "index"];
    project.heapledger(&part).exits(2).prints("recorded only where all ran (--complete)\n");
    assert_eq!(recorded(&project), before);
    project.heapledger(&["record", "--", "--test", "budgets", "search"]).exits(0).prints("4 figures recorded\n");
    let lines =
        |text: &str, of: &str| text.lines().filter(|line| line.contains(of)).map(String::from).collect::<Vec<_>>();
    let after = recorded(&project);
    assert_eq!(lines(&after, "\"index"), lines(&before, "\"index"));
    assert_ne!(lines(&after, "\"search"), lines(&before, "\"search"));
}

#[test]
fn leaks_unstable_counts_and_other_failures_have_their_own_exit_codes() {
    let project = dialled("failures");
    project.heapledger(&["record"]).exits(0);

    turn(&project, "leaked", 48);
    let said = project.heapledger(&["test", "--all"]);
    said.exits(3).prints("    note         LEAK: it leaves exactly 48 B in 1 block per iteration");
    assert_eq!(row(&said, "live_bytes_per_iteration", "serve"), "live_bytes_per_iteration 48 B leak");
    said.prints(" 1 leak\n");
    said.prints(&format!("tests/budgets.rs:{}\n", line_of(&project, "tests/budgets.rs", "LeakTest::new") + 1));
    // A leak is worse than a breach.
    turn(&project, "blocks", 9);
    let said = project.heapledger(&["test", "--all"]);
    said.exits(3);
    assert_eq!(row(&said, "allocs", "search"), "allocs 10 4 +6 (+150.0 %) breach");
    turn(&project, "leaked", 0);
    turn(&project, "blocks", 3);

    turn(&project, "wobble", 1);
    let said = project.heapledger(&["test", "--all"]);
    said.exits(5).prints("every run said something else, from 2 to ");
    assert_eq!(row(&said, "allocs", "wobble"), "allocs 2 1 +1 (+100.0 %) unstable");
    // A breach that is certain comes first.
    turn(&project, "blocks", 9);
    project.heapledger(&["test", "--all"]).exits(2);
    turn(&project, "blocks", 3);
    turn(&project, "wobble", 0);

    turn(&project, "broken", 1);
    let said = project.heapledger(&["test", "--all"]);
    said.exits(1)
        .prints("this is broken")
        .prints("tests failed, and no figure of the whole run is the reason: see above\n");
    assert_eq!(row(&said, "allocs", "search"), "allocs 4 4 0 within");
    // Nothing is recorded from tests that fail.
    turn(&project, "blocks", 9);
    let committed = project.files();
    turn(&project, "blocks", 2);
    project.heapledger(&["record"]).exits(1).complains("nothing was recorded: tests failed\n");
    turn(&project, "blocks", 9);
    assert_eq!(project.files(), committed);

    project.append("tests/budgets.rs", "fn broken( {\n");
    let said = project.heapledger(&["test", "--all"]);
    said.exits(1)
        .complains("tests/budgets.rs")
        .complains("error: the tests failed (exit status: 101) before any of them reported");
    project.heapledger(&["test", "--", "--no-such-argument"]).exits(1).complains("--no-such-argument");
}

/// What several test binaries of one project do, each in its own way.
const WAYS: [(&str, &str); 6] = [
    ("sees", "let _op = heapledger::track(\"seen\"); drop(std::hint::black_box(vec![1u8; 10]));"),
    ("tracks_blindly", "let _op = heapledger::track(\"seen\");"),
    ("asserts_blindly", "heapledger::assert_budget(\"seen\", || ());"),
    ("aborts", "drop(heapledger::track(\"seen\")); std::process::abort();"),
    ("leaves", "drop(heapledger::track(\"seen\")); std::process::exit(0);"),
    ("a_failure", "drop(heapledger::track(\"seen\")); panic!(\"this is broken\");"),
];

#[test]
fn what_cannot_be_seen_never_passes() {
    let project = Project::new("blind");
    project.write("heapledger.toml", "schema = 1\n[operation.\"seen\"]\nallocs = { max = 5 }\n");
    for (name, what) in WAYS {
        let allocator = if name.ends_with("blindly") { "" } else { ALLOCATOR };
        project.write(&format!("tests/{name}.rs"), &format!("{allocator}#[test] fn it() {{ {what} }}\n"));
    }
    let test = |binaries: &[&str]| {
        let names = binaries.iter().flat_map(|name| ["--test", name]);
        let arguments: Vec<&str> = ["test", "--all", "--"].into_iter().chain(names).collect();
        project.heapledger(&arguments)
    };
    test(&["sees"]).exits(0);

    let said = test(&["tracks_blindly"]);
    said.exits(6).prints("heapledger was not active: no test process that has it as its global allocator entered an");
    said.prints(
        "    #[global_allocator]\n    static ALLOC: heapledger::Allocator = heapledger::Allocator::system();\n",
    );
    let said = test(&["asserts_blindly"]);
    said.exits(6).prints("heapledger is not the global allocator").prints("heapledger was not active");
    // Nothing enters an operation.
    test(&["budgets"]).exits(6).prints("heapledger was not active");

    let note =
        "    note         it enters operations, but heapledger is not its global allocator: nothing was seen in it\n";
    let said = test(&["sees", "tracks_blindly"]);
    said.exits(0)
        .prints("\ntracks_blindly-")
        .prints(" not seen\n")
        .prints(note)
        .prints("0 figures of 1 operation: 1 not seen\n");
    assert_eq!(row(&said, "allocs", "seen"), "allocs 1 <= 5 -4 (-80.0 %) within");
    let said = test(&["sees", "asserts_blindly"]);
    said.exits(6)
        .prints("\nasserts_blindly-")
        .prints(" not trusted\n")
        .prints(note)
        .prints("0 figures of 1 operation: 1 not trusted\n");

    let said = test(&["sees", "aborts"]);
    said.exits(6).prints("\naborts-").prints(" not trusted\n");
    said.prints("it ended without a report: it was killed, or aborted, or could not write (is the disk full?)\n");
    test(&["leaves"]).exits(0).prints("\nseen").never_prints("not trusted");
    // A binary that fails is no reason to miss what comes after it.
    let said = test(&["a_failure", "sees"]);
    said.exits(1).prints("this is broken").prints("tests failed, and no figure of the whole run is the reason");
    assert_eq!(row(&said, "allocs", "seen"), "allocs 1 <= 5 -4 (-80.0 %) within");
    assert!(!project.files().contains_key("tests/figures/"), "nothing was to be recorded");
    assert_eq!(
        std::fs::read_dir(project.path("target/heapledger")).expect("it is there").count(),
        1,
        "only the last run"
    );
}

#[test]
fn without_the_feature_testing_the_command_says_what_is_missing() {
    let project = Project::with_dependency("no-testing", ", default-features = false");
    project.write("heapledger.toml", "schema = 1\n[operation.\"seen\"]\nallocs = { max = 5 }\n");
    project.append("tests/budgets.rs", "#[test] fn it() { drop(heapledger::track(\"seen\")); }\n");
    let said = project.heapledger(&["test", "--all"]);
    said.exits(6).prints("it is built without heapledger's feature `testing`, so it cannot report: add");
    said.prints("\nbudgets-").prints(" not trusted\n");
}

#[test]
fn another_environment_is_no_regression() {
    let project = dialled("elsewhere");
    project.heapledger(&["record"]).exits(0);
    let here = project.figures();
    let text = project.read(&here);
    let rustc = text.lines().find_map(|line| line.strip_prefix("rustc = ")).expect("it says so").trim_matches('"');
    let there = here.replace(rustc, "1.60.0");
    project.remove(&here);
    project.write(&there, &text);
    turn(&project, "blocks", 99);
    turn(&project, "bytes", 10);

    // A name that says something else than the file is a mistake, not another environment.
    project.write(&here, &text.replace(rustc, "1.60.0"));
    let said = project.heapledger(&["test", "--all"]);
    said.exits(1).complains(&format!("error: {here}: these figures are of another environment (x86_64"));
    project.remove(&here);

    project.write(&there, &text.replace(rustc, "1.60.0"));
    let committed = project.files();
    let said = project.heapledger(&["test", "--all"]);
    said.exits(4).prints("    note         nothing is recorded in this environment yet\n").never_prints("breach");
    assert_eq!(row(&said, "allocs", "search"), "allocs 100 new");
    assert_eq!(row(&said, "peak_bytes", "search"), "peak_bytes 1.95 KiB <= 4.00 KiB -2.05 KiB (-51.2 %) within");
    said.prints("4 new to record: `cargo heapledger accept` takes them\n");
    project.heapledger(&["test", "--strict"]).exits(4);
    project.write("heapledger.toml", &POLICY.replace("# the first", "\nstrict = true"));
    project
        .heapledger(&["test", "--all"])
        .exits(4)
        .prints("budget \"wobble\": 1 new\n")
        .never_prints("no figure is the reason");
    // Nothing at all to compare with must not pass.
    project.write("heapledger.toml", "schema = 1\n[operation.'**']\nallocs = \"ratchet\"\n");
    let said = project.heapledger(&["test", "--all"]);
    said.exits(4).never_prints("breach").prints("7 new\n");
    project.write("heapledger.toml", POLICY);
    assert_eq!(project.files(), committed);

    project.heapledger(&["accept"]).exits(0).prints(&format!("{here}: 10 figures recorded\n"));
    assert_eq!(project.read(&there), text.replace(rustc, "1.60.0"), "the other one stays");
    project.heapledger(&["test", "--strict"]).exits(0);
}

const CI: (&str, &str) = ("CI", "true");

#[test]
fn ci_writes_nothing_and_prints_a_patch_that_is_accepted_elsewhere() {
    let project = dialled("ci");
    project.heapledger(&["record"]).exits(0);
    let figures = project.figures();
    let old = project.read(&figures);
    turn(&project, "blocks", 7);
    let committed = project.files();
    let key = figures.trim_start_matches("tests/figures/").trim_end_matches(".toml");

    let said = project.heapledger_in(&[CI], &["test"]);
    said.exits(2)
        .prints(&format!("\n-----BEGIN HEAPLEDGER PATCH-----\nfigures: {key}\n--- original\n+++ modified\n@@ "));
    said.prints("\n-\"search\".allocs = 4\n").prints("\n+\"search\".allocs = 8\n");
    said.prints(
        "\n-----END HEAPLEDGER PATCH-----\nto record this: cargo heapledger accept --from <this log>, and where ",
    );
    let also = project.heapledger_in(&[CI], &["record"]);
    also.exits(2).prints("\n+\"search\".allocs = 8\n");
    let meant = ["record", "--breaches", "--reason", "lost"];
    project.heapledger_in(&[CI], &meant).exits(1).complains("give the reason where its patch is accepted");
    let patch = |said: &Said| {
        let from = said.out.find("-----BEGIN").expect("there is a patch");
        said.out[from..].split("-----END").next().expect("it ends").to_string()
    };
    assert_eq!(patch(&said), patch(&also));
    assert_eq!(project.files(), committed);
    project.heapledger_in(&[CI], &["accept", "--from", "x"]).exits(1).complains("in CI nothing is written");

    // As it is, from standard input, and as the services keep logs.
    let timed = |line: &str| format!("2026-11-23T18:31:00.1234567Z {line}\r\n");
    let coloured = |line: &str| format!("2026-11-23T18:31:00.1234567Z \u{1b}[36;1m{line}\u{1b}[0m\n");
    let named = |line: &str| format!("tests\tRun cargo heapledger test\t2026-11-23T18:31:00.1234567Z {line}\n");
    let each = |how: &dyn Fn(&str) -> String| said.out.lines().map(how).collect::<String>();
    let twice = said.out.replace("+\"search\".allocs = 8", "+\"search\".allocs = 9") + &said.out;
    let bom = "\u{feff}".to_string() + &each(&timed);
    let trimmed = each(&|line| format!("{}\n", line.trim_end()));
    let logs = [said.out.clone(), bom, each(&coloured), each(&named), trimmed, twice];
    let new =
        old.replace("\"search\".allocs = 4", "\"search\".allocs = 8").replace("2300 # 2.25 KiB", "2700 # 2.64 KiB");
    let new = new.replace("\"search/parse\".allocs = 3", "\"search/parse\".allocs = 7");
    let new = new.replace("\"search/parse\".allocated_bytes = 300", "\"search/parse\".allocated_bytes = 700");
    let meant = ["accept", "--from", "target/log", "--breaches", "--reason", "meant"];
    let reasoned = new.replace(".allocs = 8", ".allocs = 8 # meant").replace("2.64 KiB", "2.64 KiB; meant");
    let reasoned = reasoned.replace(".allocs = 7", ".allocs = 7 # meant").replace(" = 700", " = 700 # meant");
    for log in &logs {
        project.write("target/log", log);
        let said = project.heapledger(&meant);
        said.exits(0);
        let changes = "  search allocs: 4 -> 8 (+4)  breach\n  search allocated_bytes: 2.25 KiB (2,300 B) -> 2.64 KiB";
        assert!(said.out.starts_with(changes), "{}", said.out);
        said.prints(&format!("{figures}: 4 figures recorded\n"));
        assert_eq!(project.read(&figures), reasoned, "of the log\n{log}");
        project.write(&figures, &old);
    }
    let mut from_stdin = heapledger(project.folder());
    from_stdin.args(["accept", "--from", "-", "--breaches", "--reason", "meant"]);
    from_stdin.stdin(Stdio::from(std::fs::File::open(project.path("target/log")).expect("it was just written")));
    Said::by(from_stdin).exits(0);
    assert_eq!(project.read(&figures), reasoned);
    project.heapledger(&["test", "--strict"]).exits(0);
    // Accepted already: there is nothing left to change, and the patch says so.
    project.heapledger(&["accept", "--from", "target/log"]).exits(1).complains("the patch is in tests/figures/");
    project.write(&figures, &old);

    // Nothing is written of what is wrong in any way.
    let other = said.out.replace(rustc_of(&old), "1.60.0");
    let good_and_bad = said.out.clone() + &other;
    let wrong = [
        (String::new(), "target/log has no patch of heapledger's in it: `-----BEGIN HEAPLEDGER PATCH-----` begins one"),
        (said.out.split("-----END").next().expect("it ends").into(), "target/log has no patch of heapledger's in it"),
        (said.out.replace("-\"search\".allocs = 4", "-\"search\".allocs = 5"), "the patch does not fit tests/figures/"),
        (said.out.replace("@@ -", "@@ "), &format!("the patch for {key} is damaged")),
        (said.out.replace("+\"search\".allocs = 8\n", ""), &format!("the patch for {key} is damaged")),
        (
            said.out.replace("+\"search\".allocs = 8", "+\"search\".alocs = 8"),
            "`alocs` is no figure (did you mean `allocs`?)",
        ),
        (said.out.replace("figures: x86", "figures: ../x86"), "which is no environment's name"),
        (good_and_bad, "1.60.0.toml: it was made for another state of it"),
    ];
    for (log, expected) in &wrong {
        project.write("target/log", log);
        let said = project.heapledger(&["accept", "--from", "target/log"]);
        said.exits(1).complains("error: ").complains(expected);
        assert_eq!(said.out, "");
        assert_eq!(project.files(), committed);
    }
    project.heapledger(&["accept", "--from", "target/no-log"]).exits(1).complains("error: target/no-log: No such file");

    // The first figures of an environment come as a patch too.
    project.remove(&figures);
    let said = project.heapledger_in(&[CI], &["test"]);
    said.exits(4).prints(&format!("figures: {key}\n"));
    project.write("target/log", &said.out);
    project.heapledger(&["accept", "--from", "target/log"]).exits(0);
    assert_eq!(project.read(&figures), new);
}

/// The version of rustc that figures are of.
fn rustc_of(figures: &str) -> &str {
    figures.lines().find_map(|line| line.strip_prefix("rustc = ")).expect("it says so").trim_matches('"')
}

#[test]
fn ci_services_and_other_programs_get_what_they_read() {
    let project = dialled("services");
    project.heapledger(&["record"]).exits(0);
    let figures = project.figures();
    turn(&project, "blocks", 7);
    turn(&project, "indexed", 4);
    let search = line_of(&project, "tests/budgets.rs", "assert_budget(\"search\"");
    let parse = line_of(&project, "src/lib.rs", "(0..blocks)");
    let collect = line_of(&project, "src/lib.rs", "    black_box(vec![");
    let index = line_of(&project, "tests/budgets.rs", "track(\"index\")");

    let summary = project.path("target/summary.md").to_string_lossy().into_owned();
    let above = project.folder().parent().expect("it is in a folder").to_string_lossy().into_owned();
    let name = project.folder().file_name().expect("it has a name").to_string_lossy().into_owned();
    let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", &*summary), ("GITHUB_WORKSPACE", &*above)];
    project.write("target/summary.md", "# What was there before\n");
    let outputs = ["--json", "target/out/b.json", "--junit", "target/out/b.xml", "--markdown", "target/out/b.md"];
    let said = project.heapledger_in(&github, &[&["test"][..], &outputs].concat());
    said.exits(2);
    let annotations: Vec<&str> = said.out.lines().filter(|line| line.starts_with("::")).collect();
    let recorded_at = |what: &str| format!("recorded figure at {figures}:{}", line_of(&project, &figures, what));
    let entered = format!("entered at tests/budgets.rs:{search}");
    // Each stands at the line that has most of its figure.
    let expected = [
        format!(
            "::error file={name}/src/lib.rs,line={parse},col=45,title=heapledger%3A search::allocs 8 over 4 (+4, \
             +100.0 %25): {}%0Agrew search/parse by 4%0Awhy fits the smallest machine%0A{entered}",
            recorded_at("\"search\".allocs")
        ),
        format!(
            "::error file={name}/src/lib.rs,line={collect},col=15,title=heapledger%3A search::allocated_bytes 2.64 KiB \
             (2,700 B) over 2.25 KiB (2,300 B) (+400 B, +17.4 %25): {}%0Agrew search/parse by 400 B%0Awhy fits the smallest \
             machine%0A{entered}",
            recorded_at("\"search\".allocated_bytes")
        ),
        format!(
            "::notice file={name}/tests/budgets.rs,line={index},col=15,title=heapledger%3A index::good news: fewer \
             allocations than recorded: `cargo heapledger record`%0Aallocs 4 under 5 (-1, -20.0 %25): {}",
            recorded_at("\"index\".allocs")
        ),
    ];
    let mut sorted = annotations.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    let markdown = project.read("target/out/b.md");
    assert!(markdown.starts_with("## Memory budgets: failed\n\n### <code>x86&#95;64-"), "{markdown}");
    assert_eq!(project.read("target/summary.md"), "# What was there before\n".to_string() + &markdown);
    let xml = project.read("target/out/b.xml");
    assert!(xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"heapledger\" tests=\"6\" skipped=\"0\" failures=\"2\""), "{xml}");
    assert!(
        xml.contains("<testcase name=\"allocs\" classname=\"search\">\n            <failure message=\"allocs 8 over 4"),
        "{xml}"
    );
    let json: serde_json::Value = serde_json::from_str(&project.read("target/out/b.json")).expect("it is JSON");
    assert_eq!(json["schema"], 3);
    assert_eq!(json["parts"][0]["measured"]["search"]["values"]["allocs"]["value"], 8);
    assert_eq!(json["parts"][0]["environment"]["allocator"], "System");

    // Two runs beside each other.
    turn(&project, "blocks", 3);
    turn(&project, "indexed", 5);
    project.heapledger(&["test", "--json", "target/out/a.json"]).exits(0);
    let said = project.heapledger(&["diff", "target/out/a.json", "target/out/b.json"]);
    said.exits(0).prints("x86_64-unknown-linux-gnu, debug, over System, rustc ");
    let lines: Vec<String> =
        said.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for expected in [
        "search allocs 4 -> 8 +4 (+100.0 %)",
        "search/parse allocated_bytes 300 B -> 700 B +400 B (+133.3 %)",
        "index allocs 5 -> 4 -1 (-20.0 %)",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}\n{said}");
    }
    let same = project.heapledger(&["diff", "target/out/a.json", "target/out/a.json"]);
    same.exits(0).prints("  no figure differs\n");
    project
        .heapledger(&["diff", "target/out/a.json", "target/out/b.xml"])
        .exits(1)
        .complains("error: target/out/b.xml cannot be read: ");

    // Two shards are one run.
    let shard = |file: &str, tests: &[&str]| {
        let arguments = [&["test", "--json", file, "--", "--test", "budgets", "--"][..], tests].concat();
        project.heapledger(&arguments).exits(0).prints(" not run");
    };
    shard("target/out/1.json", &["search", "serve"]);
    shard("target/out/2.json", &["index", "wobble", "other"]);
    let merge = |arguments: &[&str]| project.heapledger(&[&["merge", "--all"][..], arguments].concat());
    merge(&["target/out/1.json", "target/out/2.json", "--json", "target/out/3.json"]).exits(0);
    project.heapledger(&["diff", "target/out/a.json", "target/out/3.json"]).exits(0).prints("  no figure differs\n");
    let said = merge(&["target/out/1.json"]);
    said.exits(2).prints(&format!(
        "the policy names it at heapledger.toml:{}:",
        line_of(&project, "heapledger.toml", "\"index\"")
    ));
    merge(&["target/out/1.json", "--partial"]).exits(0).prints(" not run");
    let said = merge(&["target/out/1.json", "target/out/../out/1.json"]);
    said.exits(1).complains("is given twice: its figures would count twice");
    project.write("target/out/4.json", &project.read("target/out/2.json"));
    let said = merge(&["target/out/1.json", "target/out/2.json", "target/out/4.json"]);
    said.exits(2);
    assert_eq!(row(&said, "allocs", "index"), "allocs 10 5 +5 (+100.0 %) breach");
    assert_eq!(row(&said, "allocs", "wobble"), "allocs 1 1 0 within");
    merge(&["target/out/1.json", "target/out/none.json"])
        .exits(1)
        .complains("error: target/out/none.json: No such file");

    // No more than ten annotations, and no more than a summary may hold.
    let many: String = (0..4000).map(|at| format!("[operation.\"missing {at:04} {}\"]\n", "x".repeat(200))).collect();
    project.append("heapledger.toml", &many);
    let said = project.heapledger_in(&github, &["merge", "target/out/a.json"]);
    said.exits(2);
    let annotations: Vec<&str> = said.out.lines().filter(|line| line.starts_with("::")).collect();
    assert_eq!(annotations.len(), 10, "{annotations:?}");
    assert_eq!(annotations[9], "::error title=heapledger::and 3991 more: 3991 breaches");
    let size = project.read("target/summary.md").len() - markdown.len();
    assert!(size < 1 << 20, "{size} bytes");
}

#[test]
fn the_policy_names_operations_in_many_ways() {
    let project = dialled("policies");
    let under = |policy: &str, arguments: &[&str]| {
        project.write("heapledger.toml", &format!("schema = 1\n{policy}"));
        project.heapledger(&[&["test", "--all"][..], arguments].concat())
    };
    let all = "[operation.search]\nallocs = { max = 4 }\n[operation.wobble]\nallocs = { max = 1 }\n\
               [operation.index]\nallocs = { max = 5 }\n";
    let said = under(all, &[]);
    said.exits(0).prints("\nserve").prints(" unlisted\n").prints("3 within, 1 unlisted\n");
    said.prints("    note         no table of heapledger.toml names it: add `[operation.\"serve\"]`\n");
    let said = under(&format!("unlisted = \"fail\"\n{all}"), &[]);
    said.exits(2).prints("\nserve").prints("3 within, 1 breach\n");
    under(&format!("unlisted = \"allow\"\n{all}"), &[]).exits(0).prints("3 within\n").never_prints("serve  ");

    // The more specific one wins: figure by figure, a full name over a glob over the defaults.
    let globs = "[defaults]\nallocs = { max = 4 }\n[operation.\"s*\"]\n[operation.\"*/parse\"]\nallocs = { max = 2 }\n\
                 [operation.\"{wobble,index}\"]\n[operation.\"[wi]*\"]\n[operation.\"index/parse\"]\nallocs = { max = 6 }\n";
    let said = under(globs, &[]);
    said.exits(2);
    assert_eq!(row(&said, "allocs", "search"), "allocs 4 <= 4 0 within");
    assert_eq!(row(&said, "allocs", "search/parse"), "allocs 3 <= 2 +1 (+50.0 %) breach");
    assert_eq!(row(&said, "allocs", "wobble/parse"), "allocs 1 <= 2 -1 (-50.0 %) within");
    assert_eq!(row(&said, "allocs", "index"), "allocs 5 <= 4 +1 (+25.0 %) breach");
    assert_eq!(row(&said, "allocs", "index/parse"), "allocs 5 <= 6 -1 (-16.7 %) within");

    // Where the target matters, the table for it wins.
    let targets = "[operation.\"*\"]\nallocs = { max = 5 }\n[target.'cfg(unix)'.operation.search]\nallocs = 3\n\
                   [target.'cfg(windows)'.operation.index]\nallocs = 0\n[target.'cfg(all(unix, debug_assertions))'.operation.wobble]\nallocs = \"none\"\npeak_bytes = 99\n";
    let said = under(targets, &[]);
    said.exits(2).prints("    limit at     heapledger.toml:5\n");
    assert_eq!(row(&said, "allocs", "search"), "allocs 4 = 3 +1 (+33.3 %) breach");
    assert_eq!(row(&said, "allocs", "index"), "allocs 5 <= 5 0 within");
    assert_eq!(row(&said, "peak_bytes", "wobble"), "peak_bytes 10 B = 99 B -89 B (-89.9 %) improvement");
    said.prints("1 within, 1 breach, 1 improvement\n")
        .prints("\n1 to lower in the policy: what is exact there is less now\n");

    // An operation that nobody enters is missing from a whole run, not from a selected one.
    let missing = format!("{all}[operation.serve]\n[operation.\"merge/commit\"]\nallocs = {{ max = 1 }}\n");
    let said = under(&missing, &[]);
    said.exits(2).prints("    note         the policy names it at heapledger.toml:9:12, and no test entered it\n");
    let said = under(&missing, &["--", "--test", "budgets"]);
    said.exits(0).prints("merge/commit").prints(" not run\n");
    under(&missing, &["--complete", "--", "--test", "budgets"]).exits(2);
    under(&missing, &["--", "--offline", "-q", "--color=never", "--", "--test-threads", "1"]).exits(2);
    under(all, &["--", "--no-fail-fast"]).exits(0);
    under(all, &["--", "no_such_test"]).exits(6).prints("heapledger was not active");
    // A failure in the first test binary does not hide what the next one measures.
    turn(&project, "broken", 1);
    project.write(
        "tests/z_last.rs",
        &(ALLOCATOR.to_string() + "#[test] fn last() { drop(heapledger::track(\"last\")); }\n"),
    );
    under(&format!("{all}[operation.serve]\n[operation.last]\nallocs = 0\n"), &[]).exits(1).prints("is the reason");
}

/// The tables, and what is said below them.
fn judged(said: &Said) -> &str {
    let from = said.out.find("\nx86_64-unknown-linux-gnu, ").unwrap_or_else(|| panic!("there is a table:\n{said}"));
    &said.out[from..]
}

#[test]
fn tests_in_parallel_measure_the_same_every_time_and_under_nextest_too() {
    let project = Project::new("parallel");
    let tests = r#"
use std::hint::black_box;
fn work() {
    heapledger::measure("inside", || (0..50).for_each(|at| drop(black_box(vec![1u8; at + 1]))));
    let _op = heapledger::track("shared");
    drop(black_box(Box::new(1u64)));
}
macro_rules! tests { ($($name:ident)*) => { $(#[test] fn $name() {
    heapledger::assert_budget("same", work);
    (0..50).for_each(|_| work());
    std::thread::scope(|threads| { threads.spawn(|| drop(heapledger::assert_budget("same", || { work(); vec![1u8; 100] }))); });
})* } }
tests! { a b c d e f g h }
"#;
    project.append("tests/budgets.rs", tests);
    let policy = "schema = 1\n[defaults]\nallocs = \"ratchet\"\nallocated_bytes = \"ratchet\"\n[operation.same]\npeak_bytes = 100\n\
                  [operation.shared]\n[operation.inside]\n";
    project.write("heapledger.toml", policy);
    project.heapledger(&["record"]).exits(0).prints("10 figures recorded\n");
    let expected = "\
\"inside\".allocs = 20000
\"inside\".allocated_bytes = 510000 # 498 KiB
\"same\".allocs = 52
\"same\".allocated_bytes = 1383 # 1.35 KiB
\"same/inside\".allocs = 50
\"same/inside\".allocated_bytes = 1275 # 1.25 KiB
\"same/shared\".allocs = 1
\"same/shared\".allocated_bytes = 8
\"shared\".allocs = 400
\"shared\".allocated_bytes = 3200 # 3.12 KiB
";
    assert_eq!(recorded(&project), expected);
    let said = project.heapledger(&["test", "--strict"]);
    said.exits(0);
    for _ in 1..20 {
        let again = project.heapledger(&["test", "--strict", "--", "-q"]);
        assert_eq!(judged(&again), judged(&said));
    }

    let mut nextest = project::cargo(project.folder());
    nextest.args(["nextest", "--version"]);
    if Said::by(nextest).code != 0 {
        eprintln!("skipped: cargo nextest is not on this machine");
        return;
    }
    let under = project.heapledger(&["test", "--strict", "--nextest"]);
    under.exits(0);
    assert_eq!(judged(&under), judged(&said));
    project.replace("heapledger.toml", "peak_bytes = 100", "peak_bytes = 99");
    let (plain, under) = (project.heapledger(&["test", "--all"]), project.heapledger(&["test", "--all", "--nextest"]));
    plain.exits(2);
    under.exits(2);
    assert_eq!(judged(&under), judged(&plain));
}

#[test]
fn members_of_a_workspace_share_one_policy() {
    let project = Project::bare();
    project.write("Cargo.toml", "[workspace]\nmembers = [\"one\", \"two\"]\nresolver = \"3\"\n");
    project.lock();
    for name in ["one", "two"] {
        project.package(&format!("{name}/"), &format!("workspace-{name}"), "");
        let test = format!(
            "#[test] fn it() {{ heapledger::assert_budget(\"{name}\", || std::hint::black_box(vec![1u8; 10])); }}\n"
        );
        project.append(&format!("{name}/tests/budgets.rs"), &test);
    }
    project.write(
        "heapledger.toml",
        "schema = 1\n[operation.one]\nallocs = \"ratchet\"\n[operation.two]\nallocs = \"ratchet\"\n",
    );
    project.heapledger(&["record"]).exits(0).prints("2 figures recorded\n");
    assert_eq!(recorded(&project), "\"one\".allocs = 1\n\"two\".allocs = 1\n");
    project.heapledger(&["test", "--all"]).exits(0).prints("2 within\n");

    project.replace("two/tests/budgets.rs", "vec![1u8; 10]", "vec![vec![1u8; 10]]");
    let said = project.heapledger(&["test", "--all"]);
    said.exits(2).prints("    entered at   two/tests/budgets.rs:3\n").prints("\nfailed: 1 breach (exit 2)\n");
    // The assertion finds the policy above its package, and shows it from where the user stands.
    said.prints("2 over 1 (+1, +100.0 %): recorded figure at tests/figures/");
    assert_eq!(row(&said, "allocs", "two"), "allocs 2 1 +1 (+100.0 %) breach");

    // In a member, only its tests run: what others do is not missing.
    let mut in_one = heapledger(&project.path("one"));
    in_one.args(["test", "--all"]).env("CARGO_TARGET_DIR", project.path("target"));
    let said = Said::by(in_one);
    said.exits(0).prints("two ").prints(" not run\n");
    let mut in_one = heapledger(&project.path("one"));
    in_one.args(["test", "--", "--workspace"]).env("CARGO_TARGET_DIR", project.path("target"));
    Said::by(in_one).exits(2);
    project.heapledger(&["test", "--", "-p", "workspace-one"]).exits(0).prints(" not run\n");
    // What a member records leaves the others' figures alone.
    let mut in_two = heapledger(&project.path("two"));
    in_two.args(["record", "two", "--reason", "a box around it"]).env("CARGO_TARGET_DIR", project.path("target"));
    Said::by(in_two).exits(0);
    assert_eq!(recorded(&project), "\"one\".allocs = 1\n\"two\".allocs = 2 # a box around it\n");
}

#[test]
fn help_is_there_for_whoever_asks() {
    let nowhere = Project::bare();
    nowhere.heapledger(&["--help"]).exits(0).prints("Exit codes:\n").prints("\n  6  heapledger was not the global");
    nowhere.heapledger(&["--version"]).exits(0).prints(concat!(env!("CARGO_PKG_VERSION"), "\n"));
    for command in ["test", "record", "review", "accept", "diff", "merge", "init", "self-test", "completions", "man"] {
        nowhere.heapledger(&[command, "--help"]).exits(0).prints(&format!("Usage: cargo heapledger {command}"));
        nowhere.heapledger(&["--help"]).prints(&format!("\n  {command} "));
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        nowhere.heapledger(&["completions", shell]).exits(0).prints("heapledger");
    }
    nowhere.heapledger(&["man"]).exits(0).prints(".TH cargo-heapledger 1");
    nowhere.heapledger(&["self-test"]).exits(0).prints("whatever must turn red does\n");
    nowhere.heapledger(&["tset"]).exits(1).complains("unrecognized subcommand 'tset'").complains("'test'");
    nowhere.heapledger(&[]).exits(1).complains("Usage: cargo heapledger");
    nowhere.heapledger(&["test", "--frobnicate"]).exits(1).complains("--frobnicate");
    nowhere.heapledger(&["test"]).exits(1).complains("there is no heapledger.toml here or above");
    nowhere.heapledger(&["init"]).exits(1).complains("there is no Cargo.toml here or above: run this in a package");
    assert_eq!(nowhere.files(), BTreeMap::new());
}

#[cfg(target_os = "linux")]
#[test]
fn a_review_asks_on_a_terminal_and_records_what_is_agreed_to() {
    use std::io::Write;
    use std::process::Command;

    let project = dialled("reviewed");
    project.heapledger(&["record"]).exits(0);
    turn(&project, "blocks", 7);
    // A test fails, so sums over all tests may lack a part: only what assertions measured is asked for.
    turn(&project, "indexed", 6);
    project.heapledger(&["test", "--all"]).exits(2);
    let committed = recorded(&project);
    let review = |answers: &str| {
        let plain = heapledger(project.folder());
        let program = plain.get_program().to_string_lossy().into_owned();
        // `script` gives the command a terminal.
        let mut command = Command::new("script");
        command.args(["-qec", &format!("'{program}' heapledger review"), "/dev/null"]).current_dir(project.folder());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = command.spawn().ok()?;
        let mut answering = running.stdin.take().expect("it is piped");
        answering.write_all(answers.as_bytes()).expect("it reads answers");
        let said = running.wait_with_output().expect("it ends");
        drop(answering);
        Some((said.status.code(), String::from_utf8_lossy(&said.stdout).into_owned()))
    };
    let Some((code, out)) = review("y\nmeant\nperhaps\nq\n") else {
        eprintln!("skipped: there is no `script` on this machine to make a terminal");
        return;
    };
    assert_eq!(code, Some(0), "{out}");
    let out = out.replace('\r', "");
    assert!(
        out.contains("1/2  search allocs: 4 -> 8 (+4)  breach\n    grew         search/parse by 4\n    why    "),
        "{out}"
    );
    assert!(out.contains("record it? [y]es, [n]o, [a]ll from here but breaches, [q]uit without recording: "), "{out}");
    assert!(out.contains("why may it be more? The answer is written beside the figure: "), "{out}");
    assert_eq!(recorded(&project), committed, "whoever quits records nothing");
    // Who takes all is asked for breaches all the same, and for a reason. Steps go with the figure of their operation.
    let (_, out) = review("n\na\nyes\n\nhits are owned\n").expect("there is a terminal");
    assert!(out.contains(": 2 figures recorded"), "{out}");
    let expected = committed
        .replace("2300 # 2.25 KiB", "2700 # 2.64 KiB; hits are owned")
        .replace("\"search/parse\".allocated_bytes = 300", "\"search/parse\".allocated_bytes = 700");
    assert_eq!(recorded(&project), expected);
}
