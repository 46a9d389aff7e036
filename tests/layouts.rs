//! Sizes and alignments: every block is the inner allocator's own, at its own place, aligned, zeroed and lazily paged
//! as the inner allocator makes it, resized in place where it can be, with an owner tag right behind it wherever that
//! is.

#![allow(unsafe_code, reason = "calls the allocator directly, to see each of its four methods alone")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::{alone, balanced, row, tally};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// The system's allocator, which notes what it is asked for.
struct Noting;

static NOTING: heapledger::Allocator<Noting> = heapledger::Allocator::new(Noting);

/// Calls of this thread, and the layout and the answer of the last one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Noted {
    allocs: u32,
    zeroed: u32,
    reallocs: u32,
    frees: u32,
    size: usize,
    align: usize,
    block: *mut u8,
}

const NOTHING: Noted =
    Noted { allocs: 0, zeroed: 0, reallocs: 0, frees: 0, size: 0, align: 0, block: std::ptr::null_mut() };

thread_local! {
    static NOTED: Cell<Noted> = const { Cell::new(NOTHING) };
}

fn note(layout: Layout, block: *mut u8, count: impl FnOnce(&mut Noted)) -> *mut u8 {
    let mut noted = NOTED.get();
    (noted.size, noted.align, noted.block) = (layout.size(), layout.align(), block);
    count(&mut noted);
    NOTED.set(noted);
    block
}

/// What the inner allocator was asked while `work` ran.
fn noted<R>(work: impl FnOnce() -> R) -> (R, Noted) {
    NOTED.set(NOTHING);
    let out = work();
    (out, NOTED.get())
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Noting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's own promise.
        let block = unsafe { System.alloc(layout) };
        note(layout, block, |noted| noted.allocs += 1)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's own promise.
        let block = unsafe { System.alloc_zeroed(layout) };
        note(layout, block, |noted| noted.zeroed += 1)
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's own promise.
        let moved = unsafe { System.realloc(block, layout, new_size) };
        let new = Layout::from_size_align(new_size, layout.align()).expect("the caller promised a valid size");
        note(new, moved, |noted| noted.reallocs += 1)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's own promise.
        unsafe { System.dealloc(block, layout) }
        note(layout, block, |noted| noted.frees += 1);
    }
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("a valid layout")
}

/// A block straight from the allocator under test.
struct Block {
    start: *mut u8,
    layout: Layout,
}

impl Block {
    fn new(size: usize, align: usize) -> Self {
        let layout = layout(size, align);
        // SAFETY: no test asks for zero bytes.
        Self::at(unsafe { NOTING.alloc(layout) }, layout)
    }

    fn zeroed(size: usize, align: usize) -> Self {
        let layout = layout(size, align);
        // SAFETY: no test asks for zero bytes.
        Self::at(unsafe { NOTING.alloc_zeroed(layout) }, layout)
    }

    fn at(start: *mut u8, layout: Layout) -> Self {
        assert!(!start.is_null(), "{layout:?} was refused");
        assert_eq!(start.addr() % layout.align(), 0, "{layout:?} is aligned");
        Self { start, layout }
    }

    fn resize(&mut self, size: usize) {
        // SAFETY: the block came from there with this layout; no test asks for zero bytes.
        let moved = unsafe { NOTING.realloc(self.start, self.layout, size) };
        *self = Self::at(moved, layout(size, self.layout.align()));
    }

    fn free(self) {
        // SAFETY: the block came from there with this layout, and `self` ends here.
        unsafe { NOTING.dealloc(self.start, self.layout) };
    }

    /// Writes every byte, those before the tag too.
    fn fill(&self, seed: u8) {
        for at in 0..self.layout.size() {
            // SAFETY: `at` is within the block.
            let byte = unsafe { self.start.add(at) };
            // SAFETY: the byte is within the block, which nobody else has.
            unsafe { byte.write(seed.wrapping_add(at as u8)) };
        }
    }

    fn bytes(&self, count: usize) -> &[u8] {
        // SAFETY: the callers wrote these bytes before, or had them zeroed; they are within the block.
        unsafe { std::slice::from_raw_parts(self.start, count) }
    }

    fn assert_filled(&self, count: usize, seed: u8) {
        let wrong = self.bytes(count).iter().enumerate().find(|(at, byte)| **byte != seed.wrapping_add(*at as u8));
        assert_eq!(wrong, None, "{:?}", self.layout);
    }
}

