//! The owner tag: four bytes right behind a block that say which account owns it.
//!
//! The tag lies outside the object that the optimizer knows: code inlined around an allocation may take those bytes
//! for undefined and fold the read away. So the pointer passes through an empty `asm!` before every read, and an
//! empty `asm!` that may read memory follows every write. Where there is no inline assembly, `black_box` stands in.
//!
//! The upper ten bits are a mark, so that zero, small integers and text are never valid tags; the lower 22 are the
//! account's id. A tag that does not carry the mark is foreign and never used as an id.

/// Bytes a tag adds to every block.
pub(super) const SIZE: usize = size_of::<u32>();
/// Bits of a tag that hold the account's id.
pub(super) const ID_BITS: u32 = 22;

const MARK: u32 = 0x2D6 << ID_BITS;

/// The tag of account `id`, which is below `1 << ID_BITS`.
pub(super) const fn of(id: u32) -> u32 {
    MARK | id
}

/// The account that a tag names, if it is a tag.
pub(super) const fn id(tag: u32) -> Option<u32> {
    let id = tag ^ MARK;
    if id >> ID_BITS == 0 { Some(id) } else { None }
}

/// Writes the tag of a block of `size` bytes, and returns the block.
///
/// # Safety
/// `block` is valid for writes of `size + SIZE` bytes.
#[inline(always)]
pub(super) unsafe fn write(block: *mut u8, size: usize, tag: u32) -> *mut u8 {
    // SAFETY: `size` is within the block, by the caller's promise.
    let place = unsafe { block.add(size) }.cast::<u32>();
    // SAFETY: four bytes at `place` are within the block; unaligned by design.
    unsafe { place.write_unaligned(tag) };
    expose(block);
    block
}

/// Reads the tag of a block of `size` bytes.
///
/// # Safety
/// `block` is valid for reads of `size + SIZE` bytes.
#[inline(always)]
pub(super) unsafe fn read(block: *mut u8, size: usize) -> u32 {
    let block = launder(block);
    // SAFETY: `size` is within the block, by the caller's promise.
    let place = unsafe { block.add(size) }.cast::<u32>();
    // SAFETY: four bytes at `place` are within the block; unaligned by design.
    unsafe { place.read_unaligned() }
}

/// The same pointer, of which the optimizer knows nothing.
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
