//! `exclude` against a naive model, and its edges. Threads enter and leave operations in any order, also across the
//! borders of excluded pieces, allocate, resize and free in them, also while call stacks are captured and where threads
//! that are spawned count. The model adds up, step by step, what each scope must say.

#![cfg(not(miri))]

mod common;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::panic::{catch_unwind, resume_unwind};

use common::{Random, balanced, row, tally};
use heapledger::{Capture, Operation, Scope, Tally, capture, current, deny_alloc, exclude, measure, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

const NAMES: [&str; 3] = ["model0", "model1", "model2"];
const SLOTS: usize = 6;
const STEPS: usize = 200;
const PROGRAMS: u64 = if cfg!(debug_assertions) { 200 } else { 5_000 };
/// How many pieces may be under way, one in another, and how much may be open.
const PIECES: usize = 3;
const OPEN: usize = 8;
/// Sizes that stay below one step of a level, and sizes that do not.
const SIZES: [usize; 2] = [3_000, 90_000];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// Enters an operation, which may have threads counted.
    Enter(usize, bool),
    /// Ends what was opened in this place, counted from the outermost, and reads what it did.
    Leave(usize),
    BeginPiece,
    EndPiece,
    Capture,
    /// Allocates in a slot, or resizes what is there.
    Grow(usize, usize),
    Free(usize),
}

/// What is open, to the model.
struct Open {
    path: String,
    is_piece: bool,
    did: Tally,
    peak: i64,
}

/// The model: what is open, in the order in which it began; and by operation what it did on its own, and its peak.
#[derive(Default)]
struct Model {
    open: Vec<Open>,
    slots: [Option<usize>; SLOTS],
    said: Vec<Tally>,
    own: BTreeMap<String, (Tally, i64)>,
}

impl Model {
    /// A random step that can be done now.
    fn step(&self, random: &mut Random) -> Step {
        let pieces = self.open.iter().filter(|open| open.is_piece).count();
        let ends = self.leavable();
        let largest = SIZES[random.below(SIZES.len())];
        match random.below(16) {
            0..3 if self.open.len() < OPEN => Step::Enter(random.below(NAMES.len()), random.below(3) == 0),
            3 | 4 if !ends.is_empty() => Step::Leave(ends[random.below(ends.len())]),
            5 | 6 if pieces < PIECES && self.open.len() < OPEN => Step::BeginPiece,
            7 | 8 if pieces > 0 => Step::EndPiece,
            9 if random.below(4) == 0 => Step::Capture,
            10 | 11 => Step::Free(random.below(SLOTS)),
            _ => Step::Grow(random.below(SLOTS), 1 + random.below(largest)),
        }
    }

    /// Where something can be left: pieces end by themselves.
    fn leavable(&self) -> Vec<usize> {
        (0..self.open.len()).filter(|at| !self.open[*at].is_piece).collect()
    }

    fn happened(&mut self, what: Tally) {
        let Some(active) = self.open.last() else { return };
        self.own.entry(active.path.clone()).or_default().0.add(&what);
        for open in self.open.iter_mut().rev() {
            open.did.add(&what);
            open.peak = open.peak.max(open.did.net_bytes());
            if open.is_piece {
                return;
            }
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Enter(name, _) => self.begin(NAMES[name].into(), false),
            Step::Leave(at) => self.end(at),
            Step::BeginPiece => {
                let active = self.open.last().map_or("", |open| &open.path);
                let path = match active {
                    "" => "(excluded)".into(),
                    inside if inside.ends_with("(excluded)") => inside.into(),
                    around => format!("{around}/(excluded)"),
                };
                self.begin(path, true);
            }
            Step::EndPiece => self.end(self.open.iter().rposition(|open| open.is_piece).expect("one is under way")),
            Step::Capture => {}
            Step::Grow(slot, size) => match self.slots[slot].replace(size) {
                None => self.happened(tally! { allocs: 1, allocated_bytes: size as u64 }),
                Some(old) => {
                    self.happened(tally! { reallocs: 1, allocated_bytes: size as u64, freed_bytes: old as u64 });
                }
            },
            Step::Free(slot) => {
                if let Some(size) = self.slots[slot].take() {
                    self.happened(tally! { frees: 1, freed_bytes: size as u64 });
                }
            }
        }
    }

