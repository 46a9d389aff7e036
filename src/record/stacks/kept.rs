//! What is kept of a stack. It is written once, before anybody else sees it; later only return addresses are taken out
//! that mean nothing any more.

use super::stack_id::{StackExtent, StackId};
use crate::record::atomic::AtomicU64;
use crate::record::atomic::Ordering::Relaxed;

/// Words before the pairs.
pub(super) const HEAD: usize = 4;
/// The last word of the head has the number of return addresses, above it that of deciding words, whether the stack is
/// complete, whether return addresses were taken out of it, and the stack that this is another trace of.
const COUNT: u64 = (1 << DECIDING) - 1;
const DECIDING: u32 = 15;
const COMPLETE: u64 = 1 << (2 * DECIDING);
const UNLOADED: u64 = COMPLETE << 1;
const SAME_AS: u32 = 32;

/// A stack that was taken and can be kept.
pub(super) trait TakenStack {
    /// The return addresses, from the innermost out.
    fn addresses(&self) -> impl Iterator<Item = u64>;
    /// Whether they are all.
    fn is_complete(&self) -> bool;
    /// How many words are to be kept of it.
    fn words(&self) -> usize;
    /// Writes them where nobody else sees them yet, as another trace of the stack `of`, or as a stack of its own.
    fn write(&self, words: &[AtomicU64], of: Option<StackId>);
}

/// An offset from the stack pointer, and what stands there.
pub(super) type KeptWord = [AtomicU64; 2];

/// What is kept of a stack: three words by which a trace is recognized, and the numbers of pairs. Then the pairs: each
/// return address, from the innermost out; then what else a trace needs.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    number: u32,
    pub(super) head: &'static [AtomicU64; HEAD],
    pairs: &'static [KeptWord],
}

impl Kept {
    /// What was written under a number; `words` begin there.
    #[inline(always)]
    pub(super) fn at(number: u32, words: &'static [AtomicU64]) -> Option<Self> {
        let (head, rest) = words.split_first_chunk::<HEAD>()?;
        Some(Self { number, head, pairs: rest.as_chunks().0 })
    }

    /// How many words a stack needs that has so many frames and deciding words.
    pub(super) fn words(frames: usize, deciding: usize) -> usize {
        HEAD + 2 * (frames + deciding)
    }

    /// The last word of the head, of a trace of the stack `of`, or of a stack of its own.
    pub(super) fn shape_of(frames: usize, deciding: usize, is_complete: bool, of: Option<StackId>) -> u64 {
        let complete = if is_complete { COMPLETE } else { 0 };
        let same_as = u64::from(of.map_or(0, StackId::number)) << SAME_AS;
        frames as u64 | (deciding as u64) << DECIDING | complete | same_as
    }

    /// The return addresses and the deciding words.
    #[inline(always)]
    pub(super) fn pairs(&self, shape: u64) -> (&'static [KeptWord], &'static [KeptWord]) {
        let (frames, deciding) = (shape & COUNT, shape >> DECIDING & COUNT);
        let (frames, rest) = self.pairs.split_at_checked(frames as usize).unwrap_or_default();
        (frames, rest.get(..deciding as usize).unwrap_or_default())
    }

    /// The stack that it is a trace of.
    #[cfg(heapledger_lines)]
    #[inline(always)]
    pub(super) fn stack(&self, shape: u64) -> StackId {
        let other = (shape >> SAME_AS) as u32;
        StackId::new(if other == 0 { self.number } else { other })
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// The stack, if this is no other trace of one.
    pub(super) fn id(&self) -> StackId {
        StackId::new(self.number)
    }

    fn shape(&self) -> u64 {
        let [_, _, _, shape] = self.head;
        shape.load(Relaxed)
    }

    /// The return addresses, from the innermost out.
    pub(super) fn addresses(&self) -> impl Iterator<Item = u64> {
        let (frames, _) = self.pairs(self.shape());
        frames.iter().map(|[_, address]| address.load(Relaxed)).filter(|address| *address != 0)
    }

    /// How much of the stack it has.
    pub(super) fn extent(&self) -> StackExtent {
        match self.shape() {
            shape if shape & UNLOADED != 0 => StackExtent::Unloaded,
            shape if shape & COMPLETE != 0 => StackExtent::Complete,
            _ => StackExtent::Incomplete,
        }
    }

    /// Takes the return addresses out that lead into code that is gone.
    #[cfg(heapledger_lines)]
    pub(super) fn void(&self, is_gone: &impl Fn(u64) -> bool) {
        let (frames, _) = self.pairs(self.shape());
        for [_, address] in frames {
            // A call may be the last instruction of its function.
            if is_gone(address.load(Relaxed).wrapping_sub(1)) {
                let [_, _, _, shape] = self.head;
                shape.fetch_or(UNLOADED, Relaxed);
                address.store(0, Relaxed);
            }
        }
    }

    /// Whether it is the stack that was taken.
    pub(super) fn is(&self, taken: &impl TakenStack) -> bool {
        let extent = if taken.is_complete() { StackExtent::Complete } else { StackExtent::Incomplete };
        self.extent() == extent && self.addresses().eq(taken.addresses())
    }
}
