//! A run of an operation under the monitor: the scope, and what the monitor learns when it ends. `operations` finds
//! what the operation still owns.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use super::operations::Begun;
use super::shared::Shared;
use crate::front::scope::Scope;
use crate::record;

/// A run of an operation under a [`MemoryMonitor`](super::MemoryMonitor): the operation is active until this is dropped
/// or marked completed.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let monitor = heapledger::monitor::MemoryMonitor::new(10);
/// let run = monitor.start_operation("search");
/// assert_eq!(heapledger::current().path(), "search");
/// # drop(run);
/// ```
///
/// It belongs to its thread: it can neither be sent to another one nor be shared with it.
#[must_use = "an operation ends when its guard is dropped: bind it, `let _run = monitor.start_operation(..)`"]
pub struct MemoryOperationGuard {
    open: Cell<Option<(Scope, OperationRun)>>,
}

/// The run that the guard ends in the monitor.
pub(super) struct OperationRun {
    shared: Arc<Shared>,
    begun: Begun,
}

impl OperationRun {
    pub(super) fn new(shared: Arc<Shared>, begun: Begun) -> Self {
        Self { shared, begun }
    }
}

impl MemoryOperationGuard {
    pub(super) fn new(scope: Scope, run: OperationRun) -> Self {
        Self { open: Cell::new(Some((scope, run))) }
    }

    /// Ends the operation now, as completed: all that it owned should have been given back. Dropping the guard ends it
    /// too, as one that did not complete. Marking it again has no effect.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let monitor = heapledger::monitor::MemoryMonitor::new(0);
    /// let run = monitor.start_operation("search");
    /// std::mem::forget(Box::new(1u64));
    /// run.mark_completed();
    /// assert!(monitor.detect_leaks()[0].expected_cleanup);
    /// ```
    pub fn mark_completed(&self) {
        self.end(true);
    }

    fn end(&self, completed: bool) {
        let Some((scope, run)) = self.open.take() else { return };
        drop(scope);
        record::quietly(|| {
            run.shared.operations.end(run.begun, completed);
            drop(run);
        });
    }
}

impl Drop for MemoryOperationGuard {
    fn drop(&mut self) {
        self.end(false);
    }
}

impl fmt::Debug for MemoryOperationGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryOperationGuard").finish_non_exhaustive()
    }
}
