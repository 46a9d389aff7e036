//! A scope that must not allocate, and did: as plain values, and which operations did it. Reading counters is for
//! `front`.

use std::collections::BTreeMap;
use std::panic::Location;

use crate::words::Counts;

/// Allocations and resizes, and the bytes of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allocated {
    pub(crate) allocs: u64,
    pub(crate) reallocs: u64,
    pub(crate) bytes: u64,
}

impl Allocated {
    pub(crate) fn of(counts: &Counts) -> Self {
        Self { allocs: counts.allocs, reallocs: counts.reallocs, bytes: counts.allocated_bytes }
    }

    /// How many allocations and resizes there were, together.
    pub(crate) fn calls(self) -> u64 {
        self.allocs.saturating_add(self.reallocs)
    }

    /// What was allocated since `earlier`. Counters that wrapped around in between still differ by what was counted.
    fn since(self, earlier: Self) -> Self {
        Self {
            allocs: self.allocs.wrapping_sub(earlier.allocs),
            reallocs: self.reallocs.wrapping_sub(earlier.reallocs),
            bytes: self.bytes.wrapping_sub(earlier.bytes),
        }
    }
}

/// An operation that allocated more than it may.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) path: String,
    /// Who denied it.
    pub(crate) caller: &'static Location<'static>,
    /// What the thread did in the scope, everything inside it included.
    pub(crate) did: Allocated,
    /// How many allocations and resizes were allowed.
    pub(crate) allowed: u64,
    /// The operations that did it, each alone, the largest first.
    pub(crate) by: Vec<(String, Allocated)>,
}

/// Operations that allocated between two readings, each alone: the one with the most allocations first, then with the
/// most bytes, then with the most resizes, then by path. One without a path is left out.
pub(crate) fn allocated_between<Id: Ord>(
    before: &BTreeMap<Id, Allocated>,
    after: &BTreeMap<Id, Allocated>,
    path_of: impl Fn(&Id) -> Option<String>,
) -> Vec<(String, Allocated)> {
    let did = |id, after: &Allocated| after.since(before.get(id).copied().unwrap_or_default());
    let changed = after.iter().map(|(id, after)| (id, did(id, after))).filter(|(_, did)| *did != Allocated::default());
    let mut by: Vec<_> = changed.filter_map(|(id, did)| Some((path_of(id)?, did))).collect();
    by.sort_by(|(one, did), (other, does)| {
        (does.allocs, does.bytes, does.reallocs)
            .cmp(&(did.allocs, did.bytes, did.reallocs))
            .then_with(|| one.cmp(other))
    });
    by
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allocated(allocs: u64, reallocs: u64, bytes: u64) -> Allocated {
        Allocated { allocs, reallocs, bytes }
    }

    /// What each operation, whose path is its letter, allocated between two readings.
    fn between(before: &[(char, Allocated)], after: &[(char, Allocated)]) -> Vec<(String, Allocated)> {
        let path_of = |id: &char| (*id != '?').then(|| id.to_string());
        allocated_between(&before.iter().copied().collect(), &after.iter().copied().collect(), path_of)
    }

    #[test]
    fn only_what_changed_between_two_readings_is_told() {
        let before = [('a', allocated(5, 1, 100)), ('b', allocated(2, 2, 20)), ('z', allocated(1, 1, 1))];
        let after = [
            ('a', allocated(5, 1, 100)),
            ('b', allocated(4, 3, 50)),
            ('c', allocated(1, 0, 8)),
            ('d', Allocated::default()),
            ('?', allocated(9, 9, 9)),
        ];
        let expected = [("b".to_string(), allocated(2, 1, 30)), ("c".to_string(), allocated(1, 0, 8))];
        assert_eq!(between(&before, &after), expected);
    }

    #[test]
    fn each_kind_of_change_alone_is_told() {
        for did in [allocated(1, 0, 0), allocated(0, 1, 0), allocated(0, 0, 1)] {
            assert_eq!(between(&[], &[('a', did)]), [("a".to_string(), did)]);
        }
    }

    #[test]
    fn the_largest_comes_first_by_allocations_then_bytes_then_resizes_then_path() {
        let after = [
            ('a', allocated(1, 9, 99)),
            ('b', allocated(2, 0, 10)),
            ('c', allocated(2, 0, 11)),
            ('d', allocated(2, 1, 10)),
            ('f', allocated(1, 0, 5)),
            ('e', allocated(1, 0, 5)),
        ];
        let paths: String = between(&[], &after).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, "cdbaef");
    }

    #[test]
    fn counters_that_wrapped_around_differ_by_what_was_counted() {
        let most = allocated(u64::MAX, u64::MAX, u64::MAX);
        let expected = [("a".to_string(), allocated(3, 1, 2))];
        assert_eq!(between(&[('a', most)], &[('a', allocated(2, 0, 1))]), expected);
    }

    #[test]
    fn allocations_and_resizes_count_together() {
        let counts = Counts { allocs: 2, reallocs: 3, allocated_bytes: 7, freed_bytes: 9, ..Counts::default() };
        assert_eq!(Allocated::of(&counts), allocated(2, 3, 7));
        assert_eq!(Allocated::of(&counts).calls(), 5);
        assert_eq!(allocated(u64::MAX, 1, 0).calls(), u64::MAX);
    }
}
