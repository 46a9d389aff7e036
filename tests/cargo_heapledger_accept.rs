//! What `accept` and `review` take, and what they leave: an improvement is recorded as it is, a breach only where
//! somebody asks for it and says why. The hint of a run and GitHub's annotations tell the two apart as well.

#![cfg(all(target_os = "linux", not(miri)))]

#[path = "common/made_up.rs"]
mod made_up;
#[path = "common/project.rs"]
mod project;

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use made_up::{FIGURES, figures_of, log_of, measured, package, run};
use project::Project;
use serde_json::Value;

/// `review` on a terminal, where what is asked at last is answered once `before` was done.
fn review_and(project: &Project, before: impl FnOnce(), answer: &str) -> String {
    let inner = project::heapledger(project.folder());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", "exec \"$REVIEWS\" heapledger review", "/dev/null"]);
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("REVIEWS", inner.get_program()).current_dir(project.folder());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("`script` gives a terminal");
    let mut said = String::new();
    let mut out = child.stdout.take().expect("it is a pipe");
    while !said.ends_with("recording: ") {
        let mut byte = [0];
        out.read_exact(&mut byte).expect("it asks");
        said.push(byte[0].into());
    }
    before();
    let mut answers = child.stdin.take().expect("it is a pipe");
    answers.write_all(answer.as_bytes()).expect("it waits");
    out.read_to_string(&mut said).expect("it ends");
    assert!(child.wait().expect("it is ours").success(), "{said}");
    said
}

#[test]
fn what_another_command_records_during_a_review_stays() {
    let better = |search| made_up::run_of(&[("search", search), ("index", 8)]);
    let project = package(&better(11));
    project.write(FIGURES, &figures_of(&[("index", 9), ("search", 12)]));
    let meanwhile = || project.write(FIGURES, &figures_of(&[("index", 9), ("other", 1), ("search", 10)]));
    let said = review_and(&project, meanwhile, "a\n");
    assert!(said.contains("search allocs: recorded otherwise meanwhile, and left so: review again"), "{said}");
    assert!(said.contains("index allocs: 9 -> 8 (-1)  improvement"), "{said}");
    let figures = project.read(FIGURES);
    assert!(figures.ends_with("\"index\".allocs = 8\n\"other\".allocs = 1\n\"search\".allocs = 10\n"), "{figures}");
}

const KEY: &str = "x86_64-unknown-linux-gnu_debug_System_1.95.0";
const LIMITS: &str = "schema = 1
[operation.search]
allocs = \"ratchet\"
allocated_bytes = \"ratchet\"
why = \"fits the smallest machine\"
[operation.index]
allocs = \"ratchet\"
[operation.merge]
allocs = \"ratchet\"
";
const RECORDED: [(&str, i64); 4] = [("index", 9), ("merge", 5), ("search", 4), ("search/parse", 3)];

/// `search` and `merge` are more than recorded, `index` is less, and one figure of `search` is new.
fn worse_and_better() -> Value {
    let mut run = run();
    let all = &mut run["parts"][0]["measured"];
    all["index"] = measured(&[("allocs", 7)]);
    all["merge"] = measured(&[("allocs", 6)]);
    all["search"] = measured(&[("allocs", 8), ("allocated_bytes", 2700)]);
    all["search/parse"] = measured(&[("allocs", 7)]);
    all["search/parse"]["inside"] = "search".into();
    run
}

fn project() -> Project {
    let project = package(&worse_and_better());
    project.write("heapledger.toml", LIMITS);
    project.write(FIGURES, &figures_of(&RECORDED));
    project.write("run.json", &worse_and_better().to_string());
    project
}

/// What stands below `[figures]`.
fn recorded(project: &Project) -> String {
    project.read(FIGURES).split_once("[figures]\n").expect("figures have a heading").1.to_string()
}

const BETTER: &str = "\
\"index\".allocs = 7
\"merge\".allocs = 5
\"search\".allocs = 4
\"search\".allocated_bytes = 2700 # 2.64 KiB
\"search/parse\".allocs = 3
";

