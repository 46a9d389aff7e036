//! Programs of the oracle, run for real: with the ledger as the allocator, an independent witness beneath it, and a
//! judge that holds both against the model. They must allocate nothing that the model does not know, but as harness.

#![allow(unsafe_code, reason = "programs allocate by layout, to know every byte")]

use std::alloc::{Layout, System, alloc, alloc_zeroed, dealloc, realloc};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::slice;

use heapledger::{Allocator, Scope, Snapshot, Tally, snapshot, track};
use stats_alloc::{Stats, StatsAlloc};

use super::model::{DEEPEST, Expected, Model, NAMES, Round, SLOTS, Step, THREADS, Thread, mine};

static WITNESS: StatsAlloc<System> = StatsAlloc::system();

#[global_allocator]
static ALLOC: Allocator<&StatsAlloc<System>> = Allocator::new(&WITNESS);

/// What the programs need for themselves is charged here, and judged by the sums alone.
const HARNESS: &str = "harness";
/// Bytes that a tag adds to every block.
const TAG: i64 = 4;

/// A block as the running programs know it.
#[derive(Clone, Copy)]
struct Real {
    start: *mut u8,
    layout: Layout,
}

/// The blocks of a program. In every round each belongs to one thread.
struct Blocks([std::cell::Cell<Option<Real>>; SLOTS]);

// SAFETY: `mine` gives every slot to one thread of a round, and rounds are joined.
unsafe impl Sync for Blocks {}

fn fill(block: Real, slot: usize) {
    // SAFETY: the block has as many bytes.
    unsafe { slice::from_raw_parts_mut(block.start, block.layout.size()) }.fill(slot as u8 + 1);
}

fn holds(block: Real, bytes: usize, byte: u8) -> bool {
    // SAFETY: the block has at least as many bytes, and they are written.
    unsafe { slice::from_raw_parts(block.start, bytes) }.iter().all(|&one| one == byte)
}

fn free(blocks: &Blocks, slot: usize) {
    let Some(block) = blocks.0[slot].take() else { return };
    assert!(holds(block, block.layout.size(), slot as u8 + 1));
    // SAFETY: allocated with this layout, and in no slot any more.
    unsafe { dealloc(block.start, block.layout) };
}

/// Scopes that a guarded block opened; whatever ends it, the innermost ends first. No heap: it would be counted.
struct Scopes {
    /// Each with how deep its operation is: leaving in another order, it may be deeper than scopes are open.
    open: [Option<(Scope, usize)>; DEEPEST],
    len: usize,
    /// How deep the operation around them is.
    around: usize,
}

impl Scopes {
    fn depth(&self) -> usize {
        self.open[..self.len].last().and_then(Option::as_ref).map_or(self.around, |(_, depth)| *depth)
    }
}

impl Drop for Scopes {
    fn drop(&mut self) {
        self.open.iter_mut().rev().for_each(|scope| drop(scope.take()));
    }
}

/// What a running program works on.
struct Work<'a> {
    round: usize,
    number: usize,
    blocks: &'a Blocks,
    finished: Vec<Tally>,
}

