//! From stacks of return addresses to stacks of frames. Whatever is needed for that is dropped before it returns.

use std::collections::{BTreeMap, BTreeSet};

use super::call_frame::CallFrame;
use super::lookup::look_up;
use super::modules::ModuleFiles;
use super::origin::{Ground, of_others};
use super::workspace;
use crate::record::Own;

/// The functions on each of these stacks of return addresses, innermost first. All that are shown together belong into
/// one call, which opens each module once; that, and each unit of code that is on a stack for the first time, is what
/// it costs. `sources` are files as rustc names them, such as those of `Location::caller()`: relative ones tell where
/// the workspace lies.
pub(crate) fn symbolize(stacks: &[impl AsRef<[usize]>], sources: &[&str]) -> Own<Vec<Vec<CallFrame>>> {
    Own::new(|| symbolize_in(&ModuleFiles::of_this_process(), stacks, sources))
}

/// The same for any process.
pub(super) fn symbolize_in(
    modules: &ModuleFiles,
    stacks: &[impl AsRef<[usize]>],
    sources: &[&str],
) -> Vec<Vec<CallFrame>> {
    // A call may be the last instruction of a function: what is behind it belongs to another one.
    let code = |address: &usize| (*address as u64).saturating_sub(1);
    let addresses = BTreeSet::from_iter(stacks.iter().flat_map(AsRef::as_ref).map(code));
    let found = look_up(modules, &addresses);
    let files = found.values().flatten().filter_map(|looked| looked.file.as_deref());
    let files = BTreeSet::from_iter(files.filter(|file| of_others(file).is_none()));
    let ground = Ground { workspace: workspace::root(&files, sources) };
    let frames = BTreeMap::from_iter(
        found.into_iter().map(|(at, looked)| (at, Vec::from_iter(looked.into_iter().map(|one| ground.frame(one))))),
    );
    let frames_of = |stack: &[usize]| stack.iter().filter_map(|at| frames.get(&code(at))).flatten().cloned().collect();
    stacks.iter().map(AsRef::as_ref).map(frames_of).collect()
}
