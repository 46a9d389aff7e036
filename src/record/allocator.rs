//! The allocator: forwards to the inner one with four more bytes, writes the owner's tag into them, and has the
//! recorder count the call. Counts only what succeeded; a failure changes nothing.

#![allow(unsafe_code, reason = "it is the allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::any::{TypeId, type_name};
use std::ptr;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::Relaxed;

use super::denial::Offence;
use super::{count, tag};
use crate::words::Tag;

/// A global allocator that charges every block to the operation that allocated it.
///
/// It wraps any [`GlobalAlloc`]: every block gets a 4-byte owner tag right behind it, so the pointer, its alignment,
/// in-place `realloc` and zeroed pages stay the inner allocator's own. A block costs about one nanosecond more to
/// allocate and free, and four bytes before the inner allocator's rounding.
///
/// Install it in the program or test binary, never in a library:
///
/// ```
/// #[global_allocator]
/// static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
///
/// # fn main() {
/// assert!(heapledger::is_installed());
/// # }
/// ```
///
/// Its methods may be called from any thread, at any time in the life of a thread and of the process, but not from a
/// handler of a signal that may arrive anywhere: as `malloc`, they are not async-signal-safe. Where such a handler
/// interrupts the recorder, a count is lost for good, and every later check says that the law is violated.
///
/// An allocation fails where the inner allocator fails, or where a test asks for that
/// ([`Scope::fail_nth`](crate::Scope::fail_nth)): then the caller gets null, and no counter moves. A request so large
/// that four more bytes overflow `isize` is refused with null. Under Miri it passes everything through unseen (tags
/// need Tree Borrows), and everything that judges says so; `--cfg heapledger_miri` together with `-Zmiri-tree-borrows`
/// records there too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allocator<A = System> {
    inner: A,
}

impl Allocator {
    /// Wraps the system's allocator.
    ///
    /// ```
    /// #[global_allocator]
    /// static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// # fn main() {}
    /// ```
    pub const fn system() -> Self {
        Self::new(System)
    }
}

impl<A> Allocator<A> {
    /// Wraps `inner`.
    ///
    /// ```
    /// use mimalloc::MiMalloc;
    ///
    /// #[global_allocator]
    /// static ALLOC: heapledger::Allocator<MiMalloc> = heapledger::Allocator::new(MiMalloc);
    /// # fn main() {}
    /// ```
    pub const fn new(inner: A) -> Self {
        Self { inner }
    }
}

/// Whether tags are written and read: not under Miri, unless `--cfg heapledger_miri` asks for it.
const RECORDS: bool = cfg!(any(not(miri), heapledger_miri));

/// The layout of `size` bytes with room for the tag, whatever the alignment; `None` where that would overflow.
///
/// # Safety
/// `align` is a power of two, and `size` rounded up to it does not overflow `isize`.
#[inline(always)]
unsafe fn tagged(size: usize, align: usize) -> Option<Layout> {
    // `size` is at most `isize::MAX`, so the addition cannot wrap.
    let size = size + tag::SIZE;
    if size > isize::MAX as usize - (align - 1) {
        return None;
    }
    // SAFETY: a power of two by the caller's promise, and the size is in range as just seen.
    Some(unsafe { Layout::from_size_align_unchecked(size, align) })
}

/// The layout of a block that was allocated here, with room for its tag: that cannot overflow.
///
/// # Safety
/// A block was allocated by this allocator with `layout`.
#[inline(always)]
unsafe fn tagged_before(layout: Layout) -> Layout {
    // SAFETY: `tagged` made the same layout when the block was allocated.
    unsafe { Layout::from_size_align_unchecked(layout.size() + tag::SIZE, layout.align()) }
}

/// A `fn() -> &'static str` that returns the name of the inner allocator's type. It belongs to the first [`Allocator`]
/// that was used, which is the global one; null before that.
static NAME: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// The name of the inner allocator's type; `None` before it is used.
pub(crate) fn allocator_name() -> Option<&'static str> {
    let name = NAME.load(Relaxed);
    if name.is_null() {
        return None;
    }
    // SAFETY: only `type_name::<A>` is ever stored, which is such a function.
    let name = unsafe { std::mem::transmute::<*mut (), fn() -> &'static str>(name) };
    Some(name())
}

/// Whether the inner allocator frees a block correctly whatever alignment it gets: `System` where it is C's `free`.
fn frees_at_any_alignment<A: 'static>() -> bool {
    cfg!(unix) && TypeId::of::<A>() == TypeId::of::<System>()
}

/// Whether blocks have the usual alignment, whatever smaller one the inner allocator gets: as where it is C's `malloc`.
fn always_aligns<A: 'static>() -> bool {
    cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) && frees_at_any_alignment::<A>()
}

