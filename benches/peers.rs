//! What counting costs, side by side with the crates that users have today: `cargo bench --bench peers` in
//! this folder.
//!
//! Every allocator is called through `GlobalAlloc`, so all of them run in one process. On a machine with neighbours
//! one measurement after the other compares moods, not allocators; here everybody does a short piece of the same work
//! in turn, the turn begins with another one each round, and of many rounds the best counts. What is added to `System`
//! in the same run is the figure to look at; nanoseconds alone say little.
//!
//! Before and after, each allocator must prove that it counts: a wrapper that only forwards would win.
//!
//! One piece of work has peers of its own: a block allocated deep in a program, with its call stack.

#![allow(unsafe_code, reason = "calls allocators directly")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::ptr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use dial9_core::buffer::MemoryBuffer;
use dial9_core::recorder::recorder;
use dial9_core::recording::Recorder;
use dial9_perf_self_profile::memory_profiling::{
    Dial9Allocator, MemoryProfiler, MemoryProfilerGuard, MemoryProfilingConfig,
};
use heapledger::{CallStack, CallStackKind, track};
use tracking_allocator::{AllocationGroupId, AllocationRegistry, AllocationTracker};

#[global_allocator] // stacks can be captured only where it is installed
static LEDGER: heapledger::Allocator = heapledger::Allocator::system();
static STATS: &stats_alloc::StatsAlloc<System> = &stats_alloc::INSTRUMENTED_SYSTEM;
static TRACKING: tracking_allocator::Allocator<System> = tracking_allocator::Allocator::system();
static TRACKER: alloc_tracker::Allocator<System> = alloc_tracker::Allocator::system();
static DIVAN: divan::AllocProfiler = divan::AllocProfiler::system();
static CAP: cap::Cap<System> = cap::Cap::new(System, usize::MAX);
static PEAK: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
static DHAT: dhat::Alloc = dhat::Alloc;
static DIAL9: Dial9Allocator<System> = Dial9Allocator::system();

/// tracking-allocator leaves counting to its user: the least one can write, two additions that nobody waits for.
struct Counter;
static TRACKED: AtomicU64 = AtomicU64::new(0);
static TRACKED_BYTES: AtomicU64 = AtomicU64::new(0);

impl AllocationTracker for Counter {
    fn allocated(&self, _addr: usize, object_size: usize, _wrapped_size: usize, _group: AllocationGroupId) {
        TRACKED.fetch_add(1, Relaxed);
        TRACKED_BYTES.fetch_add(object_size as u64, Relaxed);
    }

    fn deallocated(
        &self,
        _addr: usize,
        object_size: usize,
        _wrapped_size: usize,
        _source: AllocationGroupId,
        _current: AllocationGroupId,
    ) {
        TRACKED_BYTES.fetch_sub(object_size as u64, Relaxed);
    }
}

/// What everybody does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    /// 64 bytes allocated and freed.
    Pair,
    /// A block out of 1,000 of mixed sizes that are alive at once.
    Batch,
    /// A block that grows from 16 B to 64 KiB, doubling by `realloc`.
    Growth,
    /// `Pair` so many calls deep that its call stack is as long as those of tantivy's worker threads are on average.
    Deep,
}

impl Work {
    fn title(self) -> &'static str {
        match self {
            Self::Pair => "alloc + free of 64 B",
            Self::Batch => "1,000 blocks of 8 B to 2 KiB, then their frees (per block)",
            Self::Growth => "growth from 16 B to 64 KiB, twelve resizes",
            Self::Deep => "alloc + free of 64 B, 18 frames deep, with the call stack",
        }
    }

    /// How often it is done in one turn: a third of a millisecond of `System`'s time.
    fn times(self) -> usize {
        match self {
            Self::Pair | Self::Deep => 40_000,
            Self::Batch => 15 * BATCH,
            Self::Growth => 3_000,
        }
    }
}

const BATCH: usize = 1_000;

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("small sizes fit every alignment")
}

fn allocate<A: GlobalAlloc>(alloc: &A, layout: Layout) -> *mut u8 {
    // SAFETY: no layout here is empty.
    let block = unsafe { alloc.alloc(layout) };
    assert!(!block.is_null());
    black_box(block)
}

/// Calls itself until it is `calls` deep, and does `Pair` there.
#[inline(never)]
fn deep<A: GlobalAlloc>(alloc: &A, calls: usize, times: usize) {
    if calls == 0 {
        work(alloc, Work::Pair, times);
    } else {
        deep(alloc, black_box(calls - 1), times);
    }
    // Not the last thing that it does, so that no call becomes a jump.
    black_box(());
}

/// How many calls of `deep` lead to `Work::Deep`: with what a thread has anyway, that makes 18 frames.
const CALLS: usize = 9;

