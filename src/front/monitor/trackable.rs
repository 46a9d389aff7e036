//! Components that do their work under a monitor. Everything here goes through the monitor's own methods.

use anyhow::Context;

use super::memory_monitor::MemoryMonitor;

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
