//! Where the command works: the policy, the folder for what it keeps from run to run, and files that are written. What
//! stands in them is for others to know.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, anyhow, bail};
use cargo_metadata::{Metadata, MetadataCommand};

use crate::disk::{Book, POLICY, shown};

/// The project that the command was called in, and how the command is to look.
pub(super) struct Project {
    /// The policy that was asked for.
    pub(super) policy: Option<PathBuf>,
    pub(super) colour: bool,
}

impl Project {
    /// The policy, which must be there.
    pub(super) fn book(&self) -> anyhow::Result<Book> {
        let book = match &self.policy {
            Some(path) => Some(Book::open(path.clone())?),
            None => Book::find(&std::env::current_dir()?)?,
        };
        match book {
            Some(book) => Ok(book),
            None => bail!(
                "there is no {POLICY} here or above, up to the workspace: `cargo heapledger init` writes one from a first run"
            ),
        }
    }

    /// Where a first policy is to be: what was asked for, or the folder of the package here.
    pub(super) fn new_policy(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = &self.policy {
            return Ok(path.clone());
        }
        match package(&std::env::current_dir()?) {
            Some(package) => Ok(package.join(POLICY)),
            None => bail!("there is no Cargo.toml here or above: run this in a package"),
        }
    }

    /// The folder for what the command keeps from run to run: in cargo's target folder.
    pub(super) fn scratch(&self) -> anyhow::Result<PathBuf> {
        let folder = metadata()?.target_directory.as_std_path().join("heapledger");
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", shown(&folder)))?;
        Ok(folder)
    }
}

/// The folder of the package that `here` is in.
pub(super) fn package(here: &Path) -> Option<&Path> {
    here.ancestors().find(|folder| folder.join("Cargo.toml").exists())
}

/// What cargo knows of the workspace here. It is asked once.
pub(super) fn metadata() -> anyhow::Result<&'static Metadata> {
    static KNOWN: OnceLock<Result<Metadata, String>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| MetadataCommand::new().no_deps().exec().map_err(|error| error.to_string()));
    known.as_ref().map_err(|error| anyhow!("cargo cannot say where this project is: {error}"))
}

/// Refuses files of which one is given twice.
pub(super) fn refuse_repeated(files: &[PathBuf]) -> anyhow::Result<()> {
    let mut paths = BTreeSet::new();
    for file in files {
        if !paths.insert(file.canonicalize().with_context(|| shown(file))?) {
            bail!("{} is given twice: its figures would count twice", shown(file));
        }
    }
    Ok(())
}

/// Whether this is a machine that builds for others: then nothing in the project is written.
pub(super) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// Writes a file of the project, in `folder` or below. Whoever sends a change to a project may put a link in place of a
/// file or a folder, so one that leads out of `folder` is not followed.
pub(super) fn write_inside(folder: &Path, path: &Path, text: &str) -> anyhow::Result<()> {
    // What is not there yet will be where the folders above it are.
    let real = |path: &Path| {
        let path = std::path::absolute(path).with_context(|| shown(path))?;
        let real = path.ancestors().find_map(|path| path.canonicalize().ok());
        real.with_context(|| format!("{} leads nowhere", shown(&path)))
    };
    let (inside, real) = (real(folder)?, real(path)?);
    if !real.starts_with(&inside) {
        bail!("{} leads to {}, which is outside of {}: replace the link", shown(path), shown(&real), shown(&inside));
    }
    write(path, text)
}

/// Writes a file that the command keeps from run to run. Where cargo's target folder is, is the user's business; what
/// is in it may come with a change.
pub(super) fn write_scratch(path: &Path, text: &str) -> anyhow::Result<()> {
    write_inside(metadata()?.target_directory.as_std_path(), path, text)
}

/// Writes a file whole or not at all, and the folders that lead to it.
pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let written =
        folder.map_or(Ok(()), fs::create_dir_all).and_then(|()| crate::disk::write_whole(path, text.as_bytes()));
    written.with_context(|| format!("{} cannot be written", shown(path)))
}
