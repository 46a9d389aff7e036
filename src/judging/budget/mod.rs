//! Budgets: what operations may keep and allocate, and whether they did.

/// What can be limited, how far, and where that is written.
mod figure;
/// What was recorded before, one file for each environment: read and written.
mod figures;
/// Every figure beside its limit.
mod judge;
/// All figures of a run, what is missing, and what is to be recorded.
#[cfg(feature = "cli")]
mod judge_run;
/// What one process measured of one operation.
mod measured;
/// The limits that people wrote into `heapledger.toml`.
mod policy;
/// What one or many processes measured.
#[cfg(feature = "serde")]
mod run;
/// A run as JSON, and back.
#[cfg(feature = "serde")]
mod run_json;
/// What both kinds of TOML files have in common.
mod syntax;

pub(crate) use figure::{Figure, FigureLimit, Place, Unlisted, clamped};
pub(crate) use figures::Figures;
#[cfg(feature = "cli")]
pub(crate) use figures::figures;
#[cfg(test)]
pub(crate) use judge::Against;
pub(crate) use judge::{Basis, Case, Finding, Status, judge_assertion};
#[cfg(feature = "cli")]
pub(crate) use judge_run::{judge, missing, operations, to_record};
pub(crate) use measured::{Denied, LeakTested, LeakVerdict, Measured, Observed};
pub(crate) use policy::{Policy, Rules};
#[cfg(feature = "serde")]
pub(crate) use run::{Blind, Part, Run};
