//! The monitor: for a process that runs for weeks. What is active, what finished and still owns memory, what to do
//! about it. All figures are the ledger's, never the resident set.
//!
//! ```
//! use heapledger::monitor::MemoryMonitor;
//!
//! #[global_allocator]
//! static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
//!
//! # fn main() -> anyhow::Result<()> {
//! let monitor = MemoryMonitor::new(1); // finished operations may keep one MiB
//! let cache = {
//!     let _run = monitor.start_operation("warm_cache");
//!     vec![0u8; 3 << 20]
//! };
//! let leaks = monitor.detect_leaks();
//! assert_eq!((leaks[0].operation.as_str(), leaks[0].live_bytes), ("warm_cache", 3 << 20));
//! drop(cache);
//! assert!(monitor.detect_leaks().is_empty());
//! # Ok(()) }
//! ```
//!
//! Every method may be called from any thread, also from callbacks and handlers: none runs them under a lock. The
//! monitor's bookkeeping is the ledger's own memory.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use anyhow::Context;

use super::process;
use super::scope::Scope;
use crate::reading::{Snapshot, live_bytes_about, snapshot};
use crate::record;
use crate::registry;
use crate::words::{Bytes, LEDGER, Node, OperationId, UNATTRIBUTED};

/// Watches operations of a long-running process. Dropping it ends its watching thread.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let monitor = heapledger::monitor::MemoryMonitor::new(64);
/// println!("{}", monitor.generate_report());
/// ```
pub struct MemoryMonitor {
    shared: Arc<Shared>,
    /// Hanging up ends the watching thread.
    watching: Mutex<Option<Sender<()>>>,
}

#[derive(Default)]
struct Shared {
    threshold_bytes: u64,
    operations: Mutex<HashMap<OperationId, Watched>>,
    cleanups: Mutex<Vec<Arc<Cleanup>>>,
    pressures: Mutex<Vec<Arc<Limited>>>,
    cleanups_run: AtomicU64,
    cleanups_done: AtomicU64,
}

/// An operation that was started at least once.
struct Watched {
    node: &'static Node,
    /// Of every run under way, what the operation had allocated when it began.
    running: Vec<(u64, u64)>,
    runs: u64,
    last: LastRun,
}

#[derive(Clone, Copy)]
struct LastRun {
    start_memory: u64,
    ended: SystemTime,
    completed: bool,
}

type Callback = dyn Fn() -> anyhow::Result<usize> + Send + Sync;
type Handler = dyn Fn(&Pressure) + Send + Sync;

struct Cleanup {
    name: String,
    callback: Box<Callback>,
}

struct Limited {
    limit: Limit,
    handler: Box<Handler>,
    /// The handler was called and the level has not been below the limit since.
    above: AtomicBool,
}

/// A panic elsewhere leaves nothing half done behind these locks.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often the watching thread looks.
const PERIOD: Duration = Duration::from_millis(100);

impl MemoryMonitor {
    /// A monitor to which a finished operation that still owns more than `leak_threshold_mb` MiB is a potential leak.
    ///
    /// # Panics
    /// When heapledger is not the global allocator: a monitor that cannot see must not report that all is well.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let monitor = heapledger::monitor::MemoryMonitor::new(10);
    /// assert!(monitor.detect_leaks().is_empty());
    /// ```
    #[track_caller]
    pub fn new(leak_threshold_mb: usize) -> Self {
        process::must_see();
        let threshold_bytes = (leak_threshold_mb as u64).saturating_mul(1 << 20);
        let shared = record::quietly(|| Arc::new(Shared { threshold_bytes, ..Shared::default() }));
        Self { shared, watching: Mutex::new(None) }
    }

    /// Enters the operation `name` within the active one, as [`track`](crate::track) does, and watches it. The same
    /// name may run on many threads at once. Takes a reading of the ledger: some microseconds.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let monitor = heapledger::monitor::MemoryMonitor::new(10);
    /// let run = monitor.start_operation("reindex");
    /// assert_eq!(monitor.generate_report().active_operations, 1);
    /// run.mark_completed();
    /// assert_eq!(monitor.generate_report().active_operations, 0);
    /// ```
    #[track_caller]
    pub fn start_operation(&self, name: &str) -> MemoryOperationGuard {
        let node = registry::operation(record::active(), name, Some(Location::caller()));
        let run = record::quietly(|| {
            let before = snapshot().total_of(node);
            let mut operations = locked(&self.shared.operations);
            let start_memory = before.live_bytes.max(0) as u64;
            let last = LastRun { start_memory, ended: SystemTime::now(), completed: false };
            let watched =
                operations.entry(node.id).or_insert_with(|| Watched { node, running: Vec::new(), runs: 0, last });
            watched.runs += 1;
            watched.running.push((watched.runs, before.allocated_bytes));
            Run { shared: Arc::clone(&self.shared), node, number: watched.runs, start_memory }
        });
        MemoryOperationGuard { open: Cell::new(Some((Scope::enter(node), run))) }
    }

