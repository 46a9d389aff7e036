//! Where a report goes, if it is not shown on the terminal: to a file of any form, and to the browser.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::disk::shown;
use crate::front::save;
use crate::reading::Data;
use crate::render::report::{list, renderer};

#[derive(Args)]
pub(super) struct ElsewhereOptions {
    /// Write the report to this file, in the form that its name ends with, instead of showing it.
    #[arg(long, value_name = "FILE", long_help = help())]
    to: Option<PathBuf>,
    /// Open the report in the browser: as a page, or what --to names.
    #[arg(long)]
    open: bool,
}

/// What files there can be.
fn help() -> String {
    format!("Write the report to this file, in the form that its name ends with, instead of showing it:{}", list())
}

impl ElsewhereOptions {
    /// Finds out, before anything takes long, whether there is a form of that name.
    pub(super) fn must_have_a_form(&self) -> anyhow::Result<()> {
        self.to.iter().try_for_each(|file| renderer(&shown(file)).map(drop).map_err(anyhow::Error::msg))
    }

    /// Takes the report to where it is asked for; `false` where that is the terminal.
    pub(super) fn take(&self, report: &Data) -> anyhow::Result<bool> {
        let file = match &self.to {
            Some(file) => file.clone(),
            None if self.open => page()?,
            None => return Ok(false),
        };
        save(report, &file)?;
        if self.open {
            open::that(&file).with_context(|| format!("{} is written, and nothing opens it", shown(&file)))?;
        }
        Ok(true)
    }
}

/// A new file for a page. It stays: the browser reads it when this command is gone.
fn page() -> anyhow::Result<PathBuf> {
    let file = tempfile::Builder::new().prefix("heapledger-").suffix(".html").tempfile();
    let (_, path) = file.and_then(|file| Ok(file.keep()?)).context("no file for the page can be made")?;
    Ok(path)
}
