//! How a stack is named: by its place among the words that are kept of it. And how much of it is kept.

/// Names a call stack. Two stacks with the same return addresses have one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StackId(u32);

/// How much is known of a stack.
#[cfg_attr(not(any(heapledger_lines, heapledger_backtrace)), expect(dead_code, reason = "there are no stacks"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StackExtent {
    /// All of it.
    Complete,
    /// Its innermost return addresses.
    Incomplete,
    /// It leads through a module that was unloaded. The return addresses in there are left out.
    Unloaded,
}

impl StackId {
    /// Bits of a name.
    pub(in crate::record) const BITS: u32 = 20;

    /// All stacks that are not kept one by one: too many, too close to the stack's end, or not on the thread's stack.
    pub(crate) const OTHER: Self = Self(0);

    /// All stacks that were not taken, because their blocks were no samples. No stack is kept under that number: the
    /// last piece of what is kept is too short for any.
    pub(crate) const NOT_SAMPLED: Self = Self((1 << Self::BITS) - 1);

    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    pub(in crate::record) const fn number(self) -> u32 {
        self.0
    }
}
