//! A scope that must not allocate, and did: as plain values.

use std::panic::Location;

/// Allocations and resizes, and the bytes of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allocated {
    pub(crate) allocs: u64,
    pub(crate) reallocs: u64,
    pub(crate) bytes: u64,
}

/// An operation that allocated more than it may.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) path: String,
    pub(crate) place: &'static Location<'static>,
    /// What the thread did in the scope, everything inside it included.
    pub(crate) did: Allocated,
    /// How many allocations and resizes were allowed.
    pub(crate) allowed: u64,
    /// The operations that did it, each alone, the largest first.
    pub(crate) by: Vec<(String, Allocated)>,
}
