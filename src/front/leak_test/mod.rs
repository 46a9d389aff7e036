//! Leak tests: run a closure over and over, read the ledger in between, and hand the readings to the judge.

/// Who owns what the operation's own figures do not show.
mod keepers;
/// Threads and files that iterations leave behind.
mod leftovers;
/// What users get.
mod report;
/// Iterations, the wait before every reading, windows, and the findings at the end.
mod run;
/// What users call.
mod test;

pub use report::LeakReport;
pub use test::LeakTest;
