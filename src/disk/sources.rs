//! The lines of source code that a report names, where this machine has them: those of the workspace around a folder,
//! and those of crates as cargo unpacked them. A report may name any file; nothing outside these folders is read.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::symbols::{CallFrame, Origin};

/// In bytes: nobody writes a larger file, and what generates one has no lines for people.
const LARGEST: u64 = 4 << 20;
/// In characters: what a page has room for.
const LONGEST_LINE: usize = 200;

/// The line of each of these functions, as the files are now; `None` where it cannot be read.
pub(crate) fn source_lines(frames: &[CallFrame], within: &Path) -> Vec<Option<String>> {
    let workspace = within.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    let registries = registries();
    let mut files: HashMap<(&Origin, &str), Option<String>> = HashMap::new();
    let line = |frame: &CallFrame, text: &str| {
        let line = text.lines().nth(frame.line?.checked_sub(1)? as usize)?;
        Some(line.trim().chars().take(LONGEST_LINE).collect())
    };
    Vec::from_iter(frames.iter().map(|frame| {
        let file = frame.file.as_deref()?;
        let read = || match &frame.origin {
            Origin::Workspace => inside(workspace?, file),
            Origin::Crate { name, version: Some(version) } => {
                let file = format!("{name}-{version}/{file}");
                registries.iter().find_map(|registry| inside(registry, &file))
            }
            _ => None,
        };
        let text = files.entry((&frame.origin, file)).or_insert_with(read);
        line(frame, text.as_deref()?)
    }))
}

/// Where cargo unpacks the crates of each registry.
fn registries() -> Vec<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let folders = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    folders.into_iter().flatten().filter_map(|folder| Some(folder.ok()?.path())).collect()
}

/// The text of a file of Rust below `folder`, if it does not lead out of there.
fn inside(folder: &Path, file: &str) -> Option<String> {
    if Path::new(file).extension()? != "rs" {
        return None;
    }
    let (folder, file) = (folder.canonicalize().ok()?, folder.join(file).canonicalize().ok()?);
    let known = fs::metadata(&file).ok()?;
    let is_sensible = file.starts_with(folder) && known.is_file() && known.len() <= LARGEST;
    is_sensible.then(|| fs::read_to_string(file).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(origin: Origin, file: &str, line: u32) -> CallFrame {
        let file = Some(file.to_string());
        CallFrame { function: None, file, line: Some(line), column: None, origin, unresolved: None }
    }

    #[test]
    fn lines_of_the_workspace_are_read_and_nothing_outside_of_it() {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let root = folder.path().join("ws");
        let write = |file: &str, text: &str| {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().expect("it is in a folder")).expect("a folder can be made");
            fs::write(file, text).expect("a file can be written");
        };
        write("ws/Cargo.lock", "");
        write("ws/src/a.rs", &format!("first\n    second();\n{}\n", "x".repeat(300)));
        write("ws/notes.txt", "private\n");
        write("ws/member/src/lib.rs", "member\n");
        write("outside.rs", "outside\n");
        let large = fs::File::create(root.join("src/large.rs")).expect("a file can be made");
        large.set_len(LARGEST + 1).expect("it may have a hole");
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("outside.rs"), root.join("src/link.rs")).expect("a link");
        let outside = folder.path().join("outside.rs").display().to_string();
        let asked = [
            ("src/a.rs", 1, Some("first".to_string())),
            ("src/a.rs", 2, Some("second();".into())),
            ("src/a.rs", 3, Some("x".repeat(LONGEST_LINE))),
            ("src/a.rs", 4, None),
            ("src/a.rs", 0, None),
            ("src/none.rs", 1, None),
            ("src/link.rs", 1, None),
            ("src/large.rs", 1, None),
            ("notes.txt", 1, None),
            ("../outside.rs", 1, None),
            ("src", 1, None),
            (&outside, 1, None),
        ];
        let frames = asked.each_ref().map(|(file, line, _)| frame(Origin::Workspace, file, *line));
        // The folder of a member, too, is in the workspace.
        for within in [root.clone(), root.join("member")] {
            assert_eq!(source_lines(&frames, &within), asked.each_ref().map(|(.., text)| text.clone()));
        }
        let others = [Origin::PathDependency, Origin::Std, Origin::Unknown, Origin::Heapledger];
        assert_eq!(source_lines(&others.map(|origin| frame(origin, "src/a.rs", 1)), &root), [None, None, None, None]);
        assert_eq!(source_lines(&frames[..1], folder.path()), [None], "no workspace is around it");
    }

    #[test]
    fn lines_of_crates_are_those_that_cargo_unpacked() {
        let version = Some("0.1.0".to_string());
        let of = |name: &str, file: &str| {
            source_lines(
                &[frame(Origin::Crate { name: name.into(), version: version.clone() }, file, 1)],
                Path::new("/"),
            )
        };
        assert_eq!([of("..", "src/lib.rs"), of("no-such-crate", "src/lib.rs")], [[None], [None]]);
        let Some(known) = registries().iter().find_map(|registry| {
            fs::read_dir(registry).ok()?.filter_map(|one| one.ok()).find(|one| one.path().join("src/lib.rs").is_file())
        }) else {
            return; // Nothing was unpacked here: vendored, perhaps.
        };
        let folder = known.file_name().into_string().expect("crates have plain names");
        let (name, version) = folder.rsplit_once('-').expect("a version is behind it");
        let text = fs::read_to_string(known.path().join("src/lib.rs")).expect("it is text");
        let first = text.lines().next().map(|line| line.trim().chars().take(LONGEST_LINE).collect::<String>());
        let origin = Origin::Crate { name: name.into(), version: Some(version.into()) };
        assert_eq!(source_lines(&[frame(origin, "src/lib.rs", 1)], Path::new("/")), [first]);
    }
}
