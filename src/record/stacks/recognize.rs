//! Traces: what is kept of a stack together with the words of the thread's stack that decided it, which recognize it
//! ever after.

#![allow(unsafe_code, reason = "it reads words of the stack that were proved to be there")]

use super::kept::{HEAD, Kept, KeptWord, TakenStack};
use super::machine::{Registers, StackInUse};
use super::stack_id::StackId;
use super::walk::Walked;
use crate::record::atomic::AtomicU64;
use crate::record::atomic::Ordering::Relaxed;

/// Stands for an `rbp` on which nothing depends: no thread's stack is so far away.
const UNDECIDED: u64 = u64::MAX;

/// A stack that was walked at `here`: the head has the distance of the stack pointer from the stack's end, the place in
/// the code and `rbp`; behind the return addresses, each with its offset from the stack pointer, is each word that held
/// a deciding `rbp`, as its distance from the stack's end.
pub(super) struct WalkedTrace<'a> {
    pub(super) walked: &'a Walked,
    pub(super) here: Registers,
    pub(super) stack: StackInUse,
}

impl TakenStack for WalkedTrace<'_> {
    fn addresses(&self) -> impl Iterator<Item = u64> {
        self.walked.addresses()
    }

    fn is_complete(&self) -> bool {
        self.walked.is_complete()
    }

    fn words(&self) -> usize {
        Kept::words(self.walked.frames().len(), self.walked.deciding().len())
    }

    fn write(&self, words: &[AtomicU64], of: Option<StackId>) {
        let Some((head, rest)) = words.split_first_chunk::<HEAD>() else { return };
        let (frames, deciding) = (self.walked.frames(), self.walked.deciding());
        let bp = if self.walked.register_decided { self.stack.to_end(self.here.bp) } else { UNDECIDED };
        let shape = Kept::shape_of(frames.len(), deciding.len(), self.is_complete(), of);
        for (word, value) in head.iter().zip([self.stack.distance(), self.here.pc, bp, shape]) {
            word.store(value, Relaxed);
        }
        // Two plain loops: one over both lists takes five times as long.
        let (first, second) = rest.as_chunks().0.split_at_checked(frames.len()).unwrap_or_default();
        for (pairs, values) in [(first, frames), (second, deciding)] {
            for ([at, what], (offset, value)) in pairs.iter().zip(values) {
                at.store(*offset, Relaxed);
                what.store(*value, Relaxed);
            }
        }
    }
}

impl Kept {
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
}

#[cfg(test)]
mod tests;
