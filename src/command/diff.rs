//! `cargo heapledger diff`: compares two runs, or two reports.

use std::path::PathBuf;

use anyhow::{bail, ensure};
use clap::Args;

use super::collect::read_run;
use super::exit::Exit;
use super::project::write;
use super::show::read_report;
use super::terminal::say;
use crate::disk::shown;
use crate::front::page;
use crate::render::findings::difference;
use crate::render::report::{changes, changes_markdown};

#[derive(Args)]
pub(super) struct DiffOptions {
    /// The run, or the report, to compare with.
    base: PathBuf,
    /// The one that is compared.
    head: PathBuf,
    /// Of two reports: write what changed to this file, as a page for browsers (`.html`), Markdown (`.md`) or text
    /// (`.txt`), instead of showing it.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// `cargo heapledger diff`.
pub(super) fn diff(asked: &DiffOptions) -> anyhow::Result<Exit> {
    let not_runs = match (read_run(&asked.base), read_run(&asked.head)) {
        (Ok(base), Ok(head)) => {
            ensure!(asked.to.is_none(), "what differs between two runs is only shown: --to is for reports");
            let mut text = String::new();
            difference(&base, &head, &mut text)?;
            say(&text)?;
            return Ok(Exit::Within);
        }
        (Err(error), _) | (_, Err(error)) => error,
    };
    // What is wrong with a file that is neither is said as of a run.
    let (Ok(base), Ok(head)) = (read_report(&asked.base), read_report(&asked.head)) else { return Err(not_runs) };
    match &asked.to {
        None => say(&changes(&base.0, &head.0))?,
        Some(file) => {
            let text = match file.extension().and_then(|extension| extension.to_str()) {
                Some("html") => page(&head.0, Some(&base.0)),
                Some("md") => changes_markdown(&base.0, &head.0),
                Some("txt") => changes(&base.0, &head.0),
                _ => bail!("{}: what changed is written as .html, .md or .txt: name the file so", shown(file)),
            };
            write(file, &text)?;
        }
    }
    Ok(Exit::Within)
}
