//! Operations that belong to one test alone, so that no name finds them: nobody else can enter them, and their figures
//! are the test's own.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::operations::{Caller, make};
use super::recent::operation;
use crate::record;
use crate::words::{Node, OTHER};

/// How many operations no name finds.
static PRIVATE: AtomicU32 = AtomicU32::new(0);

/// A new operation at the path that `name` has within `within`, which nobody enters by that name. In snapshots and
/// reports it is part of whatever is at that path.
pub(crate) fn new_private(within: &'static Node, name: &str, caller: Caller) -> &'static Node {
    let _quiet = record::quiet();
    // The operation that the name finds exists too, so that its path is known.
    let twin = operation(within, name, caller);
    if twin.id == OTHER.id {
        return twin;
    }
    PRIVATE.fetch_add(1, Relaxed);
    record::lock_over_forks(|| make(twin.parent, twin.name, caller, true)).unwrap_or(&OTHER)
}

/// Whether a path may have several operations.
pub(crate) fn has_private() -> bool {
    PRIVATE.load(Relaxed) > 0
}
