//! `cargo heapledger accept`: records what the last run measured, or what a log of CI has.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::change::{lock, record_all};
use super::exit::Exit;
use super::last_run::last_run;
use super::patch::{BEGIN, Patched, apply, patches_in};
use super::project::{Project, in_ci, write};
use super::terminal::{printable_lines, say};
use crate::disk::{Book, shown};

/// No log is larger.
const LARGEST_LOG: u64 = 256 << 20;

#[derive(Args)]
pub(super) struct AcceptOptions {
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
    match &asked.from {
        Some(log) => accept_from(&book, log)?,
        None => record_all(&book, &last_run(project)?)?,
    }
    Ok(Exit::Within)
}

/// Writes what the patches in a log make of the figures: all of them, or none where one does not apply.
fn accept_from(book: &Book, log: &Path) -> anyhow::Result<()> {
    let patches = patches_in(&String::from_utf8_lossy(&bytes_of(log)?));
    if patches.is_empty() {
        bail!("{} has no patch of heapledger's in it: `{BEGIN}` begins one", printable_lines(&log.to_string_lossy()));
    }
    let _lock = lock(book)?;
    let patched = patches.iter().map(|patch| apply(book, patch)).collect::<anyhow::Result<Vec<_>>>()?;
    for Patched { path, text, changes } in patched {
        write(&path, &text)?;
        say(&format!("{}: written\n{changes}", shown(&path)))?;
    }
    Ok(())
}

fn bytes_of(log: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let too_large = || {
        anyhow::anyhow!(
            "{} has more than {LARGEST_LOG} bytes: cut out what is around the patch",
            printable_lines(&log.to_string_lossy())
        )
    };
    match log == Path::new("-") {
        true => std::io::stdin().take(LARGEST_LOG + 1).read_to_end(&mut bytes).context("standard input")?,
        // Opening a pipe would wait for a writer, and a device may never end.
        false if !fs::metadata(log).with_context(|| shown(log))?.is_file() => {
            bail!("{} is no file: to read from a pipe, use `--from -`", shown(log))
        }
        false if fs::metadata(log).is_ok_and(|known| known.len() > LARGEST_LOG) => return Err(too_large()),
        false => File::open(log)
            .and_then(|file| file.take(LARGEST_LOG + 1).read_to_end(&mut bytes))
            .with_context(|| shown(log))?,
    };
    if bytes.len() as u64 > LARGEST_LOG {
        return Err(too_large());
    }
    Ok(bytes)
}
