//! What one process measured of one operation, as values that can be written and read. Nothing is judged here.

use std::collections::BTreeMap;

use super::figure::Figure;
use crate::reading::LeakVerdict;
use crate::words::{Site, json_object};

/// One operation as an assertion measured it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measured {
    pub(crate) values: BTreeMap<Figure, Observed>,
    pub(crate) site: Option<Site>,
    /// The operation whose assertion it was measured in; `None` if it has an assertion of its own.
    pub(crate) inside: Option<String>,
    /// Of a figure that is breached: the line that has most of it.
    pub(crate) lines: BTreeMap<Figure, Site>,
    /// Where lines are to be recorded: what each has of a figure.
    pub(crate) by_line: BTreeMap<Figure, ByLine>,
}

json_object!(Measured { values, site, inside, lines or BTreeMap::new(), by_line or BTreeMap::new() });

/// What call stacks have of a figure, each by its functions and files. Line numbers move, and are left out.
pub(crate) type ByLine = BTreeMap<String, i64>;

/// A figure over the runs of one assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Observed {
    /// What is judged.
    pub(crate) value: i64,
    /// The highest of all runs.
    pub(crate) highest: i64,
    /// Every run but one said something else: the figure does not repeat itself.
    pub(crate) unstable: bool,
    /// There were several runs, and all said the same. A report without this tells of no such thing.
    pub(crate) same: bool,
}

json_object!(Observed { value, highest, unstable, same or false });

impl Observed {
    /// A figure that only one run told.
    pub(crate) fn of(value: i64) -> Self {
        Self { value, highest: value, unstable: false, same: false }
    }

    /// Whether runs disagree by more than `tolerance`.
    pub(super) fn wobbles(self, tolerance: i64) -> bool {
        self.unstable && self.highest.saturating_sub(self.value) > tolerance
    }
}

/// What a leak test found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LeakTested {
    pub(crate) path: String,
    pub(crate) verdict: LeakVerdict,
    /// The verdict in one sentence.
    pub(crate) sentence: String,
    pub(crate) bytes_per_iteration: f64,
    pub(crate) site: Option<Site>,
    /// The line that leaks the most.
    pub(crate) line: Option<Site>,
}

json_object!(LeakTested { path, verdict, sentence, bytes_per_iteration, site, line or None });

/// A scope that must not allocate, and did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Denied {
    pub(crate) path: String,
    /// Allocations and resizes.
    pub(crate) allocs: u64,
    pub(crate) allocated_bytes: u64,
    /// Frees, where they are denied.
    pub(crate) frees: u64,
    pub(crate) freed_bytes: u64,
    /// What was the first, and the functions that lead there, in words.
    pub(crate) first: Option<String>,
    /// Who denied it.
    pub(crate) site: Option<Site>,
    /// Where the first was in the user's own code, if that is known.
    pub(crate) line: Option<Site>,
}

json_object!(Denied { path, allocs, allocated_bytes, frees, freed_bytes, first, site, line });

impl Measured {
    /// Keeps the higher one of each figure.
    pub(super) fn raise(&mut self, other: Self) {
        for (figure, value) in other.values {
            let known = self.values.entry(figure).or_insert(value);
            known.same &= value.same && known.value == value.value;
            known.value = known.value.max(value.value);
            known.highest = known.highest.max(value.highest);
            known.unstable |= value.unstable;
        }
        self.inside = self.inside.take().and(other.inside);
        for (figure, line) in other.lines {
            self.lines.entry(figure).or_insert(line);
        }
        let whole = |by_line: &ByLine| by_line.values().fold(0, |sum: i64, value| sum.saturating_add(*value));
        for (figure, by_line) in other.by_line {
            let known = self.by_line.entry(figure).or_default();
            if whole(known) < whole(&by_line) {
                *known = by_line;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(values: &[(Figure, i64)], inside: Option<&str>) -> Measured {
        let values = values.iter().map(|(figure, value)| (*figure, Observed::of(*value))).collect();
        Measured { values, site: None, inside: inside.map(String::from), ..Measured::default() }
    }

    #[test]
    fn of_what_is_measured_twice_the_higher_stays_figure_by_figure() {
        let mut both = measured(&[(Figure::Allocs, 5), (Figure::NetBytes, -7)], Some("outer"));
        both.raise(measured(&[(Figure::Allocs, 4), (Figure::NetBytes, -6), (Figure::PeakBytes, 3)], Some("other")));
        let expected = [(Figure::Allocs, 5), (Figure::NetBytes, -6), (Figure::PeakBytes, 3)];
        assert_eq!(both.values, measured(&expected, None).values);
        assert_eq!(both.inside.as_deref(), Some("other"));
    }

    #[test]
    fn what_two_tests_measured_otherwise_was_not_the_same_in_all_runs() {
        let same = Observed { same: true, ..Observed::of(5) };
        for (other, expected) in [(same, true), (Observed::of(5), false), (Observed { value: 4, ..same }, false)] {
            let mut both = measured(&[], None);
            both.values.insert(Figure::Allocs, same);
            both.raise(Measured { values: [(Figure::Allocs, other)].into(), ..measured(&[], None) });
            assert_eq!(both.values[&Figure::Allocs].same, expected, "{other:?}");
        }
    }

    #[test]
    fn what_has_an_assertion_of_its_own_is_not_only_inside_another() {
        for (one, other) in [(None, Some("outer")), (Some("outer"), None)] {
            let mut both = measured(&[], one);
            both.raise(measured(&[], other));
            assert_eq!(both.inside, None);
        }
    }
}
