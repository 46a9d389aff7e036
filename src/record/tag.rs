//! The owner tag: four bytes right behind a block that say which account owns it.
//!
//! The tag lies outside the object that the optimizer knows: code inlined around an allocation may treat those bytes as
//! undefined and fold the read away. So the pointer passes through an empty `asm!` before every read, and an empty
//! `asm!` that may read memory follows every write. Where there is no inline assembly, `black_box` stands in.
//!
//! [`Tag`] says what the four bytes hold.

#![allow(unsafe_code, reason = "it reads and writes behind blocks")]

use crate::words::Tag;

/// Bytes a tag adds to every block.
pub(super) const SIZE: usize = size_of::<u32>();

/// Writes the tag of a block of `size` bytes, and returns the block.
///
/// # Safety
/// `block` is valid for writes of `size + SIZE` bytes.
#[inline(always)]
pub(super) unsafe fn write(block: *mut u8, size: usize, tag: Tag) -> *mut u8 {
    // SAFETY: `size` is within the block, by the caller's promise.
    let behind = unsafe { block.add(size) }.cast::<u32>();
    // SAFETY: four bytes at `behind` are within the block; unaligned by design.
    unsafe { behind.write_unaligned(tag.bits()) };
    expose(block);
    block
}

/// Reads the tag of a block of `size` bytes. Returns the block, too: whoever goes on with that needs no second copy of
/// the pointer.
///
/// # Safety
/// `block` is valid for reads of `size + SIZE` bytes.
#[inline(always)]
pub(super) unsafe fn read(block: *mut u8, size: usize) -> (*mut u8, Tag) {
    let block = launder(block);
    // SAFETY: `size` is within the block, by the caller's promise.
    let behind = unsafe { block.add(size) }.cast::<u32>();
    // SAFETY: four bytes at `behind` are within the block; unaligned by design.
    (block, Tag::from_bits(unsafe { behind.read_unaligned() }))
}

/// Returns the same pointer, but hides from the optimizer where it came from.
#[cfg(heapledger_asm)]
#[inline(always)]
fn launder(mut block: *mut u8) -> *mut u8 {
    // SAFETY: empty assembly; it only hides where the value came from.
    unsafe { std::arch::asm!("/* {0} */", inout(reg) block, options(nostack, preserves_flags)) };
    block
}

/// Makes the optimizer assume that the memory behind `block` is read here.
#[cfg(heapledger_asm)]
#[inline(always)]
fn expose(block: *mut u8) {
    // SAFETY: empty assembly; `readonly` still lets it read any memory, which keeps the write.
    unsafe { std::arch::asm!("/* {0} */", in(reg) block, options(nostack, preserves_flags, readonly)) };
}

#[cfg(not(heapledger_asm))]
fn launder(block: *mut u8) -> *mut u8 {
    std::hint::black_box(block)
}

#[cfg(not(heapledger_asm))]
fn expose(block: *mut u8) {
    std::hint::black_box(block);
}
