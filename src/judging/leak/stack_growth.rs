//! What came to stay by call stack, as plain values. They are not judged: the operation is.

use super::curve::Live;
use crate::reading::CallStackKind;
use crate::symbols::CallFrame;

/// One call stack, and what was allocated by it and came to stay.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StackGrowth {
    /// Innermost first.
    pub(crate) frames: Vec<CallFrame>,
    pub(crate) kind: CallStackKind,
    pub(crate) live: Live,
}

/// What further iterations of a failed test left, by call stack.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LeakLines {
    /// No call stack can be captured here.
    NotPossible,
    Found {
        /// The stacks that left the most.
        stacks: Vec<StackGrowth>,
        /// How many others there were, and what they left together.
        others: (usize, Live),
        /// What all of them left.
        total: Live,
        /// Over so many iterations.
        iterations: u64,
    },
}
