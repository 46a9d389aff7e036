//! The one way to write a file so that a reader finds the old text or the new one, never a part of one. Errors are the
//! system's; the caller says which file was meant.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Begins the name of a file that is not whole yet. It has no ending, so it cannot be mistaken for a report or for
/// figures.
const UNFINISHED: &str = ".heapledger-";
/// A process that was killed leaves its unfinished file, and a later one may have the same id. So many of them in one
/// folder are taken for an error.
const MOST_UNFINISHED: u32 = 1 << 16;

/// Writes a file whole or not at all: beside it first, then in its place. The folder must be there.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Renamed before its text is on the disk, the file could be empty after a power failure.
    replace(path, bytes, File::sync_all)
}

/// Does the same for a file that is read soon and thrown away. It may be lost in a power failure, and waiting for the
/// disk would take every test process some milliseconds.
pub(crate) fn write_whole_for_now(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, |_| Ok(()))
}

fn replace(path: &Path, bytes: &[u8], settle: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    // A link is kept, and leads to the new text.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    // A device or a pipe is written to. A file in its place would take it away from every other program.
    if fs::metadata(path).is_ok_and(|known| !known.is_file() && !known.is_dir()) {
        return fs::write(path, bytes);
    }
    let (mut file, unfinished) = create_beside(path)?;
    let written = file.write_all(bytes).map_err(|error| with_path(&unfinished, &error));
    let settled = written.and_then(|()| settle(&file));
    // Some systems cannot rename an open file.
    drop(file);
    let replaced = settled.and_then(|()| fs::rename(&unfinished, path));
    if replaced.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&unfinished);
    }
    replaced
}

/// A new file in the same folder, because only from there it can be renamed into its place.
fn create_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut options = OpenOptions::new();
    // Never a file that is there, and never through a link that another program put there.
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Everybody may read it and its owner may write it, less what the process's umask takes away.
        options.mode(0o644);
    }
    for attempt in 0..MOST_UNFINISHED {
        let unfinished = folder.join(format!("{UNFINISHED}{}-{attempt}", std::process::id()));
        match options.open(&unfinished) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            opened => return Ok((opened.map_err(|error| with_path(&unfinished, &error))?, unfinished)),
        }
    }
    Err(with_path(folder, &io::Error::new(ErrorKind::AlreadyExists, "too many temporary files exist")))
}

/// The error with the path that it is about, which is not the one that the caller knows.
fn with_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{error} at path {path:?}"))
}

#[cfg(all(test, unix, feature = "cli"))]
mod tests;
