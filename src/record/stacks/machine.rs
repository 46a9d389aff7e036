//! Registers, and the memory of this thread's stack: the only place that reads it. What the words mean is not known
//! here.

#![allow(unsafe_code, reason = "it reads registers and the stack")]

use std::arch::asm;
use std::ptr::with_exposed_provenance;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::record::system::stack_of_this_thread;

/// Bytes of a word.
pub(super) const WORD: u64 = 8;
/// What walking needs of the stack itself, and more.
const ROOM: u64 = 32 << 10;

/// Where a frame stands: the place in its code, its stack pointer, and `rbp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Registers {
    pub(super) pc: u64,
    pub(super) sp: u64,
    pub(super) bp: u64,
}

/// The registers in the function that this is inlined into. They hold until that function changes its frame, which it
/// does when it returns.
#[inline(always)]
pub(super) fn registers() -> Registers {
    let (pc, sp, bp): (u64, u64, u64);
    // SAFETY: it copies three registers into its outputs, and touches no memory, flags or stack.
    unsafe {
        asm!(
            "lea {pc}, [rip]",
            "mov {sp}, rsp",
            "mov {bp}, rbp",
            pc = out(reg) pc,
            sp = out(reg) sp,
            bp = out(reg) bp,
            options(nomem, nostack, preserves_flags),
        )
    };
    Registers { pc, sp, bp }
}

/// Between which addresses a thread's stack is. Kept in the thread's own slot: it says nothing of other threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::record) struct StackBounds {
    low: u64,
    end: u64,
}

impl StackBounds {
    pub(in crate::record) const UNKNOWN: Self = Self { low: 0, end: 0 };

    /// Asks the system. Not to be called from inside the allocator.
    pub(in crate::record) fn of_this_thread() -> Self {
        stack_of_this_thread().map_or(Self::UNKNOWN, |(low, end)| Self { low, end: end & !(WORD - 1) })
    }

    /// The part of the stack in use; `None` where this is another stack, such as a fiber's or a signal handler's, or
    /// where little of it is left. `registers` are those of a frame that has not returned.
    #[inline(always)]
    pub(super) fn in_use(self, registers: Registers) -> Option<StackInUse> {
        let StackBounds { low, end } = self;
        let StackInUse { sp, .. } = StackInUse { sp: registers.sp, end };
        (sp.wrapping_sub(low) >= ROOM && sp >= low && sp < end && sp.is_multiple_of(WORD))
            .then_some(StackInUse { sp, end })
    }
}

/// This thread's stack from a frame that has not returned up to its end. All of it can be read.
#[derive(Clone, Copy)]
pub(super) struct StackInUse {
    sp: u64,
    end: u64,
}

impl StackInUse {
    /// How far the stack pointer is from the stack's end.
    #[inline(always)]
    pub(super) fn distance(self) -> u64 {
        self.end.wrapping_sub(self.sp)
    }

    /// How far `address` is above the stack pointer.
    #[inline(always)]
    pub(super) fn offset(self, address: u64) -> u64 {
        address.wrapping_sub(self.sp)
    }

    /// How far `address`, wherever it is, is from the stack's end.
    #[inline(always)]
    pub(super) fn to_end(self, address: u64) -> u64 {
        self.end.wrapping_sub(address)
    }

    /// The word at `address`; `None` where that is no word of this stack.
    #[inline(always)]
    pub(super) fn word(self, address: u64) -> Option<u64> {
        self.word_at(self.offset(address))
    }

    /// The word `offset` bytes above the stack pointer; `None` where that is no word of this stack.
    #[inline(always)]
    fn word_at(self, offset: u64) -> Option<u64> {
        // The end is aligned, so an aligned offset below it has a whole word.
        if offset >= self.distance() || !offset.is_multiple_of(WORD) {
            return None;
        }
        let word = with_exposed_provenance::<u64>(self.sp.wrapping_add(offset) as usize);
        // SAFETY: the word lies between the stack pointer and the end of this thread's stack, which is mapped and stays
        // so while the frame has not returned, and it is aligned. Whatever another thread writes there, this is volatile,
        // and any value is valid.
        Some(unsafe { word.read_volatile() })
    }

    /// Whether every word, told by its offset, has the value beside it.
    #[inline(always)]
    pub(super) fn has(self, words: &[[AtomicU64; 2]]) -> bool {
        words.iter().all(|[offset, value]| self.word_at(offset.load(Relaxed)) == Some(value.load(Relaxed)))
    }

    /// Whether every word, told by its offset, is an address as far from the stack's end as the value beside it says.
    #[inline(always)]
    pub(super) fn points(self, words: &[[AtomicU64; 2]]) -> bool {
        let points = |offset, distance| self.word_at(offset).is_some_and(|word| self.to_end(word) == distance);
        words.iter().all(|[offset, distance]| points(offset.load(Relaxed), distance.load(Relaxed)))
    }
}
