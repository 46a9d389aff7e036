//! One table of limits, as it stands in the policy. Which table wins is for `rules`.

use std::collections::BTreeMap;

use crate::judging::budget::figure::Figure;
use crate::judging::budget::limit::FigureLimit;
use crate::judging::budget::place::Place;

/// One table of limits.
#[derive(Clone, Debug)]
pub(super) struct RuleTable {
    /// Where its key is written.
    pub(super) place: Place,
    /// The expression it stands under, if any.
    pub(super) target: Option<usize>,
    /// `None` where the limit of a less specific table is taken away.
    pub(super) limits: BTreeMap<Figure, Option<FigureLimit>>,
    pub(super) why: Option<String>,
    pub(super) runs: Option<u32>,
}

impl RuleTable {
    /// Sorts tables in the order in which they apply: those under a target come after those without, else the order is
    /// that of the file.
    pub(super) fn order(&self) -> (bool, usize, usize) {
        (self.target.is_some(), self.place.line, self.place.column)
    }
}
