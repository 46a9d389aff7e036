//! The one way to write a file so that whoever reads it finds the old text or the new one, never a part of one. It says
//! what went wrong as the system does; which file was meant is for the caller to say.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Begins the name of a file that is not whole yet. It has no ending, so nobody takes it for a report or for figures.
const UNFINISHED: &str = ".heapledger-";
/// A process that was killed leaves its unfinished file, and a later one may have the same id. So many of them in one
/// folder are no accident.
const MOST_UNFINISHED: u32 = 1 << 16;

/// Writes a file whole or not at all: beside it first, then in its place. The folder must be there.
#[cfg(feature = "cli")]
pub(crate) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    // Renamed before its text is on the disk, the file could be empty after a power failure.
    replace(path, text, File::sync_all)
}

/// Likewise, for a file that is read soon and thrown away. Nobody misses it after a power failure, and to wait for the
/// disk would take every test process some milliseconds.
pub(crate) fn write_whole_for_now(path: &Path, text: &str) -> io::Result<()> {
    replace(path, text, |_| Ok(()))
}

fn replace(path: &Path, text: &str, settle: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    // A link stays, and leads to the new text.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    // A file in the place of a device or a pipe would take it from everybody else.
    if fs::metadata(path).is_ok_and(|known| !known.is_file() && !known.is_dir()) {
        return fs::write(path, text);
    }
    let (mut file, unfinished) = create_beside(path)?;
    let written = file.write_all(text.as_bytes()).map_err(|error| at(&unfinished, &error));
    let settled = written.and_then(|()| settle(&file));
    // Some systems rename no open file.
    drop(file);
    let replaced = settled.and_then(|()| fs::rename(&unfinished, path));
    if replaced.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&unfinished);
    }
    replaced
}

/// A new file in the same folder, for only there it can be renamed into its place.
fn create_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut options = OpenOptions::new();
    // Never a file that is there, and never through a link that somebody else put there.
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Everybody's to read and the owner's to write, as far as the process lets anybody.
        options.mode(0o644);
    }
    for attempt in 0..MOST_UNFINISHED {
        let unfinished = folder.join(format!("{UNFINISHED}{}-{attempt}", std::process::id()));
        match options.open(&unfinished) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            opened => return Ok((opened.map_err(|error| at(&unfinished, &error))?, unfinished)),
        }
    }
    Err(at(folder, &io::Error::new(ErrorKind::AlreadyExists, "too many temporary files exist")))
}

/// The error with the path that it is about, which is not the one that the caller knows.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{error} at path {path:?}"))
}

#[cfg(all(test, unix, feature = "cli"))]
mod tests;
