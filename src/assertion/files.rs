//! Where the policy and the recorded figures are: found from the package that is tested, read whole, and kept.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use crate::budget::figures::Figures;
use crate::budget::policy::Policy;
use crate::environment::Environment;
use crate::error::{Error, Kind};

/// The policy's file.
pub(crate) const POLICY: &str = "heapledger.toml";
/// Names the policy's file, for tests that cannot find it themselves.
pub(crate) const POLICY_AT: &str = "HEAPLEDGER_POLICY";
/// Nothing that is read here is larger; what holds reports may be.
const LARGEST: u64 = 64 << 20;

/// The policy, and where it is.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) policy: Policy,
    pub(crate) path: PathBuf,
}

impl Book {
    /// The policy for the package in `folder`, or nothing if there is none: in that folder or above it, up to the
    /// workspace's, which is the one with the lock file.
    pub(crate) fn find(folder: &Path) -> Result<Option<Self>, Error> {
        if let Some(path) = std::env::var_os(POLICY_AT).filter(|path| !path.is_empty()) {
            return Self::open(PathBuf::from(path)).map(Some);
        }
        let mut folder = folder;
        loop {
            let path = folder.join(POLICY);
            // What is there and cannot be read is an error; a link that leads nowhere is there.
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

    /// The file of recorded figures for one environment.
    pub(crate) fn figures_at(&self, environment: &Environment) -> PathBuf {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        folder.join(&self.policy.figures).join(format!("{}.toml", environment.key()))
    }

    /// What was recorded in the environment; nothing where no file is.
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
            return Err(Error(Kind::Unreadable { what }));
        }
        Ok(Some(figures))
    }
}

/// Reads a file of text: a real file, of a sensible size.
pub(crate) fn read(path: &Path, largest: u64) -> Result<String, Error> {
    let unreadable = |what: String| Error(Kind::Unreadable { what: format!("{}: {what}", shown(path)) });
    // Opening a pipe would wait for a writer.
    let known = fs::metadata(path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    if !known.is_file() {
        return Err(unreadable("is no file".into()));
    }
    let too_large = || unreadable(format!("has more than {largest} bytes: this is no such file"));
    // Of a file with holes, so many bytes may be there and take no room but here.
    if known.len() > largest {
        return Err(too_large());
    }
    let file = File::open(path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    let mut bytes = Vec::new();
    let got = file.take(largest + 1).read_to_end(&mut bytes);
    got.map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > largest {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|error| {
        let (at, bytes) = (error.utf8_error().valid_up_to(), error.into_bytes());
        let before = String::from_utf8_lossy(&bytes[..at]);
        let place = crate::budget::Place::of(&shown(path), &before, at);
        Error(Kind::Unreadable { what: format!("{place}: is not text: byte {:#04x} is not UTF-8", bytes[at]) })
    })
}

/// A path as people read it: from where they are, if it is below.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let plain: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    let below = plain.strip_prefix(&here).unwrap_or(&plain);
    // Names of files may hold anything.
    if below.as_os_str().is_empty() {
        return ".".into();
    }
    below.to_string_lossy().chars().map(|one| if one.is_control() { '?' } else { one }).collect()
}
