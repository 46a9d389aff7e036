//! The captures in progress.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::words::{CaptureRule, Node};

/// Whether a capture covers an operation: always the same answer for one operation. It must not allocate: whoever
/// enters a new name survives without memory.
pub(super) type Covers = Box<dyn Fn(&Node) -> bool + Send>;

/// A capture: which operations it covers, and how many bytes lie between two samples.
struct InProgress {
    id: CaptureId,
    covers: Covers,
    every: u64,
    /// What somebody wrote who asked for it; `None` of a capture of the ledger's own, which no report tells of.
    pattern: Option<String>,
}

/// Locked only inside [`record::lock_over_forks`](crate::record::lock_over_forks), so nobody waits for it and no fork
/// finds it held.
static IN_PROGRESS: Mutex<Vec<InProgress>> = Mutex::new(Vec::new());
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Names a capture in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CaptureId(u64);

fn in_progress() -> MutexGuard<'static, Vec<InProgress>> {
    IN_PROGRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a capture. The caller holds the lock over forks, as everywhere here.
pub(super) fn add(covers: Covers, every: u64, pattern: Option<String>) -> CaptureId {
    let id = CaptureId(NEXT.fetch_add(1, Relaxed));
    in_progress().push(InProgress { id, covers, every, pattern });
    id
}

/// Changes how many bytes lie between two samples of a capture.
pub(super) fn change(id: CaptureId, every: u64) {
    in_progress().iter_mut().filter(|capture| capture.id == id).for_each(|capture| capture.every = every);
}

/// Takes a capture away.
pub(super) fn remove(id: CaptureId) {
    in_progress().retain(|capture| capture.id != id);
}

/// How many bytes lie between two samples of an operation: as few as any capture wants that covers it. Zero where none
/// does.
pub(super) fn covering(node: &Node) -> u64 {
    let in_progress = in_progress();
    let covering = in_progress.iter().filter(|capture| (capture.covers)(node));
    covering.map(|capture| capture.every).min().unwrap_or(0)
}

/// What was asked for, and whether any of these operations is what was meant.
pub(super) fn rules<I: Iterator<Item = &'static Node>>(nodes: impl Fn() -> I) -> Vec<CaptureRule> {
    let in_progress = in_progress();
    let rules = in_progress.iter().filter_map(|capture| {
        Some(CaptureRule {
            pattern: capture.pattern.clone()?,
            sampled_every: Some(capture.every).filter(|every| *every > 1),
            matched: nodes().any(|node| (capture.covers)(node)),
        })
    });
    CaptureRule::joined(rules)
}
