//! Threads that exchange blocks, die and are reborn, beside readers, captures and forks. After every generation the law
//! must hold, and every operation must have the figures of a model that knows nothing of shards or tags.
//!
//! cargo run --release --example stress -- 60       (seconds)
//! STRESS_OVER=mimalloc cargo run --release --example stress -- 60       (or jemalloc: the allocator beneath)

#![allow(dead_code, unsafe_code, reason = "it forks; the test that includes it has its own `main`")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::array::from_fn;
use std::ffi::CStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use heapledger::{Allocator, Error, Snapshot, Tally, capture, measure, snapshot};

#[global_allocator]
static ALLOC: Allocator<Beneath> = Allocator::new(Beneath);

/// Names the allocator beneath.
pub const OVER: &CStr = c"STRESS_OVER";
/// The allocators that there can be beneath, the system's where none is named.
static ALLOCATORS: [(&CStr, &(dyn GlobalAlloc + Sync)); 3] =
    [(c"system", &System), (c"mimalloc", &mimalloc::MiMalloc), (c"jemalloc", &tikv_jemallocator::Jemalloc)];

/// One of them, from the first allocation on, which comes before `main`.
struct Beneath;

/// Which one it is, as an index.
fn beneath() -> usize {
    static CHOSEN: AtomicUsize = AtomicUsize::new(usize::MAX);
    let chosen = CHOSEN.load(Relaxed);
    if chosen != usize::MAX {
        return chosen;
    }
    // SAFETY: the name ends with a zero, and nobody changes the environment.
    let asked = unsafe { libc::getenv(OVER.as_ptr()) };
    let asked = match asked.is_null() {
        true => c"system",
        // SAFETY: it is a variable of the environment, which stays.
        false => unsafe { CStr::from_ptr(asked) },
    };
    let known = ALLOCATORS.iter().position(|(name, _)| *name == asked);
    // A process that has no allocator ends.
    let Some(chosen) = known else { std::process::abort() };
    CHOSEN.store(chosen, Relaxed);
    chosen
}

// SAFETY: every call goes to one allocator that keeps the contract, always the same one.
unsafe impl GlobalAlloc for Beneath {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract.
        unsafe { ALLOCATORS[beneath()].1.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: likewise.
        unsafe { ALLOCATORS[beneath()].1.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: likewise.
        unsafe { ALLOCATORS[beneath()].1.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: likewise.
        unsafe { ALLOCATORS[beneath()].1.realloc(block, layout, size) }
    }
}

/// The name of the allocator beneath.
pub fn name_of_beneath() -> &'static str {
    ALLOCATORS[beneath()].0.to_str().expect("all of them are")
}

const NAMES: [&str; 4] = ["stress/a", "stress/b", "stress/c", "stress/c/d"];
const THREADS: usize = 4;
const STEPS: usize = 2_000;

/// A block that waits for whoever comes by, and the operation that owns it.
struct Block {
    bytes: Vec<u8>,
    owner: usize,
}

static SLOTS: [Mutex<Option<Block>>; 16] = [const { Mutex::new(None) }; 16];

/// What each operation did, by the model.
type Did = [Tally; NAMES.len()];

/// Numbers by chance: `xorshift`.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

fn freed(did: &mut Did, active: usize, owner: usize, size: u64) {
    did[active].frees += 1;
    did[active].freed_bytes += size;
    if active != owner {
        did[active].others_frees += 1;
        did[active].others_freed_bytes += size;
        did[owner].freed_elsewhere_blocks += 1;
        did[owner].freed_elsewhere_bytes += size;
    }
}

fn resized(did: &mut Did, active: usize, owner: usize, old: u64, new: u64) {
    did[active].reallocs += 1;
    did[active].freed_bytes += old;
    did[active].allocated_bytes += new;
    if active != owner {
        did[active].taken_over_blocks += 1;
        did[active].taken_over_bytes += old;
        did[owner].given_away_blocks += 1;
        did[owner].given_away_bytes += old;
    }
}

/// What one thread does in its life.
fn live(seed: u64) -> Did {
    let (mut did, mut chance) = (Did::default(), Chance(seed | 1));
    for _ in 0..STEPS {
        let (active, size) = (chance.below(NAMES.len()), 1 + chance.below(3_000));
        let slot = &SLOTS[chance.below(SLOTS.len())];
        let found = slot.lock().expect("nobody panics").take();
        let left = measure(NAMES[active], || match found {
            None => {
                did[active].allocs += 1;
                did[active].allocated_bytes += size as u64;
                Some(Block { bytes: Vec::with_capacity(size), owner: active })
            }
            Some(mut block) if block.bytes.capacity() < size => {
                resized(&mut did, active, block.owner, block.bytes.capacity() as u64, size as u64);
                block.bytes.reserve_exact(size);
                Some(Block { owner: active, ..block })
            }
            Some(block) => {
                freed(&mut did, active, block.owner, block.bytes.capacity() as u64);
                drop(block);
                None
            }
        });
        // Another thread may have left a block meanwhile: that goes out of every operation.
        let other = left.0.and_then(|block| slot.lock().expect("nobody panics").replace(block));
        if let Some(Block { bytes, owner }) = other {
            did[owner].freed_elsewhere_blocks += 1;
            did[owner].freed_elsewhere_bytes += bytes.capacity() as u64;
        }
    }
    did
}

/// The child reads and records, whatever the parent's other threads were in the middle of.
#[cfg(unix)]
fn fork() {
    // SAFETY: the child does only what the ledger promises for it, and ends at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let did = measure("child", || drop(Vec::<u8>::with_capacity(100))).1;
        let violated = snapshot().check().as_ref().is_err_and(Error::is_violated);
        // SAFETY: it has no preconditions.
        unsafe { libc::_exit(i32::from(violated || (did.allocs, did.frees) != (1, 1))) };
    }
    let mut status = 0;
    // SAFETY: the child is ours, and `status` is valid for writes.
    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((ended, status), (child, 0), "the child counts exactly, and cries no alarm");
}

