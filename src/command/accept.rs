//! `cargo heapledger accept`: records what the last run measured, or what a log of CI has. A breach is recorded only
//! where somebody asks for it, with a reason. Reading the log is for `ci_log`, writing for `change`.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::change::{Change, lock, nothing_to_record};
use super::ci_log::patches_of;
use super::exit::Exit;
use super::figure_change::FigureChange;
use super::last_run::last_run;
use super::patch::apply;
use super::project::{Project, in_ci};
use super::terminal::say;
use crate::judging::budget::{Status, nearest};
use crate::render::findings::{counted_status, one_line};
use crate::words::printable;

#[derive(Args)]
pub(super) struct AcceptOptions {
    /// Operations whose breaches are recorded as well, each with what is inside it.
    #[arg(value_name = "OPERATION")]
    operations: Vec<String>,
    /// Record all breaches as well.
    #[arg(long)]
    breaches: bool,
    /// Why a figure may be more than recorded. Written beside each breach that is recorded.
    #[arg(long, value_name = "SENTENCE")]
    reason: Option<String>,
    /// A log of CI in which `cargo heapledger` printed a patch; `-` is standard input.
    #[arg(long, value_name = "LOG")]
    from: Option<PathBuf>,
}

impl AcceptOptions {
    /// Whether a change is recorded.
    fn takes(&self, change: &FigureChange) -> bool {
        !change.is_breach() || self.breaches || self.operations.iter().any(|path| change.is_within(path))
    }

    /// The reason on one line.
    ///
    /// # Errors
    /// Where breaches are asked for without a reason, a reason without breaches, or an operation that has none.
    fn reason_for(&self, changes: &[Change]) -> anyhow::Result<Option<String>> {
        let breaches = || changes.iter().flat_map(|change| &change.figures).filter(|change| change.is_breach());
        for path in &self.operations {
            if !breaches().any(|change| change.is_within(path)) {
                let mut known: Vec<&str> = breaches().map(|change| change.key.0.as_str()).collect();
                known.dedup();
                let near = if known.is_empty() { "none has one".into() } else { nearest(path, &known) };
                bail!("`{}` is no operation with a breach: {near}", printable(path));
            }
        }
        let reason = self.reason.as_deref().map(one_line);
        match &reason {
            Some(blank) if blank.is_empty() => bail!("the reason is empty: say in a sentence why it may be more"),
            Some(_) if !self.breaches && self.operations.is_empty() => {
                bail!("--reason is for breaches: name an operation, or add --breaches")
            }
            None if breaches().any(|change| self.takes(change)) => {
                bail!("a breach is recorded with a reason, which is written beside the figure: add --reason \"..\"")
            }
            _ => Ok(reason),
        }
    }
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
    let reason = asked.reason_for(&changes)?;
    let mut left = Vec::new();
    for change in &mut changes {
        left.extend(change.keep(|one| asked.takes(one)));
        change.figures.iter_mut().filter(|one| one.is_breach()).for_each(|one| one.reason.clone_from(&reason));
    }
    for change in &changes {
        change.write(&book, |_| true)?;
    }
    if changes.is_empty() {
        nothing_to_record(run.is_none_or(|run| run.complete))?;
    }
    say_left(&left)
}

/// Shows what was not recorded.
fn say_left(left: &[FigureChange]) -> anyhow::Result<Exit> {
    let breaches = left.iter().filter(|change| change.is_breach()).count();
    if breaches == 0 {
        return Ok(Exit::Within);
    }
    say("\nnot recorded:\n")?;
    left.iter().filter(|change| change.is_breach()).try_for_each(FigureChange::show)?;
    let breaches = counted_status(breaches, Status::Breach);
    say(&format!(
        "what is meant takes `cargo heapledger accept --breaches --reason \"..\"`, or the operation's name instead of \
         --breaches\n\nfailed: {breaches} (exit {})\n",
        Exit::Breach as u8
    ))?;
    Ok(Exit::Breach)
}
