//! Operations that belong to one test alone, so that no name finds them: nobody else can enter them, and their figures
//! are the test's own.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::operations::{Caller, make};
use super::recent::operation;
use crate::record;
use crate::words::{Node, OTHER};

/// How many private operations were made.
static PRIVATE: AtomicU32 = AtomicU32::new(0);

/// Makes an operation at the path that `name` has within `within`, which that name does not find. Snapshots and reports
/// add it to the other operations at that path. [`OTHER`] where none can be made.
pub(crate) fn new_private(within: &'static Node, name: &str, caller: Caller) -> &'static Node {
    let _quiet = record::quiet();
    // This also makes the operation that the name finds, so that the path can be looked up.
    let twin = operation(within, name, caller);
    if twin.id == OTHER.id || twin.id == within.id {
        return &OTHER;
    }
    PRIVATE.fetch_add(1, Relaxed);
    record::lock_over_forks(|| make(twin.parent, twin.name, caller, true)).unwrap_or(&OTHER)
}

/// Whether a path may have several operations.
pub(crate) fn has_private() -> bool {
    PRIVATE.load(Relaxed) > 0
}