/// A reading for which no thread was in the middle of recording, such as one of whoever runs this.
fn settled() -> Snapshot {
    loop {
        let snapshot = snapshot();
        if !snapshot.check().is_err_and(|error| error.is_unsettled()) {
            return snapshot;
        }
        thread::yield_now();
    }
}

/// One generation of threads, and what it must have done.
pub fn generation(number: u64) {
    let capture = (number % 3 == 1).then(|| capture("stress/**"));
    for name in NAMES {
        measure(name, || ());
    }
    let (before, over) = (settled(), AtomicBool::new(false));
    let mut expected = Did::default();
    thread::scope(|scope| {
        let threads: [_; THREADS] = from_fn(|at| scope.spawn(move || live(number << 8 | (at as u64 + 1) << 1)));
        let reader = scope.spawn(|| {
            while !over.load(Relaxed) {
                let check = snapshot().check();
                assert!(!check.as_ref().is_err_and(Error::is_violated), "{check:?}");
            }
        });
        // mimalloc has no handler of forks: a child may find a lock taken for ever.
        #[cfg(unix)]
        if name_of_beneath() != "mimalloc" {
            fork();
        }
        for thread in threads {
            let did = thread.join().expect("it only records");
            expected.iter_mut().zip(did).for_each(|(sum, did)| add(sum, &did));
        }
        over.store(true, Relaxed);
        reader.join().expect("it only reads");
    });
    let did = settled() - before;
    did.check().unwrap_or_else(|error| panic!("{error}"));
    for (name, expected) in NAMES.iter().zip(expected) {
        let mut own = did.operation(name).expect("it was entered").own;
        (own.live_blocks, own.live_bytes, own.peak_bytes) = (0, 0, None);
        assert_eq!(own, expected, "{name} in generation {number}");
    }
    drop(capture);
}

fn add(sum: &mut Tally, did: &Tally) {
    sum.allocs += did.allocs;
    sum.allocated_bytes += did.allocated_bytes;
    sum.frees += did.frees;
    sum.freed_bytes += did.freed_bytes;
    sum.reallocs += did.reallocs;
    sum.others_frees += did.others_frees;
    sum.others_freed_bytes += did.others_freed_bytes;
    sum.freed_elsewhere_blocks += did.freed_elsewhere_blocks;
    sum.freed_elsewhere_bytes += did.freed_elsewhere_bytes;
    sum.taken_over_blocks += did.taken_over_blocks;
    sum.taken_over_bytes += did.taken_over_bytes;
    sum.given_away_blocks += did.given_away_blocks;
    sum.given_away_bytes += did.given_away_bytes;
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|seconds| seconds.parse().ok()).unwrap_or(10);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut number = 0;
    while Instant::now() < until {
        generation(number);
        number += 1;
    }
    let steps = number * (THREADS * STEPS) as u64;
    println!(
        "{number} generations of {THREADS} threads over {}, {steps} steps: every figure as in the model",
        name_of_beneath()
    );
}
