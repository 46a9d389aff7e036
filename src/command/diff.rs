//! `cargo heapledger diff`: compares two runs.

use std::path::PathBuf;

use clap::Args;

use super::collect::read_run;
use super::exit::Exit;
use super::terminal::say;
use crate::render::findings::difference;

#[derive(Args)]
pub(super) struct DiffOptions {
    /// The run to compare with.
    base: PathBuf,
    /// The run that is compared.
    head: PathBuf,
}

/// `cargo heapledger diff`.
pub(super) fn diff(asked: &DiffOptions) -> anyhow::Result<Exit> {
    let (base, head) = (read_run(&asked.base)?, read_run(&asked.head)?);
    let mut text = String::new();
    difference(&base, &head, &mut text)?;
    say(&text)?;
    Ok(Exit::Within)
}