/// Runs steps for real, inside an operation `around` names deep. Allocates nothing that the model does not know, but in
/// the harness.
fn run(steps: &[Step], around: usize, work: &mut Work, panics: bool) {
    let mut scopes = Scopes { open: Default::default(), len: 0, around };
    let (round, number, blocks) = (work.round, work.number, work.blocks);
    for step in steps {
        match *step {
            Step::Enter { name } if scopes.depth() < DEEPEST => {
                scopes.open[scopes.len] = Some((track(NAMES[name]), scopes.depth() + 1));
                scopes.len += 1;
            }
            Step::Leave { which } if scopes.len > 0 => {
                let at = which % scopes.len;
                scopes.open[at..scopes.len].rotate_left(1);
                scopes.len -= 1;
                let (scope, _) = scopes.open[scopes.len].take().expect("it is open");
                work.finished.push(scope.finish());
            }
            Step::Allocate { slot, size, align, zeroed }
                if mine(slot, round, number) && blocks.0[slot].get().is_none() =>
            {
                let layout = Layout::from_size_align(size, align).expect("small");
                let start = if zeroed {
                    // SAFETY: the size is not zero.
                    unsafe { alloc_zeroed(layout) }
                } else {
                    // SAFETY: the size is not zero.
                    unsafe { alloc(layout) }
                };
                assert!(!start.is_null() && start.addr().is_multiple_of(align));
                let block = Real { start, layout };
                assert!(!zeroed || holds(block, size, 0));
                fill(block, slot);
                blocks.0[slot].set(Some(block));
            }
            Step::Resize { slot, size } if mine(slot, round, number) => {
                let Some(Real { start, layout }) = blocks.0[slot].get() else { continue };
                // SAFETY: allocated with this layout; the new size is not zero.
                let start = unsafe { realloc(start, layout, size) };
                assert!(!start.is_null() && start.addr().is_multiple_of(layout.align()));
                let kept = size.min(layout.size());
                let block = Real { start, layout: Layout::from_size_align(size, layout.align()).expect("small") };
                assert!(holds(block, kept, slot as u8 + 1));
                fill(block, slot);
                blocks.0[slot].set(Some(block));
            }
            Step::Free { slot } if mine(slot, round, number) => free(blocks, slot),
            Step::Guarded { ref steps, panics } => {
                let around = scopes.depth();
                let caught = catch_unwind(AssertUnwindSafe(|| run(steps, around, work, panics)));
                assert_eq!(caught.is_err(), panics);
            }
            _ => {}
        }
    }
    if panics {
        let _harness = track(HARNESS);
        resume_unwind(Box::new(()));
    }
}

/// What a caught panic allocates and frees.
fn panic_costs() -> (u64, u64) {
    let scope = track(HARNESS);
    let caught = catch_unwind(|| resume_unwind(Box::new(())));
    let tally = scope.finish();
    assert!(caught.is_err());
    assert_eq!((tally.allocs, tally.allocated_bytes), (tally.frees, tally.freed_bytes));
    (tally.frees, tally.freed_bytes)
}

/// Runs the rounds, thread by thread as they come, and returns what their finished scopes told.
fn run_all(rounds: &[Round], blocks: &Blocks) -> Vec<Tally> {
    let _harness = track(HARNESS);
    let mut told = Vec::new();
    for (round, threads) in rounds.iter().enumerate() {
        std::thread::scope(|scope| {
            let running = std::array::from_fn::<_, THREADS, _>(|number| {
                let steps = &threads[number];
                scope.spawn(move || {
                    let finished = {
                        let _harness = track(HARNESS);
                        Vec::with_capacity(count(steps))
                    };
                    let mut work = Work { round, number, blocks, finished };
                    run(steps, 0, &mut work, false);
                    work.finished
                })
            });
            for thread in running {
                told.extend(thread.join().expect("no program panics outside a guarded block"));
            }
        });
    }
    told
}

fn count(steps: &[Step]) -> usize {
    let nested = |step: &Step| if let Step::Guarded { steps, .. } = step { count(steps) } else { 1 };
    steps.iter().map(nested).sum()
}

/// Makes every operation that programs can enter, so that reading the ledger costs the same before and after.
pub fn make_operations() {
    fn make(depth: usize) {
        drop(track(HARNESS));
        if depth < DEEPEST {
            for name in NAMES {
                let _op = track(name);
                make(depth + 1);
            }
        }
    }
    make(0);
}

/// What a snapshot costs that is taken at once: the least of many.
fn usual_cost() -> Stats {
    let cost = || {
        let witness = WITNESS.stats();
        let ledger = snapshot();
        let cost = WITNESS.stats() - witness;
        drop(ledger);
        cost
    };
    let costs = std::iter::repeat_with(cost).take(8);
    costs.min_by_key(|cost| cost.allocations).expect("there are eight")
}

