//! Which operations are captured: those that a capture in progress covers, also operations that are made while it
//! lasts.

use std::sync::atomic::Ordering::Relaxed;

use super::in_progress::{CaptureId, add, remove};
use super::operations::named;
use crate::record;
use crate::words::Node;

/// From now on, what the operations that `covers` tells allocate is charged to their lines. `None` where the system is
/// out of memory. Other threads notice where they next begin or end a scope.
pub(crate) fn begin_capture(covers: impl Fn(&Node) -> bool + Send + 'static) -> Option<CaptureId> {
    record::quietly(|| {
        record::lock_over_forks(|| {
            // One at a time: it lists the program's modules.
            if !record::prepare_capture() {
                return None;
            }
            for node in named().filter(|node| covers(node)) {
                node.captures.fetch_add(1, Relaxed);
            }
            Some(add(Box::new(covers)))
        })
    })
}

/// Ends a capture.
pub(crate) fn end_capture(id: CaptureId) {
    record::quietly(|| {
        record::lock_over_forks(|| {
            if let Some(covers) = remove(id) {
                for node in named().filter(|node| covers(node)) {
                    node.captures.fetch_sub(1, Relaxed);
                }
            }
        });
    });
}

/// Prepares for call stacks to be taken from now on. `false` where none can be.
pub(crate) fn prepare_stacks() -> bool {
    record::takes_stacks()
        || cfg!(heapledger_lines) && record::quietly(|| record::lock_over_forks(record::prepare_stacks))
}

/// Learns which modules the program unloaded, before stacks are read.
pub(crate) fn look_at_modules() {
    record::quietly(|| record::lock_over_forks(record::look_at_modules));
}
