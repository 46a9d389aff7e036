//! An operation as users carry it to other threads.

use std::fmt;

use super::scope::Scope;
use crate::record;
use crate::words::Node;

/// The operation that is active on this thread: `(unattributed)` outside every scope.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let _op = heapledger::track("search");
/// assert_eq!(heapledger::current().path(), "search");
/// ```
pub fn current() -> Operation {
    Operation(record::active())
}

/// An operation, to carry to other threads and tasks. As cheap to copy as a reference.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let scope = heapledger::track("index_build");
/// let op = heapledger::current();
/// let kept = std::thread::spawn(move || op.run(|| vec![0u8; 512])).join().unwrap();
/// drop(scope);
/// let row = heapledger::snapshot().operation("index_build").unwrap();
/// assert_eq!((row.threads, row.own.live_bytes >= 512), (2, true));
/// # drop(kept);
/// ```
#[derive(Clone, Copy)]
pub struct Operation(pub(crate) &'static Node);

impl Operation {
    /// Its names from the outermost in, joined by `/`. Allocates a `String`.
    ///
    /// ```
    /// assert_eq!(heapledger::current().path(), "(unattributed)");
    /// ```
    pub fn path(self) -> String {
        self.0.path()
    }

    /// Runs `work` on this thread as part of the operation.
    ///
    /// # Panics
    /// When `work` does; the operation has ended on this thread then.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let op = heapledger::current();
    /// std::thread::spawn(move || op.run(|| "work")).join().unwrap();
    /// ```
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        let _scope = self.enter();
        work()
    }

    /// Enters the operation on this thread, until the returned scope is dropped.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let op = heapledger::current();
    /// std::thread::spawn(move || {
    ///     let _op = op.enter();
    /// });
    /// ```
    pub fn enter(self) -> Scope {
        if record::installed() { Scope::enter(self.0) } else { Scope::inert() }
    }

    /// Makes it this thread's base operation: from now on, whatever this thread does outside every scope is charged
    /// to it. For the first line of a thread that works for one operation all its life.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let scope = heapledger::track("serve");
    /// let op = heapledger::current();
    /// std::thread::spawn(move || {
    ///     op.adopt();
    ///     assert_eq!(heapledger::current().path(), "serve");
    /// })
    /// .join()
    /// .unwrap();
    /// # drop(scope);
    /// ```
    pub fn adopt(self) {
        if record::installed() {
            record::adopt(self.0);
        }
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Operation").field(&self.path()).finish()
    }
}

impl PartialEq for Operation {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Operation {}
