//! Judged figures, one output a file.

/// The message of an assertion, and the words that all outputs share.
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

#[cfg(feature = "cli")]
pub(crate) use failure::share;
pub(crate) use failure::{failure, warning};
#[cfg(feature = "cli")]
pub(crate) use github::annotations;
#[cfg(feature = "cli")]
pub(crate) use junit::junit;
#[cfg(feature = "cli")]
pub(crate) use markdown::markdown;
#[cfg(feature = "cli")]
pub(crate) use table::table;