    fn begin(&mut self, path: String, is_piece: bool) {
        self.open.push(Open { path, is_piece, did: Tally::default(), peak: 0 });
    }

    fn end(&mut self, at: usize) {
        let Open { path, is_piece, mut did, peak } = self.open.remove(at);
        let highest = &mut self.own.entry(path).or_default().1;
        *highest = peak.max(*highest);
        (did.live_bytes, did.live_blocks) = (did.net_bytes(), did.net_blocks());
        did.peak_bytes = Some(peak as u64);
        if !is_piece {
            self.said.push(did);
        }
    }
}

trait Add {
    fn add(&mut self, other: &Self);
}

impl Add for Tally {
    fn add(&mut self, other: &Self) {
        self.allocs += other.allocs;
        self.allocated_bytes += other.allocated_bytes;
        self.frees += other.frees;
        self.freed_bytes += other.freed_bytes;
        self.reallocs += other.reallocs;
    }
}

struct Machine<'a> {
    steps: std::slice::Iter<'a, Step>,
    operations: [Operation; NAMES.len()],
    /// `None` is a piece.
    open: Vec<Option<Scope>>,
    slots: [Option<Vec<u8>>; SLOTS],
    capture: Option<Capture>,
    said: Vec<Tally>,
}

impl Machine<'_> {
    /// Runs steps until a piece ends, or there are no more. All room that it needs itself was made before.
    fn run(&mut self) {
        while let Some(step) = self.steps.next() {
            match *step {
                Step::Enter(name, with_threads) => {
                    let scope = self.operations[name].enter();
                    self.open.push(Some(if with_threads { scope.with_threads() } else { scope }));
                }
                Step::Leave(at) => {
                    let scope = self.open.remove(at).expect("pieces end by themselves");
                    self.said.push(scope.finish());
                }
                Step::BeginPiece => {
                    self.open.push(None);
                    exclude(|| self.run());
                    let last = self.open.iter().rposition(Option::is_none).expect("one is under way");
                    self.open.remove(last);
                }
                Step::EndPiece => return,
                Step::Capture => {
                    self.capture = if self.capture.is_none() { Some(capture("**")) } else { None };
                }
                Step::Grow(slot, size) => self.grow(slot, size),
                Step::Free(slot) => drop(self.slots[slot].take()),
            }
        }
    }

    #[inline(never)]
    fn grow(&mut self, slot: usize, size: usize) {
        let mut block = self.slots[slot].take().unwrap_or_default();
        block.reserve_exact(size);
        self.slots[slot] = Some(black_box(block));
    }
}

/// Plays a random program, and returns what its operations did.
fn check(seed: u64, operations: [Operation; NAMES.len()]) -> BTreeMap<String, (Tally, i64)> {
    let mut random = Random::new(seed);
    let mut model = Model::default();
    let mut steps = Vec::with_capacity(2 * STEPS);
    let mut do_step = |model: &mut Model, step: Step| {
        if let Step::Grow(slot, size) = step
            && model.slots[slot] >= Some(size)
        {
            return;
        }
        model.run(step);
        steps.push(step);
    };
    for _ in 0..STEPS {
        let step = model.step(&mut random);
        do_step(&mut model, step);
    }
    while let Some(at) = model.leavable().pop() {
        do_step(&mut model, Step::Leave(at));
    }
    while !model.open.is_empty() {
        do_step(&mut model, Step::EndPiece);
    }
    let mut machine = Machine {
        steps: steps.iter(),
        operations,
        open: Vec::with_capacity(STEPS),
        slots: Default::default(),
        capture: None,
        said: Vec::with_capacity(STEPS),
    };
    machine.run();
    assert_eq!(machine.said.len(), model.said.len());
    for (at, (said, expected)) in machine.said.iter().zip(&model.said).enumerate() {
        assert_eq!(said, expected, "seed {seed}, scope {at}: {steps:?}");
    }
    model.own
}

