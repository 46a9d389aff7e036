//! `cargo heapledger diff`: compares two runs, or two reports.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;

use super::collect::read_run;
use super::exit::Exit;
use super::show::read_report;
use super::terminal::say;
use crate::disk::{shown, write_whole};
use crate::front::page;
use crate::judging::budget::Run;
use crate::render::findings::difference;

#[derive(Args)]
pub(super) struct DiffOptions {
    /// The run, or the report, to compare with.
    base: PathBuf,
    /// The one that is compared.
    head: PathBuf,
    /// Of two reports: write a page for browsers to this file (`.html`), with what changed in between.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// `cargo heapledger diff`.
pub(super) fn diff(asked: &DiffOptions) -> anyhow::Result<Exit> {
    if let Some(file) = &asked.to {
        write_changes(asked, file)?;
        return Ok(Exit::Within);
    }
    let (base, head) = (run(&asked.base)?, run(&asked.head)?);
    let mut text = String::new();
    difference(&base, &head, &mut text)?;
    say(&text)?;
    Ok(Exit::Within)
}

fn run(file: &Path) -> anyhow::Result<Run> {
    read_run(file).or_else(|error| match read_report(file) {
        Ok(_) => bail!("{} is a report, not a run: `--to changes.html` compares two reports", shown(file)),
        Err(_) => Err(error),
    })
}

fn write_changes(asked: &DiffOptions, file: &Path) -> anyhow::Result<()> {
    let is_page = file.extension().is_some_and(|extension| extension == "html");
    ensure!(is_page, "{}: what changed is written as a page, whose name ends with .html", shown(file));
    let (base, head) = (read_report(&asked.base)?, read_report(&asked.head)?);
    let page = page(&head.0, Some(&base.0));
    write_whole(file, page.as_bytes()).with_context(|| format!("{} cannot be written", shown(file)))
}
