//! `cargo heapledger record`: runs the tests, and records what they measured, of breaches only those that are asked
//! for. In CI it prints patches instead.

use anyhow::bail;
use clap::Args;

use super::breaches::BreachOptions;
use super::change::{Change, lock, nothing_to_record};
use super::collect::{CargoRun, run_tests};
use super::conclude::{end, show};
use super::exit::Exit;
use super::last_run::keep;
use super::outcome::Outcome;
use super::patch::print_patches;
use super::project::{Project, in_ci};
use super::terminal::complain;
use super::test::TestOptions;

#[derive(Args)]
pub(super) struct RecordOptions {
    #[command(flatten)]
    breaches: BreachOptions,
    /// Record which functions allocate what of each assertion's figures, too: a breach then says which of them are new,
    /// and which have more. Each assertion runs once more, with call stacks captured.
    #[arg(long)]
    lines: bool,
    #[command(flatten)]
    tests: TestOptions,
}

/// `cargo heapledger record`.
pub(super) fn record(project: &Project, asked: &RecordOptions) -> anyhow::Result<Exit> {
    let RecordOptions { breaches, lines, tests } = asked;
    let book = project.book()?;
    // Whoever asks amiss is to know before all tests run.
    breaches.reason()?;
    if in_ci() && breaches.any() {
        bail!("in CI nothing is written: give the reason where its patch is accepted, `accept --from LOG`");
    }
    let ran = run_tests(project, Some(&book), &CargoRun { lines: *lines, ..tests.cargo_run(true) })?;
    keep(project, &ran.run);
    // What is wrong besides what is recorded now must be seen.
    let judged = Outcome::of(&book, &ran, false)?;
    if !ran.passed || judged.exit() == Exit::Blind {
        show(&judged, project, &tests.show, &ran.run)?;
        complain(&format!("nothing was recorded: {}", if ran.passed { "see above" } else { "tests failed" }));
        return end(&judged);
    }
    let outcome = if in_ci() {
        print_patches(&book, &ran.run)?;
        judged
    } else {
        let _lock = lock(&book)?;
        let mut changes = Change::all(&book, &ran.run)?;
        breaches.record(&book, &mut changes)?;
        if changes.is_empty() {
            nothing_to_record(ran.run.complete)?;
        }
        Outcome::of(&project.book()?, &ran, false)?
    };
    show(&outcome, project, &tests.show, &ran.run)?;
    end(&outcome)
}
