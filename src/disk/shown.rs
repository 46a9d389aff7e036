//! How the path of a file is shown: from where the user stands. Nothing is read or written here.

use std::path::{Component, Path, PathBuf};

/// Where the user of a test process stands, whose own folder is the package's: shells say so.
const STANDS: &str = "PWD";

/// A path as people read it: relative to where they stand, unless that is longer.
pub(crate) fn shown(path: &Path) -> String {
    let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    let from_here = relative(&path, &stand()).unwrap_or_else(|| path.clone());
    if from_here.as_os_str().is_empty() {
        return ".".into();
    }
    // Names of files may hold any character.
    from_here.to_string_lossy().chars().map(|one| if one.is_control() { '?' } else { one }).collect()
}

/// The folder in which the user stands.
fn stand() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    // Cargo runs tests in the folder of their package, and says which that is.
    let is_test = std::env::var_os("CARGO_MANIFEST_DIR").is_some_and(|package| Path::new(&package) == here);
    let stands = std::env::var_os(STANDS).filter(|_| is_test).and_then(|folder| Path::new(&folder).canonicalize().ok());
    // A program that starts cargo elsewhere may leave what its own shell said.
    stands.filter(|stands| here.starts_with(stands) || is_same_workspace(&here, stands)).unwrap_or(here)
}

fn is_same_workspace(one: &Path, other: &Path) -> bool {
    let workspace =
        |folder: &Path| folder.ancestors().find(|above| above.join("Cargo.lock").exists()).map(PathBuf::from);
    workspace(one).is_some_and(|known| Some(known) == workspace(other))
}

/// The way from one folder to an absolute path; `None` where there is none, or the path itself is shorter.
fn relative(path: &Path, from: &Path) -> Option<PathBuf> {
    if !path.is_absolute() {
        return None;
    }
    let shared = path.components().zip(from.components()).take_while(|(one, other)| one == other).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(path.components().skip(shared)).collect();
    (way.as_os_str().len() < path.as_os_str().len()).then_some(way)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_from_where_the_user_stands() {
        let cases = [
            ("/src/engine/heapledger.toml", "/src/engine", Some("heapledger.toml")),
            ("/src/engine/heapledger.toml", "/src/engine/core/src", Some("../../heapledger.toml")),
            ("/src/engine/core/tests/a.rs", "/src/engine/search", Some("../core/tests/a.rs")),
            ("/src/engine", "/src/engine", Some("")),
            ("/etc/a.toml", "/src/engine/core/src", None),
            ("heapledger.toml", "/src/engine", None),
        ];
        for (path, from, expected) in cases {
            assert_eq!(relative(Path::new(path), Path::new(from)), expected.map(PathBuf::from), "{path} from {from}");
        }
    }
}
