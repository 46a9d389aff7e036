//! Places in stripped programs, looked up later: in files with the symbols of the same build.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::call_frame::{CallFrame, InModule};
use super::lookup::OpenModule;
use super::machine_code::Store;
use super::origin::our_sources_in;
use super::symbol_files::find;
use super::symbolize::owned;

/// The functions at those of these places of which a file in the folders has the symbols, innermost first. `sources`
/// are files as rustc names them.
pub(crate) fn symbolized_by_build_id(
    places: &BTreeSet<&InModule>,
    folders: &[PathBuf],
    sources: &[&str],
) -> BTreeMap<InModule, Vec<CallFrame>> {
    let ids = places.iter().filter_map(|place| place.build_id.as_deref()).collect();
    let mut found = BTreeMap::new();
    for (id, path) in find(&ids, folders) {
        let store = Store::default();
        let module = OpenModule::open(&path, &store);
        for &place in places.iter().filter(|place| place.build_id.as_ref() == Some(&id)) {
            let mut frames = module.look_up(place.clone());
            if frames.iter().all(|frame| frame.function.is_none()) {
                continue;
            }
            // A file of debug information alone has no headers that tell its build id.
            frames.iter_mut().filter_map(|frame| frame.unresolved.as_mut()).for_each(|at| *at = place.clone());
            found.insert(place.clone(), frames);
        }
    }
    let ours = our_sources_in(found.values().flatten());
    owned(found, sources, ours)
}
