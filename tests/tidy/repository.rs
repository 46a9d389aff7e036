//! The files of this repository, as git knows them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files that are tracked, or not ignored, from the root with `/`; in a folder without git, all but `target`.
pub fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .ok()
        .filter(|output| output.status.success() && !output.stdout.is_empty());
    let mut files = match listed {
        Some(output) => {
            Vec::from_iter(String::from_utf8_lossy(&output.stdout).split_terminator('\0').map(String::from))
        }
        None => walk(PathBuf::new()),
    };
    // A file that was deleted and not yet committed is still listed.
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files.dedup();
    assert!(files.len() > 10, "the files were not found");
    files
}

fn walk(folder: PathBuf) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(&folder)).expect("the folder can be read") {
        let entry = entry.expect("the entry can be read");
        let path = folder.join(entry.file_name());
        if entry.path().is_dir() {
            if !path.ends_with("target") && !path.ends_with(".git") {
                found.extend(walk(path));
            }
        } else {
            found.push(path.to_string_lossy().replace('\\', "/"));
        }
    }
    found
}

/// The files that `wanted` picks, with their text; those that are no text are left out.
pub fn texts(wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let wanted = files().into_iter().filter(|path| wanted(path));
    wanted.filter_map(|path| fs::read_to_string(root().join(&path)).ok().map(|text| (path, text))).collect()
}
