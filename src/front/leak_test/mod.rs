//! Leak tests: run a closure over and over, read the ledger in between, and hand the readings to the judge.

/// How long a test has been at work.
mod clock;
/// Drives closures and futures through a run.
mod drive;
/// How a run ends, and with what.
mod ending;
/// What the system says of the process: open files, names of threads, whether other tests run in it.
mod files;
/// Which lines leak.
mod lines;
/// Names for what grows outside.
mod outside;
/// The line of progress on a terminal.
mod progress;
/// What users get.
mod report;
/// A run under way: iterations, readings and windows.
mod run;
/// Waiting until the operation rests, and who moves.
mod settle;
/// The judge over made-up processes.
#[cfg(test)]
mod simulation;
/// What users ask for.
mod test;

pub use report::LeakReport;
pub use test::LeakTest;
