//! What operations that stand side by side are sorted by.

use std::cmp::Reverse;

use super::row::OperationRow;
use crate::words::{BUILTINS, LEDGER};

/// What operations with the same parent are sorted by in a [`ReportTable`](crate::ReportTable): the most first, names
/// from A to Z. Every figure is that of the row, with all operations below it. The ledger's own come last in any order.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// use heapledger::SortKey;
///
/// heapledger::measure("small", || drop(vec![0u8; 64]));
/// heapledger::measure("large", || drop(vec![0u8; 4096]));
/// let table = heapledger::report().table().sort_by(SortKey::Allocated).to_string();
/// assert!(table.find("large") < table.find("small"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SortKey {
    /// Bytes that it owns, then bytes that it allocated.
    #[default]
    Live,
    /// Bytes allocated less bytes freed.
    Net,
    /// Bytes that it allocated.
    Allocated,
    /// Bytes that it freed.
    Freed,
    /// Blocks that it allocated.
    Allocs,
    /// How often it was entered.
    Scopes,
    /// Threads that entered it.
    Threads,
    /// The highest net of one of its scopes; last where none is known.
    Peak,
    /// Its name.
    Name,
}

impl SortKey {
    /// Every key as it is written: the title of its column, or `name`.
    #[cfg(feature = "cli")]
    pub(crate) const ALL: [(&str, Self); 9] = [
        ("live", Self::Live),
        ("net", Self::Net),
        ("allocated", Self::Allocated),
        ("freed", Self::Freed),
        ("allocs", Self::Allocs),
        ("scopes", Self::Scopes),
        ("threads", Self::Threads),
        ("peak", Self::Peak),
        ("name", Self::Name),
    ];

    /// The figure, where it is one.
    fn figure(self, row: &OperationRow) -> Option<i128> {
        let total = &row.total;
        match self {
            Self::Live => Some(total.live_bytes.into()),
            Self::Net => Some(total.net_bytes().into()),
            Self::Allocated => Some(total.allocated_bytes.into()),
            Self::Freed => Some(total.freed_bytes.into()),
            Self::Allocs => Some(total.allocs.into()),
            Self::Scopes => Some(row.scopes.into()),
            Self::Threads => Some(row.threads.into()),
            Self::Peak => total.peak_bytes.map(i128::from),
            Self::Name => None,
        }
    }

    /// What stands first has the least of this; `name` tells rows apart whose figures are the same.
    pub(super) fn rank<N: Ord>(self, row: &OperationRow, name: N) -> SortRank<N> {
        // `(heapledger)` ends the list, after `(foreign)`, `(other)` and `(unattributed)`.
        let builtin = BUILTINS.iter().position(|builtin| row.parent.is_none() && builtin.name == row.name);
        let last = builtin.map(|at| if at == LEDGER.id.index() { BUILTINS.len() } else { at });
        let usual = (self != Self::Name).then_some((row.total.live_bytes, row.total.allocated_bytes));
        (last, Reverse((self.figure(row), usual)), name)
    }
}

/// The ledger's own operations last; then the most of the key, of live bytes, and of bytes allocated; then by name.
type SortRank<N> = (Option<usize>, Reverse<(Option<i128>, Option<(i64, u64)>)>, N);
