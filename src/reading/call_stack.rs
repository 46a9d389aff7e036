//! One call stack in a snapshot: what was allocated there, and what of it lives.

use super::estimate::Estimate;
use super::sums::LineSums;
use crate::record::{self, StackExtent, StackId};

/// What one call stack allocated, and what of it lives: one of those that
/// [`Snapshot::stacks`](crate::Snapshot::stacks) tells of.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let capture = heapledger::capture("index_build");
/// let (kept, _) = heapledger::measure("index_build", || vec![0u8; 4096]);
/// let stacks = heapledger::snapshot().stacks("index_build");
/// assert_eq!((stacks.len(), stacks[0].live_bytes), (1, 4096));
/// assert_eq!(stacks[0].addresses().is_empty(), !capture.is_possible());
/// # drop(kept);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallStack {
    /// Blocks newly allocated there.
    pub allocs: u64,
    /// Bytes handed out there: new blocks, and the new size of blocks that were resized there.
    pub allocated_bytes: u64,
    /// Blocks that were allocated or last resized there, and that nobody has freed yet. Negative only in a difference.
    pub live_blocks: i64,
    /// Their bytes. Negative only in a difference.
    pub live_bytes: i64,
    /// How much is known of where that is.
    pub kind: CallStackKind,
    /// Where the operation was [sampled](crate::Capture::every): of how many samples the figures are an estimate.
    /// `None` where they are exact.
    pub samples: Option<u64>,
    addresses: Vec<usize>,
}

/// How much is known of a [`CallStack`].
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let (kept, _) = heapledger::measure("search", || vec![0u8; 64]);
/// let stacks = heapledger::snapshot().stacks("search"); // nothing was captured
/// assert_eq!(stacks[0].kind, heapledger::CallStackKind::NotCaptured);
/// # drop(kept);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CallStackKind {
    /// Every return address, out to where the thread began.
    Complete,
    /// The innermost return addresses. Further out is a frame without a rule in the program's unwind tables, or there
    /// are more than 128 frames.
    Incomplete,
    /// A stack that led through a library which was unloaded since, as by `dlclose`. The return addresses in there are
    /// left out: other code may be at those places by now.
    Unloaded,
    /// All stacks together of which there is no room to keep each, and those that are not on their thread's own stack,
    /// or near its end. In a [report](crate::Report::stacks) also those that are too small to be looked up.
    Other,
    /// Blocks that were allocated or resized while the operation was not captured.
    NotCaptured,
    /// Blocks of an operation that was [sampled](crate::Capture::every), of sizes of which there is no sample.
    NotSampled,
}

/// How much is known of a stack that was taken, and its return addresses, from the innermost frame out.
pub(crate) fn addresses_of(stack: StackId) -> (CallStackKind, Vec<usize>) {
    let mut addresses = Vec::new();
    let kind = match stack {
        StackId::OTHER => CallStackKind::Other,
        StackId::NOT_SAMPLED => CallStackKind::NotSampled,
        stack => match record::read_stack(stack, |address| addresses.push(address as usize)) {
            StackExtent::Complete => CallStackKind::Complete,
            StackExtent::Incomplete => CallStackKind::Incomplete,
            StackExtent::Unloaded => CallStackKind::Unloaded,
        },
    };
    (kind, addresses)
}

impl CallStack {
    /// What was found of a stack, or of what was not captured.
    pub(super) fn new(stack: Option<StackId>, found: &Estimate) -> Self {
        let (kind, addresses) = stack.map_or((CallStackKind::NotCaptured, Vec::new()), addresses_of);
        let LineSums { allocs, allocated_bytes, live_blocks, live_bytes, .. } = found.sums;
        Self { allocs, allocated_bytes, live_blocks, live_bytes, kind, samples: found.samples, addresses }
    }

    /// The return addresses, from the innermost frame out: those of heapledger, of std's allocation functions, and of
    /// the code that asked for the memory. A call is the instruction before its return address.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let (kept, _) = heapledger::measure("search", || vec![0u8; 64]);
    /// assert!(heapledger::snapshot().stacks("search")[0].addresses().is_empty()); // nothing was captured
    /// # drop(kept);
    /// ```
    pub fn addresses(&self) -> &[usize] {
        &self.addresses
    }
}
