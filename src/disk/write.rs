//! Writing files: whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::read::shown;

/// Writes a file whole or not at all: beside it first, then in its place.
pub(crate) fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("{} cannot be written", shown(path));
    // A link stays, and leads to what is new.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    // Putting a file in the place of a device or a pipe would take it from everybody else.
    if fs::metadata(path).is_ok_and(|known| !known.is_file() && !known.is_dir()) {
        return fs::write(path, text).with_context(failed);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(failed)?;
    let mut file = tempfile::Builder::new().prefix(".heapledger-").tempfile_in(folder).with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)?;
    file.as_file().sync_all().with_context(failed)?;
    readable(file.as_file());
    file.persist(path).map_err(|error| error.error).with_context(failed)?;
    Ok(())
}

/// A temporary file is its owner's alone; a file of a project is everybody's to read.
fn readable(file: &File) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A file that only its owner reads is better than none.
        let _ = file.set_permissions(fs::Permissions::from_mode(0o644));
    }
    #[cfg(not(unix))]
    let _ = file;
}
