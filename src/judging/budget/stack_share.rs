//! What call stacks have of a figure that is breached, as plain values. They are not judged: the figure is.

use std::collections::BTreeMap;

use super::figure::Figure;
use super::finding::{Finding, Status};
use super::measured::ByLine;
use crate::reading::CallStackKind;
use crate::symbols::CallFrame;
use crate::words::Site;

/// What one call stack has of a figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StackShare {
    /// Innermost first.
    pub(crate) frames: Vec<CallFrame>,
    pub(crate) kind: CallStackKind,
    pub(crate) value: i64,
}

/// What call stacks have of a figure, in one run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FigureByStack {
    pub(crate) figure: Figure,
    pub(crate) shares: Vec<StackShare>,
    /// Of each figure that call stacks have: the line of the workspace that has most of it.
    pub(crate) lines: BTreeMap<Figure, Site>,
    /// Of each figure that call stacks have: what each line has of it.
    pub(crate) by_line: BTreeMap<Figure, ByLine>,
}

/// The figures that call stacks have.
pub(crate) const FIGURES_OF_STACKS: [Figure; 3] = [Figure::Allocs, Figure::AllocatedBytes, Figure::LiveBytes];

/// The figure whose lines say why an assertion fails: the first that is breached and that call stacks have.
pub(crate) fn figure_with_lines(findings: &[Finding]) -> Option<Figure> {
    let breached = findings.iter().filter(|finding| finding.status == Status::Breach);
    let figures = breached.filter(|finding| finding.value.is_some()).filter_map(|finding| finding.figure);
    figures.into_iter().find(|figure| FIGURES_OF_STACKS.contains(figure))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breach(figure: Figure) -> Finding {
        Finding { value: Some(1), ..Finding::of("search", Some(figure), Status::Breach) }
    }

    #[test]
    fn the_first_breached_figure_that_call_stacks_have_is_shown() {
        let with = |findings: &[Finding]| figure_with_lines(findings);
        assert_eq!(
            with(&[breach(Figure::PeakBytes), breach(Figure::LiveBytes), breach(Figure::Allocs)]),
            Some(Figure::LiveBytes)
        );
        assert_eq!(with(&[breach(Figure::AllocatedBytes)]), Some(Figure::AllocatedBytes));
        assert_eq!(with(&[breach(Figure::PeakBytes)]), None);
        assert_eq!(with(&[Finding { status: Status::Improvement, ..breach(Figure::Allocs) }]), None);
        assert_eq!(with(&[Finding { value: None, ..breach(Figure::Allocs) }]), None, "nothing was measured");
        assert_eq!(with(&[]), None);
    }
}
