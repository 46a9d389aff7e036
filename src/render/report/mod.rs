//! The report, one output a file.

/// What somebody asked to be captured.
mod captures;
/// What changed between two.
#[cfg(feature = "cli")]
mod changes;
/// What each operation did on each of its call stacks.
#[cfg(feature = "views")]
mod charges;
/// DHAT's viewer.
#[cfg(feature = "views")]
mod dhat;
/// Flame graphs.
#[cfg(feature = "views")]
mod folded;
/// The forms that a report can be saved in.
mod format;
/// A page for browsers.
#[cfg(feature = "views")]
mod html;
/// Leak tests, a line each.
mod leak_tests;
/// Comments and summaries.
#[cfg(feature = "views")]
mod markdown;
/// `go tool pprof` and what reads the same.
#[cfg(feature = "pprof")]
mod pprof;
/// Metrics.
#[cfg(feature = "views")]
mod prometheus;
/// speedscope.
#[cfg(feature = "views")]
mod speedscope;
/// The tree of operations as a table.
mod table;
/// The lines of that.
mod tree;

#[cfg(feature = "cli")]
pub(crate) use changes::{changes, changes_markdown};
#[cfg(feature = "views")]
pub(crate) use dhat::dhat;
#[cfg(feature = "views")]
pub(crate) use folded::folded;
#[cfg(feature = "cli")]
pub(crate) use format::list;
pub(crate) use format::{Rendered, renderer};
#[cfg(feature = "views")]
pub(crate) use html::{Sourced, html};
#[cfg(feature = "views")]
pub(crate) use markdown::markdown;
#[cfg(feature = "pprof")]
pub(crate) use pprof::pprof;
#[cfg(feature = "views")]
pub(crate) use prometheus::{openmetrics, prometheus};
#[cfg(feature = "views")]
pub(crate) use speedscope::speedscope;
pub(crate) use table::table;
