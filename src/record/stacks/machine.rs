//! Registers, and the memory of this thread's stack: the only place that reads it. What the words mean is not known
//! here.

#![allow(unsafe_code, reason = "it reads registers and the stack")]

use std::arch::asm;
use std::ptr::with_exposed_provenance;

use super::bounds::StackBounds;
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

/// Where this thread's stack is, as the system says. Not to be called from inside the allocator.
pub(in crate::record) fn bounds_of_this_thread() -> StackBounds {
    let bounds = stack_of_this_thread().map(|(low, end)| StackBounds { low: low + ROOM, end: end & !(WORD - 1) });
    bounds.filter(|bounds| bounds.low < bounds.end).unwrap_or(StackBounds::UNKNOWN)
}

/// This thread's stack from a frame that has not returned up to its end. All of it can be read.
#[derive(Clone, Copy)]
pub(super) struct StackInUse {
    sp: u64,
    end: u64,
}

impl StackInUse {
    /// The part of a thread's stack in use; `None` where this is another stack, such as a fiber's or a signal
    /// handler's, or where little of it is left. `registers` are those of a frame that has not returned.
    #[inline(always)]
    pub(super) fn new(StackBounds { low, end }: StackBounds, registers: Registers) -> Option<Self> {
        let sp = registers.sp;
        let is_here = sp.wrapping_sub(low) < end.wrapping_sub(low);
        (is_here && sp.is_multiple_of(WORD)).then_some(Self { sp, end })
    }

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

    /// The word at `address`; `None` where that is no word of this stack between `sp` and its end. `sp` is the stack
    /// pointer of a frame of this stack.
    #[inline(always)]
    pub(super) fn word_above(self, sp: u64, address: u64) -> Option<u64> {
        // The end is aligned, so an aligned address below it has a whole word.
        if address.wrapping_sub(sp) >= self.end.wrapping_sub(sp) || sp < self.sp || !address.is_multiple_of(WORD) {
            return None;
        }
        // SAFETY: the word lies between the stack pointer and the end, and is aligned.
        Some(unsafe { self.word_at(self.offset(address)) })
    }

    /// The word `offset` bytes above the stack pointer.
    ///
    /// # Safety
    /// `offset` is a multiple of a word's size, and below the distance.
    #[inline(always)]
    pub(super) unsafe fn word_at(self, offset: u64) -> u64 {
        let word = with_exposed_provenance::<u64>(self.sp.wrapping_add(offset) as usize);
        // SAFETY: the word lies between the stack pointer and the end of this thread's stack, by the caller's promise.
        // That is mapped and stays so while the frame has not returned. Whatever another thread writes there, this is
        // volatile, and any value is valid.
        unsafe { word.read_volatile() }
    }
}

#[cfg(test)]
mod tests;
