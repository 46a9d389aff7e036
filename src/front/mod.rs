//! What users call, and what a process reports when it ends.

/// Budgets in tests.
#[cfg(feature = "testing")]
pub(crate) mod budget;
/// Call stacks of what operations allocate.
#[cfg(feature = "lines")]
mod capture;
/// An operation that must not allocate.
#[cfg(feature = "testing")]
mod deny;
/// Allocations that fail on purpose.
mod failing;
/// What was found, until the process ends.
#[cfg(feature = "testing")]
mod found;
/// Nothing is judged: there is nothing to report.
#[cfg(not(feature = "testing"))]
#[path = "without_testing.rs"]
mod found;
/// Operations that are active whenever a future is polled.
mod future;
/// Leak tests.
#[cfg(feature = "testing")]
pub(crate) mod leak_test;
/// Futures that are measured.
mod measured_future;
/// The monitor of a long-running process.
pub mod monitor;
/// Names as callers write them.
mod name;
/// An operation as users carry it to other threads.
mod operation;
/// Reports for browsers.
#[cfg(feature = "views")]
mod page;
/// What may allocate although that is denied.
mod permit;
/// Reports on the terminal and as text.
mod print;
/// What a process reports when it ends, and the gate for everything that judges.
mod process;
/// What the public types promise of threads.
#[cfg(feature = "testing")]
mod promises;
/// A report's table with what is shown of it chosen.
mod report_table;
/// Captures that the environment asks for.
#[cfg(feature = "lines")]
mod requested;
/// A timeline that the environment asks for.
mod requested_timeline;
/// A timeline while it goes on.
mod sampling;
/// Reports as files.
mod save;
/// Entering operations.
mod scope;
/// `with_threads()`.
#[cfg(feature = "threads")]
mod threads;
/// What operations own, sampled over time.
mod timeline;
/// Turns for other tasks.
mod turn;
/// Variables of the environment.
mod variables;
/// Reports for the viewers of others.
#[cfg(feature = "views")]
mod views;
/// A report that the environment asks for.
mod wanted;

#[cfg(feature = "testing")]
pub use budget::{Budget, assert_budget, assert_budget_async, budget};
#[cfg(feature = "lines")]
pub use capture::{Capture, capture, symbolize};
#[cfg(feature = "testing")]
pub use deny::{DenyAlloc, deny_alloc};
pub use future::{Track, Tracked};
#[cfg(feature = "testing")]
pub use leak_test::{LeakReport, LeakTest};
pub use measured_future::{MeasuredFuture, measure_async};
pub use name::Name;
pub use operation::{Operation, current};
#[cfg(feature = "cli")]
pub(crate) use page::page;
pub use permit::permit;
#[cfg(feature = "cli")]
pub(crate) use print::wants_colours;
pub use report_table::ReportTable;
#[cfg(feature = "cli")]
pub(crate) use requested::CAPTURES;
#[cfg(feature = "cli")]
pub(crate) use requested_timeline::TIMELINE;
pub use sampling::Timeline;
#[cfg(feature = "cli")]
pub(crate) use save::save;
pub use scope::{Scope, exclude, is_installed, measure, track};
pub use timeline::timeline;
#[cfg(feature = "cli")]
pub(crate) use wanted::leave_to_others;
