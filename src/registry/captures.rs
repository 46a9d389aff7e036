//! Which operations are captured: those that a capture in progress covers, also operations that are made while it lasts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::operations::named;
use crate::record;
use crate::words::Node;

/// Whether a capture covers an operation: always the same answer for one operation.
type Covers = Box<dyn Fn(&Node) -> bool + Send>;

/// The captures in progress. Locked only inside [`record::lock_over_forks`], so nobody waits for it and no fork finds it
/// held.
static IN_PROGRESS: Mutex<Vec<(CaptureId, Covers)>> = Mutex::new(Vec::new());
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Names a capture in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CaptureId(u64);

fn in_progress() -> MutexGuard<'static, Vec<(CaptureId, Covers)>> {
    IN_PROGRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, what the operations that `covers` tells allocate is charged to their call stacks too. `None` where no
/// stacks can be taken. Other threads notice where they next begin or end a scope.
pub(crate) fn begin_capture(covers: impl Fn(&Node) -> bool + Send + 'static) -> Option<CaptureId> {
    record::quietly(|| {
        record::lock_over_forks(|| {
            // One at a time: it lists the program's modules.
            if !record::prepare_capture() {
                return None;
            }
            let id = CaptureId(NEXT.fetch_add(1, Relaxed));
            for node in named().filter(|node| covers(node)) {
                node.captures.fetch_add(1, Relaxed);
            }
            in_progress().push((id, Box::new(covers)));
            Some(id)
        })
    })
}

/// Ends a capture.
pub(crate) fn end_capture(id: CaptureId) {
    record::quietly(|| {
        record::lock_over_forks(|| {
            let mut in_progress = in_progress();
            if let Some(at) = in_progress.iter().position(|(known, _)| *known == id) {
                let (_, covers) = in_progress.swap_remove(at);
                for node in named().filter(|node| covers(node)) {
                    node.captures.fetch_sub(1, Relaxed);
                }
            }
        });
    });
}

/// How many captures in progress cover an operation that is being made. The caller holds the lock.
pub(super) fn covering(node: &Node) -> u32 {
    in_progress().iter().filter(|(_, covers)| covers(node)).count() as u32
}
