//! C's heap as a whole, where Rust's blocks lie in it. Reads only; not to be called from inside the allocator.

use std::alloc::System;
use std::any::type_name;
use std::sync::atomic::Ordering::Relaxed;

use super::allocator::allocator_name;
use super::memory::TAKEN;
use super::system::malloc_in_use;

/// What C's heap has in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CHeap {
    /// Bytes of chunks that are in use, their overhead included.
    pub(crate) in_use: i64,
    /// Chunks that are mappings of their own.
    pub(crate) mapped: i64,
    /// Bytes of them that are the recorder's own.
    pub(crate) recorder: i64,
}

/// Reads C's heap. `None` where it cannot be asked, or where Rust's blocks lie elsewhere.
pub(crate) fn c_heap() -> Option<CHeap> {
    if allocator_name() != Some(type_name::<System>()) {
        return None;
    }
    let (in_use, mapped) = malloc_in_use()?;
    Some(CHeap { in_use, mapped, recorder: TAKEN.load(Relaxed) as i64 })
}
