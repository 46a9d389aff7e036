//! What users call, and what a process reports when it ends.

/// Budgets in tests.
pub(crate) mod budget;
/// Call stacks of what operations allocate.
mod capture;
/// An operation that must not allocate.
mod deny;
/// Allocations that fail on purpose.
mod failing;
/// Operations that are active whenever a future is polled.
mod future;
/// Leak tests.
pub(crate) mod leak_test;
/// Futures that are measured.
mod measured_future;
/// The monitor of a long-running process.
pub mod monitor;
/// Names as callers write them.
mod name;
/// An operation as users carry it to other threads.
mod operation;
/// Reports on the terminal and as text.
mod print;
/// What a process reports when it ends, and the gate for everything that judges.
mod process;
/// What the public types promise of threads.
mod promises;
/// Entering operations.
mod scope;
/// `with_threads()`.
#[cfg(feature = "threads")]
mod threads;
/// Turns for other tasks.
mod turn;

pub use budget::{Budget, assert_budget, assert_budget_async, budget};
pub use capture::{Capture, capture, symbolize};
pub use deny::{DenyAlloc, deny_alloc, permit};
pub use future::{Track, Tracked};
pub use leak_test::{LeakReport, LeakTest};
pub use measured_future::{MeasuredFuture, measure_async};
pub use name::Name;
pub use operation::{Operation, current};
#[cfg(feature = "cli")]
pub(crate) use print::wants_colours;
pub use scope::{Scope, is_installed, measure, track};
