//! How far a figure may be from another one, as a value. Reading it from the policy is for `policy`, and holding a
//! figure against it for `judge`.

use super::place::Place;

/// How far a figure may be from another one: a share of it, and at least so much.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tolerance {
    /// Of the figure, in percent.
    pub(crate) percent: f64,
    /// In the unit of the figure.
    pub(crate) minimum: i64,
}

impl Tolerance {
    /// How far a figure may be from `from`.
    pub(crate) fn around(self, from: i64) -> i64 {
        // Truncated: 1 % of 150 blocks is one block.
        let share = (from.unsigned_abs() as f64 * self.percent / 100.0) as i64;
        share.max(self.minimum)
    }
}

/// What one figure of one operation may be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FigureLimit {
    /// It is this figure, within the tolerance. More is a breach, less an improvement.
    pub(crate) exact: Option<i64>,
    /// It is the recorded figure, within the tolerance. More is a breach, less an improvement.
    pub(crate) ratchet: bool,
    /// It is at most this figure.
    pub(crate) max: Option<i64>,
    pub(crate) tolerance: Tolerance,
    /// Where the limit is written.
    pub(crate) place: Place,
}

impl FigureLimit {
    /// Whether it names a figure to be near, the exact or the recorded one, so that the figure must repeat itself.
    pub(super) fn has_base(&self) -> bool {
        self.exact.is_some() || self.ratchet
    }
}

/// What to do about an operation that no table of the policy names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unlisted {
    Fail,
    #[default]
    Warn,
    Allow,
}
