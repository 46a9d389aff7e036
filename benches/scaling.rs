//! What counting costs over other allocators and with more threads, and how much more memory a block takes:
//! `cargo bench --bench scaling` in this folder.
//!
//! Each inner allocator works alone and below heapledger, in turn, in short pieces; of many rounds the best counts.
//! With more threads than processors these take turns, with the inner allocator alone as with heapledger, so that the
//! ratio stands.

#![allow(unsafe_code, reason = "calls allocators directly")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use heapledger::{Allocator, snapshot};
use mimalloc::MiMalloc;
use tikv_jemallocator::Jemalloc;

static OVER_SYSTEM: Allocator = Allocator::system();
static OVER_MIMALLOC: Allocator<MiMalloc> = Allocator::new(MiMalloc);
static OVER_JEMALLOC: Allocator<Jemalloc> = Allocator::new(Jemalloc);

const THREADS: [usize; 4] = [1, 2, 4, 8];
/// One that the thread-local counters serve alone; one that is large against the steps in which they tell the process
/// of its level; and the largest that jemalloc keeps for each thread, which the tag makes larger than that.
const SIZES: [usize; 3] = [64, 24 << 10, 32 << 10];
/// Pairs of one piece on one thread.
const TIMES: usize = 20_000;
const ROUNDS: usize = 40;

/// Blocks whose memory is looked at.
const BLOCKS: usize = 100_000;
const BLOCK_SIZES: [usize; 6] = [16, 24, 64, 100, 500, 1_000];

/// An allocator, alone and below heapledger.
struct Inner {
    name: &'static str,
    timed: [fn(usize, usize) -> Duration; 2],
    filled: [fn(usize) -> f64; 2],
}

const INNERS: [Inner; 3] = [
    Inner {
        name: "System",
        timed: [|size, threads| timed(&System, size, threads), |size, threads| timed(&OVER_SYSTEM, size, threads)],
        filled: [|size| filled(&System, size), |size| filled(&OVER_SYSTEM, size)],
    },
    Inner {
        name: "mimalloc",
        timed: [|size, threads| timed(&MiMalloc, size, threads), |size, threads| timed(&OVER_MIMALLOC, size, threads)],
        filled: [|size| filled(&MiMalloc, size), |size| filled(&OVER_MIMALLOC, size)],
    },
    Inner {
        name: "jemalloc",
        timed: [|size, threads| timed(&Jemalloc, size, threads), |size, threads| timed(&OVER_JEMALLOC, size, threads)],
        filled: [|size| filled(&Jemalloc, size), |size| filled(&OVER_JEMALLOC, size)],
    },
];

fn allocate<A: GlobalAlloc>(alloc: &A, layout: Layout) -> *mut u8 {
    // SAFETY: no layout here is empty.
    let block = unsafe { alloc.alloc(layout) };
    assert!(!block.is_null());
    black_box(block)
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("small sizes fit every alignment")
}

/// Allocates and frees so many blocks. Never inlined, so that everybody's loop is compiled alike.
#[inline(never)]
fn pairs<A: GlobalAlloc>(alloc: &A, size: usize, times: usize) {
    for _ in 0..times {
        let layout = layout(black_box(size));
        let block = allocate(alloc, layout);
        // SAFETY: allocated above, with this layout.
        unsafe { alloc.dealloc(block, layout) };
    }
}

/// How long so many threads take from the first one's start to the last one's end.
fn timed<A: GlobalAlloc + Sync>(alloc: &A, size: usize, threads: usize) -> Duration {
    let start = Barrier::new(threads);
    let one = || {
        pairs(alloc, size, TIMES / 50);
        start.wait();
        let began = Instant::now();
        pairs(alloc, size, TIMES);
        (began, Instant::now())
    };
    let spans: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        all.into_iter().map(|thread| thread.join().expect("it only allocates")).collect()
    });
    let first = spans.iter().map(|(began, _)| *began).min().expect("at least one thread");
    let last = spans.iter().map(|(_, ended)| *ended).max().expect("at least one thread");
    last - first
}

