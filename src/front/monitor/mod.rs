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
//! Every method may be called from any thread, also from callbacks and handlers: none runs them under a lock, and in
//! a child after `fork`. The monitor's bookkeeping is the ledger's own memory.

/// Panics of users' code.
mod caught;
/// Callbacks that give memory back, and whether they did what they said.
mod cleanup;
/// Closures that users give.
mod given;
/// A run of an operation under the monitor.
mod guard;
/// Which lines allocated what stays.
#[cfg(feature = "lines")]
mod lines;
/// No call stack is captured.
#[cfg(not(feature = "lines"))]
#[path = "without_lines.rs"]
mod lines;
/// What users call.
mod memory_monitor;
/// The operations that were started, and which of them may leak.
mod operations;
/// Limits on live bytes, and the thread that watches them.
mod pressure;
/// What the monitor sees, as values and as text.
mod report;
/// What a monitor, its guards and its watching thread share.
mod shared;
/// Components that do their work under a monitor.
mod trackable;

pub use cleanup::CleanupError;
pub use guard::MemoryOperationGuard;
pub use memory_monitor::MemoryMonitor;
pub use pressure::{Limit, Pressure};
pub use report::{MemoryReport, MemorySnapshot};
pub use trackable::MemoryTrackable;
