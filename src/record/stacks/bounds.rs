//! Where a thread's stack is.

/// Between which addresses the stack pointer of a thread is, with room left below. Kept in the thread's own slot: it
/// says nothing of other threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::record) struct StackBounds {
    pub(super) low: u64,
    pub(super) end: u64,
}

impl StackBounds {
    /// No stack pointer is within.
    pub(in crate::record) const UNKNOWN: Self = Self { low: 0, end: 0 };
}
