//! Breaches that somebody asks to have recorded, for whoever records without asking about each figure: what is better
//! or new is recorded as it is, a breach only where it is asked for, and with a reason.

use anyhow::bail;
use clap::Args;

use super::change::Change;
use super::figure_change::FigureChange;
use crate::disk::Book;
use crate::judging::budget::nearest;
use crate::render::findings::one_line;
use crate::words::printable;

#[derive(Args)]
pub(super) struct BreachOptions {
    /// Operations whose breaches are recorded as well, each with what is inside it.
    #[arg(value_name = "OPERATION")]
    operations: Vec<String>,
    /// Record all breaches as well.
    #[arg(long)]
    breaches: bool,
    /// Why a figure may be more than recorded. Written beside each breach that is recorded.
    #[arg(long, value_name = "SENTENCE")]
    reason: Option<String>,
}

impl BreachOptions {
    /// Whether any breach is asked for.
    pub(super) fn any(&self) -> bool {
        self.breaches || !self.operations.is_empty()
    }

    /// Why breaches are recorded, on one line; `None` where none is asked for.
    ///
    /// # Errors
    /// Where breaches are asked for without a reason, or a reason without breaches.
    pub(super) fn reason(&self) -> anyhow::Result<Option<String>> {
        let reason = self.reason.as_deref().map(one_line);
        match &reason {
            Some(blank) if blank.is_empty() => bail!("the reason is empty: say in a sentence why it may be more"),
            Some(_) if !self.any() => bail!("--reason is for breaches: name an operation, or add --breaches"),
            None if self.any() => {
                bail!("a breach is recorded with a reason, which is written beside the figure: add --reason \"..\"")
            }
            _ => Ok(reason),
        }
    }

    /// Records `changes` but for breaches that nobody asks for, lists what it writes, and returns what it left.
    ///
    /// # Errors
    /// Where an operation is named that has no breach; then nothing is written.
    pub(super) fn record(&self, book: &Book, changes: &mut [Change]) -> anyhow::Result<Vec<FigureChange>> {
        let reason = self.reason()?;
        self.know_all_of(changes)?;
        let mut left = Vec::new();
        for change in &mut *changes {
            left.extend(change.keep(|one| self.takes(one)));
            change.figures.iter_mut().filter(|one| one.is_breach()).for_each(|one| one.reason.clone_from(&reason));
        }
        changes.iter().try_for_each(|change| change.write(book, |_| true))?;
        Ok(left)
    }

    fn takes(&self, change: &FigureChange) -> bool {
        !change.is_breach() || self.breaches || self.operations.iter().any(|path| change.is_within(path))
    }

    /// Whether every operation that is named has a breach; else an error.
    fn know_all_of(&self, changes: &[Change]) -> anyhow::Result<()> {
        let breaches = || changes.iter().flat_map(|change| &change.figures).filter(|change| change.is_breach());
        for path in &self.operations {
            if !breaches().any(|change| change.is_within(path)) {
                let mut known: Vec<&str> = breaches().map(|change| change.key.0.as_str()).collect();
                known.dedup();
                let near = if known.is_empty() { "none has one".into() } else { nearest(path, &known) };
                bail!("`{}` is no operation with a breach: {near}", printable(path));
            }
        }
        Ok(())
    }
}
