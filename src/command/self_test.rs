//! `cargo heapledger self-test`: plants what must turn a build red, in processes of its own, and sees that it does. The
//! allocator of this very program, the reports, the policy and the judge are the real ones.

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use anyhow::Context;

use super::collect::{Ran, collect};
use super::exit::Exit;
use super::outcome::Outcome;
use super::project::write;
use super::terminal::say;
use crate::disk::{Book, FOLDER, POLICY, POLICY_AT};
use crate::front::budget::assert_budget;
use crate::front::leak_test::LeakTest;
use crate::judging::budget::Run;

/// What is planted, and what it must end with.
const PLANTS: [(&str, Exit); 6] = [
    ("nothing wrong", Exit::Within),
    ("a regression", Exit::Breach),
    ("an improvement", Exit::ToRecord),
    ("a leak", Exit::Leak),
    ("a count that wobbles", Exit::Unstable),
    ("nothing to see", Exit::Blind),
];

/// The policy of the planted operation.
const LIMITS: &str = "schema = 1\n[operation.\"planted\"]\nallocs = 2\n";

/// `cargo heapledger self-test`.
pub(super) fn self_test() -> anyhow::Result<Exit> {
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let policy = folder.path().join(POLICY);
    write(&policy, LIMITS)?;
    let book = Book::open(policy)?;
    let mut wrong = 0;
    for (what, expected) in PLANTS {
        let reports = tempfile::tempdir_in(folder.path()).context("no temporary folder can be made")?;
        let program = std::env::current_exe().context("this program cannot find itself")?;
        let mut planted = Command::new(program);
        planted.args(["heapledger", "plant", what]).env(FOLDER, reports.path()).env(POLICY_AT, &book.path);
        let status =
            planted.stdout(Stdio::null()).stderr(Stdio::null()).status().context("this program cannot run itself")?;
        let (run, unseen) = collect(reports.path())?;
        let ran = Ran { run: Run { complete: true, clean: true, ..run }, unseen, passed: status.success() };
        let got = Outcome::of(&book, &ran, true)?.exit();
        let verdict = if got == expected { "ok" } else { "WRONG" };
        say(&format!("{what:<22} exit code {} expected, {} got: {verdict}\n", expected as u8, got as u8))?;
        wrong += usize::from(got != expected);
    }
    if wrong > 0 {
        say(&format!("{wrong} of {} were judged wrong: do not trust this build\n", PLANTS.len()))?;
        return Ok(Exit::Failed);
    }
    say("whatever must turn red does\n")?;
    Ok(Exit::Within)
}

/// Does what is planted. In a process of its own.
pub(super) fn plant(what: &str) -> anyhow::Result<Exit> {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let blocks = |count: usize| (0..count).for_each(|_| drop(black_box(vec![0u8; 100])));
    match what {
        "nothing wrong" => assert_budget("planted", || blocks(2)),
        "a regression" => assert_budget("planted", || blocks(3)),
        "an improvement" => assert_budget("planted", || blocks(1)),
        "a count that wobbles" => assert_budget("planted", || blocks(2 + RUNS.fetch_add(1, Relaxed))),
        "a leak" => LeakTest::new("planted").iterations(4).assert(|_| std::mem::forget(black_box(vec![0u8; 48]))),
        _ => {}
    }
    Ok(Exit::Within)
}