/// Does `work` so many times. Never inlined, so that everybody's loop is compiled alike.
#[inline(never)]
fn work<A: GlobalAlloc>(alloc: &A, work: Work, times: usize) {
    match work {
        Work::Pair => {
            for _ in 0..times {
                let layout = layout(black_box(64));
                let block = allocate(alloc, layout);
                // SAFETY: allocated above, with this layout.
                unsafe { alloc.dealloc(block, layout) };
            }
        }
        Work::Batch => {
            let mut blocks = [(ptr::null_mut::<u8>(), layout(8)); BATCH];
            for _ in 0..times.div_ceil(BATCH) {
                for (at, place) in blocks.iter_mut().enumerate() {
                    let layout = layout(8 << (at * 7 % 9));
                    let block = allocate(alloc, layout);
                    // SAFETY: the block has at least eight bytes.
                    unsafe { block.write(at as u8) };
                    *place = (block, layout);
                }
                for (at, (block, layout)) in blocks.into_iter().enumerate() {
                    // SAFETY: written above, and nobody else has it.
                    assert_eq!(unsafe { block.read() }, at as u8, "somebody else has this block too");
                    // SAFETY: allocated above, with this layout.
                    unsafe { alloc.dealloc(block, layout) };
                }
            }
        }
        Work::Deep => deep(alloc, CALLS, times),
        Work::Growth => {
            for time in 0..times {
                let mut held = layout(16);
                let mut block = allocate(alloc, held);
                // SAFETY: the block has sixteen bytes.
                unsafe { block.write(time as u8) };
                while held.size() < 64 << 10 {
                    let size = held.size() * 2;
                    // SAFETY: the block has the layout `held`, and the size is neither zero nor too large.
                    block = black_box(unsafe { alloc.realloc(block, held, size) });
                    assert!(!block.is_null());
                    held = layout(size);
                }
                // SAFETY: the first byte was written, and came along at every resize.
                assert_eq!(unsafe { block.read() }, time as u8, "a resize lost what was in the block");
                // SAFETY: its last resize gave it this layout.
                unsafe { alloc.dealloc(block, held) };
            }
        }
    }
}

/// The time that `times` of `what` take on each of `threads` threads that start together.
fn timed<A: GlobalAlloc + Sync>(alloc: &A, what: Work, times: usize, threads: usize) -> Duration {
    timed_in(alloc, || (), what, times, threads)
}

/// The same, with something held on each thread meanwhile.
fn timed_in<A: GlobalAlloc + Sync, Held>(
    alloc: &A,
    hold: impl Fn() -> Held + Sync,
    what: Work,
    times: usize,
    threads: usize,
) -> Duration {
    let start = Barrier::new(threads);
    let one = || {
        let _held = hold();
        // The first blocks of a thread pay for its place in the books, and fill the caches.
        work(alloc, what, times / 50 + 1);
        start.wait();
        let began = Instant::now();
        work(alloc, what, times);
        (began, Instant::now())
    };
    for _ in 0..ATTEMPTS {
        let spans: Vec<_> = thread::scope(|scope| {
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
            all.into_iter().map(|thread| thread.join().expect("its assertions hold")).collect()
        });
        let first = spans.iter().map(|(began, _)| *began).min().expect("at least one thread");
        let last = spans.iter().map(|(_, ended)| *ended).max().expect("at least one thread");
        let whole = last - first;
        // Threads that took turns on one processor never contend: that is not what two threads cost.
        if spans.iter().all(|(began, ended)| *ended - *began >= whole.mul_f64(0.9)) {
            return whole;
        }
    }
    Duration::MAX
}

/// How often two threads are started until they run side by side.
const ATTEMPTS: usize = 20;

struct Peer {
    name: &'static str,
    timed: fn(Work, usize, usize) -> Duration,
    /// Whether ten blocks more were counted, by the allocator's own public figures. `None` where it has none.
    counts: Option<fn() -> bool>,
    /// How much less of the work it is given, because it takes so much longer.
    less: usize,
}

/// Whether `counter` says ten more after ten blocks.
fn counts_ten<A: GlobalAlloc>(alloc: &A, counter: impl Fn() -> u64) -> bool {
    let before = counter();
    work(alloc, Work::Pair, 10);
    counter() - before == 10
}

/// Whether `gauge` says 64 more while a block of 64 bytes is alive, and then as before.
fn gauges_a_block<A: GlobalAlloc>(alloc: &A, gauge: impl Fn() -> usize) -> bool {
    let before = gauge();
    let block = allocate(alloc, layout(64));
    let during = gauge();
    // SAFETY: allocated above, with this layout.
    unsafe { alloc.dealloc(block, layout(64)) };
    during - before == 64 && gauge() == before
}

