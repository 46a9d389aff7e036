//! Capturing call stacks: which lines of the program allocate what an operation owns. Here is only what users call; the
//! recorder takes the stacks, and `symbols` finds their lines.

use std::collections::BTreeSet;

use super::name::Name;
use super::operation::Operation;
use super::process;
use crate::reading::CallStack;
use crate::registry::{self, CaptureId};
use crate::words::{Node, glob};
use crate::{record, render, symbols};

/// Charges what the operation `name`, and every operation below it, allocates and resizes to call stacks too, on all
/// threads, until the returned guard is dropped. [`Snapshot::stacks`](crate::Snapshot::stacks) tells which, and
/// [`symbolize`] where; [`Snapshot::size_classes`](crate::Snapshot::size_classes) tells how large the blocks are.
///
/// `name` is a path or a glob, as in a policy: `*` and `?` match within a name, `**` any names in between. Operations
/// that do not exist yet are captured when they come. The figures of operations are what they are without a capture, to
/// the byte: nothing but the stacks shows that it goes on.
///
/// A thread that is in the operation when the capture begins or ends notices where it next begins or ends a scope, or,
/// if it began in the operation or adopted it, when it has moved some 64 KiB; the calling thread at once. Blocks that
/// were allocated before stand under [`CallStackKind::NotCaptured`](crate::CallStackKind::NotCaptured).
///
/// Costs nothing where it is not used. Where it is, an allocation and its free cost some 400 instructions more, and a
/// stack that was not seen before some thousands, once. What is kept of stacks is bounded: 65,536 of them, in 32 MiB.
///
/// It needs the feature `lines`, which is on by default; it works without frame pointers and without debug information.
/// That is the cost on x86-64 Linux. On other Unix systems, other processors and 64-bit Windows the unwinder that
/// panics use walks every stack (the crate `backtrace`): some hundred times slower, right for a leak test and no more.
/// It needs some KiB of the thread's stack, and may take the lock of the dynamic linker, so a child that was forked
/// while another thread was in there may wait for ever if it goes on with the capture, as it would if it panicked.
/// Under Miri, without unwind tables and on all other targets it compiles, captures nothing but sizes,
/// and [`Capture::is_possible`] says so.
///
/// # Panics
/// When `name` is no valid glob, and where heapledger is not the global allocator.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// fn index() -> Vec<Vec<u8>> {
///     (1..=3).map(|size| vec![0u8; size]).collect()
/// }
///
/// let capture = heapledger::capture("index_build");
/// let before = heapledger::snapshot();
/// let (kept, _) = heapledger::measure("index_build", index);
/// let stacks = (heapledger::snapshot() - before).stacks("index_build");
/// assert_eq!(stacks.iter().map(|stack| stack.live_blocks).sum::<i64>(), 4);
/// assert_eq!(stacks.iter().all(|stack| stack.addresses().len() > 3), capture.is_possible());
/// # drop(kept);
/// ```
#[track_caller]
pub fn capture(name: impl Name) -> Capture {
    process::must_be_installed();
    name.with(|name| {
        let glob = record::quietly(|| glob(name));
        let glob = glob.unwrap_or_else(|wrong| panic!("capture: {wrong}"));
        let glob = record::Own::new(|| glob);
        Capture::begin(Some(name), move |node| node.with_names(|names| glob.covers(names)))
    })
}

impl Operation {
    /// Charges what the operation and every operation below it allocates to call stacks too, as
    /// [`capture`](crate::capture) does for a name.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let _op = heapledger::track("index_build");
    /// let capture = heapledger::current().capture();
    /// let kept = vec![0u8; 512];
    /// let stacks = heapledger::snapshot().stacks("index_build");
    /// assert_eq!(stacks[0].addresses().is_empty(), !capture.is_possible());
    /// # drop(kept);
    /// ```
    ///
    /// # Panics
    /// Where heapledger is not the global allocator.
    #[track_caller]
    pub fn capture(self) -> Capture {
        process::must_be_installed();
        let root = self.0;
        let path = record::Own::new(|| root.path());
        Capture::begin(Some(&path), move |node| node.is_within(root))
    }
}

/// A capture of call stacks that goes on until this is dropped, on whatever thread.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let capture = heapledger::capture("index_build/**");
/// assert_eq!(capture.is_possible(), cfg!(unix) && !cfg!(miri));
/// ```
#[must_use = "a capture ends when it is dropped: bind it, `let _capture = capture(..)`"]
#[derive(Debug)]
pub struct Capture(Option<CaptureId>);

impl Capture {
    /// Captures the operations that `covers` tells: always the same answer for one operation. No report tells of it.
    pub(crate) fn of(covers: impl Fn(&Node) -> bool + Send + 'static) -> Self {
        Self::begin(None, covers)
    }

    /// The same for somebody who wrote this pattern.
    fn begin(pattern: Option<&str>, covers: impl Fn(&Node) -> bool + Send + 'static) -> Self {
        let begun = registry::begin_capture(pattern, covers);
        record::look_again();
        Self(begun)
    }

