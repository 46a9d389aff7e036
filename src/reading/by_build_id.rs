//! Functions of stripped programs, looked up for a report after it was made.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::report::{Data, sources_of};
use crate::symbols::{InModule, symbolized_by_build_id};

impl Data {
    /// Puts functions where there were only places in a file, as far as files in these folders have the symbols of the
    /// same build. The places that are left.
    pub(crate) fn find_symbols(&mut self, folders: &[PathBuf]) -> BTreeSet<&InModule> {
        let sources = Vec::from_iter(sources_of(&self.rows));
        let found = symbolized_by_build_id(&self.stacks.places().collect(), folders, &sources);
        // Of stacks that became the same, the figures may not fit together: a file can hold any.
        if let Some(stacks) = self.stacks.with_functions(&found) {
            self.stacks = stacks;
        }
        self.stacks.places().collect()
    }
}
