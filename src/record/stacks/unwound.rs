//! The stack at this place, where this crate has no rules of its own: the unwinder that panics use walks it every time
//! (`backtrace`). That is some hundred times slower than recognizing it, and it may take the lock of the dynamic
//! linker; nothing of the ledger is held meanwhile, and what it might allocate is the ledger's own.

use super::bounds::StackBounds;
use super::interned::Interned;
use super::kept::{Kept, TakenStack};
use super::stack_id::{StackExtent, StackId};
use crate::record::atomic::AtomicU64;
use crate::record::atomic::Ordering::Relaxed;
use crate::record::memory::{Link, linked_or_new};
use crate::record::recent::Recent;
use crate::record::system::unwind;

/// The most frames of a stack; what is further out is cut off.
const MOST_FRAMES: usize = 128;

static STACKS: Link<Interned> = Link::none();

/// Whether taking a stack may allocate: nobody promises that the unwinder does not.
pub(in crate::record) const MAY_ALLOCATE: bool = true;

/// A stack as it was unwound.
struct UnwoundStack {
    /// Return addresses, from the innermost out.
    frames: [u64; MOST_FRAMES],
    count: usize,
    is_cut: bool,
}

impl UnwoundStack {
    #[inline(never)]
    fn take() -> Self {
        let mut stack = Self { frames: [0; MOST_FRAMES], count: 0, is_cut: false };
        unwind(&mut |address| {
            let Some(frame) = stack.frames.get_mut(stack.count) else {
                stack.is_cut = true;
                return false;
            };
            // The outermost frame of a thread may return to nowhere.
            if address != 0 {
                *frame = address;
                stack.count += 1;
            }
            true
        });
        stack
    }
}

impl TakenStack for UnwoundStack {
    fn addresses(&self) -> impl Iterator<Item = u64> {
        self.frames.iter().take(self.count).copied()
    }

    fn is_complete(&self) -> bool {
        !self.is_cut
    }

    fn words(&self) -> usize {
        Kept::words(self.count, 0)
    }

    fn write(&self, words: &[AtomicU64], of: Option<StackId>) {
        let shape = Kept::shape_of(self.count, 0, self.is_complete(), of);
        let pairs = self.addresses().flat_map(|address| [0, address]);
        for (word, value) in words.iter().zip([0, 0, 0, shape].into_iter().chain(pairs)) {
            word.store(value, Relaxed);
        }
    }
}

/// Prepares for stacks to be taken from now on, if there is memory for it, and if the unwinder finds who called this:
/// without unwind tables it does not. Not to be called from inside the allocator.
pub(in crate::record) fn begin() {
    // What the unwinder makes where it is called for the first time is made here.
    if UnwoundStack::take().count > 2 {
        let _ = linked_or_new(&STACKS);
    }
}

/// Whether stacks can be taken, since a capture began.
pub(crate) fn is_possible() -> bool {
    STACKS.get().is_some()
}

/// Modules are the unwinder's business: what comes is known at once. Where a library was unloaded, its addresses stay
/// in stacks that were taken before.
pub(crate) fn look_at_modules() {}

/// The unwinder knows where the stack ends.
pub(in crate::record) fn bounds_of_this_thread() -> StackBounds {
    StackBounds::UNKNOWN
}

/// The call stack at this place.
pub(in crate::record) fn here(_: StackBounds, _: &Recent) -> StackId {
    let stack = STACKS.get().and_then(|stacks| stacks.intern(&UnwoundStack::take()));
    stack.map_or(StackId::OTHER, |(stack, _)| stack)
}

/// Calls `see` with each return address of a stack, from the innermost out, and says how much of it that is.
pub(crate) fn read(stack: StackId, see: impl FnMut(u64)) -> StackExtent {
    STACKS.get().map_or(StackExtent::Incomplete, |stacks| stacks.read(stack, see))
}
