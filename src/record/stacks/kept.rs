//! What is kept of a stack: the words of the thread's stack that decided it. They are written once, before anybody else
//! sees them, and recognize the stack ever after.

#![allow(unsafe_code, reason = "it reads words of the stack that were proved to be there")]

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::machine::{Registers, StackInUse};
use super::stack_id::{StackExtent, StackId};
use super::walk::Walked;

/// Words before the pairs.
const HEAD: usize = 4;
/// Stands for an `rbp` on which nothing depends: no thread's stack is so far away.
const UNDECIDED: u64 = u64::MAX;
/// The last word of the head has the number of return addresses, above it that of deciding words, whether the stack is
/// complete, whether return addresses were taken out of it, and the stack that this is another trace of.
const COUNT: u64 = (1 << DECIDING) - 1;
const DECIDING: u32 = 15;
const COMPLETE: u64 = 1 << (2 * DECIDING);
const UNLOADED: u64 = COMPLETE << 1;
const SAME_AS: u32 = 32;

/// An offset from the stack pointer, and what stands there.
type KeptWord = [AtomicU64; 2];

/// What is kept of a stack: the distance of the stack pointer from the stack's end, the place in the code, `rbp`, and
/// the numbers of pairs. Then the pairs: each return address, from the innermost out; then each word that held a
/// deciding `rbp`, as its distance from the stack's end.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    number: u32,
    head: &'static [AtomicU64; HEAD],
    pairs: &'static [KeptWord],
}

impl Kept {
    /// What was written under a number; `words` begin there.
    #[inline(always)]
    pub(super) fn at(number: u32, words: &'static [AtomicU64]) -> Option<Self> {
        let (head, rest) = words.split_first_chunk::<HEAD>()?;
        Some(Self { number, head, pairs: rest.as_chunks().0 })
    }

    /// How many words what was walked needs.
    pub(super) fn words(walked: &Walked) -> usize {
        HEAD + 2 * (walked.frames().len() + walked.deciding().len())
    }

    /// Writes what was walked into words that nobody else sees yet, as a trace of the stack `of`, or as a stack of its
    /// own.
    pub(super) fn write(words: &[AtomicU64], walked: &Walked, here: Registers, stack: StackInUse, of: Option<StackId>) {
        let (frames, deciding) = (walked.frames(), walked.deciding());
        let complete = if walked.is_complete() { COMPLETE } else { 0 };
        let same_as = u64::from(of.map_or(0, StackId::number)) << SAME_AS;
        let shape = frames.len() as u64 | (deciding.len() as u64) << DECIDING | complete | same_as;
        let bp = if walked.register_decided { stack.to_end(here.bp) } else { UNDECIDED };
        let head = [stack.distance(), here.pc, bp, shape];
        let pairs = frames.chain(deciding).flat_map(|(offset, value)| [offset, value]);
        for (word, value) in words.iter().zip(head.into_iter().chain(pairs)) {
            word.store(value, Relaxed);
        }
    }

    /// The stack, if every word that decided it is as it was.
    #[inline(always)]
    pub(super) fn recognizes(&self, here: Registers, stack: StackInUse) -> Option<StackId> {
        let [distance, pc, bp, shape] = self.head.each_ref().map(|word| word.load(Relaxed));
        if distance != stack.distance() || pc != here.pc || (bp != UNDECIDED && bp != stack.to_end(here.bp)) {
            return None;
        }
        let (frames, deciding) = self.pairs(shape);
        let is_same = |word: &KeptWord| {
            let [offset, value] = word.each_ref().map(|half| half.load(Relaxed));
            // SAFETY: when it was written, this was the offset of a word of a stack; this stack has the same distance.
            unsafe { stack.word_at(offset) == value }
        };
        let is_as_far = |word: &KeptWord| {
            let [offset, distance] = word.each_ref().map(|half| half.load(Relaxed));
            // SAFETY: as above.
            stack.to_end(unsafe { stack.word_at(offset) }) == distance
        };
        // Four at a time, so that they are compared without a loop.
        let (fours, rest) = frames.as_chunks::<4>();
        let same =
            fours.iter().all(|[one, two, three, four]| is_same(one) && is_same(two) && is_same(three) && is_same(four));
        (same && rest.iter().all(is_same) && deciding.iter().all(is_as_far)).then(|| self.stack(shape))
    }

    /// Recognizes no stack from now on.
    pub(super) fn forget(&self) {
        let [distance, ..] = self.head;
        distance.store(0, Relaxed);
    }

    #[inline(always)]
    fn pairs(&self, shape: u64) -> (&'static [KeptWord], &'static [KeptWord]) {
        let (frames, deciding) = (shape & COUNT, shape >> DECIDING & COUNT);
        let (frames, rest) = self.pairs.split_at_checked(frames as usize).unwrap_or_default();
        (frames, rest.get(..deciding as usize).unwrap_or_default())
    }

    /// The stack that it is a trace of.
    #[inline(always)]
    fn stack(&self, shape: u64) -> StackId {
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

    /// Whether it has the return addresses that were walked.
    pub(super) fn is_stack_of(&self, walked: &Walked) -> bool {
        let extent = if walked.is_complete() { StackExtent::Complete } else { StackExtent::Incomplete };
        self.extent() == extent && self.addresses().eq(walked.addresses())
    }
}

#[cfg(test)]
mod tests;
