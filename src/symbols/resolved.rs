//! Where debug information is not read from the files that Linux shows: `backtrace` looks addresses up. It keeps what
//! it has read of the program.

use std::collections::{BTreeMap, BTreeSet};
use std::ptr::without_provenance_mut;

use super::looked::Looked;
use super::modules::ModuleFiles;

/// What stands at these addresses of code, for each the innermost function first.
pub(super) fn look_up(modules: &ModuleFiles, addresses: &BTreeSet<u64>) -> BTreeMap<u64, Vec<Looked>> {
    let look = |&address: &u64| {
        let mut frames = Vec::new();
        // It takes addresses for those that calls return to, and looks one byte before.
        backtrace::resolve(without_provenance_mut(address as usize + 1), |symbol| {
            frames.push(Looked {
                function: symbol.name().map(|name| format!("{name:#}")),
                file: symbol.filename().map(|file| file.display().to_string().replace('\\', "/")),
                line: symbol.lineno().filter(|&line| line > 0),
                column: symbol.colno().filter(|&column| column > 0),
                unresolved: None,
            });
        });
        if frames.iter().all(|frame| frame.function.is_none()) {
            frames = vec![Looked { unresolved: Some(modules.find(address).1), ..Looked::default() }];
        }
        (address, frames)
    };
    addresses.iter().map(look).collect()
}

/// Files of code are not opened here.
pub(crate) fn build_id_of_this_program() -> Option<String> {
    None
}
