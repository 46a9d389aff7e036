//! What came to stay by call stack, as plain values. They are not judged: the operation is.

use super::curve::Live;
use crate::symbols::CallFrame;

/// One call stack, and what was allocated by it and came to stay.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StackGrowth {
    /// Innermost first.
    pub(crate) frames: Vec<CallFrame>,
    pub(crate) live: Live,
}

/// Stacks that nobody looks up, because they leave little: how many, and what they leave together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OtherStacks {
    pub(crate) count: u64,
    pub(crate) live: Live,
}
