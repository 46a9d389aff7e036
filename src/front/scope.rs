//! The front door: `track`, `measure`, `current`, and what they return.

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;
use std::marker::PhantomData;
use std::panic::Location;

use super::process;
use crate::record::{self, Opened, ScopeReading};
use crate::registry;
use crate::words::{MAX_NAME, Node, Tally, Tid, Written};

/// Names of operations: strings, and `format_args!(..)` for names that are made up on the way.
///
/// ```
/// let id = 7;
/// let _op = heapledger::track(format_args!("query:{id}")); // no String of yours
/// ```
pub trait Name: sealed::Sealed {}

pub(crate) mod sealed {
    pub trait Sealed {
        fn with<R>(self, see: impl FnOnce(&str) -> R) -> R;
    }
}
use sealed::Sealed;

macro_rules! names {
    ($($type:ty),+) => { $(
        impl Name for $type {}
        impl Sealed for $type {
            #[inline]
            fn with<R>(self, see: impl FnOnce(&str) -> R) -> R {
                let name: &str = self.as_ref();
                if name.len() <= MAX_NAME { see(name) } else { written(format_args!("{name}"), see) }
            }
        }
    )+ };
}

names!(&str, &String, String, &Cow<'_, str>);

impl Name for fmt::Arguments<'_> {}
impl Sealed for fmt::Arguments<'_> {
    #[inline]
    fn with<R>(self, see: impl FnOnce(&str) -> R) -> R {
        match self.as_str() {
            Some(name) => name.with(see),
            None => written(self, see),
        }
    }
}

fn written<R>(name: fmt::Arguments<'_>, see: impl FnOnce(&str) -> R) -> R {
    let mut written = Written::new();
    // A `Display` that fails gives the name as far as it came.
    let _ = written.write_fmt(name);
    see(written.as_str())
}

/// Enters the operation `name` within the active one, until the returned scope is dropped.
///
/// Everything this thread allocates and frees meanwhile is charged to it. Operations nest: `b` entered inside `a` is
/// `a/b`, and `track("a/b")` enters that directly. Of names longer than 256 bytes the start and a hash are kept; past
/// 65,536 operations, or 128 levels, new names fall into `(other)`, which the report counts.
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
    let place = Location::caller();
    name.with(|name| enter(name, place))
}

/// Not generic, so that it is compiled here, in one piece.
fn enter(name: &str, place: &'static Location<'static>) -> Scope {
    if !process::begun() {
        return Scope::inert();
    }
    Scope::enter(registry::operation(record::active(), name, Some(place)))
}

/// Runs `work` as operation `name`, and says what it did.
///
/// # Panics
/// When `work` does; the operation has ended then.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let (numbers, tally) = heapledger::measure("parse", || vec![1u32, 2, 3]);
/// assert_eq!((numbers.len(), tally.allocated_bytes), (3, 12));
/// ```
#[track_caller]
pub fn measure<R>(name: impl Name, work: impl FnOnce() -> R) -> (R, Tally) {
    let scope = track(name);
    let out = work();
    (out, scope.finish())
}

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

/// Whether heapledger is the global allocator of this program: asked of `std::alloc` itself, once.
///
/// ```
/// assert!(!heapledger::is_installed()); // nothing is installed in this program
/// ```
pub fn is_installed() -> bool {
    record::installed()
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

/// An operation that is active on this thread until this is dropped.
///
/// Scopes may be dropped in any order, also while unwinding and in thread-local destructors. One that is dropped
/// before a scope begun after it is counted as misnested, and the inner one stays active. A forgotten one stays active
/// until its thread ends. Hold none across `.await`: [`tracked`](crate::Track::tracked) is for that.
#[must_use = "an operation ends when its scope is dropped: bind it, `let _op = track(..)`"]
#[derive(Debug)]
pub struct Scope {
    pub(crate) opened: Option<Opened>,
    /// A scope belongs to the thread that entered it.
    _not_send: PhantomData<*const ()>,
}

impl Scope {
    fn inert() -> Self {
        Self { opened: None, _not_send: PhantomData }
    }

    #[inline]
    pub(crate) fn enter(node: &'static Node) -> Self {
        Self { opened: record::open(node, None), _not_send: PhantomData }
    }

    /// Enters without counting a new scope; `carried` is the net so far.
    pub(crate) fn resume(node: &'static Node, carried: i64) -> Self {
        Self { opened: record::open(node, Some(carried)), _not_send: PhantomData }
    }

    /// The system's numbers of the threads that began in the scope and have not ended, where that can be known.
    pub(crate) fn threads(&self) -> Vec<Tid> {
        #[cfg(heapledger_interpose)]
        return self.opened.map(|opened| opened.threads().collect()).unwrap_or_default();
        #[cfg(not(heapledger_interpose))]
        Vec::new()
    }

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

    /// Lets threads that are spawned while this scope lasts start in its operation, whoever spawns them: on the
    /// thread that spawns, the innermost scope that asked decides, and threads that began in it pass it on. A scope
    /// that has ended passes nothing on; threads that run keep their operation.
    ///
    /// Needs the feature `threads`, which interposes `pthread_create`: for programs and test binaries on Linux with a
    /// dynamic glibc. Elsewhere the call does not compile; [`Operation::run`], [`Operation::adopt`] and
    /// [`tracked`](crate::Track::tracked) work everywhere.
    ///
    /// The scope's peak is then that of all its threads together, off by at most 64 KiB for each, as the report says.
    ///
    /// # Panics
    /// When another `pthread_create` comes before ours, as in a plug-in (cdylib) of another program.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let scope = heapledger::track("index_build").with_threads();
    /// let kept = std::thread::spawn(|| vec![0u8; 256]).join().unwrap();
    /// drop(scope);
    /// assert_eq!(heapledger::snapshot().operation("index_build").unwrap().threads, 2);
    /// # drop(kept);
    /// ```
    #[cfg(heapledger_interpose)]
    pub fn with_threads(self) -> Self {
        assert!(
            !record::installed() || record::interposes(),
            "with_threads() cannot see threads being spawned here: this program's `pthread_create` is not heapledger's \
             (is this a plug-in of another program?). Carry the operation with `Operation::run` or `adopt` instead",
        );
        if let Some(opened) = self.opened {
            opened.share();
        }
        self
    }

    /// Lets threads that are spawned while this scope lasts start in its operation. Not on this platform: the call
    /// does not compile.
    #[cfg(all(feature = "threads", not(heapledger_interpose)))]
    pub fn with_threads(self) -> Self
    where
        for<'here> Here: InterposesThreads,
    {
        self
    }
}

/// This target.
#[cfg(all(feature = "threads", not(heapledger_interpose)))]
#[doc(hidden)]
#[derive(Debug)]
pub struct Here;

/// Targets on which `pthread_create` can be interposed.
#[cfg(all(feature = "threads", not(heapledger_interpose)))]
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`with_threads()` cannot work on this target: it needs Linux with a dynamic glibc, and no sanitizer",
    note = "carry the operation with `Operation::run`, `Operation::adopt` or `tracked` instead"
)]
pub trait InterposesThreads {}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        if let Some(opened) = self.opened.take() {
            opened.close();
        }
    }
}
