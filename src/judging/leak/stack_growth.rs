//! What came to stay by call stack and by size, as plain values. They are not judged: the operation is.

use super::curve::Live;
use crate::reading::CallStackKind;
use crate::symbols::{CallFrame, own_line};
use crate::words::Site;

/// One call stack, and what was allocated by it and came to stay.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StackGrowth {
    /// Innermost first.
    pub(crate) frames: Vec<CallFrame>,
    pub(crate) kind: CallStackKind,
    pub(crate) live: Live,
}

/// One class of sizes, and what came to stay of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SizeGrowth {
    /// The class has sizes from this one to less than twice of it.
    pub(crate) min_size: u64,
    pub(crate) live: Live,
}

/// What further iterations of a failed test left, by call stack and by size.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LeakLines {
    /// Nothing can be captured here.
    NotPossible,
    Found {
        /// The stacks that left the most; `None` where no call stack can be captured.
        stacks: Option<Vec<StackGrowth>>,
        /// How many others there were, and what they left together.
        others: (usize, Live),
        /// Sizes of the blocks that were left, the smallest first.
        sizes: Vec<SizeGrowth>,
        /// What all of them left.
        total: Live,
        /// Over so many iterations.
        iterations: u64,
    },
}

impl LeakLines {
    /// The line of the workspace on the first stack that has one: the largest stand first.
    pub(crate) fn own_line(&self) -> Option<Site> {
        let Self::Found { stacks: Some(stacks), .. } = self else { return None };
        let leaking = stacks.iter().filter(|stack| stack.live.bytes > 0 || stack.live.blocks > 0);
        leaking.into_iter().find_map(|stack| own_line(&stack.frames))
    }
}
