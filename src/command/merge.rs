//! `cargo heapledger merge`: adds up the runs of many machines, and judges them as one.

use std::path::PathBuf;

use clap::Args;

use super::collect::{Ran, add_up, read_run};
use super::conclude::{ConcludeOptions, conclude};
use super::exit::Exit;
use super::project::{Project, refuse_repeated};

#[derive(Args)]
pub(super) struct MergeOptions {
    #[command(flatten)]
    show: ConcludeOptions,
    /// The shards were not all: an operation that nobody entered is no breach.
    #[arg(long)]
    partial: bool,
    /// Runs, written with --json.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// `cargo heapledger merge`.
pub(super) fn merge(project: &Project, asked: &MergeOptions) -> anyhow::Result<Exit> {
    let book = project.book()?;
    refuse_repeated(&asked.files)?;
    let mut run = add_up(asked.files.iter().map(|file| read_run(file)))?;
    run.complete = !asked.partial;
    conclude(project, &book, &Ran { run, unseen: Vec::new(), passed: true }, &asked.show)
}
