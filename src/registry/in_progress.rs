//! The captures in progress.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::words::Node;

/// Whether a capture covers an operation: always the same answer for one operation.
pub(super) type Covers = Box<dyn Fn(&Node) -> bool + Send>;

/// Locked only inside [`record::lock_over_forks`](crate::record::lock_over_forks), so nobody waits for it and no fork
/// finds it held.
static IN_PROGRESS: Mutex<Vec<(CaptureId, Covers)>> = Mutex::new(Vec::new());
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Names a capture in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CaptureId(u64);

fn in_progress() -> MutexGuard<'static, Vec<(CaptureId, Covers)>> {
    IN_PROGRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a capture. The caller holds the lock over forks, as everywhere here.
pub(super) fn add(covers: Covers) -> CaptureId {
    let id = CaptureId(NEXT.fetch_add(1, Relaxed));
    in_progress().push((id, covers));
    id
}

/// Takes a capture away.
pub(super) fn remove(id: CaptureId) -> Option<Covers> {
    let mut in_progress = in_progress();
    let at = in_progress.iter().position(|(known, _)| *known == id)?;
    Some(in_progress.swap_remove(at).1)
}

/// How many captures cover an operation that is being made.
pub(super) fn covering(node: &Node) -> u32 {
    in_progress().iter().filter(|(_, covers)| covers(node)).count() as u32
}
