//! Functions and lines of programs that have none, looked up for a report after it was made.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::report::{Data, sources_of};
use crate::symbols::{CallFrame, Origin, symbolized_by_build_id};

/// A module of which something could not be found.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unfound<'a> {
    pub(crate) module: &'a str,
    pub(crate) build_id: Option<&'a str>,
    /// Functions have names, and no lines.
    pub(crate) has_names: bool,
}

impl Data {
    /// Puts functions where there were only places in a file, as far as files in these folders have the symbols of the
    /// same build. What is left then.
    pub(crate) fn find_symbols(&mut self, folders: &[PathBuf]) -> BTreeSet<Unfound<'_>> {
        let sources = Vec::from_iter(sources_of(&self.rows));
        let places = self.stacks.without_lines().map(|(_, at)| at).collect();
        let found = symbolized_by_build_id(&places, folders, &sources);
        // Of stacks that became the same, the figures may not fit together: a file can hold any.
        if let Some(stacks) = self.stacks.with_functions(&found) {
            self.stacks = stacks;
        }
        let left = self.stacks.without_lines().filter(|(frame, at)| !at.module.is_empty() && is_missed(frame));
        let unfound = left.map(|(frame, at)| Unfound {
            module: &at.module,
            build_id: at.build_id.as_deref(),
            has_names: frame.function.is_some(),
        });
        unfound.collect()
    }
}

/// Whether there should be more of a function. Libraries in C, and what leads to the allocator, may never have had
/// lines.
fn is_missed(frame: &CallFrame) -> bool {
    frame.function.as_ref().is_none_or(|name| frame.origin == Origin::Unknown && name.contains("::"))
}
