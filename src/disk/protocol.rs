//! What `cargo heapledger` and the test processes agree on: variables of the environment, and the names of files in the
//! folder that one of them names.

/// Names the folder that reports are written to.
pub(crate) const FOLDER: &str = "HEAPLEDGER_REPORTS";
/// Names the policy's file, for tests that cannot find it themselves.
pub(crate) const POLICY_AT: &str = "HEAPLEDGER_POLICY";
/// Set while figures are being recorded: then the command judges, not the test.
pub(crate) const RECORDING: &str = "HEAPLEDGER_RECORDING";
/// Ends the name of a file that announces a process.
pub(crate) const BEGUN: &str = "begun";
/// Ends the name of a report.
#[cfg(feature = "serde")]
pub(crate) const REPORT: &str = "json";
/// Ends the name of a file that stands for a report which could not be written, for want of the feature `serde`.
#[cfg(any(feature = "cli", not(feature = "serde")))]
pub(crate) const UNABLE: &str = "unable";
