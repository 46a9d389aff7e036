//! The oracle: random programs, an obviously right model of them, and an independent witness under the allocator.
//!
//! A program is a list of rounds. In every round fresh threads run one list of steps each: enter and leave operations
//! in any order, allocate, allocate zeroed, resize, free what any thread of any round left, and panic. What the ledger
//! must say afterwards is computed by a model that knows nothing of shards, tags or stacks, and compared operation by
//! operation, counter by counter, and scope by scope. `stats_alloc` stands beneath the ledger and sees every block with
//! its tag: the sums must agree with it exactly.

#![allow(unsafe_code, reason = "programs allocate by layout, to know every byte")]

use std::alloc::{Layout, System, alloc, alloc_zeroed, dealloc, realloc};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::slice;

#[cfg(feature = "lines")]
use heapledger::capture;
use heapledger::{Allocator, Scope, Snapshot, Tally, snapshot, track};
use proptest::prelude::*;
use stats_alloc::{Stats, StatsAlloc};

static WITNESS: StatsAlloc<System> = StatsAlloc::system();

#[global_allocator]
static ALLOC: Allocator<&StatsAlloc<System>> = Allocator::new(&WITNESS);

/// Names that programs enter; nesting makes paths of them.
const NAMES: [&str; 3] = ["index", "search", "commit"];
/// How deep programs nest, guarded blocks included.
const DEEPEST: usize = if cfg!(miri) { 2 } else { 4 };
const THREADS: usize = 3;
/// Blocks that may be live at once. In round `r`, thread `t` works on those with `(slot + r) % THREADS == t`.
const SLOTS: usize = 12;
/// What the programs need for themselves is charged here, and judged by the sums alone.
const HARNESS: &str = "harness";
/// Bytes that a tag adds to every block.
const TAG: i64 = 4;

#[derive(Clone, Debug)]
enum Step {
    Enter {
        name: usize,
    },
    /// Leaves one of the scopes opened since the innermost guarded block began.
    Leave {
        which: usize,
    },
    Allocate {
        slot: usize,
        size: usize,
        align: usize,
        zeroed: bool,
    },
    Resize {
        slot: usize,
        size: usize,
    },
    Free {
        slot: usize,
    },
    /// Steps inside a `catch_unwind`; whatever scopes they leave open end with it, by unwinding if it panics.
    Guarded {
        steps: Vec<Step>,
        panics: bool,
    },
}

type Round = [Vec<Step>; THREADS];

/// An operation of the model: the names it is made of.
type Path = Vec<usize>;

fn mine(slot: usize, round: usize, thread: usize) -> bool {
    (slot + round) % THREADS == thread
}

/// What the ledger must say of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Expected {
    own: Tally,
    scopes: u64,
}

struct Block {
    owner: Path,
    layout: Layout,
}

/// Plain bookkeeping.
#[derive(Default)]
struct Model {
    operations: BTreeMap<Path, Expected>,
    blocks: [Option<Block>; SLOTS],
    /// What one caught panic allocates and frees: blocks and bytes.
    panic: (u64, u64),
    /// What the scopes tell that are finished, thread by thread.
    finished: Vec<Tally>,
}

/// A thread of the model.
#[derive(Default)]
struct Thread {
    open: Vec<Open>,
    /// What it did in all, and its level.
    done: Tally,
    level: i64,
}

struct Open {
    path: Path,
    before: Tally,
    start: i64,
    high: i64,
}

impl Thread {
    fn active(&self) -> Path {
        self.open.last().map(|scope| scope.path.clone()).unwrap_or_default()
    }

    fn move_level(&mut self, by: i64) {
        self.level += by;
        for scope in &mut self.open {
            scope.high = scope.high.max(self.level);
        }
    }
}

fn add_alloc(tally: &mut Tally, blocks: u64, bytes: u64) {
    tally.allocs += blocks;
    tally.allocated_bytes += bytes;
    tally.live_blocks += blocks as i64;
    tally.live_bytes += bytes as i64;
}

fn add_free(tally: &mut Tally, blocks: u64, bytes: u64) {
    tally.frees += blocks;
    tally.freed_bytes += bytes;
    tally.live_blocks -= blocks as i64;
    tally.live_bytes -= bytes as i64;
}