/// How many bytes the process grows by for each of many blocks, by its resident memory, after as many before.
fn filled<A: GlobalAlloc>(alloc: &A, size: usize) -> f64 {
    let mut blocks = vec![1usize; 2 * BLOCKS];
    let (first, second) = blocks.split_at_mut(BLOCKS);
    let fill = |places: &mut [usize]| {
        for place in places {
            let block = allocate(alloc, layout(size));
            // SAFETY: the block has so many bytes. Written, so that it is there.
            unsafe { block.write_bytes(1, size) };
            *place = block as usize;
        }
    };
    fill(first);
    let before = resident();
    fill(second);
    let grown = resident() - before;
    black_box(&blocks);
    grown as f64 / BLOCKS as f64
}

fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let resident = pages.split(' ').nth(1).expect("the second figure is resident memory");
    resident.parse::<usize>().expect("it is a number") * 4096
}

fn speed(processors: usize) {
    println!("best of {ROUNDS} rounds, in turn, {processors} processors; `x` is over the inner allocator alone");
    for size in SIZES {
        println!("\nns for alloc + free of {size} B on each thread that runs");
        print!("{:<8}", "threads");
        for inner in &INNERS {
            print!(" {:>10} {:>8} {:>6}", inner.name, "counted", "x");
        }
        println!();
        for threads in THREADS {
            let mut best = [[Duration::MAX; 2]; INNERS.len()];
            for round in 0..ROUNDS {
                for turn in 0..INNERS.len() {
                    let who = (turn + round) % INNERS.len();
                    for (timed, best) in INNERS[who].timed.iter().zip(&mut best[who]) {
                        *best = (*best).min(timed(size, threads));
                    }
                }
            }
            print!("{threads:<8}");
            for [alone, counted] in best {
                let each =
                    |took: Duration| took.as_nanos() as f64 * threads.min(processors) as f64 / (TIMES * threads) as f64;
                let times = counted.as_secs_f64() / alone.as_secs_f64();
                print!(" {:>10.1} {:>8.1} {times:>6.2}", each(alone), each(counted));
            }
            println!();
        }
    }
}

/// Each figure in a process of its own, where nothing is left of the others.
fn memory() {
    println!("\nresident bytes for each of {BLOCKS} blocks");
    print!("{:<8}", "size");
    for inner in &INNERS {
        print!(" {:>10} {:>8} {:>6}", inner.name, "counted", "adds");
    }
    println!();
    let program = env::current_exe().expect("a running program has an executable");
    for size in BLOCK_SIZES {
        print!("{size:<8}");
        for inner in 0..INNERS.len() {
            let [alone, counted] = [0, 1].map(|counted| {
                let output = Command::new(&program).env(CHILD, format!("{inner} {counted} {size}")).output();
                let output = output.expect("the program can be run again");
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                String::from_utf8_lossy(&output.stdout).trim().parse::<f64>().expect("it prints a number")
            });
            print!(" {alone:>10.1} {counted:>8.1} {:>6.1}", counted - alone);
        }
        println!();
    }
}

/// Which figure a child is to find: the numbers of the inner allocator, of alone or counted, and of bytes.
const CHILD: &str = "HEAPLEDGER_SCALING";

fn main() {
    if let Ok(asked) = env::var(CHILD) {
        let numbers: Vec<usize> = asked.split(' ').map(|number| number.parse().expect("the parent wrote it")).collect();
        let [inner, counted, size] = numbers[..] else { panic!("three numbers are expected: {asked}") };
        println!("{}", INNERS[inner].filled[counted](size));
        return;
    }
    for inner in &INNERS {
        let before = snapshot().total().allocs;
        inner.timed[0](64, 1);
        assert_eq!(snapshot().total().allocs, before, "{} alone is not counted", inner.name);
        inner.timed[1](64, 1);
        assert_eq!(snapshot().total().allocs - before, (TIMES + TIMES / 50) as u64, "all of {} is", inner.name);
    }
    speed(thread::available_parallelism().map_or(1, usize::from));
    memory();
}
