//! The counters at one moment, as plain values.

/// Where figures were measured.
mod environment;
/// What every operation did on every thread.
mod moves;
/// What a snapshot says, arranged for people and for files.
mod report;
/// The report as JSON, and back.
#[cfg(feature = "serde")]
mod report_json;
/// The counters of every operation at one moment, and the difference of two.
mod snapshot;

pub use report::{Report, report};
pub use snapshot::{Row, Snapshot, snapshot};

pub(crate) use environment::Environment;
#[cfg(test)]
pub(crate) use moves::Move;
pub(crate) use moves::{Moves, moves};
pub(crate) use report::Data;
#[cfg(feature = "serde")]
pub(crate) use report_json::{File, SCHEMA, text_of};
#[cfg(feature = "cli")]
pub(crate) use report_json::{check, parsed, possible};
pub(crate) use snapshot::Watch;
