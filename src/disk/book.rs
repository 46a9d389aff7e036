//! Finds the policy and the recorded figures from the package that is tested, and reads them whole. `judging::budget`
//! understands what they say; nothing is written here.

use std::fs;
use std::path::{Path, PathBuf};

use super::protocol::POLICY_AT;
use super::read::read;
use super::shown::shown;
use crate::judging::budget::{Figures, Policy};
use crate::reading::Environment;
use crate::words::{Cause, Error};

/// The policy's file.
pub(crate) const POLICY: &str = "heapledger.toml";
/// The most bytes of a policy or of a file of figures: none comes near.
const LARGEST: u64 = 64 << 20;

/// The policy, and where it is.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) policy: Policy,
    pub(crate) path: PathBuf,
}

impl Book {
    /// The policy for the package in `folder`: the one in that folder or above it, up to the workspace's, which is the
    /// one with the lock file. `None` where there is none.
    pub(crate) fn find(folder: &Path) -> Result<Option<Self>, Error> {
        if let Some(path) = std::env::var_os(POLICY_AT).filter(|path| !path.is_empty()) {
            return Self::open(PathBuf::from(path)).map(Some);
        }
        let mut folder = folder;
        loop {
            let path = folder.join(POLICY);
            // A file that is there and cannot be read is an error, and so is a link that leads nowhere.
            if fs::symlink_metadata(&path).is_ok() {
                return Self::open(path).map(Some);
            }
            match folder.parent() {
                Some(above) if !folder.join("Cargo.lock").exists() => folder = above,
                _ => return Ok(None),
            }
        }
    }

    /// The policy in one file.
    pub(crate) fn open(path: PathBuf) -> Result<Self, Error> {
        let policy = Policy::parse(&shown(&path), &read(&path, LARGEST)?)?;
        Ok(Self { policy, path })
    }

    /// The policy's folder. What the policy names is below it.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The file of recorded figures for one environment.
    pub(crate) fn figures_at(&self, environment: &Environment) -> PathBuf {
        self.folder().join(&self.policy.figures).join(format!("{}.toml", environment.key()))
    }

    /// What was recorded in the environment; `None` where there is no file.
    pub(crate) fn figures(&self, environment: &Environment) -> Result<Option<Figures>, Error> {
        let path = self.figures_at(environment);
        if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let figures = Figures::parse(&shown(&path), &read(&path, LARGEST)?)?;
        if figures.environment.key() != environment.key() {
            let what = format!(
                "{}: these figures are of another environment ({}) than the file's name says: rename it, or record anew",
                figures.file, figures.environment
            );
            return Err(Error(Cause::Unreadable { what }));
        }
        Ok(Some(figures))
    }
}
