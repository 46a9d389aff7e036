//! Allocations that fail: the caller gets the inner allocator's null, no counter moves (counting comes after success,
//! never before), and a block whose resize failed is what it was: content, owner, and later its charge.

#![allow(unsafe_code, reason = "calls an allocator directly, which is the only way to make it fail on demand")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;

use common::{alone, balanced, row, tally};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// The system's allocator, out of memory for the threads that ask for it.
struct Failing;

static FAILING: heapledger::Allocator<Failing> = heapledger::Allocator::new(Failing);

thread_local! {
    static FAILS: Cell<bool> = const { Cell::new(false) };
    /// Calls of this thread that failed on purpose.
    static FAILED: Cell<u32> = const { Cell::new(0) };
}

fn fails() -> bool {
    let fails = FAILS.get();
    FAILED.set(FAILED.get() + u32::from(fails));
    fails
}

fn without_memory<R>(work: impl FnOnce() -> R) -> R {
    FAILS.set(true);
    let out = work();
    FAILS.set(false);
    out
}

// SAFETY: every block is the system's; null is an answer that every caller must expect.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's own promise.
        if fails() { ptr::null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's own promise.
        if fails() { ptr::null_mut() } else { unsafe { System.alloc_zeroed(layout) } }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's own promise.
        if fails() { ptr::null_mut() } else { unsafe { System.realloc(block, layout, new_size) } }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's own promise.
        unsafe { System.dealloc(block, layout) }
    }
}

const SIZE: usize = 1_001;
const LAYOUT: Layout = match Layout::from_size_align(SIZE, 8) {
    Ok(layout) => layout,
    Err(_) => panic!("the layout is valid"),
};

fn content(block: *mut u8) -> &'static [u8] {
    // SAFETY: every caller has a live block of `SIZE` initialized bytes, and looks before it frees it.
    unsafe { std::slice::from_raw_parts(block, SIZE) }
}

fn filled_block() -> *mut u8 {
    // SAFETY: the layout's size is not zero.
    let block = unsafe { FAILING.alloc(LAYOUT) };
    assert!(!block.is_null());
    for at in 0..SIZE {
        // SAFETY: `at` is within the block.
        let byte = unsafe { block.add(at) };
        // SAFETY: the byte is within the block, which nobody else has.
        unsafe { byte.write(at as u8) };
    }
    block
}

fn free(block: *mut u8) {
    // SAFETY: every block here came from `FAILING` with `LAYOUT`, and is freed once.
    unsafe { FAILING.dealloc(block, LAYOUT) };
}

/// Asks for blocks of many sizes while the inner allocator has none.
fn returns_null_and_counts_nothing(operation: &str, ask: impl Fn(Layout) -> *mut u8) {
    let _alone = alone();
    let scope = heapledger::track(operation);
    free(filled_block());
    let before = balanced();
    FAILED.set(0);
    for size in [1, 8, SIZE, 1 << 20, 1 << 40] {
        let layout = Layout::from_size_align(size, 8).unwrap();
        let block = without_memory(|| ask(layout));
        assert!(block.is_null());
    }
    assert_eq!(FAILED.get(), 5, "the inner allocator was asked each time");
    let after = balanced();
    drop(scope);
    let once = tally! { allocs: 1, allocated_bytes: 1_001, frees: 1, freed_bytes: 1_001, peak_bytes: Some(1_001) };
    // Blocks, bytes and peak are as they were, although 1 TiB was asked for.
    for snapshot in [before, after, balanced()] {
        assert_eq!(snapshot.operation(operation).unwrap().own, once);
    }
}

#[test]
fn a_failed_alloc_returns_null_and_counts_nothing() {
    // SAFETY: the layout's size is not zero.
    returns_null_and_counts_nothing("failed alloc", |layout| unsafe { FAILING.alloc(layout) });
}

#[test]
fn a_failed_alloc_zeroed_returns_null_and_counts_nothing() {
    // SAFETY: the layout's size is not zero.
    returns_null_and_counts_nothing("failed alloc_zeroed", |layout| unsafe { FAILING.alloc_zeroed(layout) });
}

#[test]
fn a_failed_realloc_leaves_the_block_its_content_its_owner_and_every_counter() {
    let _alone = alone();
    let (block, _) = heapledger::measure("owner of the block", filled_block);
    let owned =
        tally! { allocs: 1, allocated_bytes: 1_001, live_blocks: 1, live_bytes: 1_001, peak_bytes: Some(1_001) };
    assert_eq!(row("owner of the block").own, owned);

    let scope = heapledger::track("failed realloc");
    FAILED.set(0);
    for new_size in [1, SIZE - 1, SIZE, SIZE + 1, 1 << 20, 1 << 40] {
        // SAFETY: the block came from `FAILING` with `LAYOUT`, and the new size is neither zero nor too large.
        let moved = without_memory(|| unsafe { FAILING.realloc(block, LAYOUT, new_size) });
        assert!(moved.is_null());
    }
    assert_eq!(FAILED.get(), 6, "the inner allocator was asked each time");
    let nothing = tally! { peak_bytes: Some(0) };
    assert_eq!(scope.finish(), nothing);
    assert_eq!(row("failed realloc").own, nothing);
    assert_eq!(row("owner of the block").own, owned);
    assert!(content(block).iter().enumerate().all(|(at, byte)| *byte == at as u8));

    // The block still carries its owner: a third operation that frees it is charged, and the owner's is settled.
    heapledger::measure("frees the block", || free(block));
    assert_eq!(
        row("frees the block").own,
        tally! { frees: 1, freed_bytes: 1_001, others_frees: 1, others_freed_bytes: 1_001, peak_bytes: Some(0) },
    );
    let settled = tally! {
        allocs: 1, allocated_bytes: 1_001, freed_elsewhere_blocks: 1, freed_elsewhere_bytes: 1_001,
        peak_bytes: Some(1_001),
    };
    assert_eq!(row("owner of the block").own, settled);
}

#[test]
fn a_resize_that_works_after_one_that_failed_is_counted_once() {
    let _alone = alone();
    let scope = heapledger::track("second try");
    let block = filled_block();
    // SAFETY: the block came from `FAILING` with `LAYOUT`, and the new size is neither zero nor too large.
    let moved = without_memory(|| unsafe { FAILING.realloc(block, LAYOUT, 4 * SIZE) });
    assert!(moved.is_null());
    // SAFETY: the block came from `FAILING` with `LAYOUT`, and the new size is neither zero nor too large.
    let moved = unsafe { FAILING.realloc(block, LAYOUT, 4 * SIZE) };
    assert!(content(moved).iter().enumerate().all(|(at, byte)| *byte == at as u8));
    let resized = Layout::from_size_align(4 * SIZE, 8).unwrap();
    // SAFETY: the block was resized to this layout.
    unsafe { FAILING.dealloc(moved, resized) };
    let did = tally! {
        allocs: 1, allocated_bytes: 5 * 1_001, frees: 1, freed_bytes: 5 * 1_001, reallocs: 1,
        peak_bytes: Some(4 * 1_001),
    };
    assert_eq!(scope.finish(), did);
    balanced();
}