#[test]
fn the_hint_of_a_run_tells_what_is_better_from_what_is_worse() {
    let project = project();
    let said = project.heapledger(&["merge", "run.json"]);
    said.exits(2).prints(
        "\n1 improvement, 1 new to record: `cargo heapledger accept` takes them and no breach\n\
         2 breaches: `cargo heapledger review` shows each; what is meant takes `cargo heapledger accept --breaches --reason \"..\"`\n",
    );
    let mut all = run();
    all["parts"][0]["measured"]["index"] = measured(&[("allocs", 7)]);
    project.write("run.json", &all.to_string());
    let said = project.heapledger(&["merge", "--partial", "run.json"]);
    said.exits(0).prints("\n1 improvement to record: `cargo heapledger accept` takes it\n").never_prints("--breaches");
    // A ceiling and an exact figure are the policy's: nothing that is recorded changes them.
    project.write("heapledger.toml", "schema = 1\n[operation.index]\nallocs = { max = 3 }\n");
    project.heapledger(&["merge", "run.json"]).exits(2).never_prints("--breaches").never_prints("to record");
}

#[test]
fn accept_lists_what_it_writes_and_leaves_breaches_to_who_asks_for_them() {
    let project = project();
    let said = project.heapledger(&["accept"]);
    said.exits(2).prints(&format!(
        "  index allocs: 9 -> 7 (-2)  improvement\n  \
         search allocated_bytes: nothing -> 2.64 KiB (2,700 B)  new\n\
         {FIGURES}: 2 figures recorded\n"
    ));
    said.prints(
        "not recorded:\n  merge allocs: 5 -> 6 (+1)  breach\n    recorded at  tests/figures/x86_64-unknown-linux-gnu_debug_\
         System_1.95.0.toml:9\n    entered at   tests/a.rs:3\n  search allocs: 4 -> 8 (+4)  breach\n    \
         grew         search/parse by 4\n    why          fits the smallest machine\n",
    );
    said.prints("failed: 2 breaches (exit 2)\n");
    assert_eq!(recorded(&project), BETTER);

    // By name, with what is inside; and never without a reason.
    let before = project.files();
    let refusals: [(&[&str], &str); 6] = [
        (&["search"], "a breach is recorded with a reason, which is written beside the figure: add --reason \"..\""),
        (&["--breaches"], "a breach is recorded with a reason, which is written beside the figure: add --reason"),
        (&["--breaches", "--reason", " \n "], "the reason is empty: say in a sentence why it may be more"),
        (&["--reason", "meant"], "--reason is for breaches: name an operation, or add --breaches"),
        (&["serch", "--reason", "meant"], "`serch` is no operation with a breach: did you mean `search`?"),
        (&["index", "--reason", "meant"], "`index` is no operation with a breach: valid are `merge`, `search`"),
    ];
    for (arguments, complaint) in refusals {
        project.heapledger(&[&["accept"], arguments].concat()).exits(1).complains(complaint);
        assert_eq!(project.files(), before, "{arguments:?}");
    }
    let said = project.heapledger(&["accept", "search", "--reason", "hits are\n owned\u{202e} now"]);
    said.exits(2).prints("  search allocs: 4 -> 8 (+4)  breach\n").prints("  search/parse allocs: 3 -> 7 (+4)  step\n");
    said.prints(": 2 figures recorded\n").prints("not recorded:\n  merge allocs: 5 -> 6 (+1)  breach\n");
    let reasoned = "\
\"index\".allocs = 7
\"merge\".allocs = 5
\"search\".allocs = 8 # hits are owned\\u{202e} now
\"search\".allocated_bytes = 2700 # 2.64 KiB
\"search/parse\".allocs = 7
";
    assert_eq!(recorded(&project), reasoned);

    // A reason stays while its figure does, and goes with it.
    project.heapledger(&["accept", "--breaches", "--reason", "two logs"]).exits(0);
    let both = reasoned.replace("\"merge\".allocs = 5\n", "\"merge\".allocs = 6 # two logs\n");
    assert_eq!(recorded(&project), both);
    project.heapledger(&["accept"]).exits(0).prints("nothing to record");
    project.heapledger(&["merge", "run.json"]).exits(0);
    let mut better = worse_and_better();
    better["parts"][0]["measured"]["merge"] = measured(&[("allocs", 4)]);
    better["parts"][0]["measured"]["search"] = measured(&[("allocs", 8), ("allocated_bytes", 2800)]);
    project.write("target/heapledger/last-run.json", &better.to_string());
    project.heapledger(&["accept", "--breaches", "--reason", "longer hits"]).exits(0);
    let after = both.replace("6 # two logs", "4").replace("2700 # 2.64 KiB", "2800 # 2.73 KiB; longer hits");
    assert_eq!(recorded(&project), after);
    project.heapledger(&["accept"]).exits(0).prints("nothing to record");
}

