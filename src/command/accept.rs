//! `cargo heapledger accept`: records what the last run measured, or what a log of CI has, and shows the breaches that
//! it leaves. Reading the log is for `ci_log`, which breaches are taken for `breaches`, writing for `change`.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;

use super::breaches::BreachOptions;
use super::change::{Change, lock, nothing_to_record};
use super::ci_log::patches_of;
use super::exit::Exit;
use super::figure_change::FigureChange;
use super::last_run::last_run;
use super::patch::apply;
use super::project::{Project, in_ci};
use super::terminal::say;
use crate::disk::shown;
use crate::judging::budget::Status;
use crate::render::findings::counted_status;

#[derive(Args)]
pub(super) struct AcceptOptions {
    #[command(flatten)]
    breaches: BreachOptions,
    /// A log of CI in which `cargo heapledger` printed a patch; `-` is standard input.
    #[arg(long, value_name = "LOG")]
    from: Option<PathBuf>,
}

/// `cargo heapledger accept`.
pub(super) fn accept(project: &Project, asked: &AcceptOptions) -> anyhow::Result<Exit> {
    let book = project.book()?;
    if in_ci() {
        bail!(
            "in CI nothing is written: accept the patch of its log elsewhere, with `cargo heapledger accept --from LOG`"
        );
    }
    let (run, patches) = match &asked.from {
        Some(log) => (None, patches_of(log)?),
        None => (Some(last_run(project)?), Vec::new()),
    };
    let _lock = lock(&book)?;
    let mut changes = match &run {
        Some(run) => Change::all(&book, run)?,
        None => patches.iter().map(|patch| apply(&book, patch)).collect::<anyhow::Result<Vec<_>>>()?,
    };
    let left = asked.breaches.record(&book, &mut changes)?;
    if changes.is_empty() {
        nothing_to_record(run.is_none_or(|run| run.complete))?;
    }
    say_left(&left, asked.from.as_deref())
}

/// Shows what was not recorded, and how it can be from where it came.
fn say_left(left: &[FigureChange], from: Option<&Path>) -> anyhow::Result<Exit> {
    let breaches = left.iter().filter(|change| change.is_breach()).count();
    if breaches == 0 {
        return Ok(Exit::Within);
    }
    say("\nnot recorded:\n")?;
    left.iter().filter(|change| change.is_breach()).try_for_each(FigureChange::show)?;
    let breaches = counted_status(breaches, Status::Breach);
    let from = from.map(|log| format!(" --from {}", shown(log))).unwrap_or_default();
    say(&format!(
        "what is meant takes `cargo heapledger accept{from} --breaches --reason \"..\"`, or the operation's name instead of \
         --breaches\n\nfailed: {breaches} (exit {})\n",
        Exit::Breach as u8
    ))?;
    Ok(Exit::Breach)
}
