//! Whose code a function is, told from its path and its name, and the path as people read it: nothing of the machine
//! that others need not see. No file is looked at.

use super::call_frame::{CallFrame, Origin};
use super::looked::Looked;

/// What tells the user's own paths from others.
#[derive(Debug, Default)]
pub(super) struct Ground {
    pub(super) workspace: Option<String>,
    /// The folder of the ledger's own sources, with a slash at its end.
    pub(super) ours: Option<String>,
}

/// A path of others: whose it is, and the rest of it.
pub(super) type Owned<'a> = (Origin, &'a str);

/// The name of this crate in names of functions, and in folders of registries.
const OURS: &str = "heapledger";

/// What rustc calls the functions of `std::alloc` that lead to the allocator.
const ENTRIES: [&str; 6] =
    ["__rust_alloc", "__rust_dealloc", "__rust_no_alloc_shim", "__rust_realloc", "__rdl_", "__rg_"];

/// What `catch_unwind` is in symbols, of which there is no debug information.
const CATCHING: &str = "__rust_try";

/// The crates whose functions no user wrote.
const STD: [&str; 6] = ["alloc", "core", "proc_macro", "std", "std_detect", "test"];

impl Ground {
    pub(super) fn frame(&self, looked: Looked) -> CallFrame {
        let Looked { function, file, line, column, unresolved } = looked;
        let (mut origin, file) = match &file {
            Some(file) => {
                let (origin, shown) = self.of_path(file);
                (origin, Some(shown.to_string()))
            }
            None => (of_function(function.as_deref().unwrap_or("")), None),
        };
        // They stand where the user's `static` is.
        let last = function.as_deref().and_then(|name| name.rsplit(':').next()).unwrap_or("");
        if ENTRIES.iter().any(|entry| last.starts_with(entry)) {
            origin = Origin::Heapledger;
        }
        CallFrame { function, file, line, column, origin, unresolved }
    }

    fn of_path<'a>(&self, path: &'a str) -> Owned<'a> {
        if let Some(owned) = of_others(path) {
            return owned;
        }
        let ours = self.ours.as_deref().filter(|ours| path.starts_with(*ours) && ours.starts_with('/'));
        if let Some(ours) = ours {
            return (Origin::Heapledger, &path[ours.len() - "src/".len()..]);
        }
        let below = self.workspace.as_deref().and_then(|root| path.strip_prefix(root)?.strip_prefix('/'));
        // Systems build their packages with `.` for the folder that these were built in.
        let is_relative = !path.starts_with('/') && (path.ends_with(".rs") || !path.starts_with("./"));
        match below.or(is_relative.then_some(path)) {
            // Where the ledger itself is the workspace.
            Some(inside) if self.ours.as_ref().is_some_and(|ours| inside.starts_with(ours)) => {
                (Origin::Heapledger, inside)
            }
            Some(inside) => vendored(inside).unwrap_or((Origin::Workspace, inside)),
            None if path.ends_with(".rs") => (Origin::PathDependency, path),
            None => (Origin::Unknown, path),
        }
    }
}

/// The folder of this crate's sources as rustc saw it: absolute, unless the crate is in the workspace.
pub(super) fn our_sources() -> &'static str {
    file!().strip_suffix("symbols/origin.rs").unwrap_or(file!())
}

/// The same in another program, of which these functions are.
#[cfg(all(feature = "cli", target_os = "linux"))]
pub(super) fn our_sources_in<'a>(mut program: impl Iterator<Item = &'a Looked>) -> Option<String> {
    program.find_map(|looked| {
        let (function, file) = looked.function.as_ref().zip(looked.file.as_ref())?;
        let end = file.rfind("/src/")? + "/src/".len();
        let is_ours = of_function(function) == Origin::Heapledger && of_others(file).is_none();
        is_ours.then(|| file[..end].to_string())
    })
}

/// What a path says by itself: std, a crate of a registry or of a repository, the ledger.
pub(super) fn of_others(path: &str) -> Option<Owned<'_>> {
    let after = |mark: &str| path.split_once(mark).map(|(_, rest)| rest);
    let past_one = |rest: &str| path.len() - rest.len() + rest.find('/').map_or(rest.len(), |at| at + 1);
    if let Some(rest) = path.strip_prefix("/rustc/") {
        return Some((Origin::Std, &path[past_one(rest)..]));
    }
    if let Some(rest) = path.strip_prefix("/rust/deps/").or_else(|| after("/lib/rustlib/src/rust/")) {
        return Some((Origin::Std, rest));
    }
    if let Some(rest) = after("/registry/src/") {
        let rest = &path[past_one(rest)..];
        let (folder, inside) = rest.split_once('/')?;
        let (name, version) = name_and_version(folder);
        return Some((crate_of(name, version), inside));
    }
    if let Some(rest) = after("/git/checkouts/") {
        let (folder, rest) = rest.split_once('/')?;
        let (revision, inside) = rest.split_once('/')?;
        let name = folder.rsplit_once('-').map_or(folder, |(name, _hash)| name);
        return Some((crate_of(name, Some(revision)), inside));
    }
    let ours = our_sources();
    (ours.starts_with('/') && path.starts_with(ours)).then(|| (Origin::Heapledger, &path[ours.len() - "src/".len()..]))
}

/// What `cargo vendor` puts into the workspace.
fn vendored(inside: &str) -> Option<Owned<'_>> {
    let (folder, inside) = inside.strip_prefix("vendor/")?.split_once('/')?;
    let (name, version) = name_and_version(folder);
    Some((crate_of(name, version), inside))
}

fn crate_of(name: &str, version: Option<&str>) -> Origin {
    match name {
        OURS => Origin::Heapledger,
        _ => Origin::Crate { name: name.into(), version: version.map(String::from) },
    }
}

/// `serde-json-1.0.2` is `serde-json` and `1.0.2`: both may hold hyphens, and a name may hold numbers.
fn name_and_version(folder: &str) -> (&str, Option<&str>) {
    let is_version = |text: &str| {
        let mut parts = text.split('.');
        let mut number = || parts.next().is_some_and(|part| part.parse::<u64>().is_ok());
        number()
            && number()
            && text.split('.').nth(2).is_some_and(|part| part.starts_with(|one: char| one.is_ascii_digit()))
    };
    let mut hyphens = folder.match_indices('-').map(|(at, _)| at);
    match hyphens.find(|at| is_version(&folder[at + 1..])) {
        Some(at) => (&folder[..at], Some(&folder[at + 1..])),
        None => (folder, None),
    }
}

/// What a name without a path says: the crate in which the function, or the type that it belongs to, was written.
fn of_function(name: &str) -> Origin {
    let mut rest = name.trim_start_matches(['<', '&', '*', '[', '(']);
    for word in ["impl ", "dyn ", "mut ", "const "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    match rest.split("::").next().filter(|first| first.len() < rest.len()) {
        Some(OURS) => Origin::Heapledger,
        Some(first) if STD.contains(&first) => Origin::Std,
        None if name == CATCHING => Origin::Std,
        _ => Origin::Unknown,
    }
}

#[cfg(test)]
mod tests;
