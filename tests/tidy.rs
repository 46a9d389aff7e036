//! House rules as a test: layers, where unsafe code may stand, and what every file begins with. What fails says what
//! to do.

use std::fs;
use std::path::{Path, PathBuf};

/// The layers of `docs/design.md`, first the ones that everything may name. A file names its own layer and those before.
const LAYERS: [(&str, &[&str]); 9] = [
    ("words", &["words"]),
    ("record", &["record"]),
    ("registry", &["registry"]),
    ("reading", &["reading"]),
    ("judging", &["judging"]),
    ("render", &["render"]),
    ("disk", &["disk"]),
    ("front", &["front"]),
    ("command", &["bin", "command"]),
];

fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 10, "the sources were not found");
    found
}

fn module_of(path: &Path) -> String {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("it is a source");
    let first = below.components().next().expect("it has a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_string()
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|(_, modules)| modules.contains(&module))
}

/// The code of a file: neither comments nor what follows `#[cfg(test)]`.
fn code_of(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).expect("a source can be read");
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.to_string()));
    lines
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .collect()
}

#[test]
fn a_file_names_only_its_own_layer_and_those_before_it() {
    let mut wrong = Vec::new();
    for path in sources() {
        let module = module_of(&path);
        if module == "lib" {
            continue;
        }
        let Some(layer) = layer_of(&module) else {
            wrong.push(format!("{module} is in no layer: add it to LAYERS here and to docs/design.md"));
            continue;
        };
        for (line, code) in code_of(&path) {
            for named in code.split("crate::").skip(1) {
                let named: String = named.chars().take_while(|&one| one.is_alphanumeric() || one == '_').collect();
                match layer_of(&named) {
                    Some(other) if other > layer => wrong.push(format!(
                        "{}:{line}: `{module}` ({}) names `{named}` ({}), which comes after it: move the code, or pass a \
                         value instead",
                        path.display(),
                        LAYERS[layer].0,
                        LAYERS[other].0,
                    )),
                    Some(_) => {}
                    None if named.is_empty() => {}
                    None => wrong.push(format!(
                        "{}:{line}: name the module, not `crate::{named}`, so that layers can be seen",
                        path.display()
                    )),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_is_in_the_recording_layer_alone() {
    for path in sources().iter().filter(|path| module_of(path) != "record") {
        for (line, code) in code_of(path) {
            assert!(
                !code.contains("unsafe ") && !code.contains("allow(unsafe_code"),
                "{}:{line}: unsafe code belongs into src/record",
                path.display()
            );
        }
    }
}

#[test]
fn the_recorder_neither_panics_nor_locks_nor_formats() {
    const BANNED: [&str; 14] = [
        ".unwrap()",
        ".expect(",
        "panic!(",
        "assert!(",
        "assert_eq!(",
        "unreachable!(",
        "todo!(",
        "format!(",
        "println!(",
        "Mutex",
        "RwLock",
        "OnceLock",
        "String",
        "Vec<u8>",
    ];
    for path in sources().iter().filter(|path| module_of(path) == "record" && !path.ends_with("quiet.rs")) {
        for (line, code) in code_of(path) {
            let compile_time = code.contains("const ");
            let found = BANNED.iter().find(|banned| code.contains(*banned));
            assert!(
                compile_time || found.is_none(),
                "{}:{line}: the recorder runs inside the allocator and must not use `{}`",
                path.display(),
                found.unwrap_or(&"")
            );
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source can be read");
        assert!(text.starts_with("//!"), "{} begins with no `//!` line that says what it is for", path.display());
    }
}
