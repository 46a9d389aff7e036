//! A scope that must not allocate, and did: as plain values, and which operations did it. What happened is for `front`
//! to know.

use std::collections::BTreeMap;
use std::panic::Location;

use crate::reading::CallStackKind;
use crate::symbols::CallFrame;
use crate::words::Counts;

/// Allocations and resizes, and the bytes of both; frees, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offences {
    pub(crate) allocs: u64,
    pub(crate) reallocs: u64,
    pub(crate) bytes: u64,
    pub(crate) frees: u64,
    pub(crate) freed_bytes: u64,
}

impl Offences {
    /// What was counted, if the old size of resizes was not.
    pub(crate) fn of(counts: &Counts) -> Self {
        let Counts { allocs, reallocs, allocated_bytes: bytes, frees, freed_bytes, .. } = *counts;
        Self { allocs, reallocs, bytes, frees, freed_bytes }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            allocs: self.allocs + other.allocs,
            reallocs: self.reallocs + other.reallocs,
            bytes: self.bytes + other.bytes,
            frees: self.frees + other.frees,
            freed_bytes: self.freed_bytes + other.freed_bytes,
        }
    }
}

/// An operation that did more than it may.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) path: String,
    /// Who denied it.
    pub(crate) caller: &'static Location<'static>,
    /// Whether frees are denied too.
    pub(crate) denies_frees: bool,
    /// How much was allowed: allocations, resizes, and frees if they are denied.
    pub(crate) allowed: u64,
    /// The first that was too much; `None` where all was allowed as it happened, and later no more.
    pub(crate) first: Option<FirstOffender>,
    /// The operations that did it, each alone, the largest first.
    pub(crate) by: Vec<(String, Offences)>,
}

/// What was the first to be too much, and where.
#[derive(Debug)]
pub(crate) struct FirstOffender {
    pub(crate) did: Offences,
    /// The operation that was active.
    pub(crate) path: String,
    /// The functions that lead there, innermost first; `None` where call stacks cannot be known.
    pub(crate) stack: Option<(CallStackKind, Vec<CallFrame>)>,
}

impl Violation {
    /// What was done in all.
    pub(crate) fn did(&self) -> Offences {
        self.by.iter().fold(Offences::default(), |sum, (_, did)| sum.plus(*did))
    }
}

/// What operations did, those with one path added up: the one with the most allocations first, then with the most
/// bytes, then with the most resizes, then with the most frees, then by path.
pub(crate) fn worst_first(all: impl IntoIterator<Item = (String, Offences)>) -> Vec<(String, Offences)> {
    let mut by_path: BTreeMap<String, Offences> = BTreeMap::new();
    for (path, did) in all {
        let sum = by_path.entry(path).or_default();
        *sum = sum.plus(did);
    }
    let mut by = Vec::from_iter(by_path);
    by.sort_by_key(|(_, did)| std::cmp::Reverse((did.allocs, did.bytes, did.reallocs, did.frees)));
    by
}

#[cfg(test)]
mod tests {
    use super::*;

    fn did(allocs: u64, reallocs: u64, bytes: u64, frees: u64) -> Offences {
        Offences { allocs, reallocs, bytes, frees, freed_bytes: 10 * frees }
    }

    #[test]
    fn the_largest_comes_first_by_allocations_then_bytes_then_resizes_then_frees_then_path() {
        let all = [
            ('a', did(1, 9, 99, 9)),
            ('b', did(2, 0, 10, 0)),
            ('c', did(2, 0, 11, 0)),
            ('d', did(2, 1, 10, 0)),
            ('f', did(1, 0, 5, 0)),
            ('e', did(1, 0, 5, 0)),
            ('g', did(1, 0, 5, 1)),
        ];
        let paths: String =
            worst_first(all.map(|(path, did)| (path.into(), did))).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, "cdbagef");
    }

    #[test]
    fn what_has_one_path_is_added_up() {
        let all = [("a", did(1, 2, 3, 4)), ("b", did(1, 0, 0, 0)), ("a", did(10, 20, 30, 40))];
        let expected = [("a".to_string(), did(11, 22, 33, 44)), ("b".to_string(), did(1, 0, 0, 0))];
        assert_eq!(worst_first(all.map(|(path, did)| (path.into(), did))), expected);
    }

    #[test]
    fn each_counter_is_read_from_its_own() {
        let counts =
            Counts { allocs: 1, reallocs: 2, allocated_bytes: 3, frees: 4, freed_bytes: 40, ..Counts::default() };
        assert_eq!(Offences::of(&counts), did(1, 2, 3, 4));
    }
}
