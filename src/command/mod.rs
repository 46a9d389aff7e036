//! The command `cargo heapledger`: runs tests, collects what their processes measured, judges it, and keeps the
//! figures.

/// What every command can exit with.
mod exit;
/// What is read that others may have written, as functions for fuzzing.
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
/// Where operations are entered, named from where the user stands.
mod places;
/// Where the command works: the policy, the folder between runs, and what is written.
mod project;

/// Whether arguments of cargo select a part of the tests.
mod arguments;
/// What tests measured: cargo runs them, and the reports of their processes are added up.
mod collect;
/// Where a report goes, if not to the terminal.
mod elsewhere;
/// The run before, for the commands that come back to it.
mod last_run;
/// Judging a run, and what the command exits with because of it.
mod outcome;
/// The folder in which test processes leave their reports.
mod reports_folder;

/// Breaches that somebody asks to have recorded.
mod breaches;
/// What is recorded, and what is to be.
mod change;
/// Logs of CI, read for the patches in them.
mod ci_log;
/// One recorded figure that changes, and whether that is good news.
mod figure_change;
/// Changes as patches in the logs of CI.
mod patch;
/// Programs that run to their end, whatever signals come.
mod patience;

/// Showing what became of a run, in all its forms.
mod conclude;
/// What GitHub's workflows read.
mod github;
/// Functions and lines of stripped programs.
#[cfg(target_os = "linux")]
mod symbols;
/// What of a report is shown as a table.
mod table_options;
/// What is printed, and how.
mod terminal;

/// `cargo heapledger accept`.
mod accept;
/// `cargo heapledger diff`.
mod diff;
/// What a first policy limits a figure to.
mod first_limit;
/// `cargo heapledger init`.
mod init;
/// `cargo heapledger merge`.
mod merge;
/// `cargo heapledger record`.
mod record;
/// `cargo heapledger review`.
mod review;
/// `cargo heapledger run`.
mod run;
/// `cargo heapledger self-test`.
mod self_test;
/// `cargo heapledger show`.
mod show;
/// `cargo heapledger test`.
mod test;

/// What users type, and which command it is.
mod cli;

pub use cli::main;