#[test]
fn every_scope_and_every_operation_says_what_the_model_says() {
    let operations = NAMES.map(|name| {
        let _scope = track(name);
        current()
    });
    let threads: Vec<_> = (0..2)
        .map(|thread| {
            std::thread::spawn(move || {
                let mut own: BTreeMap<String, (Tally, i64)> = BTreeMap::new();
                for seed in 0..PROGRAMS {
                    for (path, (did, peak)) in check(2 * seed + thread, operations) {
                        let known = own.entry(path).or_default();
                        known.0.add(&did);
                        known.1 = known.1.max(peak);
                    }
                }
                own
            })
        })
        .collect();
    let mut own: BTreeMap<String, (Tally, i64)> = BTreeMap::new();
    for thread in threads {
        for (path, (did, peak)) in thread.join().expect("it agrees with the model") {
            let known = own.entry(path).or_default();
            known.0.add(&did);
            known.1 = known.1.max(peak);
        }
    }
    assert_eq!(own.len(), 2 * NAMES.len() + 1);
    for (path, (did, peak)) in own {
        let said = row(&path);
        let said =
            (said.own.allocs, said.own.allocated_bytes, said.own.frees, said.own.freed_bytes, said.own.peak_bytes);
        assert_eq!(said, (did.allocs, did.allocated_bytes, did.frees, did.freed_bytes, Some(peak as u64)), "{path}");
    }
}

fn block(bytes: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(bytes))
}

#[test]
fn blocks_that_cross_the_border_count_where_they_are_allocated_and_freed() {
    let (outer, inner) = (block(100), block(1_000));
    let ((), tally) = measure("border", || {
        let from_inside = exclude(|| {
            drop((outer, inner));
            block(30)
        });
        drop(from_inside);
    });
    // Freed outside, what was allocated inside is a free alone.
    let expected = tally! { frees: 1, freed_bytes: 30, live_blocks: -1, live_bytes: -30, peak_bytes: Some(0) };
    assert_eq!(tally, expected);
    let (around, piece) = (row("border"), row("border/(excluded)"));
    assert_eq!((around.own.frees, around.own.others_frees, around.total.live_bytes), (1, 1, 0));
    assert_eq!((piece.own.allocs, piece.own.frees, piece.own.peak_bytes), (1, 2, Some(0)));
    assert_eq!(around.total.net_bytes(), -1_100);
}

#[test]
fn a_scope_that_outlives_the_piece_tells_what_it_did_and_so_do_those_around() {
    let outer = track("outlived");
    let mut kept = block(10);
    let inner = exclude(|| {
        drop(block(50_000));
        let inner = track("inner");
        kept = block(2_000);
        drop(block(700));
        inner
    });
    let last = block(300);
    let inner = inner.finish();
    let outer = outer.finish();
    assert_eq!((inner.allocs, inner.frees, inner.net_bytes(), inner.peak_bytes), (3, 2, 2_290, Some(2_690)));
    assert_eq!((outer.allocs, outer.frees, outer.net_bytes(), outer.peak_bytes), (2, 0, 310, Some(310)));
    let row = row("outlived/(excluded)/inner").own;
    assert_eq!((row.allocs, row.peak_bytes), (3, Some(2_690)));
    drop((kept, last));
}