#[test]
fn of_a_patch_too_breaches_are_taken_only_when_asked_for() {
    let project = project();
    let after = "\"index\".allocs = 7\n\"merge\".allocs = 6\n\"search\".allocs = 8\n\"search/parse\".allocs = 7\n";
    let (head, _) =
        project.read(FIGURES).split_once("[figures]\n").map(|(head, _)| (head.to_string(), ())).expect("it has");
    let after = format!("{head}[figures]\n{after}");
    project.write("ci.log", &log_of(KEY, &project.read(FIGURES), &after));
    let said = project.heapledger(&["accept", "--from", "ci.log"]);
    said.exits(2).prints("  index allocs: 9 -> 7 (-2)  improvement\n").prints("not recorded:\n  merge allocs: 5 -> 6");
    said.prints("`cargo heapledger accept --from ci.log --breaches --reason ");
    assert_eq!(
        recorded(&project),
        "\"index\".allocs = 7\n\"merge\".allocs = 5\n\"search\".allocs = 4\n\"search/parse\".allocs = 3\n"
    );
    project.write(FIGURES, &figures_of(&RECORDED));
    let all = ["accept", "--from", "ci.log", "--breaches", "--reason", "meant"];
    project.heapledger(&all).exits(0);
    assert_eq!(
        recorded(&project),
        "\"index\".allocs = 7\n\"merge\".allocs = 6 # meant\n\"search\".allocs = 8 # meant\n\"search/parse\".allocs = 7 # meant\n"
    );
}

#[test]
fn a_review_shows_verdict_place_growth_and_reason() {
    let project = project();
    let said = project.heapledger(&["review"]);
    said.exits(0).prints(
        "  index allocs: 9 -> 7 (-2)  improvement\n    recorded at  tests/figures/x86_64-unknown-linux-gnu_debug_System_\
         1.95.0.toml:8\n    entered at   tests/a.rs:3\n",
    );
    said.prints(
        "  search allocs: 4 -> 8 (+4)  breach\n    grew         search/parse by 4\n    why          fits the smallest \
         machine\n    recorded at  tests/figures/x86_64-unknown-linux-gnu_debug_System_1.95.0.toml:10\n    \
         entered at   tests/a.rs:3\n",
    );
    said.prints("  search/parse allocs: 3 -> 7 (+4)  step\n");
    said.prints("answers are read from a terminal; `cargo heapledger accept` takes all but the breaches\n");
}

#[test]
fn annotations_say_that_less_is_good_news() {
    let project = project();
    let said = project.heapledger_in(&[("GITHUB_ACTIONS", "true")], &["merge", "run.json"]);
    said.exits(2).prints(
        "::notice file=tests/a.rs,line=3,col=5,title=heapledger%3A index::good news: fewer allocations than recorded: \
         `cargo heapledger record`%0Aallocs 7 under 9 (-2, -22.2 %25): recorded figure at ",
    );
    said.prints("::error file=tests/a.rs,line=3,col=5,title=heapledger%3A merge::allocs 6 over 5 ");
}
