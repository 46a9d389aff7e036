//! `cargo heapledger diff`: compares two runs, or two reports.

use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use clap::Args;

use super::collect::{LARGEST, run_in};
use super::exit::Exit;
use super::project::write;
use super::terminal::say;
use crate::disk::{read, shown};
use crate::front::page;
use crate::judging::budget::Run;
use crate::reading::Report;
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

/// What is compared.
enum Comparable {
    Run(Run),
    Report(Box<Report>),
}

/// `cargo heapledger diff`.
pub(super) fn diff(asked: &DiffOptions) -> anyhow::Result<Exit> {
    let (base, head) = match (read_comparable(&asked.base)?, read_comparable(&asked.head)?) {
        (Comparable::Report(base), Comparable::Report(head)) => (base, head),
        (Comparable::Run(base), Comparable::Run(head)) => {
            ensure!(asked.to.is_none(), "what differs between two runs is only shown: --to is for reports");
            let mut text = String::new();
            difference(&base, &head, &mut text)?;
            say(&text)?;
            return Ok(Exit::Within);
        }
        (one, _) => {
            let (run, report) = match one {
                Comparable::Run(_) => (&asked.base, &asked.head),
                Comparable::Report(_) => (&asked.head, &asked.base),
            };
            bail!("{} is a run and {} is a report: only two of a kind can be compared", shown(run), shown(report))
        }
    };
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

/// A run or a report from a file. What is wrong with a file that is neither is said as of a run.
fn read_comparable(file: &Path) -> anyhow::Result<Comparable> {
    let text = read(file, LARGEST)?;
    // Reports are the large ones. No run is taken for one: it has no rows.
    match Report::from_json(&text) {
        Ok(report) => Ok(Comparable::Report(Box::new(report))),
        Err(_) => run_in(file, &text).map(Comparable::Run),
    }
}
