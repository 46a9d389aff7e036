//! `cargo heapledger show`: stored reports as the table that a program prints of its own, or in another form.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::collect::LARGEST;
use super::elsewhere::ElsewhereOptions;
use super::exit::Exit;
use super::project::{Project, refuse_repeated};
#[cfg(target_os = "linux")]
use super::symbols::find_symbols;
use super::table_options::TableOptions;
use super::terminal::{look, say};
use crate::disk::{read, shown};
use crate::judging::budget::Run;
use crate::reading::{Data, Report};
use crate::record::Own;

#[derive(Args)]
pub(super) struct ShowOptions {
    #[command(flatten)]
    table: TableOptions,
    /// Where files with the symbols of stripped programs are, found by their build ids.
    #[cfg(target_os = "linux")]
    #[arg(long, value_name = "DIR")]
    debug_dir: Vec<PathBuf>,
    #[command(flatten)]
    elsewhere: ElsewhereOptions,
    /// Reports, written with `Report::to_json`.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// `cargo heapledger show`.
pub(super) fn show(project: &Project, asked: &ShowOptions) -> anyhow::Result<Exit> {
    refuse_repeated(&asked.files)?;
    let mut report: Option<Report> = None;
    for file in &asked.files {
        let one = read_report(file)?;
        match &mut report {
            None => report = Some(one),
            Some(sum) => sum.merge(&one).with_context(|| format!("{} cannot be added", shown(file)))?,
        }
    }
    // There is at least one file.
    let report = report.context("there is no report")?;
    let data = Data::clone(&report.0);
    #[cfg(target_os = "linux")]
    let data = find_symbols(data, &asked.debug_dir);
    if !asked.elsewhere.take(&data)? {
        let table = asked.table.table(&Report(Own::new(|| data)), look(project.colour))?;
        say(&format!("{table}\n"))?;
    }
    Ok(Exit::Within)
}

/// A report from a file.
fn read_report(file: &Path) -> anyhow::Result<Report> {
    let text = read(file, LARGEST)?;
    let report = Report::from_json(&text);
    if report.is_err() && Run::from_json(&text).is_ok() {
        bail!("{} is a run, not a report: `cargo heapledger merge` judges it", shown(file));
    }
    report.with_context(|| format!("{} cannot be read", shown(file)))
}
