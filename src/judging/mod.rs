//! Values in, findings out: no clock, no environment, no thread and no disk.

/// Figures, their limits, and whether they keep to them.
pub(crate) mod budget;
/// A scope that must not allocate, and did.
mod denied;
/// Readings over iterations, and what they say.
pub(crate) mod leak;

pub(crate) use denied::{FirstOffender, Offences, Violation, worst_first};
