//! Stacks by their return addresses, each once. What is kept of one is also the trace by which it is recognized.

use super::arena::Arena;
use super::kept::{Kept, TakenStack};
use super::stack_id::{StackExtent, StackId};
use crate::record::atomic::AtomicU64;
use crate::record::atomic::AtomicUsize;
use crate::record::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::record::memory::zeroed;
use crate::words::SPREAD;

/// The most stacks.
const MOST: usize = 1 << 16;
/// Places of the table: at most half of them are taken.
const PLACES: usize = 2 * MOST;
/// Places where a stack may stand.
const PROBES: usize = 64;

/// Where the part of a hash begins that stands in the table.
const UPPER_HALF: u32 = 32;

/// All stacks that are kept.
#[derive(Debug)]
pub(super) struct Interned {
    arena: Arena,
    /// By the hash of the return addresses: the upper half of the hash, and the number of the piece.
    places: [AtomicU64; PLACES],
    count: AtomicUsize,
}

zeroed!(Interned { arena, places, count });

impl Interned {
    #[inline(always)]
    pub(super) fn kept(&self, number: u32) -> Option<Kept> {
        Kept::at(number, self.arena.from(number)?)
    }

    /// Keeps a stack, as a trace of the stack `of`, or as a stack of its own.
    fn keep(&self, taken: &impl TakenStack, of: Option<StackId>) -> Option<Kept> {
        let piece = self.arena.take(taken.words())?;
        taken.write(piece.words, of);
        self.kept(piece.number)
    }

    /// The name of the stack that was taken, which is kept first if it is new; and what is kept of it now, if that is
    /// another trace of it.
    pub(super) fn intern(&self, taken: &impl TakenStack) -> Option<(StackId, Option<u32>)> {
        let hash = taken.addresses().fold(0u64, |hash, address| (hash.rotate_left(5) ^ address).wrapping_mul(SPREAD));
        let mut new: Option<Kept> = None;
        for place in (0..PROBES).filter_map(|probe| self.places.get((hash as usize + probe) % PLACES)) {
            let mut word = place.load(Acquire);
            if word == 0 {
                let kept = match new {
                    Some(kept) => kept,
                    None if self.count.load(Relaxed) < MOST => self.keep(taken, None)?,
                    None => return None,
                };
                new = Some(kept);
                let entry = hash >> UPPER_HALF << UPPER_HALF | u64::from(kept.number());
                match place.compare_exchange(0, entry, AcqRel, Acquire) {
                    Ok(_) => {
                        self.count.fetch_add(1, Relaxed);
                        return Some((kept.id(), Some(kept.number())));
                    }
                    Err(winner) => word = winner,
                }
            }
            if (word ^ hash) >> UPPER_HALF == 0
                && let Some(kept) = self.kept(word as u32)
                && kept.is(taken)
            {
                return Some((kept.id(), None));
            }
        }
        None
    }

    /// Keeps another trace of a stack, unless the room should be left for other stacks.
    #[cfg(heapledger_lines)]
    pub(super) fn keep_trace(&self, taken: &impl TakenStack, of: StackId) -> Option<u32> {
        if !self.arena.is_roomy() {
            return None;
        }
        self.keep(taken, Some(of)).map(|kept| kept.number())
    }

    /// Calls `see` with each return address of a stack, from the innermost out, and says how much of it that is.
    pub(super) fn read(&self, stack: StackId, see: impl FnMut(u64)) -> StackExtent {
        let kept = self.kept(stack.number()).filter(|_| stack != StackId::OTHER);
        let Some(kept) = kept else { return StackExtent::Incomplete };
        kept.addresses().for_each(see);
        kept.extent()
    }

    /// Takes the return addresses that lead into code that is gone out of all stacks.
    #[cfg(heapledger_lines)]
    pub(super) fn void(&self, is_gone: impl Fn(u64) -> bool) {
        let kept = self.places.iter().filter_map(|place| self.kept(place.load(Acquire) as u32));
        kept.for_each(|kept| kept.void(&is_gone));
    }
}