#[test]
fn who_looks_at_a_scope_that_runs_sees_no_peak_of_a_piece_in_it() {
    let peak_of = |path: &str| balanced().operation(path).and_then(|row| row.own.peak_bytes);
    let _scope = track("running");
    drop(block(10));
    exclude(|| {
        drop(block(70_000));
        let _inner = track("inner");
        drop(block(500));
        assert_eq!(peak_of("running"), Some(10));
        assert_eq!(peak_of("running/(excluded)"), Some(70_000));
        assert_eq!(peak_of("running/(excluded)/inner"), Some(500));
    });
    assert_eq!(peak_of("running"), Some(10));
}

#[test]
fn a_piece_ends_with_a_panic_in_it() {
    let scope = track("panicked");
    let caught = catch_unwind(|| exclude(|| resume_unwind(Box::new(block(90_000)))));
    let path = exclude(|| current().path());
    let freed = block(20);
    let tally = scope.finish();
    assert_eq!((tally.allocs, tally.allocated_bytes, path.as_str()), (1, 20, "panicked/(excluded)"));
    assert!(tally.peak_bytes <= Some(20));
    drop((caught, freed));
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn threads_that_a_piece_spawns_are_left_out_and_others_are_not() {
    const LARGE: usize = 10 << 20;
    const BOUND: u64 = 2 * (64 << 10);
    let spawned = || std::thread::spawn(|| drop((current().path(), block(LARGE)))).join().expect("it only allocates");
    let path = || std::thread::spawn(|| current().path()).join().expect("it only looks");
    let scope = track("spawned").with_threads();
    exclude(|| {
        spawned();
        assert_eq!(path(), "spawned/(excluded)");
        // One level deeper: what is spawned by what is spawned.
        std::thread::spawn(spawned).join().expect("it only allocates");
    });
    assert_eq!(path(), "spawned");
    // A thread of the scope leaves out what it does itself.
    std::thread::spawn(|| exclude(|| drop(block(LARGE)))).join().expect("it only allocates");
    let peak = scope.finish().peak_bytes.expect("it ran");
    assert!(peak < (1 << 20) + BOUND, "{peak}");
    assert!(row("spawned").own.peak_bytes < Some((1 << 20) + BOUND));
    assert_eq!(row("spawned/(excluded)").threads, 6);
    assert!(row("spawned/(excluded)").own.peak_bytes >= Some(LARGE as u64 - BOUND));

    // What is done before and after a piece is told, however little it is, and whoever asks for it in a piece.
    let scope = track("counted");
    let scope = exclude(|| scope.with_threads());
    path();
    let kept = Vec::from_iter((0..LARGE / (15 << 10)).map(|_| (block(15 << 10), exclude(|| ()))));
    assert!(scope.finish().peak_bytes >= Some(LARGE as u64 - BOUND));
    drop(kept);
}

#[test]
fn what_is_denied_stays_denied_and_a_guard_tells_nothing_of_it() {
    let denied = catch_unwind(|| {
        let _none = deny_alloc("denied");
        exclude(|| drop(block(64)));
    });
    let said = denied.expect_err("it is denied").downcast::<String>().expect("it is a message");
    assert!(said.contains("1 allocation of 64 B in denied/(excluded)"), "{said}");
    let guard = deny_alloc("allowed").allowing(1);
    exclude(|| drop(block(64)));
    assert_eq!(guard.finish(), tally! { peak_bytes: Some(0) });
}

#[test]
fn a_name_that_looks_the_same_is_not_left_out() {
    let ((), tally) = measure("quoted", || {
        let _scope = track("(excluded)");
        drop(block(5));
    });
    assert_eq!(tally.allocs, 1);
    assert_eq!(row("quoted/'(excluded)'").own.allocs, 1);
}

#[test]
fn the_process_keeps_all_of_it() {
    let _scope = track("process");
    let before = balanced();
    let kept = exclude(|| (block(3 << 20), drop(block(5 << 20))));
    let after = balanced();
    assert!((after.clone() - before).total().allocated_bytes >= 8 << 20);
    assert!(after.total().peak_bytes >= Some(8 << 20));
    drop(kept);
    balanced().check().expect("the law holds");
}