#[test]
fn every_size_up_to_4096_is_counted_to_the_byte_and_keeps_its_owner() {
    let _alone = alone();
    let scope = heapledger::track("every size");
    for size in 1..=4096 {
        let block = Block::new(size, 1 << (size % 5));
        block.fill(size as u8);
        block.assert_filled(size, size as u8);
        block.free();
    }
    let sum = 4096 * 4097 / 2;
    let did = tally! {
        allocs: 4096, allocated_bytes: sum, frees: 4096, freed_bytes: sum, peak_bytes: Some(4096),
    };
    assert_eq!(scope.finish(), did);
    // Frees that found another tag behind the block would be somebody else's.
    assert_eq!(row("every size").own, did);
}

#[test]
fn blocks_keep_every_alignment_up_to_2_mib() {
    let _alone = alone();
    let _op = heapledger::track("alignments");
    for power in 0..=21 {
        let align = 1usize << power;
        for size in [1, 3, align.saturating_sub(1).max(1), align, align + 1, 2 * align + 5] {
            let block = Block::new(size, align);
            block.fill(7);
            block.assert_filled(size, 7);
            block.free();
            let mut block = Block::zeroed(size, align);
            assert!(block.bytes(size).iter().all(|byte| *byte == 0));
            block.fill(9);
            for size in [2 * size, 2 * size + 1, size] {
                block.resize(size);
            }
            block.assert_filled(size, 9);
            block.free();
        }
    }
    let own = row("alignments").own;
    assert_eq!((own.allocs, own.frees, own.reallocs), (22 * 12, 22 * 12, 22 * 18));
    assert_eq!((own.live_blocks, own.live_bytes, own.others_frees, own.freed_elsewhere_blocks), (0, 0, 0, 0));
}

#[test]
fn the_inner_allocator_gets_one_call_with_four_bytes_more_and_its_pointer_is_passed_on() {
    let _alone = alone();
    for (size, align) in [(1, 1), (24, 8), (64, 64), (4095, 16), (5000, 4096), (1 << 20, 8)] {
        let (block, asked) = noted(|| Block::new(size, align));
        assert_eq!(asked, Noted { allocs: 1, size: size + 4, align, block: block.start, ..NOTHING });
        let ((), asked) = noted(|| block.free());
        assert_eq!((asked.frees, asked.size, asked.align), (1, size + 4, align));

        let (block, asked) = noted(|| Block::zeroed(size, align));
        assert_eq!(asked, Noted { zeroed: 1, size: size + 4, align, block: block.start, ..NOTHING });
        block.free();
    }
}

#[test]
fn a_resize_is_one_resize_of_the_inner_allocator_and_never_a_copy_of_ours() {
    let _alone = alone();
    let mut block = Block::new(10, 8);
    for size in [11, 100, 1_000_000, 50_000_000, 50_000_001, 999, 7] {
        let ((), asked) = noted(|| block.resize(size));
        assert_eq!(asked, Noted { reallocs: 1, size: size + 4, align: 8, block: block.start, ..NOTHING });
    }
    block.free();
}

#[test]
fn a_block_keeps_its_content_and_its_owner_whether_it_grows_shrinks_or_moves() {
    let _alone = alone();
    let scope = heapledger::track("resizes");
    // Neighbours in the way make some of the resizes move.
    let mut blocks: Vec<Block> = Vec::with_capacity(64);
    for at in 0..64 {
        let block = Block::new(8 * at + 1, 8);
        block.fill(at as u8);
        blocks.push(block);
    }
    let (mut moved, mut stayed) = (0, 0);
    for factor in [2, 17, 300, 5, 1] {
        for (at, block) in blocks.iter_mut().enumerate() {
            let (before, old) = (block.start, block.layout.size());
            let size = (8 * at + 1) * factor;
            block.resize(size);
            block.assert_filled(old.min(size), at as u8);
            block.fill(at as u8);
            *if block.start == before { &mut stayed } else { &mut moved } += 1;
        }
    }
    assert!(moved > 0 && stayed > 0, "{moved} moved, {stayed} stayed");
    for block in blocks.drain(..) {
        block.free();
    }
    drop(blocks);
    drop(scope);
    let own = row("resizes").own;
    // 64 blocks and the vector that holds them; a tag lost on the way would show as somebody else's block.
    assert_eq!((own.allocs, own.frees, own.reallocs, own.live_bytes, own.live_blocks), (65, 65, 320, 0, 0));
    assert_eq!((own.others_frees, own.taken_over_blocks, own.freed_elsewhere_blocks), (0, 0, 0));
    balanced();
}

