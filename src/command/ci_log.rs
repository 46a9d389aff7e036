//! A log of CI: a real file of a sensible size, or standard input, and the patches in it. What a patch says is for
//! `patch`.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};

use super::patch::{BEGIN, LoggedPatch, patches_in};
use super::terminal::printable_lines;
use crate::disk::shown;

/// No log is larger.
const LARGEST_LOG: u64 = 256 << 20;

/// The patches in a log, of which there is one at least.
pub(super) fn patches_of(log: &Path) -> anyhow::Result<Vec<LoggedPatch>> {
    let patches = patches_in(&String::from_utf8_lossy(&bytes_of(log)?));
    if patches.is_empty() {
        bail!("{} has no patch of heapledger's in it: `{BEGIN}` begins one", printable_lines(&log.to_string_lossy()));
    }
    Ok(patches)
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
