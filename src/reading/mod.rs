//! The counters at one moment, as plain values.

/// Where figures were measured.
mod environment;
/// What a snapshot says, arranged for people and for files.
mod report;
/// The report as JSON, and back.
#[cfg(feature = "serde")]
mod report_json;
/// Whether an operation is at rest, so that it may be used again.
mod rest;
/// The counters of every operation at one moment, and the difference of two.
mod snapshot;

pub use report::{Report, report};
pub use snapshot::{Row, Snapshot, snapshot};

pub(crate) use environment::Environment;
pub(crate) use report::Data;
#[cfg(feature = "serde")]
pub(crate) use report_json::{File, SCHEMA, text_of};
#[cfg(feature = "cli")]
pub(crate) use report_json::{check, parsed, possible};
pub(crate) use rest::is_at_rest;
pub(crate) use snapshot::Watch;
