//! Stacks by their return addresses, each once. What is kept of one, a [`Kept`], is also the trace by which it is
//! recognized: the words of the thread's stack that decided it.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::arena::Arena;
use super::machine::{Registers, StackInUse};
use super::rule::WalkEnd;
use super::rules::SPREAD;
use super::stack_id::StackId;
use super::walk::Walked;
use crate::record::memory::zeroed;

/// The most stacks.
const MOST: usize = 1 << 16;
/// Places of the table: at most half of them are taken.
const PLACES: usize = 2 * MOST;
/// Places where a stack may stand.
const PROBES: usize = 64;

/// Words before the pairs.
const HEAD: usize = 4;
/// Stands for an `rbp` on which nothing depends: no thread's stack is so far away.
const UNDECIDED: u64 = u64::MAX;
/// The parts of the last word of the head.
const DECIDING: u32 = 16;
const COMPLETE: u64 = 1 << 31;
const SAME_AS: u32 = 32;

/// All stacks that are kept.
#[derive(Debug)]
pub(super) struct Interned {
    arena: Arena,
    /// By the hash of the return addresses: the upper half of the hash, and the number of the piece.
    places: [AtomicU64; PLACES],
    count: AtomicUsize,
}

zeroed!(Interned { arena, places, count });

/// What is kept of a stack: a head of four words, then pairs. First each return address, with its offset before it, from
/// the innermost out; then each word that held a deciding `rbp`, with its offset before it.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    number: u32,
    head: &'static [AtomicU64; HEAD],
    pairs: &'static [[AtomicU64; 2]],
}

impl Kept {
    fn shape(&self) -> u64 {
        let [_, _, _, shape] = self.head;
        shape.load(Relaxed)
    }

    fn frames(&self, shape: u64) -> &'static [[AtomicU64; 2]] {
        self.pairs.get(..usize::from(shape as u16)).unwrap_or(&[])
    }

    fn deciding(&self, shape: u64) -> &'static [[AtomicU64; 2]] {
        let (from, count) = (usize::from(shape as u16), (shape >> DECIDING) as usize % (1 << 15));
        self.pairs.get(from..).and_then(|rest| rest.get(..count)).unwrap_or(&[])
    }

    /// The stack that it is a trace of.
    #[inline(always)]
    fn stack_of(&self, shape: u64) -> StackId {
        let other = (shape >> SAME_AS) as u32;
        StackId::new(if other == 0 { self.number } else { other })
    }

    /// The stack, if every word that decided it is as it was.
    #[inline(always)]
    pub(super) fn recognizes(&self, here: Registers, stack: StackInUse) -> Option<StackId> {
        let [distance, pc, bp, _] = self.head;
        let shape = self.shape();
        let bp = bp.load(Relaxed);
        let same = distance.load(Relaxed) == stack.distance()
            && pc.load(Relaxed) == here.pc
            && (bp == UNDECIDED || bp == stack.to_end(here.bp))
            && stack.has(self.frames(shape))
            && stack.points(self.deciding(shape));
        same.then(|| self.stack_of(shape))
    }

    fn addresses(&self) -> impl Iterator<Item = u64> {
        self.frames(self.shape()).iter().map(|[_, address]| address.load(Relaxed)).filter(|address| *address != 0)
    }

    fn is_complete(&self) -> bool {
        self.shape() & COMPLETE != 0
    }

    fn is_stack(&self, walked: &Walked) -> bool {
        self.is_complete() == is_complete(walked) && self.addresses().eq(addresses(walked))
    }
}

fn addresses(walked: &Walked) -> impl Iterator<Item = u64> {
    walked.frames().map(|(_, address)| address).filter(|address| *address != 0)
}

fn is_complete(walked: &Walked) -> bool {
    walked.end == WalkEnd::Outermost
}

impl Interned {
    #[inline(always)]
    pub(super) fn kept(&self, number: u32) -> Option<Kept> {
        let words = self.arena.from(number)?;
        let (head, rest) = words.split_first_chunk::<HEAD>()?;
        Some(Kept { number, head, pairs: rest.as_chunks().0 })
    }

    /// Keeps what was walked, as a trace of the stack `of`, or as a stack of its own.
    fn keep(&self, walked: &Walked, here: Registers, stack: StackInUse, of: Option<StackId>) -> Option<Kept> {
        let (frames, deciding) = (walked.frames(), walked.deciding());
        let piece = self.arena.take(HEAD + 2 * (frames.len() + deciding.len()))?;
        let same_as = u64::from(of.map_or(0, StackId::number)) << SAME_AS;
        let complete = if is_complete(walked) { COMPLETE } else { 0 };
        let shape = frames.len() as u64 | (deciding.len() as u64) << DECIDING | complete | same_as;
        let bp = if walked.register_decided { stack.to_end(here.bp) } else { UNDECIDED };
        let head = [stack.distance(), here.pc, bp, shape];
        let pairs = frames.chain(deciding).flat_map(|(offset, value)| [offset, value]);
        for (word, value) in piece.words.iter().zip(head.into_iter().chain(pairs)) {
            word.store(value, Relaxed);
        }
        self.kept(piece.number)
    }

    /// The stack with the return addresses that were walked, kept first if it is new; and what is kept of it now, if
    /// that is another trace of it.
    pub(super) fn intern(&self, walked: &Walked, here: Registers, stack: StackInUse) -> Option<(StackId, Option<u32>)> {
        let hash = addresses(walked).fold(0u64, |hash, address| (hash.rotate_left(5) ^ address).wrapping_mul(SPREAD));
        let mut new: Option<Kept> = None;
        for place in (0..PROBES).filter_map(|probe| self.places.get((hash as usize + probe) % PLACES)) {
            let mut word = place.load(Acquire);
            if word == 0 {
                let kept = match new {
                    Some(kept) => kept,
                    None if self.count.load(Relaxed) < MOST => self.keep(walked, here, stack, None)?,
                    None => return None,
                };
                new = Some(kept);
                let entry = hash >> SAME_AS << SAME_AS | u64::from(kept.number);
                match place.compare_exchange(0, entry, AcqRel, Acquire) {
                    Ok(_) => {
                        self.count.fetch_add(1, Relaxed);
                        return Some((StackId::new(kept.number), Some(kept.number)));
                    }
                    Err(winner) => word = winner,
                }
            }
            if (word ^ hash) >> SAME_AS == 0
                && let Some(kept) = self.kept(word as u32)
                && kept.is_stack(walked)
            {
                return Some((StackId::new(kept.number), None));
            }
        }
        None
    }

    /// Keeps another trace of a stack, unless the room should be left for other stacks.
    pub(super) fn keep_trace(&self, walked: &Walked, here: Registers, stack: StackInUse, of: StackId) -> Option<u32> {
        if !self.arena.is_roomy() {
            return None;
        }
        self.keep(walked, here, stack, Some(of)).map(|kept| kept.number)
    }

    /// Calls `see` with each return address of a stack, from the innermost out. Whether that is the whole stack.
    pub(super) fn read(&self, stack: StackId, see: impl FnMut(u64)) -> bool {
        let Some(kept) = self.kept(stack.number()).filter(|_| stack != StackId::OTHER) else { return false };
        kept.addresses().for_each(see);
        kept.is_complete()
    }
}
