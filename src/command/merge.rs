//! `cargo heapledger merge`: adds up the runs of many machines, and judges them as one.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;

use super::collect::{Ran, add_up, read_run};
use super::exit::Exit;
use super::project::Project;
use super::show::{ShowOptions, conclude};
use crate::disk::shown;

#[derive(Args)]
pub(super) struct MergeOptions {
    #[command(flatten)]
    show: ShowOptions,
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
    let mut paths = BTreeSet::new();
    let mut run = add_up(asked.files.iter().map(|file| {
        if !paths.insert(file.canonicalize().with_context(|| shown(file))?) {
            bail!("{} is given twice: its figures would count twice", shown(file));
        }
        read_run(file)
    }))?;
    run.complete = !asked.partial;
    conclude(project, &book, &Ran { run, unseen: Vec::new(), passed: true }, &asked.show)
}
