//! One operation in a snapshot or a report.

use crate::words::{Site, Tally};

/// One operation in a [`Snapshot`](crate::Snapshot) or a [`Report`](crate::Report).
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// heapledger::measure("search", || heapledger::measure("parse", || String::from("rust")).0.len());
/// let row = heapledger::snapshot().operation("search").expect("it ran");
/// assert_eq!((row.own.allocs, row.total.allocs, row.scopes), (0, 1, 1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// Its names from the outermost in, joined by `/`.
    pub path: String,
    /// How often it was entered.
    pub scopes: u64,
    /// How many threads entered it or began in it.
    pub threads: u64,
    /// How far `peak_bytes` may be off either way, in bytes: zero where it is exact.
    pub peak_error: u64,
    /// Where it was first entered. `None` for the ledger's own, and for operations that were never entered.
    pub site: Option<Site>,
    /// The operation alone. Its peak, like that of every scope, includes everything inside it.
    pub own: Tally,
    /// The operation and all operations below it.
    pub total: Tally,
}

impl Row {
    /// An operation that did nothing itself.
    pub(crate) fn blank(path: &str) -> Self {
        let (own, total) = (Tally::default(), Tally::default());
        Self { path: path.into(), scopes: 0, threads: 0, peak_error: 0, site: None, own, total }
    }
}
