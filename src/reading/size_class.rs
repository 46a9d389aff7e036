//! One class of sizes in a snapshot: how many such blocks were allocated, and how many of them live.

use super::sums::LineSums;
use crate::words::ClassId;

/// What blocks of about one size are to an operation: one of the classes that
/// [`Snapshot::size_classes`](crate::Snapshot::size_classes) tells of. Each is twice as large as the one before.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let _capture = heapledger::capture("index_build");
/// let (kept, _) = heapledger::measure("index_build", || [vec![0u8; 5000], vec![0u8; 7000], vec![0u8; 64]]);
/// let classes = heapledger::snapshot().size_classes("index_build");
/// assert_eq!((classes[1].min_size, classes[1].max_size), (4096, 8191));
/// assert_eq!((classes[1].live_blocks, classes[1].live_bytes), (2, 12_000));
/// # drop(kept);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SizeClass {
    /// The smallest size of such a block, in bytes: a power of two.
    pub min_size: u64,
    /// The largest size of such a block, in bytes.
    pub max_size: u64,
    /// Blocks newly allocated with such a size.
    pub allocs: u64,
    /// Bytes handed out in blocks of such a size: new ones, and those that were resized to it.
    pub allocated_bytes: u64,
    /// Blocks that were allocated with such a size, or last resized to it, and that nobody has freed yet. Negative only
    /// in a difference.
    pub live_blocks: i64,
    /// Their bytes. Negative only in a difference.
    pub live_bytes: i64,
}

impl SizeClass {
    pub(super) fn new(class: ClassId, sums: &LineSums) -> Self {
        let LineSums { allocs, allocated_bytes, live_blocks, live_bytes, .. } = *sums;
        let (min_size, max_size) = (class.smallest(), class.largest());
        Self { min_size, max_size, allocs, allocated_bytes, live_blocks, live_bytes }
    }
}
