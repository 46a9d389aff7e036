//! The folder in which test processes leave their reports. It goes with the command; one that a killed command left
//! goes when the next begins. What is in it is for `collect`.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// How the name of every such folder begins.
const PREFIX: &str = "reports-";

/// A new folder, which no other command takes for left behind.
#[derive(Debug)]
pub(super) struct ReportsFolder {
    folder: TempDir,
    /// Locked while the command goes on; `None` where folders cannot be locked, and none is swept away either.
    _held: Option<File>,
}

impl ReportsFolder {
    pub(super) fn new(scratch: &Path) -> io::Result<Self> {
        // One command at a time, so that none finds a folder that is not locked yet.
        let alone = locked(scratch);
        if alone.is_some() {
            sweep(scratch)?;
        }
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(scratch)?;
        let held = locked(folder.path());
        Ok(Self { folder, _held: held })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn locked(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

/// Removes what nobody holds.
fn sweep(scratch: &Path) -> io::Result<()> {
    for entry in fs::read_dir(scratch)? {
        let path = entry?.path();
        let is_one = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if is_one && File::open(&path).is_ok_and(|folder| folder.try_lock().is_ok()) {
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_dir_all(path);
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_command_left_goes_and_what_another_one_uses_stays() {
        let scratch = tempfile::tempdir().expect("there is room");
        let left = scratch.path().join("reports-left");
        fs::create_dir(&left).expect("it can be made");
        fs::write(left.join("1.begun"), "budgets").expect("it can be written");
        fs::create_dir(scratch.path().join("others")).expect("it can be made");
        let one = ReportsFolder::new(scratch.path()).expect("it can be made");
        let other = ReportsFolder::new(scratch.path()).expect("it can be made");
        assert!(!left.exists() && one.path().exists() && other.path().exists() && one.path() != other.path());
        drop((one, other));
        let stays: Vec<_> =
            fs::read_dir(scratch.path()).expect("it is there").map(|one| one.unwrap().file_name()).collect();
        assert_eq!(stays, ["others"]);
    }
}