fn ledger_counts() -> bool {
    heapledger::measure("ten", || work(&LEDGER, Work::Pair, 10)).1.allocs == 10
}

fn alloc_tracker_counts() -> bool {
    let session = alloc_tracker::Session::new().no_stdout().no_file();
    let operation = session.operation("ten");
    let span = operation.measure_thread().iterations(1);
    work(&TRACKER, Work::Pair, 10);
    drop(span);
    session.to_report().operations().map(|(_, row)| row.total_allocations_count()).sum::<u64>() == 10
}

const SYSTEM: Peer =
    Peer { name: "System", timed: |what, times, threads| timed(&System, what, times, threads), counts: None, less: 1 };
const HEAPLEDGER: Peer = Peer {
    name: "heapledger",
    timed: |what, times, threads| timed(&LEDGER, what, times, threads),
    counts: Some(ledger_counts),
    less: 1,
};
const WITH_DHAT: Peer = Peer {
    name: "dhat (testing)",
    timed: |what, times, threads| timed(&DHAT, what, times, threads),
    counts: Some(|| counts_ten(&DHAT, || dhat::HeapStats::get().total_blocks)),
    less: 50,
};

const PEERS: [Peer; 9] = [
    SYSTEM,
    HEAPLEDGER,
    Peer {
        // It shows its counts to divan's own benchmarks only; version 0.1 tallies every call on every thread.
        name: "divan AllocProfiler",
        timed: |what, times, threads| timed(&DIVAN, what, times, threads),
        counts: None,
        less: 1,
    },
    Peer {
        name: "alloc_tracker",
        timed: |what, times, threads| timed(&TRACKER, what, times, threads),
        counts: Some(alloc_tracker_counts),
        less: 1,
    },
    Peer {
        name: "peak_alloc",
        timed: |what, times, threads| timed(&PEAK, what, times, threads),
        counts: Some(|| gauges_a_block(&PEAK, || PEAK.current_usage())),
        less: 1,
    },
    Peer {
        name: "cap",
        timed: |what, times, threads| timed(&CAP, what, times, threads),
        counts: Some(|| gauges_a_block(&CAP, || CAP.allocated())),
        less: 1,
    },
    Peer {
        name: "tracking-allocator",
        timed: |what, times, threads| timed(&TRACKING, what, times, threads),
        counts: Some(|| counts_ten(&TRACKING, || TRACKED.load(Relaxed))),
        less: 1,
    },
    Peer {
        name: "stats_alloc",
        timed: |what, times, threads| timed(STATS, what, times, threads),
        counts: Some(|| counts_ten(STATS, || STATS.stats().allocations as u64)),
        less: 1,
    },
    WITH_DHAT,
];

/// Those that take the call stack of each block, beside two that do not.
const WITH_STACKS: [Peer; 7] = [
    SYSTEM,
    Peer {
        name: "heapledger, captured",
        timed: |what, times, threads| timed_in(&LEDGER, || track(CAPTURED), what, times, threads),
        counts: Some(ledger_captures),
        less: 1,
    },
    Peer {
        name: "every 512 KiB",
        timed: |what, times, threads| timed_in(&LEDGER, || track(SAMPLED), what, times, threads),
        counts: Some(ledger_samples),
        less: 1,
    },
    Peer { name: "not captured", ..HEAPLEDGER },
    Peer {
        name: "backtrace",
        timed: |what, times, threads| timed(&BACKTRACE, what, times, threads),
        counts: Some(|| counts_ten(&BACKTRACE, || STACKS.load(Relaxed))),
        less: 50,
    },
    Peer { name: "dhat", ..WITH_DHAT },
    Peer {
        // It writes events for a reader that comes later, and has no figures of its own.
        name: "dial9, 512 KiB",
        timed: |what, times, threads| timed(&DIAL9, what, times, threads),
        counts: None,
        less: 1,
    },
];

/// Has dial9 sample every 512 KiB, as is its default, and look at each free, so that it knows what is live. It needs
/// frame pointers, which this program does not have: its stacks are shorter here than they would be.
fn begin_dial9() -> (Recorder, MemoryProfilerGuard) {
    let recorder = recorder(MemoryBuffer::new(16 << 20).expect("memory is there")).build();
    let config = MemoryProfilingConfig::builder().track_liveset(true).fail_on_missing_frame_pointers(false).build();
    let guard =
        MemoryProfiler::from_config(config).install(recorder.handle().clone()).expect("nobody else installs it");
    assert!(dial9_perf_self_profile::memory_profiling::is_installed());
    (recorder, guard)
}

/// The least one can write with `backtrace`: the return addresses of each block, and nothing done with them.
struct Backtraces;
static BACKTRACE: Backtraces = Backtraces;
static STACKS: AtomicU64 = AtomicU64::new(0);

