//! What the monitor sees, as values and as text. `operations` and `memory_monitor` find it.

use std::fmt;
use std::time::SystemTime;

use crate::words::{Bytes, counted};

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
    /// Whether the latest run was marked completed: then all of it should have been given back.
    pub expected_cleanup: bool,
    /// What it still owns, with all operations below it, in bytes.
    pub live_bytes: u64,
    /// The lines that allocated the most of it, three at most, each in words, if a [`capture`](crate::capture) of the
    /// operation went on then: `4.00 KiB in 1 block  src/cache.rs:41 ResultCache::insert <- ..`. Looking them up takes
    /// what [`symbolize`](crate::symbolize) takes.
    pub lines: Vec<String>,
}

impl fmt::Display for MemorySnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation {:?} has finished and still owns {}", self.operation, Bytes(self.live_bytes.into()))?;
        self.lines.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// `part` of `all` in percent; 100 of nothing.
pub(super) fn percentage(part: u64, all: u64) -> f64 {
    if all == 0 { 100.0 } else { part as f64 * 100.0 / all as f64 }
}

/// What the monitor sees.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let report = heapledger::monitor::MemoryMonitor::new(10).generate_report();
/// assert_eq!((report.active_operations, report.cleanup_success_rate), (0, 100.0));
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
    /// Of the operations that have finished, the percentage that gave back what they should: that own no more than the
    /// threshold. 0 to 100; 100 when none has finished.
    pub cleanup_success_rate: f64,
    /// Of all cleanup callbacks run so far, the percentage that did what they said. 0 to 100; 100 when none has run.
    pub callback_success_rate: f64,
    /// Why none of this can be relied on, in words: the ledger does not add up, or a block came back without a valid
    /// owner tag, since the process began. `None` when all is well.
    pub problem: Option<String>,
}

impl fmt::Display for MemoryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, peak) = (Bytes(self.total_allocated.into()), Bytes(self.peak_usage.into()));
        let running = counted(self.active_operations as u64, "operation");
        write!(f, "{now} live, {peak} at most; {running} running; ")?;
        write!(f, "{:.0} % of finished operations gave back what they should; ", self.cleanup_success_rate.floor())?;
        write!(f, "{:.0} % of cleanup callbacks succeeded; ", self.callback_success_rate.floor())?;
        match (self.potential_leaks.as_slice(), &self.problem) {
            ([], None) => write!(f, "no potential leak"),
            ([], Some(_)) => write!(f, "what leaks is not known"),
            (leaks, _) => {
                write!(f, "{}:", counted(leaks.len() as u64, "potential leak"))?;
                leaks.iter().try_for_each(|leak| write!(f, "\n  {leak}"))
            }
        }?;
        self.problem.iter().try_for_each(|problem| write!(f, "\n  none of this can be relied on: {problem}"))
    }
}