    /// Captures samples alone from now on: one for every so many bytes that an operation allocates, on average. Cheap
    /// enough for a service, however much that allocates.
    ///
    /// The distances are random, so that a block of `size` bytes is a sample with the probability `1 - exp(-size /
    /// bytes)`, whatever happens beside it. What [`Snapshot::stacks`](crate::Snapshot::stacks) tells is an estimate
    /// then, and [`CallStack::samples`](crate::CallStack::samples) says of how many samples. It still adds up exactly,
    /// and so does each class of sizes in it: blocks that are no samples are counted, only their stacks are not taken.
    /// What lives is estimated as well: the free of a sample, on any thread, reduces its stack. The relative error of a
    /// stack is about one divided by the square root of its samples.
    ///
    /// Everything else stays exact: the figures of operations, and
    /// [`Snapshot::size_classes`](crate::Snapshot::size_classes). Of one byte, every block is captured, as without
    /// this. An operation that several captures cover is captured as the one says that wants the most samples.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// fn index() -> Vec<Vec<u8>> {
    ///     (0..1000).map(|_| vec![0u8; 100]).collect()
    /// }
    ///
    /// let _capture = heapledger::capture("index_build").every(4096);
    /// let (kept, did) = heapledger::measure("index_build", index);
    /// for stack in heapledger::snapshot().stacks("index_build") {
    ///     println!("about {} B, by {} samples", stack.live_bytes, stack.samples.unwrap_or(0));
    /// }
    /// # let stacks = heapledger::snapshot().stacks("index_build");
    /// # assert_eq!(stacks.iter().map(|stack| stack.live_bytes).sum::<i64>(), did.live_bytes);
    /// # assert!(stacks.iter().all(|stack| stack.samples.is_some()));
    /// # drop(kept);
    /// ```
    pub fn every(self, bytes: u64) -> Self {
        if let Some(id) = self.0 {
            registry::sample_capture(id, bytes.max(1));
            record::look_again();
        }
        self
    }

    /// Draws samples from `seed`, in the whole process, so that a test can be repeated: what does the same has the same
    /// samples then, if threads come to the capture in the same order. Without it the seed is random.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let _capture = heapledger::capture("index_build").every(4096).seed(7);
    /// ```
    pub fn seed(self, seed: u64) -> Self {
        record::seed_samples(seed);
        record::look_again();
        self
    }

    /// Whether stacks can be captured here. If not, all that the operations allocate counts as
    /// [`NotCaptured`](crate::CallStackKind::NotCaptured): nothing unwinds here (Miri, no unwind tables), or the system
    /// was out of memory. [`Snapshot::size_classes`](crate::Snapshot::size_classes) tells sizes all the same, but for
    /// lack of memory.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// if !heapledger::capture("search").is_possible() {
    ///     println!("call stacks cannot be captured here");
    /// }
    /// ```
    pub fn is_possible(&self) -> bool {
        self.is_begun() && record::takes_stacks()
    }

    /// Whether anything is captured: without stacks it is [sizes](crate::Snapshot::size_classes).
    pub(crate) fn is_begun(&self) -> bool {
        self.0.is_some()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if let Some(id) = self.0.take() {
            registry::end_capture(id);
            record::look_again();
        }
    }
}

/// Says where each of these call stacks is, in one line and in the same order: the innermost functions of your own
/// workspace first, each with its file and line, or else those of path dependencies, else of crates. The allocator, std
/// and heapledger are left out.
///
/// Without debug information (`debug = "line-tables-only"` in a profile is enough) it is functions alone; of a stripped
/// program it is places in its file.
///
/// Reads the debug information of the program, as the ledger's own work, and forgets it: some tenths of a second and
/// 50 MiB for a large program, however many stacks there are. So call it once, for those that you want to see.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let _capture = heapledger::capture("index_build");
/// let (kept, _) = heapledger::measure("index_build", || vec![0u8; 4096]);
/// let stacks = heapledger::snapshot().stacks("index_build");
/// for (stack, line) in stacks.iter().zip(heapledger::symbolize(&stacks)) {
///     println!("{} B in {} blocks  {line}", stack.live_bytes, stack.live_blocks);
/// }
/// # assert_eq!(heapledger::symbolize(&stacks).len(), stacks.len());
/// # drop(kept);
/// ```
pub fn symbolize(stacks: &[CallStack]) -> Vec<String> {
    let lines = record::Own::new(|| {
        let addresses = Vec::from_iter(stacks.iter().map(CallStack::addresses));
        let sources: BTreeSet<&str> = registry::named().filter_map(|node| Some(node.site?.file())).collect();
        let frames = symbols::symbolize(&addresses, &Vec::from_iter(sources));
        let lines = stacks.iter().zip(frames.iter()).map(|(stack, frames)| render::stack_line(stack.kind, frames));
        lines.collect::<Vec<String>>()
    });
    lines.to_vec()
}
