//! From readings over iterations to a verdict.

/// What a leak test found, as plain values.
mod findings;
/// The doubling test.
mod verdict;

pub use verdict::Verdict;

pub(crate) use findings::{Findings, Growth};
pub(crate) use verdict::{FEWEST_WINDOWS, Judged, Live, Series, Window, judge};
