//! One recorded figure that changes, and what kind of change it is: whoever records must tell what is better from what
//! is worse. Which figures change, and where they are written, is for `change`.

use std::fmt;

use super::terminal::say;
use crate::judging::budget::{Figure, Finding, is_within};
use crate::render::findings::detail_lines;
use crate::words::printable;

/// A figure's operation by its path, and the figure's name.
pub(super) type FigureKey = (String, Figure);

/// One figure that changes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FigureChange {
    pub(super) key: FigureKey,
    /// `None` where nothing is recorded.
    pub(super) then: Option<i64>,
    /// `None` where nothing is to be recorded.
    pub(super) now: Option<i64>,
    pub(super) kind: ChangeKind,
    /// What judging found of the figure, where it was judged.
    pub(super) finding: Option<Finding>,
    /// Why it may be more, as somebody said who recorded it.
    pub(super) reason: Option<String>,
}

/// What recording a figure means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChangeKind {
    /// It is more than recorded.
    Breach,
    /// It is less than recorded.
    Improvement,
    /// Nothing is recorded yet.
    New,
    /// It is not measured any more.
    Gone,
    /// The policy does not limit it: it is recorded so that a breach of this operation, which it is a step of, can say
    /// what grew.
    Step { of: String },
}

impl ChangeKind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Breach => "breach",
            Self::Improvement => "improvement",
            Self::New => "new",
            Self::Gone => "gone",
            Self::Step { .. } => "step",
        }
    }

    /// The kind of a change of a figure that stands for itself.
    pub(super) fn between(then: Option<i64>, now: Option<i64>) -> Self {
        match (then, now) {
            (_, None) => Self::Gone,
            (None, _) => Self::New,
            (Some(then), Some(now)) if now > then => Self::Breach,
            _ => Self::Improvement,
        }
    }
}

impl FigureChange {
    pub(super) fn is_breach(&self) -> bool {
        self.kind == ChangeKind::Breach
    }

    /// Whether it is about the operation at `path`, or one inside it.
    pub(super) fn is_within(&self, path: &str) -> bool {
        is_within(&self.key.0, path)
    }

    /// The figure whose fate it shares: a step is recorded where the figure of its operation is.
    pub(super) fn owner(&self) -> Option<FigureKey> {
        match &self.kind {
            ChangeKind::Step { of } => Some((of.clone(), self.key.1)),
            _ => None,
        }
    }

    /// Shows it on a line, and below what judging found.
    pub(super) fn show(&self) -> anyhow::Result<()> {
        let details = self.finding.as_ref().map(detail_lines).unwrap_or_default();
        say(&format!("  {self}  {}\n{details}", self.kind.name()))
    }
}

impl fmt::Display for FigureChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, figure) = &self.key;
        let shown = |value: Option<i64>| value.map_or("nothing".into(), |value| figure.shown(value));
        write!(f, "{} {figure}: {} -> {}", printable(path), shown(self.then), shown(self.now))?;
        match self.then.zip(self.now) {
            None => Ok(()),
            Some((then, now)) => {
                let difference = now.saturating_sub(then);
                write!(f, " ({}{})", if difference > 0 { "+" } else { "" }, figure.shown(difference))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str, then: Option<i64>, now: Option<i64>) -> FigureChange {
        let key = (path.to_string(), Figure::NetBytes);
        FigureChange { key, then, now, kind: ChangeKind::between(then, now), finding: None, reason: None }
    }

    #[test]
    fn a_change_says_what_was_what_will_be_and_which_kind_it_is() {
        let cases = [
            ((Some(-2048), Some(0)), "a net_bytes: -2.00 KiB (-2,048 B) -> 0 B (+2.00 KiB (2,048 B))", "breach"),
            ((Some(3), None), "a net_bytes: 3 B -> nothing", "gone"),
            ((Some(1200), Some(1100)), "a net_bytes: 1.17 KiB (1,200 B) -> 1.07 KiB (1,100 B) (-100 B)", "improvement"),
            ((None, Some(5)), "a net_bytes: nothing -> 5 B", "new"),
        ];
        for ((then, now), expected, kind) in cases {
            let change = change("a", then, now);
            assert_eq!((change.to_string(), change.kind.name()), (expected.to_string(), kind));
        }
    }

    #[test]
    fn a_change_is_within_its_own_operation_and_those_around_it() {
        let change = change("search/parse", Some(1), Some(2));
        assert!(change.is_within("search") && change.is_within("search/parse"));
        assert!(!change.is_within("search/parse/a") && !change.is_within("sear") && !change.is_within("parse"));
    }
}