// SAFETY: forwards to `System`.
unsafe impl GlobalAlloc for Backtraces {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (mut addresses, mut depth) = ([0; 128], 0);
        // SAFETY: nothing is symbolized, which is what would want a lock.
        unsafe {
            backtrace::trace_unsynchronized(|frame| {
                addresses[depth] = frame.ip() as usize;
                depth += 1;
                depth < addresses.len()
            });
        }
        black_box(&addresses[..depth]);
        STACKS.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

const CAPTURED: &str = "captured";
const SAMPLED: &str = "sampled";

/// Whether ten blocks have their stack, known to its end, and with all calls in it.
fn ledger_captures() -> bool {
    let before = heapledger::snapshot();
    timed_in(&LEDGER, || track(CAPTURED), Work::Deep, 10, 1);
    let stacks = (heapledger::snapshot() - before).stacks(CAPTURED);
    let is_whole = |stack: &&CallStack| stack.kind == CallStackKind::Complete && stack.addresses().len() > CALLS;
    stacks.iter().filter(is_whole).any(|stack| stack.allocs == 10)
}

fn ledger_samples() -> bool {
    let before = heapledger::snapshot();
    timed_in(&LEDGER, || track(SAMPLED), Work::Deep, 1 << 16, 1);
    (heapledger::snapshot() - before).stacks(SAMPLED).iter().any(|stack| stack.samples > Some(0))
}

const ROUNDS: usize = 40;

fn assert_all_count() {
    for peer in PEERS.iter().chain(&WITH_STACKS) {
        assert!(peer.counts.is_none_or(|counts| counts()), "{} does not count what it is given", peer.name);
    }
}

/// Nanoseconds of one piece of `what` on one thread and on two: each peer's best of all rounds; infinite where two
/// threads never ran side by side.
fn best(what: Work, peers: &[Peer]) -> Vec<[f64; 2]> {
    let mut best = vec![[f64::INFINITY; 2]; peers.len()];
    for round in 0..ROUNDS {
        for turn in 0..peers.len() {
            let who = (turn + round) % peers.len();
            let peer = &peers[who];
            let times = what.times() / peer.less;
            for (threads, best) in [1, 2].into_iter().zip(&mut best[who]) {
                let took = (peer.timed)(what, times, threads);
                if took != Duration::MAX {
                    *best = best.min(took.as_nanos() as f64 / times as f64);
                }
            }
        }
    }
    best
}

/// A figure with so many places, or nothing where there is none.
fn known(figure: f64, places: usize) -> String {
    if figure.is_finite() { format!("{figure:.places$}") } else { String::new() }
}

fn main() {
    AllocationRegistry::set_global_tracker(Counter).expect("nobody else sets one");
    AllocationRegistry::enable_tracking();
    let _profiler = dhat::Profiler::builder().testing().build();
    let _captured = heapledger::capture(CAPTURED);
    let _sampled = heapledger::capture(SAMPLED).every(512 << 10);
    assert_all_count();
    println!(
        "best of {ROUNDS} rounds, everybody in turn; `adds` is over System, `times` compares that with heapledger"
    );
    for what in [Work::Pair, Work::Batch, Work::Growth, Work::Deep] {
        let peers: &[Peer] = if what == Work::Deep { &WITH_STACKS } else { &PEERS };
        // It has a thread of its own, so it begins late.
        let _dial9 = (what == Work::Deep).then(begin_dial9);
        println!("\n{}", what.title());
        println!("{:<20} {:^33}   {:^33}", "", "one thread", "two threads");
        let columns = format!("{:>8} {:>8} {:>7} {:>7}", "ns", "System x", "adds", "times");
        println!("{:<20} {columns}   {columns}", "");
        let best = best(what, peers);
        let (system, ledger) = (best[0], best[1]);
        for (peer, took) in peers.iter().zip(best) {
            let mut line = format!("{:<20}", peer.name);
            for threads in 0..2 {
                let (adds, over) = match system[threads] {
                    f64::INFINITY => (f64::NAN, f64::NAN),
                    system => (took[threads] - system, took[threads] / system),
                };
                let times = if adds == 0.0 { f64::NAN } else { adds / (ledger[threads] - system[threads]) };
                let [ns, over] = [known(took[threads], 1), known(over, 2)];
                let [adds, times] = [adds, times].map(|figure| known(figure, 1));
                line += &format!(" {ns:>8} {over:>8} {adds:>7} {times:>7}  ");
            }
            println!("{}", line.trim_end());
        }
        let grows = (ledger[1] - system[1]) / (ledger[0] - system[0]);
        if grows.is_finite() {
            println!("what {} adds on two threads, over what it adds on one: {grows:.2}", peers[1].name);
        }
    }
    assert_all_count();
}
