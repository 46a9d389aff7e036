//! One operation in a snapshot or a report.

use std::borrow::Cow;

use super::sums::Sums;
use crate::words::{Node, Site, Tally};

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

/// What one operation did, without its path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OperationRow {
    /// The last part of its path.
    pub(crate) name: Cow<'static, str>,
    /// In a report, the place of the row that it is nested in, which stands before it.
    pub(crate) parent: Option<u32>,
    pub(crate) scopes: u64,
    pub(crate) threads: u64,
    pub(crate) peak_error: u64,
    pub(crate) site: Option<Site>,
    pub(crate) own: Tally,
    pub(crate) total: Tally,
}

impl OperationRow {
    /// What is known of an operation that did `own`, alone: its total is its own.
    pub(super) fn of(node: &'static Node, own: &Sums) -> Self {
        let mut own = *own;
        if node.is_builtin() {
            // Scopes of the ledger's own operations come from its own work: they mean nothing to a reader.
            (own.scopes, own.peak) = (0, None);
        }
        Self {
            name: Cow::Borrowed(node.name),
            parent: None,
            scopes: own.scopes,
            threads: own.threads,
            peak_error: if own.peak.is_some() { own.peak_error } else { 0 },
            site: node.site.map(Site::from),
            own: own.tally(),
            total: own.tally(),
        }
    }

    /// An operation that did nothing itself.
    pub(super) fn blank(name: impl Into<Cow<'static, str>>, parent: Option<u32>) -> Self {
        Self { name: name.into(), parent, ..Self::default() }
    }

    /// The same with a path.
    pub(super) fn at(&self, path: String) -> Row {
        let Self { scopes, threads, peak_error, own, total, .. } = *self;
        Row { path, scopes, threads, peak_error, site: self.site.clone(), own, total }
    }
}
