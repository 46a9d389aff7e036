//! Entering operations: `track`, `measure`, and the scope that they open.

use std::marker::PhantomData;
use std::panic::Location;

use super::name::Name;
use super::process;
use crate::record::{self, Opened, ScopeReading};
use crate::registry;
use crate::words::{Node, Tally, Tid};

/// Enters the operation `name` within the active one, until the returned scope is dropped.
///
/// Everything this thread allocates and frees meanwhile is charged to it. Operations nest: `b` entered inside `a` is
/// `a/b`, and `track("a/b")` enters that directly. Of names longer than 256 bytes the start and a hash are kept; past
/// 65,536 operations, or 128 levels, or without memory, new names fall into `(other)`, and within what a leak test or a
/// budget measures into that; the report counts such scopes, and no budget passes then.
///
/// Costs some ten nanoseconds for a name this thread used before, and allocates nothing; a new name is made once, at
/// the ledger's own expense. Does nothing where heapledger is not the global allocator.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let scope = heapledger::track("index_build");
/// let kept = vec![0u8; 1024];
/// assert_eq!(scope.finish().net_bytes(), 1024);
/// # drop(kept);
/// ```
#[track_caller]
pub fn track(name: impl Name) -> Scope {
    enter(name, Location::caller())
}

/// What a name leads to.
enum Found {
    /// Its operation, which this thread entered lately, is entered again.
    Entered(Opened),
    /// The operation that is to be entered; none where the ledger does not serve the program.
    ToEnter(Option<&'static Node>),
}

#[inline]
fn enter<N: Name>(name: N, place: &'static Location<'static>) -> Scope {
    let begun = record::begun();
    if begun == Some(false) {
        return Scope::inert();
    }
    let found = name.with(|name| {
        let entered = if N::IS_LENT && begun == Some(true) { record::open_known(name) } else { None };
        entered.map_or_else(|| Found::ToEnter(find(name, place)), Found::Entered)
    });
    // A name that was given away has been freed before the operation begins: that is no doing of the operation.
    match found {
        Found::Entered(opened) => Scope { opened: Some(opened), _not_send: PhantomData },
        Found::ToEnter(node) => node.map_or_else(Scope::inert, Scope::enter),
    }
}

/// The operation that is to be entered; `None` where none is.
#[inline(never)]
fn find(name: &str, place: &'static Location<'static>) -> Option<&'static Node> {
    process::announced_and_installed().then(|| registry::operation(record::active(), name, Some(place)))
}

/// Runs `work` as operation `name`, and says what it did. What `work` returns is alive then, and counts as kept: to see
/// that nothing stays, return nothing that owns memory.
///
/// # Panics
/// When `work` does; the operation has ended then.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let (numbers, tally) = heapledger::measure("parse", || vec![1u32, 2, 3]);
/// assert_eq!((numbers.len(), tally.allocated_bytes, tally.net_bytes()), (3, 12, 12));
///
/// let (sum, tally) = heapledger::measure("sum", || vec![1u32, 2, 3].iter().sum::<u32>());
/// assert_eq!((sum, tally.allocated_bytes, tally.net_bytes()), (6, 12, 0));
/// ```
#[track_caller]
pub fn measure<R>(name: impl Name, work: impl FnOnce() -> R) -> (R, Tally) {
    let scope = track(name);
    let out = work();
    (out, scope.finish())
}

/// Runs `work`, and leaves what this thread does in it out of what the scopes around it tell: for a test's own
/// bookkeeping, a log, an oracle that the measured code is compared with.
///
/// It is the operation `(excluded)` within the active one, so snapshots, reports and the law have all of it. But
/// tallies, peaks and budgets of scopes that were open before are as if it had not happened. Activity is left out by
/// when it happens, ownership by who allocates: a block that is allocated inside and freed outside is a free alone to
/// the scopes around, and adds nothing to `live_bytes` of their budgets; one that is allocated outside and freed
/// inside stays in their net and peak, and leaves `live_bytes`. Threads that `work` spawns are left out where they
/// would have counted; other threads are not.
///
/// A scope that is begun inside tells what it did as ever. Leak tests, and `live_bytes_per_iteration`, still see what
/// is kept inside: a leak is one wherever it happens. What [`deny_alloc`](crate::deny_alloc) denies stays denied.
///
/// Costs what two scopes do, and the lookup of a name. Does nothing else where heapledger is not the global allocator.
///
/// # Panics
/// When `work` does; it has ended then.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let (found, tally) = heapledger::measure("search", || {
///     let found = vec![1u32, 2, 3];
///     heapledger::exclude(|| assert_eq!(found, (1..4).collect::<Vec<u32>>()));
///     found
/// });
/// assert_eq!((found.len(), tally.allocs, tally.frees, tally.peak_bytes), (3, 1, 0, Some(12)));
/// let left_out = heapledger::snapshot().operation("search/(excluded)").unwrap();
/// assert_eq!((left_out.own.allocs, left_out.own.frees), (1, 1));
/// ```
#[track_caller]
pub fn exclude<R>(work: impl FnOnce() -> R) -> R {
    let _excluded = Excluded::begin(Location::caller());
    work()
}