    /// The operations that have finished and still own more than the threshold, the largest first: what they own and
    /// whatever was allocated below them, to the byte, at once. What runs is active, not leaking; of an operation of
    /// which another run is under way, only what that run cannot have allocated counts.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let monitor = heapledger::monitor::MemoryMonitor::new(0);
    /// let run = monitor.start_operation("search");
    /// std::mem::forget(vec![0u8; 4096]);
    /// assert!(monitor.detect_leaks().is_empty());
    /// drop(run);
    /// assert_eq!(monitor.detect_leaks()[0].live_bytes, 4096);
    /// ```
    pub fn detect_leaks(&self) -> Vec<MemorySnapshot> {
        self.runs_and_leaks(&snapshot()).1
    }

    /// How many runs are under way, and which finished operations still own too much.
    fn runs_and_leaks(&self, now: &Snapshot) -> (usize, Vec<MemorySnapshot>) {
        let mut leaks: Vec<MemorySnapshot> = Vec::new();
        let mut running = 0;
        for watched in locked(&self.shared.operations).values() {
            running += watched.running.len();
            let total = now.total_of(watched.node);
            let since_oldest = watched.running.iter().map(|(_, before)| total.allocated_bytes.saturating_sub(*before));
            let uncertain = since_oldest.max().unwrap_or(0);
            let certain = total.live_bytes.saturating_sub_unsigned(uncertain).max(0) as u64;
            if certain > self.shared.threshold_bytes {
                leaks.push(MemorySnapshot {
                    operation: watched.node.path(),
                    start_memory: watched.last.start_memory,
                    peak_memory: total.peak_bytes.unwrap_or(0),
                    timestamp: watched.last.ended,
                    expected_cleanup: watched.last.completed,
                    live_bytes: certain,
                });
            }
        }
        leaks.sort_by(|one, other| (other.live_bytes, &one.operation).cmp(&(one.live_bytes, &other.operation)));
        (running, leaks)
    }

    /// What the process owns now, what it peaked at, what runs, what may leak, and how cleanups fared.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let report = heapledger::monitor::MemoryMonitor::new(10).generate_report();
    /// assert!(report.peak_usage >= report.total_allocated);
    /// ```
    pub fn generate_report(&self) -> MemoryReport {
        let now = snapshot();
        let total = now.total();
        let (active_operations, potential_leaks) = self.runs_and_leaks(&now);
        let run = self.shared.cleanups_run.load(Relaxed);
        let done = self.shared.cleanups_done.load(Relaxed);
        MemoryReport {
            total_allocated: total.live_bytes.max(0) as u64,
            peak_usage: total.peak_bytes.unwrap_or(0),
            active_operations,
            potential_leaks,
            cleanup_success_rate: if run == 0 { 1.0 } else { done as f64 / run as f64 },
        }
    }

    /// Registers what a component can do to give memory back. The callback returns how many bytes it freed; it runs
    /// on the thread that calls [`force_cleanup`](Self::force_cleanup), as operation `cleanup/{name}`. It should hold
    /// its component weakly.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// # use std::sync::{Arc, Mutex};
    /// # fn main() -> anyhow::Result<()> {
    /// let monitor = heapledger::monitor::MemoryMonitor::new(10);
    /// let cache = Arc::new(Mutex::new(vec![0u8; 5000]));
    /// let held = Arc::downgrade(&cache);
    /// monitor.on_cleanup("result cache", move || {
    ///     let Some(cache) = held.upgrade() else { return Ok(0) };
    ///     Ok(std::mem::take(&mut *cache.lock().unwrap()).capacity())
    /// });
    /// assert_eq!(monitor.force_cleanup()?, 5000);
    /// # Ok(()) }
    /// ```
    pub fn on_cleanup(&self, name: &str, callback: impl Fn() -> anyhow::Result<usize> + Send + Sync + 'static) {
        record::quietly(|| {
            let cleanup = Cleanup { name: name.into(), callback: Box::new(callback) };
            locked(&self.shared.cleanups).push(Arc::new(cleanup));
        });
    }