impl Model {
    fn own(&mut self, path: &Path) -> &mut Tally {
        &mut self.operations.entry(path.clone()).or_default().own
    }

    /// The block was not the active operation's own.
    fn freed_for_other(&mut self, active: &Path, blocks: u64, bytes: u64) {
        let freer = self.own(active);
        freer.others_frees += blocks;
        freer.others_freed_bytes += bytes;
        freer.live_blocks += blocks as i64;
        freer.live_bytes += bytes as i64;
    }

    fn play(&mut self, thread: &mut Thread, steps: &[Step], round: usize, number: usize) {
        let floor = thread.open.len();
        for step in steps {
            let active = thread.active();
            match *step {
                Step::Enter { name } if active.len() < DEEPEST => {
                    let path = [active.as_slice(), &[name]].concat();
                    self.operations.entry(path.clone()).or_default().scopes += 1;
                    let (before, start) = (thread.done, thread.level);
                    thread.open.push(Open { path, before, start, high: start });
                }
                Step::Leave { which } if thread.open.len() > floor => {
                    let at = floor + which % (thread.open.len() - floor);
                    let scope = thread.open.remove(at);
                    let tally = self.end(&scope, &thread.done);
                    self.finished.push(tally);
                }
                Step::Allocate { slot, size, align, .. }
                    if mine(slot, round, number) && self.blocks[slot].is_none() =>
                {
                    let layout = Layout::from_size_align(size, align).expect("small");
                    add_alloc(self.own(&active), 1, size as u64);
                    add_alloc(&mut thread.done, 1, size as u64);
                    thread.move_level(size as i64);
                    self.blocks[slot] = Some(Block { owner: active, layout });
                }
                Step::Resize { slot, size } if mine(slot, round, number) => {
                    let Some(Block { owner, layout }) = self.blocks[slot].take() else { continue };
                    let old = layout.size();
                    for tally in [self.own(&active), &mut thread.done] {
                        tally.reallocs += 1;
                        add_free(tally, 0, old as u64);
                        add_alloc(tally, 0, size as u64);
                    }
                    if owner != active {
                        let taker = self.own(&active);
                        taker.taken_over_blocks += 1;
                        taker.taken_over_bytes += old as u64;
                        taker.live_blocks += 1;
                        taker.live_bytes += old as i64;
                        let giver = self.own(&owner);
                        giver.given_away_blocks += 1;
                        giver.given_away_bytes += old as u64;
                        giver.live_blocks -= 1;
                        giver.live_bytes -= old as i64;
                    }
                    thread.move_level(size as i64 - old as i64);
                    let layout = Layout::from_size_align(size, layout.align()).expect("small");
                    self.blocks[slot] = Some(Block { owner: active, layout });
                }
                Step::Free { slot } if mine(slot, round, number) => {
                    let Some(Block { owner, layout }) = self.blocks[slot].take() else { continue };
                    let size = layout.size() as u64;
                    add_free(self.own(&active), 1, size);
                    add_free(&mut thread.done, 1, size);
                    if owner != active {
                        self.freed_for_other(&active, 1, size);
                        let owner = self.own(&owner);
                        owner.freed_elsewhere_blocks += 1;
                        owner.freed_elsewhere_bytes += size;
                        owner.live_blocks -= 1;
                        owner.live_bytes -= size as i64;
                    }
                    thread.move_level(-(size as i64));
                }
                Step::Guarded { ref steps, panics } => {
                    let outside = thread.open.len();
                    self.play(thread, steps, round, number);
                    let (blocks, bytes) = self.panic;
                    if panics {
                        // The harness allocates the panic inside, and catching it frees it out here.
                        add_alloc(&mut thread.done, blocks, bytes);
                        thread.move_level(bytes as i64);
                    }
                    self.unwind(thread, outside);
                    if panics {
                        add_free(&mut thread.done, blocks, bytes);
                        add_free(self.own(&active), blocks, bytes);
                        self.freed_for_other(&active, blocks, bytes);
                        thread.move_level(-(bytes as i64));
                    }
                }
                _ => {}
            }
        }
    }