/// While it lives, what this thread does is left out of what scopes around it tell.
struct Excluded(Option<Opened>);

impl Excluded {
    fn begin(place: &'static Location<'static>) -> Self {
        if !process::announced_and_installed() {
            return Self(None);
        }
        let opened = record::open(registry::excluded(record::active(), Some(place)));
        Self(opened.inspect(|opened| opened.exclude()))
    }
}

impl Drop for Excluded {
    fn drop(&mut self) {
        if let Some(opened) = self.0.take() {
            opened.close_excluded();
        }
    }
}

/// Whether heapledger is the global allocator of this program: asked of `std::alloc` itself, once.
///
/// ```
/// assert!(!heapledger::is_installed()); // nothing is installed in this program
/// ```
pub fn is_installed() -> bool {
    record::installed()
}

/// An operation that is active on this thread until this is dropped.
///
/// Scopes may be dropped in any order, also while unwinding and in thread-local destructors. One that is dropped
/// before a scope begun after it is counted as misnested, and the inner one stays active. A forgotten one stays active
/// until its thread ends.
///
/// Hold none across `.await`: [`tracked`](crate::Track::tracked) is for that. Two futures on one thread that are polled
/// in turn, as `join!` does, and each hold a scope meanwhile, nest it in the other's: what the first one does from its
/// second poll on is charged to the second one. It is counted as [misnested](crate::Report::misnested) if the
/// scope that began first ends first, and whenever the future is tracked, once for the poll that ends and once for the
/// scope; it is not seen if the one that began last ends first, though the charges are as wrong. A task that may move
/// between threads cannot hold one: a scope is not `Send`.
#[must_use = "an operation ends when its scope is dropped: bind it, `let _op = track(..)`"]
#[derive(Debug)]
pub struct Scope {
    pub(crate) opened: Option<Opened>,
    /// A scope belongs to the thread that entered it.
    _not_send: PhantomData<*const ()>,
}

impl Scope {
    /// A scope that does nothing, for where heapledger is not the global allocator.
    pub(super) fn inert() -> Self {
        Self { opened: None, _not_send: PhantomData }
    }

    #[inline]
    pub(crate) fn enter(node: &'static Node) -> Self {
        Self { opened: record::open(node), _not_send: PhantomData }
    }

    /// Enters without counting a new scope; `carried` is the net so far.
    pub(crate) fn resume(node: &'static Node, carried: i64) -> Self {
        Self { opened: record::resume(node, carried), _not_send: PhantomData }
    }

    /// The system's numbers of the threads that began in the scope and have not ended, where that can be known.
    pub(crate) fn threads(&self) -> Vec<Tid> {
        #[cfg(heapledger_interpose)]
        return self.opened.map(|opened| opened.threads().collect()).unwrap_or_default();
        #[cfg(not(heapledger_interpose))]
        Vec::new()
    }

    /// What the scope did so far; `None` if it does nothing or has ended.
    pub(crate) fn so_far(&self) -> Option<ScopeReading> {
        self.opened?.read()
    }

    /// Ends the scope and says what this thread did in it, the scopes inside it included. `live_*` is the change in
    /// live bytes and blocks, whoever owns them; the peak is exact, or for a `with_threads()` scope that of all its
    /// threads. All zero where heapledger is not the global allocator.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let scope = heapledger::track("search");
    /// drop(vec![0u8; 2048]);
    /// let tally = scope.finish();
    /// assert_eq!((tally.net_bytes(), tally.peak_bytes), (0, Some(2048)));
    /// ```
    pub fn finish(self) -> Tally {
        self.so_far().map_or_else(Tally::default, |did| did.activity.counts().tally(Some(did.peak.bytes)))
    }
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        if let Some(opened) = self.opened.take() {
            opened.close();
        }
    }
}
