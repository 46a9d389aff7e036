//! Files of machine code, found by their build ids. A name tells nothing: a file of another build has other lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use object::{Object, ObjectSection, ReadCache};

use super::headers::hexadecimal;

/// So deep below a folder files are looked for.
const DEEPEST: usize = 6;
/// So many files below a folder are looked at.
const MOST: usize = 100_000;
/// What compilers leave behind and nobody can run.
const PARTS: [&str; 4] = ["d", "o", "rlib", "rmeta"];
/// Where such parts are.
const SCRATCH: [&str; 2] = [".fingerprint", "incremental"];

/// How much a file tells of its code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tells {
    Functions,
    Lines,
}

/// The file that tells the most for each of these build ids, of those in the folders. `.build-id/xx/yyyy.debug` below a
/// folder is where debuggers look for it.
pub(super) fn find(wanted: &BTreeSet<&str>, folders: &[PathBuf]) -> BTreeMap<String, PathBuf> {
    let wanted = BTreeSet::from_iter(wanted.iter().copied().filter(|id| is_build_id(id)));
    let mut found: BTreeMap<String, (Tells, PathBuf)> = BTreeMap::new();
    let mut look_at = |path: PathBuf| {
        let Some((id, tells)) = told(&path).filter(|(id, _)| wanted.contains(id.as_str())) else { return };
        if found.get(&id).is_none_or(|(before, _)| *before < tells) {
            found.insert(id, (tells, path));
        }
    };
    for folder in folders {
        let ids = wanted.iter().map(|id| id.split_at(2));
        ids.for_each(|(first, rest)| look_at(folder.join(format!(".build-id/{first}/{rest}.debug"))));
        files_in(folder, &mut look_at);
    }
    found.into_iter().map(|(id, (_, path))| (id, path)).collect()
}

/// Whoever wrote the report may have written a path.
fn is_build_id(id: &str) -> bool {
    id.len() > 2 && id.bytes().all(|one| one.is_ascii_hexdigit())
}

/// The build id of a file of machine code that tells anything.
fn told(path: &Path) -> Option<(String, Tells)> {
    // Opening a pipe would wait for a writer.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let data = ReadCache::new(File::open(path).ok()?);
    let file = object::File::parse(&data).ok()?;
    let id = hexadecimal(file.build_id().ok()??);
    let has = |name| file.section_by_name(name).is_some_and(|section| section.size() > 0);
    match (has(".debug_line"), has(".symtab")) {
        (true, _) => Some((id, Tells::Lines)),
        (false, true) => Some((id, Tells::Functions)),
        (false, false) => None,
    }
}

/// Shows `see` the files below a folder, or the file itself. No link leads to another folder.
fn files_in(folder: &Path, see: &mut impl FnMut(PathBuf)) {
    if folder.is_file() {
        return see(folder.into());
    }
    let (mut open, mut seen) = (vec![(folder.to_path_buf(), 0)], 0);
    while let Some((folder, depth)) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let is_any =
                |names: &[&str], of: Option<&std::ffi::OsStr>| names.iter().any(|name| of == Some(name.as_ref()));
            if is_folder && depth < DEEPEST && !is_any(&SCRATCH, path.file_name()) {
                open.push((path, depth + 1));
            } else if !is_folder && !is_any(&PARTS, path.extension()) {
                see(path);
                seen += 1;
                if seen == MOST {
                    return;
                }
            }
        }
    }
}
