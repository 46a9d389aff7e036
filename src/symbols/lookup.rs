//! Debug information and symbol tables, asked for one module after the other: each is open only while its own addresses
//! are looked up. What is not there is left out, and nothing is guessed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::call_frame::InModule;
use super::headers::Headers;
use super::looked::Looked;
use super::machine_code::{MachineCode, Store};
use super::modules::{ModuleFiles, PROGRAM};
use super::raw_names::{demangled, name_of_outermost};

/// What stands at these addresses of code, for each the innermost function first.
pub(super) fn look_up(modules: &ModuleFiles, addresses: &BTreeSet<u64>) -> BTreeMap<u64, Vec<Looked>> {
    let mut by_file: BTreeMap<Option<PathBuf>, Vec<(u64, InModule)>> = BTreeMap::new();
    for &address in addresses {
        let (path, place) = modules.find(address);
        by_file.entry(path).or_default().push((address, place));
    }
    let mut found = BTreeMap::new();
    for (path, places) in by_file {
        let store = Store::default();
        let module = path.as_deref().map(|path| OpenModule::open(path, &store)).unwrap_or_default();
        found.extend(places.into_iter().map(|(address, place)| (address, module.look_up(place))));
    }
    found
}

/// Which build of the program runs here.
pub(crate) fn build_id_of_this_program() -> Option<String> {
    Headers::read(PROGRAM.as_ref())?.build_id
}

/// A module, and what could be read of it.
#[derive(Default)]
pub(super) struct OpenModule<'d> {
    headers: Headers,
    code: Option<MachineCode<'d>>,
}

impl<'d> OpenModule<'d> {
    pub(super) fn open(path: &'d Path, store: &'d Store) -> Self {
        Self { headers: Headers::read(path).unwrap_or_default(), code: MachineCode::open(path, store) }
    }

    /// What stands at a place, at least one function.
    pub(super) fn look_up(&self, place: InModule) -> Vec<Looked> {
        let at = place.address.or_else(|| self.headers.address(place.offset));
        let found = self.code.as_ref().zip(at).map(|(code, at)| frames(code, at));
        let mut frames = found.unwrap_or_else(|| vec![Looked::default()]);
        let is_compressed = self.code.as_ref().is_some_and(|code| code.is_compressed);
        let place = InModule { build_id: self.headers.build_id.clone(), address: at, is_compressed, ..place };
        // What cannot be read here may be read by others. The C library is the same below every stack.
        let has_lines = frames.iter().any(|frame| frame.file.is_some()) || place.is_in_c_library();
        for frame in frames.iter_mut().filter(|frame| frame.function.is_none() || !has_lines) {
            frame.unresolved = Some(place.clone());
        }
        frames
    }
}

/// At least one.
fn frames(code: &MachineCode<'_>, at: u64) -> Vec<Looked> {
    let mut frames = Vec::new();
    code.frames(at, |frame| {
        let name = frame.function.as_ref().and_then(|name| name.raw_name().ok());
        let place = frame.location.as_ref();
        frames.push(Looked {
            function: name.map(|name| demangled(&name)),
            file: place.and_then(|place| place.file).map(String::from),
            line: place.and_then(|place| place.line).filter(|&line| line > 0),
            column: place.and_then(|place| place.column).filter(|&column| column > 0),
            unresolved: None,
        });
    });
    if frames.is_empty() {
        frames.push(Looked::default());
    }
    if let Some(outermost) = frames.last_mut() {
        outermost.function = name_of_outermost(outermost.function.take(), code.symbol(at).map(demangled));
    }
    frames
}