#[test]
fn a_size_that_four_more_bytes_overflow_is_refused_and_counts_nothing() {
    let _alone = alone();
    let scope = heapledger::track("overflow");
    for align in [1usize, 2, 8, 4096, 1 << 21] {
        let most = isize::MAX as usize / align * align;
        for less in 0..4 {
            let Ok(layout) = Layout::from_size_align(most - less, align) else { panic!("a valid layout") };
            let rounded_up = (layout.size() + 4).next_multiple_of(align);
            if rounded_up <= isize::MAX as usize {
                continue;
            }
            // SAFETY: the layout's size is not zero.
            let (block, asked) = noted(|| unsafe { NOTING.alloc(layout) });
            assert!(block.is_null() && asked == NOTHING, "{layout:?}");
            // SAFETY: the layout's size is not zero.
            let (block, asked) = noted(|| unsafe { NOTING.alloc_zeroed(layout) });
            assert!(block.is_null() && asked == NOTHING, "{layout:?}");
            // Over the system's allocator another bound holds, and another test of it.
            // SAFETY: the layout's size is not zero.
            assert!(unsafe { ALLOC.alloc(layout) }.is_null(), "{layout:?}");
        }
        // The largest that does not overflow is the inner allocator's to refuse.
        let layout = Layout::from_size_align(most - 4, align).expect("a valid layout");
        // SAFETY: the layout's size is not zero.
        let (block, asked) = noted(|| unsafe { NOTING.alloc(layout) });
        assert!(block.is_null() && asked == Noted { allocs: 1, size: most, align, ..NOTHING }, "{layout:?}");
    }
    assert_eq!(scope.finish(), tally! { peak_bytes: Some(0) });

    let scope = heapledger::track("overflow by a resize");
    let block = Block::new(100, 8);
    block.fill(3);
    for less in 0..4 {
        let size = isize::MAX as usize / 8 * 8 - less;
        // SAFETY: the block came from there with this layout; the size, rounded up to 8, does not overflow `isize`.
        let (moved, asked) = noted(|| unsafe { NOTING.realloc(block.start, block.layout, size) });
        assert!(moved.is_null() && asked == NOTHING, "{size}");
        // SAFETY: as above.
        assert!(unsafe { ALLOC.realloc(block.start, block.layout, size) }.is_null(), "{size}");
    }
    block.assert_filled(100, 3);
    block.free();
    let did = tally! { allocs: 1, allocated_bytes: 100, frees: 1, freed_bytes: 100, peak_bytes: Some(100) };
    assert_eq!(scope.finish(), did);
}

#[test]
fn zeroed_memory_is_zero_over_the_whole_block_also_where_it_was_used_before() {
    let _alone = alone();
    for size in (1..2048).step_by(13).chain([65_536, 1 << 20, (1 << 20) + 1]) {
        let used = Block::new(size, 8);
        used.fill(0xa5);
        used.free();
        let zeroed = Block::zeroed(size, 8);
        assert!(zeroed.bytes(size).iter().all(|byte| *byte == 0), "{size}");
        zeroed.free();
    }
}

/// Bytes of anonymous memory that are really there.
#[cfg(target_os = "linux")]
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("Linux tells this too");
    line.trim().trim_end_matches(" kB").parse::<i64>().expect("a number") * 1024
}

#[cfg(target_os = "linux")]
#[test]
fn a_zeroed_gigabyte_is_charged_whole_and_takes_no_memory_until_it_is_written() {
    let _alone = alone();
    const GIB: usize = 1 << 30;
    let before = resident();
    let scope = heapledger::track("gigabyte");
    let block = Block::zeroed(GIB, 8);
    let tally = scope.finish();
    let grew = resident() - before;
    assert!(grew < 1 << 20, "{grew} bytes became resident");
    assert_eq!(block.bytes(GIB)[GIB - 1], 0);
    let did = tally! {
        allocs: 1, allocated_bytes: GIB as u64, live_blocks: 1, live_bytes: GIB as i64, peak_bytes: Some(GIB as u64),
    };
    assert_eq!(tally, did);
    let ((), tally) = heapledger::measure("gigabyte back", || block.free());
    assert_eq!((tally.frees, tally.freed_bytes, tally.net_bytes()), (1, GIB as u64, -(GIB as i64)));
}