    /// Runs every cleanup callback, then asks the system's allocator to give free pages back where it can (glibc).
    /// Returns the bytes that the callbacks really freed, as the ledger saw it on this thread.
    ///
    /// # Errors
    /// A [`CleanupError`] when a callback failed, panicked, or claimed more than it freed. The others have run.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// use heapledger::monitor::{CleanupError, MemoryMonitor};
    ///
    /// let monitor = MemoryMonitor::new(10);
    /// monitor.on_cleanup("boast", || Ok(1 << 30));
    /// let error = monitor.force_cleanup().unwrap_err();
    /// assert_eq!(error.downcast_ref::<CleanupError>().unwrap().freed_bytes, 0);
    /// assert!(error.to_string().contains("boast: claimed to free 1,073,741,824 B, but freed 0 B"));
    /// ```
    pub fn force_cleanup(&self) -> anyhow::Result<usize> {
        let cleanups = Quietly::new(|| locked(&self.shared.cleanups).clone());
        let mut failures = Vec::new();
        let mut freed_bytes = 0;
        for cleanup in cleanups.iter() {
            let (freed, outcome) = run_cleanup(cleanup);
            freed_bytes += freed;
            self.shared.cleanups_run.fetch_add(1, Relaxed);
            match outcome {
                Ok(()) => {
                    self.shared.cleanups_done.fetch_add(1, Relaxed);
                }
                Err(why) => failures.push((cleanup.name.clone(), why)),
            }
        }
        record::trim();
        if failures.is_empty() { Ok(freed_bytes) } else { Err(CleanupError { freed_bytes, failures }.into()) }
    }

    /// Calls `handler` when live bytes rise above `limit`: of the process, or of one operation and all below it
    /// ([`Limit::operation`]). Called once per rise, within about 100 ms, on a thread of the monitor's own; never
    /// inside the allocator, and again only after the level was below the limit.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// use heapledger::monitor::{Limit, MemoryMonitor};
    ///
    /// let monitor = MemoryMonitor::new(10);
    /// let (tell, told) = std::sync::mpsc::channel();
    /// monitor.on_pressure(Limit::operation("search", 1 << 20), move |pressure| {
    ///     let _ = tell.send(pressure.live_bytes);
    /// });
    /// let _op = heapledger::track("search");
    /// let cache = vec![0u8; 2 << 20];
    /// assert!(told.recv().unwrap() >= 2 << 20);
    /// # drop(cache);
    /// ```
    pub fn on_pressure(&self, limit: impl Into<Limit>, handler: impl Fn(&Pressure) + Send + Sync + 'static) {
        let limit = limit.into();
        record::quietly(|| {
            let limited = Limited { limit, handler: Box::new(handler), above: AtomicBool::new(false) };
            locked(&self.shared.pressures).push(Arc::new(limited));
            let mut watching = locked(&self.watching);
            if watching.is_none() {
                let (hold, hung_up) = channel();
                let shared = Arc::downgrade(&self.shared);
                let name = "heapledger-watch".to_string();
                // Without the thread, `check_pressure` still works.
                let spawned = std::thread::Builder::new().name(name).spawn(move || watch(&shared, &hung_up));
                *watching = spawned.is_ok().then_some(hold);
            }
        });
    }

    /// Looks at every limit now, and runs the handlers that are due on this thread.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::monitor::MemoryMonitor::new(10).check_pressure();
    /// ```
    pub fn check_pressure(&self) {
        self.shared.check_pressure();
    }
}

impl fmt::Debug for MemoryMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryMonitor").field("threshold_bytes", &self.shared.threshold_bytes).finish_non_exhaustive()
    }
}

type Quietly<T> = crate::record::Own<T>;

/// What the callback freed, and whether it did what it said.
fn run_cleanup(cleanup: &Cleanup) -> (usize, Result<(), String>) {
    let above = registry::operation(&UNATTRIBUTED, "cleanup", None);
    let scope = Scope::enter(registry::operation(above, &cleanup.name, None));
    let returned = catch_unwind(AssertUnwindSafe(|| (cleanup.callback)()));
    let net = scope.finish().net_bytes();
    let freed = usize::try_from(-net).unwrap_or(0);
    let outcome = match returned {
        Ok(Ok(claimed)) if claimed > freed => Err(format!(
            "claimed to free {} B, but freed {} B",
            crate::words::exact(claimed as i128),
            crate::words::exact(freed as i128)
        )),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("failed: {error:#}")),
        Err(panic) => Err(format!("panicked: {}", message_of(&*panic))),
    };
    (freed, outcome)
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