/// The layout of `size` bytes with room for the tag, if it is one that allocators serve on their usual path.
///
/// # Safety
/// `align` is a power of two, and `size` at most `isize::MAX`.
#[inline(always)]
unsafe fn usual<A: 'static>(size: usize, align: usize) -> Option<Layout> {
    // `size` is at most `isize::MAX`, so the addition cannot wrap.
    let size = size + tag::SIZE;
    let is_aligned = (align <= USUAL_ALIGN) & (align <= size);
    // Rounded up to the alignment, it may not overflow `isize`: with one byte, that is seen by its sign.
    let (align, fits) =
        if always_aligns::<A>() { (1, size as isize >= 0) } else { (align, size <= isize::MAX as usize - USUAL_ALIGN) };
    // SAFETY: a power of two by the caller's promise, and the size is in range as just seen.
    (is_aligned & fits).then(|| unsafe { Layout::from_size_align_unchecked(size, align) })
}

/// Finishes an allocation that the fast path could not count. It is a function of its own, so that the fast path stays
/// short.
///
/// # Safety
/// `inner` made the block for `size + tag::SIZE` bytes at `align`.
#[cold]
#[inline(never)]
unsafe fn record_slowly<A: GlobalAlloc>(inner: &A, block: *mut u8, size: usize, align: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { count_or_fail(inner, block, size, align) }
}

/// Does the same for a `System` that frees at any alignment. It has few arguments, so that its callers are inlined.
///
/// # Safety
/// `System` made the block for `size + tag::SIZE` bytes.
#[cold]
#[inline(never)]
unsafe fn record_slowly_above_system(block: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: the caller's promise, and the alignment does not matter.
    unsafe { count_or_fail(&System, block, size, 1) }
}

/// Counts the block and writes its tag; or gives it back and returns null, where the allocation is to fail on purpose.
///
/// # Safety
/// `inner` made the block for `size + tag::SIZE` bytes at `align`, or frees at any alignment.
#[inline(always)]
unsafe fn count_or_fail<A: GlobalAlloc>(inner: &A, block: *mut u8, size: usize, align: usize) -> *mut u8 {
    if NAME.load(Relaxed).is_null() {
        NAME.store(type_name::<A> as fn() -> &'static str as *mut (), Relaxed);
    }
    if count::looks_closely() {
        if count::fails_now() {
            // SAFETY: the inner allocator just made a block of this size, and alignments are powers of two.
            let tagged = unsafe { Layout::from_size_align_unchecked(size + tag::SIZE, align) };
            // SAFETY: the caller's promise; nobody else has the block.
            unsafe { inner.dealloc(block, tagged) };
            return ptr::null_mut();
        }
        count::noticed(Offence::Alloc(size));
    }
    // SAFETY: the block is as large, by the caller's promise.
    unsafe { tag::write(block, size, count::allocated_slowly(size)) }
}

/// The alignment that allocators give without being asked. `System` takes another path for more.
const USUAL_ALIGN: usize = 16;

/// Finishes a free that the fast path could not count. It is a function of its own, so that the fast path ends in a
/// jump. The block is its first argument, so that it stays in its register.
///
/// # Safety
/// `inner` made the block with this layout.
#[cold]
#[inline(never)]
unsafe fn dealloc_slowly<A: GlobalAlloc>(block: *mut u8, layout: Layout, owner: Tag, inner: &A) {
    count::freed_slowly(owner, layout.size());
    // SAFETY: the caller's promise.
    let tagged = unsafe { tagged_before(layout) };
    // SAFETY: the inner allocator made the block with this layout.
    unsafe { inner.dealloc(block, tagged) }
}

impl<A: GlobalAlloc + 'static> Allocator<A> {
    /// Counts the block and writes its tag, unless it is null.
    ///
    /// # Safety
    /// `block` is null, or what the inner allocator made for `layout` and the tag behind it.
    #[inline(always)]
    unsafe fn record(&self, block: *mut u8, layout: Layout) -> *mut u8 {
        if block.is_null() {
            return block;
        }
        let size = layout.size();
        match count::allocated(size) {
            // SAFETY: not null, so there is room for the tag, by the caller's promise.
            Some(tag) => unsafe { tag::write(block, size, tag) },
            // Keeping the alignment until here would cost the fast path a register.
            // SAFETY: the caller's promise, and the alignment does not matter.
            None if frees_at_any_alignment::<A>() => unsafe { record_slowly_above_system(block, size) },
            // SAFETY: the caller's promise.
            None => unsafe { record_slowly(&self.inner, block, size, layout.align()) },
        }
    }

    /// Allocates with more than the usual alignment, or nearly all memory. It is a function of its own, so that callers
    /// need not inline both paths of `System`.
    ///
    /// # Safety
    /// As `GlobalAlloc::alloc`.
    #[cold]
    #[inline(never)]
    unsafe fn alloc_unusual(&self, layout: Layout) -> *mut u8 {
        // SAFETY: a layout keeps the promise.
        let Some(tagged) = (unsafe { tagged(layout.size(), layout.align()) }) else { return ptr::null_mut() };
        // SAFETY: the size is not zero, as it has the tag's.
        let block = unsafe { self.inner.alloc(tagged) };
        // SAFETY: the inner allocator made room for the tag.
        unsafe { self.record(block, layout) }
    }

    /// Resizes the block to what `to` has room for, a tag included, and counts it.
    ///
    /// # Safety
    /// As `GlobalAlloc::realloc`, to the size of `to` less the tag's. The alignment of `to` is that of `layout`, or any
    /// other where the inner allocator always aligns.
    #[inline(always)]
    unsafe fn resize(&self, block: *mut u8, layout: Layout, to: Layout) -> *mut u8 {
        // SAFETY: the block came from here with this layout, so its tag is behind it.
        let (block, owner) = unsafe { tag::read(block, layout.size()) };
        // SAFETY: `tagged` or `usual` made the same layout when the block was allocated, but for the alignment.
        let tagged = unsafe { Layout::from_size_align_unchecked(layout.size() + tag::SIZE, to.align()) };
        // SAFETY: the inner allocator made the block with this layout; the new size is not zero and does not overflow.
        let moved = unsafe { self.inner.realloc(block, tagged, to.size()) };
        if !moved.is_null() {
            let new_size = to.size() - tag::SIZE;
            let tag = count::resized(owner, layout.size(), new_size);
            // SAFETY: the inner allocator made room for the tag behind the new size.
            return unsafe { tag::write(moved, new_size, tag) };
        }
        moved
    }

    /// Resizes a block with more than the usual alignment, or to nearly all memory, or where that may have to fail on
    /// purpose. It is a function of its own, so that the fast path pays little for it.
    ///
    /// # Safety
    /// As `GlobalAlloc::realloc`.
    #[cold]
    #[inline(never)]
    unsafe fn realloc_unusual(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let watched = count::looks_closely();
        if watched && count::fails_now() {
            return ptr::null_mut();
        }
        // SAFETY: the caller promises it of the new size.
        let Some(tagged) = (unsafe { tagged(new_size, layout.align()) }) else { return ptr::null_mut() };
        // SAFETY: the caller's own promise, and the new size does not overflow.
        let moved = unsafe { self.resize(block, layout, tagged) };
        if watched && !moved.is_null() {
            count::noticed(Offence::Resize(new_size));
        }
        moved
    }
}

