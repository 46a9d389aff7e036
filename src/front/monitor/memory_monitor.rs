//! The monitor as users call it. What it does is in the files beside this one.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::cleanup::CleanupError;
use super::guard::{MemoryOperationGuard, OperationRun};
use super::operations::Standing;
use super::pressure::{Limit, Pressure, WatchingThread};
use super::report::{MemoryReport, MemorySnapshot, percentage};
use super::shared::Shared;
use crate::front::process;
use crate::front::scope::Scope;
use crate::reading::snapshot;
use crate::record::{self, Own};
use crate::registry;
use crate::words::Error;

/// Bytes of one MiB.
const MIB: u64 = 1 << 20;

/// Watches operations of a long-running process. Dropping it ends its watching thread.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let monitor = heapledger::monitor::MemoryMonitor::new(64);
/// println!("{}", monitor.generate_report());
/// ```
pub struct MemoryMonitor {
    shared: Own<Arc<Shared>>,
    /// It ends with the monitor, whatever guards are left.
    watching: Own<WatchingThread>,
}

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
        let threshold_bytes = (leak_threshold_mb as u64).saturating_mul(MIB);
        let shared = Own::new(|| Arc::new(Shared { threshold_bytes, ..Shared::default() }));
        Self { shared, watching: Own::new(WatchingThread::default) }
    }

    /// Enters the operation `name` within the active one, as [`track`](crate::track) does, and watches it. The same
    /// name may run on many threads at once. Reads what the operation and those below it did, on every thread: well
    /// below a microsecond for few threads, however many other operations are under way.
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
            let begun = self.shared.operations.begin(node);
            OperationRun::new(Arc::clone(&self.shared), begun)
        });
        MemoryOperationGuard::new(Scope::enter(node), run)
    }

    /// The operations that have finished and still own more than the threshold, the largest first: what they own and
    /// whatever was allocated below them, to the byte, at once. An operation that runs is active, not leaking. If an
    /// operation has finished and runs once more, only bytes that the run under way cannot have allocated count.
    ///
    /// None of it can be relied on where the ledger does not add up, as [`MemoryReport::problem`] says.
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
        self.shared.operations.stand(&snapshot(), self.shared.threshold_bytes).leaks
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
        let Standing { running, finished, leaks } = self.shared.operations.stand(&now, self.shared.threshold_bytes);
        MemoryReport {
            total_allocated: total.live_bytes.max(0) as u64,
            peak_usage: total.peak_bytes.unwrap_or(0),
            active_operations: running,
            cleanup_success_rate: percentage(finished - leaks.len() as u64, finished),
            callback_success_rate: self.shared.cleanups.success_rate(),
            potential_leaks: leaks,
            problem: now.check().err().filter(Error::is_violated).map(|error| error.to_string()),
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
        record::quietly(|| self.shared.cleanups.push(name, callback));
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
        let (freed_bytes, failures) = self.shared.cleanups.run_all();
        record::trim();
        if failures.is_empty() { Ok(freed_bytes) } else { Err(CleanupError { freed_bytes, failures }.into()) }
    }

    /// Calls `handler` when live bytes rise above `limit`: of the process, or of one operation and all below it
    /// ([`Limit::operation`]). Called once per rise, within about 100 ms, on a thread of its own, so that a handler
    /// that takes its time holds up no other; never inside the allocator, and again only after the level was below
    /// the limit. A child after `fork` has no such threads until it calls this.
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
        let limit: Limit = limit.into();
        record::quietly(|| {
            self.shared.pressures.push(limit.clone(), handler);
            let shared = Arc::downgrade(&self.shared);
            self.watching.start(move || {
                shared.upgrade()?.pressures.watch();
                Some(())
            });
        });
    }

    /// Looks at every limit now, and runs the handlers that are due on this thread.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::monitor::MemoryMonitor::new(10).check_pressure();
    /// ```
    pub fn check_pressure(&self) {
        self.shared.pressures.check();
    }
}

/// What users' closures hold is freed here; the rest is the ledger's own, and freed after it.
impl Drop for MemoryMonitor {
    fn drop(&mut self) {
        self.shared.cleanups.release();
        self.shared.pressures.release();
    }
}

impl fmt::Debug for MemoryMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryMonitor").field("threshold_bytes", &self.shared.threshold_bytes).finish_non_exhaustive()
    }
}