/// The watching thread, until the monitor is gone.
fn watch(shared: &Weak<Shared>, hung_up: &Receiver<()>) {
    record::adopt(&LEDGER);
    while hung_up.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
        let Some(shared) = shared.upgrade() else { return };
        // A handler that panics has said so through the panic hook; the others, and its next call, go on.
        let _ = catch_unwind(AssertUnwindSafe(|| shared.check_pressure()));
    }
}

impl Shared {
    fn check_pressure(&self) {
        let limits = Quietly::new(|| locked(&self.pressures).clone());
        for limited in limits.iter() {
            let live_bytes = record::quietly(|| limited.limit.live_bytes());
            if live_bytes <= limited.limit.bytes {
                limited.above.store(false, Relaxed);
            } else if !limited.above.swap(true, Relaxed) {
                let operation = limited.limit.operation.clone();
                let _scope = Scope::enter(registry::operation(&UNATTRIBUTED, "pressure", None));
                (limited.handler)(&Pressure { operation, live_bytes, limit_bytes: limited.limit.bytes });
            }
        }
    }
}

/// How much may be live before a handler is called: a number of bytes for the process, or [`Limit::operation`].
///
/// ```
/// use heapledger::monitor::Limit;
///
/// let process: Limit = (1 << 30).into();
/// let search = Limit::operation("search", 64 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    operation: Option<String>,
    bytes: u64,
}

impl Limit {
    /// For the operation at `path` and all operations below it.
    ///
    /// ```
    /// let limit = heapledger::monitor::Limit::operation("index_build/commit", 64 << 20);
    /// ```
    pub fn operation(path: &str, bytes: u64) -> Self {
        Self { operation: Some(path.into()), bytes }
    }

    fn live_bytes(&self) -> u64 {
        let live = match &self.operation {
            Some(path) => snapshot().operation(path).map_or(0, |row| row.total.live_bytes),
            // Far below the limit, what the threads last told is enough.
            None if live_bytes_about() < self.bytes as i64 / 2 => live_bytes_about(),
            None => snapshot().process(),
        };
        live.max(0) as u64
    }
}

impl From<u64> for Limit {
    fn from(bytes: u64) -> Self {
        Self { operation: None, bytes }
    }
}

/// What a pressure handler is told.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let monitor = heapledger::monitor::MemoryMonitor::new(10);
/// monitor.on_pressure(1 << 30, |pressure: &heapledger::monitor::Pressure| eprintln!("{pressure}"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pressure {
    /// The operation that the limit is for; nothing for the process.
    pub operation: Option<String>,
    /// What is live now, in bytes.
    pub live_bytes: u64,
    /// What may be live, in bytes.
    pub limit_bytes: u64,
}

impl fmt::Display for Pressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (live, limit) = (Bytes(self.live_bytes.into()), Bytes(self.limit_bytes.into()));
        match &self.operation {
            Some(path) => write!(f, "operation {path:?} owns {live}, above its limit of {limit}"),
            None => write!(f, "the process owns {live}, above its limit of {limit}"),
        }
    }
}

/// A run of an operation under a [`MemoryMonitor`]: the operation is active until this is dropped or marked completed.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let monitor = heapledger::monitor::MemoryMonitor::new(10);
/// let run = monitor.start_operation("search");
/// assert_eq!(heapledger::current().path(), "search");
/// # drop(run);
/// ```
#[must_use = "an operation ends when its guard is dropped: bind it, `let _run = monitor.start_operation(..)`"]
pub struct MemoryOperationGuard {
    open: Cell<Option<(Scope, Run)>>,
}

struct Run {
    shared: Arc<Shared>,
    node: &'static Node,
    number: u64,
    start_memory: u64,
}

impl MemoryOperationGuard {
    /// Ends the operation now, as done: whatever it still owns was to be given back. Dropping the guard ends it too,
    /// as one that did not get to its end. Marking twice changes nothing.
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
            let mut operations = locked(&run.shared.operations);
            if let Some(watched) = operations.get_mut(&run.node.id) {
                watched.running.retain(|(number, _)| *number != run.number);
                watched.last = LastRun { start_memory: run.start_memory, ended: SystemTime::now(), completed };
            }
            drop(operations);
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

/// A finished operation that still owns memory.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let monitor = heapledger::monitor::MemoryMonitor::new(10);
/// for leak in monitor.detect_leaks() {
///     println!("{leak}");
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemorySnapshot {
    /// Its path.
    pub operation: String,
    /// What it owned when its latest run began, in bytes.
    pub start_memory: u64,
    /// The highest net bytes of one run.
    pub peak_memory: u64,
    /// When its latest run ended.
    pub timestamp: SystemTime,
    /// The latest run said that it completed, so that all of it was to be given back.
    pub expected_cleanup: bool,
    /// What it still owns, with all operations below it, in bytes.
    pub live_bytes: u64,
}

impl fmt::Display for MemorySnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation {:?} has finished and still owns {}", self.operation, Bytes(self.live_bytes.into()))
    }
}

