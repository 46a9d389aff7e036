//! `cargo heapledger record`: runs the tests, and records what they measured. In CI it prints patches instead.

use super::change::record_all;
use super::collect::run_tests;
use super::conclude::{end, show};
use super::exit::Exit;
use super::last_run::keep;
use super::outcome::Outcome;
use super::patch::print_patches;
use super::project::{Project, in_ci};
use super::terminal::complain;
use super::test::TestOptions;

/// `cargo heapledger record`.
pub(super) fn record(project: &Project, asked: &TestOptions) -> anyhow::Result<Exit> {
    let book = project.book()?;
    let ran = run_tests(project, Some(&book), &asked.cargo_run(true))?;
    keep(project, &ran.run);
    // What is wrong besides what is recorded now must be seen.
    let judged = Outcome::of(&book, &ran, false)?;
    if !ran.passed || judged.exit() == Exit::Blind {
        show(&judged, project, &asked.show, &ran.run)?;
        complain(&format!("nothing was recorded: {}", if ran.passed { "see above" } else { "tests failed" }));
        return end(&judged);
    }
    if in_ci() {
        print_patches(&book, &ran.run)?;
    } else {
        record_all(&book, &ran.run)?;
    }
    let book = project.book()?;
    let outcome = match in_ci() {
        true => judged,
        false => Outcome::of(&book, &ran, false)?,
    };
    show(&outcome, project, &asked.show, &ran.run)?;
    end(&outcome)
}