// SAFETY: every method returns what the inner allocator returned for a layout that only grew by the tag behind the
// block; nothing here unwinds.
unsafe impl<A: GlobalAlloc + 'static> GlobalAlloc for Allocator<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !RECORDS {
            // SAFETY: the caller's own promise.
            return unsafe { self.inner.alloc(layout) };
        }
        // SAFETY: a layout keeps the promise.
        let Some(tagged) = (unsafe { usual::<A>(layout.size(), layout.align()) }) else {
            // SAFETY: the caller's own promise.
            return unsafe { self.alloc_unusual(layout) };
        };
        // SAFETY: the size is not zero, as it has the tag's.
        let block = unsafe { self.inner.alloc(tagged) };
        // SAFETY: the inner allocator made room for the tag.
        unsafe { self.record(block, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !RECORDS {
            // SAFETY: the caller's own promise.
            return unsafe { self.inner.alloc_zeroed(layout) };
        }
        // SAFETY: a layout keeps the promise.
        let Some(tagged) = (unsafe { tagged(layout.size(), layout.align()) }) else { return ptr::null_mut() };
        // SAFETY: the size is not zero, as it has the tag's.
        let block = unsafe { self.inner.alloc_zeroed(tagged) };
        // SAFETY: the inner allocator made room for the tag.
        unsafe { self.record(block, layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !RECORDS {
            // SAFETY: the caller's own promise.
            return unsafe { self.inner.dealloc(block, layout) };
        }
        // SAFETY: the block came from here with this layout, so its tag is behind it.
        let (block, owner) = unsafe { tag::read(block, layout.size()) };
        if !count::freed(owner, layout.size()) {
            // SAFETY: the block came from here with this layout.
            return unsafe { dealloc_slowly(block, layout, owner, &self.inner) };
        }
        // SAFETY: the block came from here with this layout.
        let tagged = unsafe { tagged_before(layout) };
        // SAFETY: the inner allocator made the block with this layout.
        unsafe { self.inner.dealloc(block, tagged) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if !RECORDS {
            // SAFETY: the caller's own promise.
            return unsafe { self.inner.realloc(block, layout, new_size) };
        }
        // SAFETY: a layout's alignment is a power of two, and no size is more than `isize::MAX`.
        let usual = unsafe { usual::<A>(new_size, layout.align()) };
        match usual.filter(|_| !count::looks_closely()) {
            // SAFETY: the caller's own promise, and the size is in range.
            Some(tagged) => unsafe { self.resize(block, layout, tagged) },
            // SAFETY: the caller's own promise.
            None => unsafe { self.realloc_unusual(block, layout, new_size) },
        }
    }
}
