//! Other allocators beneath ours: mimalloc, jemalloc and the system's, with a random mix of all four methods on several
//! threads. Blocks stay intact, and the counters of every operation equal those of a model that the test keeps itself.

#![allow(unsafe_code, reason = "calls allocators directly, for a program has only one global one")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Barrier;

use common::{Random, alone, balanced, row};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

static OVER_MIMALLOC: heapledger::Allocator<mimalloc::MiMalloc> = heapledger::Allocator::new(mimalloc::MiMalloc);
static OVER_JEMALLOC: heapledger::Allocator<tikv_jemallocator::Jemalloc> =
    heapledger::Allocator::new(tikv_jemallocator::Jemalloc);
static OVER_SYSTEM: heapledger::Allocator = heapledger::Allocator::new(System);

/// A block, and the byte it is filled with.
struct Block {
    start: *mut u8,
    layout: Layout,
    fill: u8,
}

// SAFETY: a block is plain memory that one thread at a time has.
unsafe impl Send for Block {}

impl Block {
    fn fill(&self) {
        // SAFETY: the block is live, has this many bytes, and nobody else has it.
        unsafe { self.start.write_bytes(self.fill, self.layout.size()) };
    }

    fn assert_intact(&self, bytes: usize) {
        // SAFETY: the block is live, and `fill` wrote all its bytes.
        let content = unsafe { std::slice::from_raw_parts(self.start, bytes) };
        assert!(content.iter().all(|byte| *byte == self.fill), "{:?} was written by somebody else", self.layout);
    }
}

/// What the operation must have counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Model {
    allocs: u64,
    allocated_bytes: u64,
    frees: u64,
    freed_bytes: u64,
    reallocs: u64,
}

fn free(allocator: &impl GlobalAlloc, block: Block) {
    block.assert_intact(block.layout.size());
    // SAFETY: the block came from this allocator with this layout, and ends here.
    unsafe { allocator.dealloc(block.start, block.layout) };
}

/// Twenty thousand random calls; leaves its last blocks in `held`.
fn mix(allocator: &impl GlobalAlloc, seed: u64, held: &mut [Option<Block>]) -> Model {
    let mut random = Random::new(seed);
    let mut model = Model::default();
    for _ in 0..20_000 {
        let at = random.below(held.len());
        let size = 1 + if random.below(50) == 0 { random.below(200_000) } else { random.below(600) };
        match held[at].take() {
            None => {
                let layout = Layout::from_size_align(size, 1 << random.below(9)).unwrap();
                let zeroed = random.below(2) == 0;
                let start = match zeroed {
                    // SAFETY: the size is not zero.
                    true => unsafe { allocator.alloc_zeroed(layout) },
                    // SAFETY: the size is not zero.
                    false => unsafe { allocator.alloc(layout) },
                };
                assert!(!start.is_null() && start.addr() % layout.align() == 0, "{layout:?}");
                let mut block = Block { start, layout, fill: 0 };
                if zeroed {
                    block.assert_intact(size);
                }
                block.fill = random.below(256) as u8;
                block.fill();
                held[at] = Some(block);
                model.allocs += 1;
                model.allocated_bytes += size as u64;
            }
            Some(mut block) if random.below(2) == 0 => {
                let old = block.layout.size();
                // SAFETY: the block came from this allocator with this layout; the size is neither zero nor too large.
                block.start = unsafe { allocator.realloc(block.start, block.layout, size) };
                assert!(!block.start.is_null());
                block.layout = Layout::from_size_align(size, block.layout.align()).unwrap();
                block.assert_intact(old.min(size));
                block.fill();
                held[at] = Some(block);
                model.reallocs += 1;
                model.allocated_bytes += size as u64;
                model.freed_bytes += old as u64;
            }
            Some(block) => {
                model.frees += 1;
                model.freed_bytes += block.layout.size() as u64;
                free(allocator, block);
            }
        }
    }
    model
}

const THREADS: usize = 4;

/// Every thread has an operation of its own; what a thread still has at the end, another one frees.
fn law_holds_over(name: &'static str, allocator: &'static (impl GlobalAlloc + Sync)) {
    let _alone = alone();
    let barrier = Barrier::new(THREADS);
    let threads: Vec<(Model, Vec<Option<Block>>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let barrier = &barrier;
                scope.spawn(move || {
                    let mut held: Vec<Option<Block>> = (0..300).map(|_| None).collect();
                    barrier.wait();
                    let _op = heapledger::track(format_args!("{name}/{thread}"));
                    let model = mix(allocator, thread as u64 + 1, &mut held);
                    (model, held)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("the mix succeeds")).collect()
    });
    let mut left = (0, 0);
    for (thread, (model, held)) in threads.iter().enumerate() {
        let own = row(&format!("{name}/{thread}")).own;
        let counted = Model {
            allocs: own.allocs,
            allocated_bytes: own.allocated_bytes,
            frees: own.frees,
            freed_bytes: own.freed_bytes,
            reallocs: own.reallocs,
        };
        assert_eq!(counted, *model, "{name}/{thread}");
        let bytes: usize = held.iter().flatten().map(|block| block.layout.size()).sum();
        let blocks = held.iter().flatten().count();
        assert_eq!((own.live_bytes, own.live_blocks), (bytes as i64, blocks as i64), "{name}/{thread}");
        left = (left.0 + blocks as u64, left.1 + bytes as u64);
    }
    assert!(left.0 > 100, "the mix leaves blocks to free elsewhere: {left:?}");
    let mut blocks: Vec<Block> = threads.into_iter().flat_map(|(_, held)| held).flatten().collect();
    let ((), tally) = heapledger::measure(format_args!("{name} is freed elsewhere"), || {
        blocks.drain(..).for_each(|block| free(allocator, block));
    });
    assert_eq!((tally.frees, tally.freed_bytes, tally.allocs), (left.0, left.1, 0));
    let own = row(&format!("{name} is freed elsewhere")).own;
    assert_eq!((own.others_frees, own.others_freed_bytes), left);
    for thread in 0..THREADS {
        let own = row(&format!("{name}/{thread}")).own;
        assert_eq!((own.live_bytes, own.live_blocks), (0, 0), "{name}/{thread}");
    }
    balanced();
}

#[test]
fn the_law_holds_over_mimalloc() {
    law_holds_over("mimalloc", &OVER_MIMALLOC);
}

#[test]
fn the_law_holds_over_jemalloc() {
    law_holds_over("jemalloc", &OVER_JEMALLOC);
}

#[test]
fn the_law_holds_over_the_systems_allocator() {
    law_holds_over("system", &OVER_SYSTEM);
}
