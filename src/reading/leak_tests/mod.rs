//! Leak tests that ended in a process, with the curves that were judged: kept in bounded memory, and told in reports.

/// The curve of a leak test.
mod curve;
/// The tests of this process that ended.
mod kept;
/// Leak tests as reports tell them.
mod reported;

pub use curve::{LeakCurve, LeakReading, LeakSlope, LeakWindow};
pub use reported::ReportedLeakTest;

#[cfg(feature = "testing")]
pub(crate) use curve::{FEWEST_OF_A_SLOPE, MOST_READINGS, MOST_WINDOWS};
#[cfg(feature = "testing")]
pub(crate) use kept::keep_leak_test;
pub(super) use reported::LeakTests;
pub(crate) use reported::LeakVerdict;
