//! Where the workspace lies on this machine. Cargo compiles what is in the workspace by paths relative to its root, and
//! everything else by absolute ones; debug information makes all of them absolute. So the root is the folder in which
//! the paths that rustc says to be relative lead somewhere.

use std::collections::BTreeSet;
use std::path::Path;

/// The root, without a slash at its end; `None` if no path tells. `files` are those of debug information that belong to
/// no crate of others, `sources` those that rustc names.
pub(super) fn root(files: &BTreeSet<&str>, sources: &[&str]) -> Option<String> {
    let sources = Vec::from_iter(sources.iter().filter(|source| Path::new(source).is_relative()));
    let folders = |file: &&str| file.match_indices('/').map(|(at, _)| at).collect::<Vec<_>>();
    let around = BTreeSet::from_iter(files.iter().flat_map(|file| folders(file).into_iter().map(|at| &file[..at])));
    // A file may be on no stack; then the disk knows of it, if this is where the program was built.
    let leads = |folder: &str, source: &str| {
        let file = format!("{folder}/{source}");
        files.contains(file.as_str()) || Path::new(&file).is_file()
    };
    let told = around.into_iter().map(|folder| (sources.iter().filter(|source| leads(folder, source)).count(), folder));
    // Each crate may have a `src/lib.rs`, also below the root. The root has all that is named.
    let best = told.filter(|(count, _)| *count > 0).max_by_key(|(count, folder)| (*count, usize::MAX - folder.len()));
    best.map(|(_, folder)| folder.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_where_relative_paths_lead_somewhere() {
        let found = |files: &[&str], sources: &[&str]| root(&files.iter().copied().collect(), sources);
        let files = ["/a/dep/src/lib.rs", "/a/ws/src/lib.rs", "/a/ws/below/src/lib.rs", "/a/ws/tests/leaks.rs"];
        let a_ws = Some("/a/ws".to_string());
        assert_eq!(found(&files, &["tests/leaks.rs"]), a_ws);
        assert_eq!(found(&files, &["src/lib.rs", "tests/leaks.rs"]), a_ws);
        // The shortest, where nothing else tells.
        assert_eq!(found(&files[1..3], &["src/lib.rs"]), a_ws);
        for (files, sources) in [
            (&files[..], &["/a/ws/tests/leaks.rs"][..]),
            (&files, &["tests/other.rs"]),
            (&files, &["eaks.rs"]),
            (&files, &[]),
            (&["tests/leaks.rs"], &["tests/leaks.rs"]),
        ] {
            assert_eq!(found(files, sources), None, "{files:?} {sources:?}");
        }
    }

    #[test]
    fn a_file_on_no_stack_may_be_on_the_disk() {
        let here = env!("CARGO_MANIFEST_DIR");
        let file = format!("{here}/fixtures/deep/in/it.rs");
        assert_eq!(root(&BTreeSet::from([file.as_str()]), &["src/symbols/workspace.rs"]).as_deref(), Some(here));
        assert_eq!(root(&BTreeSet::from([file.as_str()]), &["src/symbols/no_such_file.rs"]), None);
    }
}