/// What the monitor sees.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let report = heapledger::monitor::MemoryMonitor::new(10).generate_report();
/// assert_eq!((report.active_operations, report.cleanup_success_rate), (0, 1.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MemoryReport {
    /// Bytes of the process that are live now.
    pub total_allocated: u64,
    /// The most that were live at once, in bytes: known within 64 KiB for each thread.
    pub peak_usage: u64,
    /// Runs under way.
    pub active_operations: usize,
    /// Finished operations that still own more than the threshold, the largest first.
    pub potential_leaks: Vec<MemorySnapshot>,
    /// Of all cleanup callbacks run so far, the share that did what they said, 0 to 1; 1 when none has run.
    pub cleanup_success_rate: f64,
}

impl fmt::Display for MemoryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, peak) = (Bytes(self.total_allocated.into()), Bytes(self.peak_usage.into()));
        write!(f, "{now} live, {peak} at most; {} operations running; ", self.active_operations)?;
        write!(f, "{:.0} % of cleanups succeeded; ", self.cleanup_success_rate * 100.0)?;
        match self.potential_leaks.as_slice() {
            [] => write!(f, "no potential leaks"),
            leaks => {
                write!(f, "{} potential leaks:", leaks.len())?;
                leaks.iter().try_for_each(|leak| write!(f, "\n  {leak}"))
            }
        }
    }
}

/// Cleanup callbacks that did not do what they said.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// use heapledger::monitor::{CleanupError, MemoryMonitor};
///
/// let monitor = MemoryMonitor::new(10);
/// monitor.on_cleanup("cache", || anyhow::bail!("it is locked"));
/// let error = monitor.force_cleanup().unwrap_err();
/// let error = error.downcast_ref::<CleanupError>().unwrap();
/// assert_eq!(error.failures[0], ("cache".to_string(), "failed: it is locked".to_string()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CleanupError {
    /// What all callbacks freed, these included, in bytes.
    pub freed_bytes: usize,
    /// The names of those that failed, and why.
    pub failures: Vec<(String, String)>,
}

impl fmt::Display for CleanupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} freed, but {} cleanups failed", Bytes(self.freed_bytes as i128), self.failures.len())?;
        self.failures.iter().try_for_each(|(name, why)| write!(f, "\n  {name}: {why}"))
    }
}

impl std::error::Error for CleanupError {}

/// Components of a service that do their work under a monitor.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// use heapledger::monitor::{MemoryMonitor, MemoryTrackable};
///
/// struct Engine {
///     monitor: MemoryMonitor,
/// }
///
/// impl MemoryTrackable for Engine {
///     fn memory_monitor(&self) -> &MemoryMonitor {
///         &self.monitor
///     }
/// }
///
/// # fn main() -> anyhow::Result<()> {
/// let engine = Engine { monitor: MemoryMonitor::new(10) };
/// let hits = engine.with_memory_tracking("search", || Ok(3))?;
/// # assert_eq!(hits, 3);
/// # Ok(()) }
/// ```
pub trait MemoryTrackable {
    /// The monitor that watches this component.
    fn memory_monitor(&self) -> &MemoryMonitor;

    /// Runs `f` as a run of `operation`, completed when `f` returns `Ok`.
    ///
    /// # Errors
    /// What `f` says, with the operation's name.
    ///
    /// # Panics
    /// When `f` does; the run has ended then.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// use heapledger::monitor::{MemoryMonitor, MemoryTrackable};
    ///
    /// let monitor = MemoryMonitor::new(10); // a monitor watches itself
    /// let error = monitor.with_memory_tracking("search", || -> anyhow::Result<()> { anyhow::bail!("no index") });
    /// assert_eq!(format!("{:#}", error.unwrap_err()), "operation \"search\" failed: no index");
    /// ```
    fn with_memory_tracking<R>(&self, operation: &str, f: impl FnOnce() -> anyhow::Result<R>) -> anyhow::Result<R> {
        let run = self.memory_monitor().start_operation(operation);
        let out = f().with_context(|| format!("operation {operation:?} failed"))?;
        run.mark_completed();
        Ok(out)
    }
}

impl MemoryTrackable for MemoryMonitor {
    fn memory_monitor(&self) -> &MemoryMonitor {
        self
    }
}
