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
mod tests {
    use std::io::Read;
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder can be made")
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("the folder can be read");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("it can be read").file_name();
        let mut names: Vec<String> = entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_and_no_other_is_left() {
        let folder = folder();
        let file = folder.path().join("figures.toml");
        for (write, text) in [
            (write_whole as fn(&Path, &str) -> io::Result<()>, "old, and longer than the new one"),
            (write_whole, "new"),
            (write_whole_for_now, "newer"),
        ] {
            write(&file, text).expect("it can be written");
            assert_eq!(fs::read_to_string(&file).expect("it is there"), text);
        }
        assert_eq!(names(folder.path()), ["figures.toml"]);
        let mode = fs::metadata(&file).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode & !0o644, 0, "{mode:o}: others may write or run it");
        assert_eq!(mode & 0o600, 0o600, "{mode:o}: its owner may read and write it");
    }

    #[test]
    fn the_old_file_may_be_open_and_stays_what_it_is() {
        let folder = folder();
        let file = folder.path().join("figures.toml");
        write_whole(&file, "old").expect("it can be written");
        let open = File::open(&file).expect("it is there");
        write_whole(&file, "new").expect("it can be written");
        assert_eq!(io::read_to_string(open).expect("it can be read"), "old");
    }

    #[test]
    fn what_fails_leaves_nothing_behind() {
        let folder = folder();
        let occupied = folder.path().join("a folder");
        fs::create_dir(&occupied).expect("it can be made");
        assert!(write_whole(&occupied, "text").is_err());
        let too_long = folder.path().join("x".repeat(300));
        assert!(write_whole(&too_long, "text").is_err());
        assert_eq!(names(folder.path()), ["a folder"]);
        let missing = write_whole(&folder.path().join("missing/file"), "text").expect_err("there is no such folder");
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        assert!(missing.to_string().contains(" at path "), "{missing}");
        assert_eq!(names(folder.path()), ["a folder"]);
    }

    #[test]
    fn a_link_stays_and_leads_to_the_new_text() {
        let folder = folder();
        let (file, link) = (folder.path().join("figures.toml"), folder.path().join("link"));
        write_whole(&file, "old").expect("it can be written");
        symlink("figures.toml", &link).expect("it can be made");
        write_whole(&link, "new").expect("it can be written");
        assert_eq!(fs::read_to_string(&file).expect("it is there"), "new");
        assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
        assert_eq!(names(folder.path()), ["figures.toml", "link"]);
    }

    // With a pipe of its own: a device of the system would be lost to everybody if this went wrong, for a link leads
    // there.
    #[test]
    fn a_pipe_is_written_to_and_stays_a_pipe() {
        let folder = folder();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there");
        assert!(made.success());
        // Whoever opens a pipe for both waits for nobody.
        let mut open = OpenOptions::new().read(true).write(true).open(&pipe).expect("it is there");
        write_whole(&pipe, "text").expect("somebody reads");
        assert!(fs::metadata(&pipe).expect("it is there").file_type().is_fifo());
        let mut got = [0; 4];
        open.read_exact(&mut got).expect("it was written");
        assert_eq!((&got, names(folder.path())), (b"text", vec!["pipe".to_string()]));
    }

    #[test]
    fn what_a_killed_process_left_is_neither_used_nor_in_the_way() {
        let folder = folder();
        let left = folder.path().join(format!("{UNFINISHED}{}-0", std::process::id()));
        fs::write(&left, "left").expect("it can be written");
        write_whole(&folder.path().join("figures.toml"), "new").expect("it can be written");
        assert_eq!(fs::read_to_string(&left).expect("it is there"), "left");
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn many_writers_at_once_write_one_text_each_and_the_last_one_stays_whole() {
        let folder = folder();
        let file = folder.path().join("figures.toml");
        let texts: Vec<String> = (0..8).map(|writer| writer.to_string().repeat(20_000)).collect();
        std::thread::scope(|scope| {
            for text in &texts {
                scope.spawn(|| write_whole(&file, text).expect("it can be written"));
            }
        });
        assert!(texts.contains(&fs::read_to_string(&file).expect("it is there")));
        assert_eq!(names(folder.path()), ["figures.toml"]);
    }
}
