//! The text to index: finds files, reads those that are text, and counts the others by what is wrong with them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use cargo_metadata::MetadataCommand;
use heapledger::track;

/// Larger files are data, not source text.
const LARGEST: u64 = 4 << 20;

/// A text file.
pub struct Text {
    pub path: PathBuf,
    pub body: String,
}

/// Text files, found and read one by one, in the order of their names.
pub struct Sources {
    /// Files and folders still to look at, the next one last.
    pending: Vec<PathBuf>,
    skipped: Skipped,
    /// The folder given, if one was.
    folder: Option<PathBuf>,
}

impl Sources {
    /// The text files of `folder`, or the Rust sources that cargo unpacked for this project.
    pub fn of(folder: Option<&Path>) -> anyhow::Result<Self> {
        let _op = track("input");
        let mut sources =
            Self { pending: Vec::new(), skipped: Skipped::default(), folder: folder.map(Path::to_path_buf) };
        match folder {
            None => {
                sources.pending = packages()?;
                sources.pending.reverse();
            }
            Some(folder) if !fs::metadata(folder).with_context(|| format!("cannot index {folder:?}"))?.is_dir() => {
                bail!("cannot index {folder:?}: it is not a folder; name the folder it is in");
            }
            Some(folder) => sources.enter(folder).with_context(|| format!("cannot list the folder {folder:?}"))?,
        }
        Ok(sources)
    }

    /// The next text file.
    pub fn next(&mut self) -> Option<Text> {
        while let Some(path) = self.pending.pop() {
            match self.look_at(&path) {
                Ok(None) => {}
                Ok(Some(body)) => return Some(Text { path, body }),
                Err(why) => self.skipped.add(why, &path),
            }
        }
        None
    }

    /// The text, if it is a text file; a folder's content is put in line.
    fn look_at(&mut self, path: &Path) -> Result<Option<String>, Why> {
        let kind = path.symlink_metadata()?.file_type();
        if kind.is_dir() {
            self.enter(path)?;
            Ok(None)
        } else if kind.is_symlink() {
            Err(Why::Link)
        } else if !kind.is_file() {
            Err(Why::Special)
        } else if self.folder.is_none() && path.extension().is_none_or(|extension| extension != "rs") {
            Ok(None)
        } else {
            read(path).map(Some)
        }
    }

    fn enter(&mut self, folder: &Path) -> io::Result<()> {
        let mut inside = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                inside.push(entry.path());
            }
        }
        inside.sort_unstable_by(|one, other| other.cmp(one));
        self.pending.append(&mut inside);
        Ok(())
    }

    /// What was left out so far.
    pub fn skipped(&mut self) -> Skipped {
        std::mem::take(&mut self.skipped)
    }

    /// Where it looks, in words.
    pub fn place(&self) -> String {
        self.folder.as_ref().map_or_else(|| "the packages that cargo unpacked".into(), |folder| format!("{folder:?}"))
    }
}

/// The text of a file.
pub fn read(path: &Path) -> Result<String, Why> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > LARGEST {
        return Err(Why::Large);
    }
    let mut bytes = Vec::with_capacity(length as usize + 1);
    // It may be longer than it said, or have no end.
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Why::Large);
    }
    if bytes.is_empty() {
        return Err(Why::Empty);
    }
    if bytes.contains(&0) {
        return Err(Why::Binary);
    }
    String::from_utf8(bytes).map_err(|_| Why::NotUtf8)
}

/// The folders of the packages that this project is built from, other than itself.
fn packages() -> anyhow::Result<Vec<PathBuf>> {
    let metadata = MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        // Not what only other systems need: cargo would have to download it.
        .other_options(["--filter-platform".to_string(), "host-tuple".to_string()])
        .exec()
        // Not as a context: the error's own words have its cause in them.
        .map_err(|error| {
            anyhow!("cannot ask cargo where it unpacked packages; name a folder to index instead: {error}")
        })?;
    let unpacked = metadata.packages.iter().filter(|package| package.source.is_some());
    let mut folders: Vec<PathBuf> =
        unpacked.filter_map(|package| package.manifest_path.parent().map(|folder| folder.into())).collect();
    folders.sort_unstable();
    Ok(folders)
}

/// Why a file was left out.
#[derive(Debug)]
pub enum Why {
    Unreadable(io::Error),
    Large,
    Binary,
    NotUtf8,
    Empty,
    Link,
    Special,
}

impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl Why {
    fn words(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Large => "larger than 4 MiB",
            Self::Binary => "binary (NUL bytes)",
            Self::NotUtf8 => "not UTF-8",
            Self::Empty => "empty",
            Self::Link => "symbolic link (not followed)",
            Self::Special => "pipe, socket or device",
        }
    }
}

/// How many files were left out, by what is wrong with them, with the first of each.
#[derive(Default)]
pub struct Skipped(BTreeMap<&'static str, (u64, String)>);

impl Skipped {
    pub fn add(&mut self, why: Why, path: &Path) {
        let first = || match &why {
            Why::Unreadable(error) => format!("{path:?}: {error}"),
            _ => format!("{path:?}"),
        };
        self.0.entry(why.words()).or_insert_with(|| (0, first())).0 += 1;
    }
}

/// A line for each reason; nothing where nothing was left out.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (words, (count, first)) in &self.0 {
            writeln!(f, "skipped   {words}: {count}, first {first}")?;
        }
        Ok(())
    }
}