    fn unwind(&mut self, thread: &mut Thread, floor: usize) {
        while thread.open.len() > floor {
            let scope = thread.open.pop().expect("it is longer");
            self.end(&scope, &thread.done);
        }
    }

    fn end(&mut self, scope: &Open, done: &Tally) -> Tally {
        let peak = Some((scope.high - scope.start) as u64);
        let own = self.own(&scope.path);
        own.peak_bytes = own.peak_bytes.max(peak);
        let mut did = *done;
        did.allocs -= scope.before.allocs;
        did.allocated_bytes -= scope.before.allocated_bytes;
        did.frees -= scope.before.frees;
        did.freed_bytes -= scope.before.freed_bytes;
        did.reallocs -= scope.before.reallocs;
        did.live_blocks -= scope.before.live_blocks;
        did.live_bytes -= scope.before.live_bytes;
        did.peak_bytes = peak;
        did
    }
}

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
fn make_operations() {
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
fn judge(rounds: &[Round], captured: bool) {
    let mut model = Model { panic: panic_costs(), ..Model::default() };
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

fn step() -> impl Strategy<Value = Step> {
    let sizes = prop_oneof![8 => 1usize..200, 2 => 200usize..5000, 1 => 20_000usize..200_000];
    let aligns = prop_oneof![8 => Just(1usize), 4 => Just(8), 2 => Just(16), 1 => Just(64), 1 => Just(4096)];
    let leaf = prop_oneof![
        3 => (0..NAMES.len()).prop_map(|name| Step::Enter { name }),
        3 => (0..DEEPEST).prop_map(|which| Step::Leave { which }),
        6 => (0..SLOTS, sizes.clone(), aligns, any::<bool>())
            .prop_map(|(slot, size, align, zeroed)| Step::Allocate { slot, size, align, zeroed }),
        4 => (0..SLOTS, sizes).prop_map(|(slot, size)| Step::Resize { slot, size }),
        4 => (0..SLOTS).prop_map(|slot| Step::Free { slot }),
    ];
    leaf.prop_recursive(2, 24, 12, |step| {
        (prop::collection::vec(step, 0..12), any::<bool>()).prop_map(|(steps, panics)| Step::Guarded { steps, panics })
    })
}

fn program() -> impl Strategy<Value = Vec<Round>> {
    let steps = || prop::collection::vec(step(), 0..40);
    prop::collection::vec([steps(), steps(), steps()], 1..4)
}

/// A program with a bit of everything in it, for where many would take too long.
fn small_program() -> [Round; 2] {
    let allocate = |slot, size| Step::Allocate { slot, size, align: 8, zeroed: slot % 2 == 0 };
    let first = |thread: usize| {
        vec![
            Step::Enter { name: 0 },
            allocate(thread, 100),
            Step::Enter { name: 1 },
            allocate(thread + 3, 30_000),
            Step::Leave { which: 0 },
            Step::Free { slot: thread },
            Step::Guarded {
                steps: vec![
                    Step::Enter { name: 2 },
                    allocate(thread + 6, 64),
                    Step::Resize { slot: thread + 3, size: 7 },
                ],
                panics: thread == 1,
            },
        ]
    };
    // In the second round every block belongs to another thread.
    let second = |thread: usize| {
        let slot = (thread + THREADS - 1) % THREADS;
        vec![Step::Enter { name: 2 }, Step::Resize { slot: slot + 3, size: 5_000 }, Step::Free { slot: slot + 6 }]
    };
    [std::array::from_fn(first), std::array::from_fn(second)]
}

#[test]
fn every_counter_of_every_operation_is_as_a_naive_model_says() {
    make_operations();
    judge_programs(false);
    // Nobody who reads figures may notice that call stacks are captured.
    let _captures = NAMES.map(capture);
    judge_programs(true);
}

/// Stands for the door that is missing.
#[cfg(not(feature = "lines"))]
fn capture(_: &str) {}

fn judge_programs(captured: bool) {
    judge(&small_program(), captured);
    if cfg!(miri) {
        return;
    }
    let cases = if cfg!(miri) {
        2
    } else if cfg!(debug_assertions) {
        150
    } else {
        1000
    };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&program(), |rounds| {
            judge(&rounds, captured);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
