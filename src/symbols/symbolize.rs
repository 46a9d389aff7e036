//! From stacks of return addresses to stacks of frames. Whatever is needed for that is dropped before it returns.

use std::collections::{BTreeMap, BTreeSet};

use super::call_frame::CallFrame;
use super::looked::Looked;
use super::lookup::look_up;
use super::modules::ModuleFiles;
use super::origin::{Ground, of_others, our_sources};
use super::workspace;
use crate::record::Own;

/// The functions on each of these stacks of return addresses, innermost first. All that are shown together belong into
/// one call, which opens each module once; that, and each unit of code that is on a stack for the first time, is what
/// it costs. `sources` are files as rustc names them, such as those of `Location::caller()`: relative ones tell where
/// the workspace lies.
pub(crate) fn symbolize(stacks: &[impl AsRef<[usize]>], sources: &[&str]) -> Own<Vec<Vec<CallFrame>>> {
    Own::new(|| symbolize_in(&ModuleFiles::of_this_process(), stacks, sources))
}

/// The functions at each of these return addresses, innermost first: what [`symbolize`] does, for whoever keeps the
/// functions of an address once, however many stacks it is on.
pub(crate) fn symbolized(
    addresses: impl IntoIterator<Item = usize>,
    sources: &[&str],
) -> BTreeMap<usize, Vec<CallFrame>> {
    symbolized_in(&ModuleFiles::of_this_process(), addresses, sources)
}

/// The same for any process.
pub(super) fn symbolize_in(
    modules: &ModuleFiles,
    stacks: &[impl AsRef<[usize]>],
    sources: &[&str],
) -> Vec<Vec<CallFrame>> {
    let frames = symbolized_in(modules, stacks.iter().flat_map(AsRef::as_ref).copied(), sources);
    let frames_of = |stack: &[usize]| stack.iter().filter_map(|at| frames.get(at)).flatten().cloned().collect();
    stacks.iter().map(AsRef::as_ref).map(frames_of).collect()
}

fn symbolized_in(
    modules: &ModuleFiles,
    addresses: impl IntoIterator<Item = usize>,
    sources: &[&str],
) -> BTreeMap<usize, Vec<CallFrame>> {
    let addresses = BTreeSet::from_iter(addresses);
    // A call may be the last instruction of a function: what is behind it belongs to another one.
    let code = |address: &usize| (*address as u64).saturating_sub(1);
    let found = look_up(modules, &addresses.iter().map(code).collect());
    let mut found = owned(found, sources, Some(our_sources().into()));
    addresses.into_iter().map(|address| (address, found.remove(&code(&address)).unwrap_or_default())).collect()
}

/// What was looked up, with whose code it is and the paths that people read. The folder of the ledger's sources is
/// `ours`.
pub(super) fn owned<K: Ord>(
    found: BTreeMap<K, Vec<Looked>>,
    sources: &[&str],
    ours: Option<String>,
) -> BTreeMap<K, Vec<CallFrame>> {
    let files = found.values().flatten().filter_map(|looked| looked.file.as_deref());
    let files = BTreeSet::from_iter(files.filter(|file| of_others(file).is_none()));
    let ground = Ground { workspace: workspace::root(&files, sources), ours };
    let frames = |looked: Vec<Looked>| looked.into_iter().map(|one| ground.frame(one)).collect();
    found.into_iter().map(|(at, looked)| (at, frames(looked))).collect()
}
