//! Judged figures, one output a file.

/// A finding in the cells of a table, and what there is to say beyond them.
#[cfg(feature = "cli")]
mod cells;
/// What differs between two runs.
#[cfg(feature = "cli")]
mod difference;
/// Findings that the tests of all outputs share.
#[cfg(test)]
mod examples;
/// The message and the warning of an assertion.
mod failure;
/// Annotations of GitHub Actions.
#[cfg(feature = "cli")]
mod github;
/// JUnit's XML.
#[cfg(feature = "cli")]
mod junit;
/// The summary of a CI job.
#[cfg(feature = "cli")]
mod markdown;
/// Every judged figure on a line.
#[cfg(feature = "cli")]
mod table;
/// The words that all outputs share.
mod words;

#[cfg(feature = "cli")]
pub(crate) use cells::detail_lines;
#[cfg(feature = "cli")]
pub(crate) use difference::difference;
pub(crate) use failure::{failure, warning};
#[cfg(feature = "cli")]
pub(crate) use github::annotations;
#[cfg(feature = "cli")]
pub(crate) use junit::junit;
#[cfg(feature = "cli")]
pub(crate) use markdown::markdown;
#[cfg(feature = "cli")]
pub(crate) use table::table;
#[cfg(feature = "cli")]
pub(crate) use words::{counted_status, counts, one_line};
