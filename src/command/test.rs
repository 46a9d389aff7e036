//! `cargo heapledger test`: runs the tests, and judges what they measured.

use std::ffi::OsString;

use clap::Args;

use super::collect::{CargoRun, run_tests};
use super::conclude::{ConcludeOptions, conclude};
use super::exit::Exit;
use super::project::Project;

#[derive(Args)]
pub(super) struct TestOptions {
    #[command(flatten)]
    pub(super) show: ConcludeOptions,
    /// Use cargo nextest instead of cargo test.
    #[arg(long)]
    nextest: bool,
    /// What runs is all there is: an operation that the policy names and nobody enters is a breach. So it is anyway
    /// when no argument after `--` selects tests.
    #[arg(long)]
    complete: bool,
    /// Arguments for cargo test, such as `--test search` or `--release`.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

impl TestOptions {
    /// Which tests are to run.
    pub(super) fn cargo_run(&self, recording: bool) -> CargoRun<'_> {
        let Self { nextest, complete, arguments, .. } = self;
        CargoRun { nextest: *nextest, complete: *complete, arguments, recording, lines: false }
    }
}

/// `cargo heapledger test`.
pub(super) fn test(project: &Project, asked: &TestOptions) -> anyhow::Result<Exit> {
    let book = project.book()?;
    let ran = run_tests(project, Some(&book), &asked.cargo_run(false))?;
    conclude(project, &book, &ran, &asked.show)
}