/// The ledger, and the witness just before. Looks again until taking the snapshot cost what it usually does: else the
/// test harness's own thread allocated between the two, or the reading was taken twice, which costs more.
fn look(usual: Stats) -> (Stats, Snapshot) {
    for _ in 0..100_000 {
        let witness = WITNESS.stats();
        let ledger = snapshot();
        let cost = WITNESS.stats() - witness;
        if cost == usual {
            return (witness, ledger);
        }
    }
    panic!("no snapshot costs what snapshots cost");
}

/// Runs a program and holds the ledger against the model and the witness.
pub fn judge(rounds: &[Round], captured: bool) {
    let mut model = Model::new(panic_costs());
    for (round, threads) in rounds.iter().enumerate() {
        for (number, steps) in threads.iter().enumerate() {
            let mut thread = Thread::default();
            model.play(&mut thread, steps, round, number);
            model.unwind(&mut thread, 0);
        }
    }
    let blocks = Blocks(Default::default());
    if captured {
        // New accounts make a snapshot dearer: after this, all stacks of the program have theirs.
        run_all(rounds, &blocks);
        (0..SLOTS).for_each(|slot| free(&blocks, slot));
    }
    let usual = usual_cost();
    let (witness_before, before) = look(usual);
    let told = run_all(rounds, &blocks);
    let (witness_after, after) = look(usual);
    let diff = after - &before;
    diff.check().expect("the law holds after joins");

    assert_eq!(told, model.finished, "what the scopes told when they were finished");
    for (path, expected) in &model.operations {
        if path.is_empty() {
            continue; // shared with the threads' own allocations
        }
        let path = path.iter().map(|&name| NAMES[name]).collect::<Vec<_>>().join("/");
        let row = diff.operation(&path).expect("every operation was made before");
        let stacks = diff.stacks(&path);
        let live =
            stacks.iter().fold((0, 0), |(bytes, blocks), one| (bytes + one.live_bytes, blocks + one.live_blocks));
        assert_eq!(live, (row.total.live_bytes, row.total.live_blocks), "{path}: the sum over stacks");
        // A high-water mark is known only where it rose; earlier programs raised it too.
        let known = row.own.peak_bytes.or(expected.own.peak_bytes);
        let peak_before = before.operation(&path).and_then(|row| row.own.peak_bytes);
        assert_eq!(row.own.peak_bytes.is_some(), expected.own.peak_bytes > peak_before, "{path}");
        let mut own = row.own;
        own.peak_bytes = known;
        assert_eq!(Expected { own, scopes: row.scopes }, *expected, "{path}");
    }

    // The witness saw the same, and four bytes more for every live block.
    let total = diff.total();
    let witness = witness_after - witness_before;
    assert_eq!(
        (total.allocs, total.frees, total.reallocs),
        (witness.allocations as u64, witness.deallocations as u64, witness.reallocations as u64)
    );
    let witnessed = witness.bytes_allocated as i64 - witness.bytes_deallocated as i64;
    assert_eq!(total.live_bytes + TAG * total.live_blocks, witnessed);
    assert_eq!((total.net_bytes(), total.net_blocks()), (total.live_bytes, total.live_blocks));

    // Everything that is left goes, and every operation of the model owns what the model says: nothing.
    for slot in 0..SLOTS {
        free(&blocks, slot);
    }
    let end = snapshot() - &before;
    end.check().expect("the law holds at the end");
    for path in model.operations.keys().filter(|path| !path.is_empty()) {
        let path = path.iter().map(|&name| NAMES[name]).collect::<Vec<_>>().join("/");
        let own = end.operation(&path).expect("it was made").own;
        assert_eq!((own.live_bytes, own.live_blocks), (0, 0), "{path}");
    }
}
