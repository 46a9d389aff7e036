//! `deny_alloc` and `permit` against a naive model. Threads enter and leave operations, guards and permits in random
//! order, allocate, resize and free in them, also where allocations fail on purpose and call stacks are captured. A
//! list of what is open says what every guard must have seen, operation by operation, to the letter of its message.

#![cfg(not(miri))]

mod common;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::Random;
use heapledger::{Capture, DenyAlloc, Scope, capture, deny_alloc, permit, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

const NAMES: [&str; 3] = ["mix", "read", "log"];
const SLOTS: usize = 6;
const STEPS: usize = 300;
const PROGRAMS: u64 = if cfg!(debug_assertions) { 15 } else { 500 };
/// How many operations a message shows.
const SHOWN: usize = 8;
/// How many permits may be under way, and how much may be open.
const PERMITS: usize = 3;
const OPEN: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// Enters an operation; the allocation of this number fails while it is the innermost, if that is not zero.
    Enter(usize, u64),
    /// Begins a guard, which may deny frees too.
    Deny(usize, bool),
    /// Ends what was opened in this place, counted from the outermost.
    Leave(usize),
    BeginPermit,
    EndPermit,
    /// Begins a capture of call stacks, or ends the one under way.
    Capture,
    /// Allocates in a slot, or resizes what is there.
    Grow(usize, usize),
    Free(usize),
}

/// Allocations, their bytes, resizes, frees, and bytes that were freed.
type Figures = [usize; 5];

/// What is open, to the model.
enum Open {
    Scope {
        path: String,
        fails_in: u64,
    },
    Guard {
        path: String,
        frees: bool,
        saw: BTreeMap<String, Figures>,
    },
    /// Where nothing is denied, a permit does nothing.
    Permit {
        path: String,
        does: bool,
    },
}

impl Open {
    fn path(&self) -> &str {
        let (Self::Scope { path, .. } | Self::Guard { path, .. } | Self::Permit { path, .. }) = self;
        path
    }
}

/// The model: what is open, the outermost first.
#[derive(Default)]
struct Model {
    open: Vec<Open>,
    slots: [Option<usize>; SLOTS],
    said: Vec<String>,
}

impl Model {
    /// A random step that can be done now.
    fn step(&self, random: &mut Random) -> Step {
        let permits = self.open.iter().filter(|open| matches!(open, Open::Permit { .. })).count();
        let ends = self.leavable();
        match random.below(16) {
            0 | 1 if self.open.len() < OPEN => Step::Enter(random.below(3), random.below(6) as u64 / 3 * 2),
            2 | 3 if self.open.len() < OPEN => Step::Deny(random.below(3), random.below(2) == 0),
            4..7 if !ends.is_empty() => Step::Leave(ends[random.below(ends.len())]),
            7 if permits < PERMITS && self.open.len() < OPEN => Step::BeginPermit,
            8 if permits > 0 => Step::EndPermit,
            9 => Step::Capture,
            10 | 11 => Step::Free(random.below(SLOTS)),
            _ => Step::Grow(random.below(SLOTS), 1 + random.below(5_000)),
        }
    }

    /// Where something can be left: permits end by themselves.
    fn leavable(&self) -> Vec<usize> {
        let is_permit = |at: &usize| matches!(self.open[*at], Open::Permit { .. });
        (0..self.open.len()).filter(|at| !is_permit(at)).collect()
    }

    fn within(&self, name: usize) -> String {
        match self.active() {
            "" => NAMES[name].into(),
            active => format!("{active}/{}", NAMES[name]),
        }
    }

    /// The path of the active operation; empty where none is.
    fn active(&self) -> &str {
        let does = |open: &&Open| !matches!(open, Open::Permit { does: false, .. });
        self.open.iter().rev().find(does).map_or("", Open::path)
    }

    /// Whether the allocation that is asked for now fails on purpose.
    fn fails(&mut self) -> bool {
        let does = |open: &&mut Open| !matches!(open, Open::Permit { does: false, .. });
        let Some(Open::Scope { fails_in, .. }) = self.open.iter_mut().rev().find(does) else { return false };
        let fails = *fails_in == 1;
        *fails_in = fails_in.saturating_sub(1);
        fails
    }

    fn is_denied(&self) -> bool {
        let says = |open: &&Open| !matches!(open, Open::Scope { .. } | Open::Permit { does: false, .. });
        matches!(self.open.iter().rev().find(says), Some(Open::Guard { .. }))
    }

    fn happened(&mut self, what: Figures) {
        let active = self.active().to_string();
        for open in self.open.iter_mut().rev() {
            match open {
                Open::Permit { does: true, .. } => return,
                Open::Guard { frees, saw, .. } if *frees || what[3] == 0 => {
                    let sums = saw.entry(active.clone()).or_default();
                    sums.iter_mut().zip(what).for_each(|(sum, by)| *sum += by);
                }
                _ => {}
            }
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Enter(name, fails_in) => self.open.push(Open::Scope { path: self.within(name), fails_in }),
            Step::Deny(name, frees) => {
                self.open.push(Open::Guard { path: self.within(name), frees, saw: BTreeMap::new() });
            }
            Step::Leave(at) => {
                if let Open::Guard { path, saw, .. } = self.open.remove(at) {
                    self.said.push(if saw.is_empty() { String::new() } else { message(&path, &saw) });
                }
            }
            Step::BeginPermit => {
                self.open.push(Open::Permit { path: self.active().into(), does: self.is_denied() });
            }
            Step::EndPermit => {
                let last = self.open.iter().rposition(|open| matches!(open, Open::Permit { .. }));
                self.open.remove(last.expect("one is under way"));
            }
            Step::Capture => {}
            Step::Grow(slot, size) => {
                if self.fails() {
                    return;
                }
                match self.slots[slot].replace(size) {
                    None => self.happened([1, size, 0, 0, 0]),
                    Some(_) => self.happened([0, size, 1, 0, 0]),
                }
            }
            Step::Free(slot) => {
                if let Some(size) = self.slots[slot].take() {
                    self.happened([0, 0, 0, 1, size]);
                }
            }
        }
    }
}

/// The operations of a message, and its headline without the place.
fn message(path: &str, saw: &BTreeMap<String, Figures>) -> String {
    let mut sum = Figures::default();
    saw.values().for_each(|one| sum.iter_mut().zip(one).for_each(|(sum, by)| *sum += by));
    let mut by = Vec::from_iter(saw);
    by.sort_by_key(|(_, [allocs, bytes, reallocs, frees, _])| std::cmp::Reverse((*allocs, *bytes, *reallocs, *frees)));
    let mut by: Vec<String> = by.iter().map(|(path, did)| format!("{path}: {}", figures(**did))).collect();
    if by.len() > SHOWN {
        let more = counted(by.len() - SHOWN, "more operation");
        by.truncate(SHOWN);
        by.push(format!("and {more}"));
    }
    let [allocs, _, reallocs, frees, _] = sum;
    format!("{path}: {allocs} {reallocs} {frees}\n{}", by.join("; "))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// `1,034`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn figures([allocs, bytes, reallocs, frees, freed]: Figures) -> String {
    let mut words = Vec::new();
    match (allocs, reallocs) {
        (0, 0) => {}
        (0, _) => words.push(format!("{}, {} B", counted(reallocs, "resize"), grouped(bytes))),
        (_, 0) => words.push(format!("{}, {} B", counted(allocs, "allocation"), grouped(bytes))),
        _ => words.push(format!(
            "{}, {} B, {}",
            counted(allocs, "allocation"),
            grouped(bytes),
            counted(reallocs, "resize")
        )),
    }
    if frees > 0 {
        words.push(format!("{}, {} B", counted(frees, "free"), grouped(freed)));
    }
    words.join(", ")
}

/// The same of what was said: the counts of the headline, and the operations.
fn summary(said: &str) -> String {
    let mut lines = said.lines();
    let headline = lines.next().expect("a message has a headline");
    let path = headline.trim_start_matches("deny_alloc \"").split('"').next().unwrap_or_default();
    let count = |what: &str| {
        let words: Vec<&str> = headline.split_whitespace().collect();
        let at = words.iter().position(|word| word.trim_end_matches(['s', ',']) == what);
        at.map_or("0", |at| words[at - 1]).to_string()
    };
    let by = lines.find_map(|line| line.strip_prefix("  by       ")).expect("it says who did it");
    format!("{path}: {} {} {}\n{by}", count("allocation"), count("resize"), count("free"))
}

/// What is open in truth.
enum Entry {
    Scope(#[expect(dead_code, reason = "it is dropped")] Scope),
    Guard(DenyAlloc),
    Permit,
}

struct Machine<'a> {
    steps: std::slice::Iter<'a, Step>,
    open: Vec<Entry>,
    slots: [Option<Vec<u8>>; SLOTS],
    capture: Option<Capture>,
    said: Vec<String>,
}

impl Machine<'_> {
    /// Runs steps until a permit ends, or there are no more. All room that it needs itself was made before.
    fn run(&mut self) {
        while let Some(step) = self.steps.next() {
            match *step {
                Step::Enter(name, 0) => self.open.push(Entry::Scope(track(NAMES[name]))),
                Step::Enter(name, nth) => self.open.push(Entry::Scope(track(NAMES[name]).fail_nth(nth))),
                Step::Deny(name, false) => self.open.push(Entry::Guard(deny_alloc(NAMES[name]))),
                Step::Deny(name, true) => self.open.push(Entry::Guard(deny_alloc(NAMES[name]).frees())),
                Step::Leave(at) => self.leave(at),
                Step::BeginPermit => {
                    self.open.push(Entry::Permit);
                    permit(|| self.run());
                    let last = self.open.iter().rposition(|open| matches!(open, Entry::Permit));
                    self.open.remove(last.expect("one is under way"));
                }
                Step::EndPermit => return,
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
        let _ = block.try_reserve_exact(size);
        self.slots[slot] = (block.capacity() > 0).then(|| black_box(block));
    }

    fn leave(&mut self, at: usize) {
        let entry = self.open.remove(at);
        let Entry::Guard(guard) = entry else { return drop(entry) };
        // What the panic itself allocates would be denied by the guards around it.
        permit(|| {
            // What the test itself allocates is not to fail on purpose.
            let _harness = track("harness");
            let said = match catch_unwind(AssertUnwindSafe(|| guard.finish())) {
                Ok(_) => String::new(),
                Err(panic) => summary(&panic.downcast::<String>().expect("it is a message")),
            };
            self.said.push(said);
        });
    }
}

fn check(seed: u64) {
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
        do_step(&mut model, Step::EndPermit);
    }
    let mut machine = Machine {
        steps: steps.iter(),
        open: Vec::with_capacity(STEPS),
        slots: Default::default(),
        capture: None,
        said: Vec::with_capacity(STEPS),
    };
    machine.run();
    assert_eq!(machine.said, model.said, "seed {seed}: {steps:?}");
}

#[test]
fn every_guard_sees_what_the_model_says() {
    std::panic::set_hook(Box::new(|panic| {
        // Thousands of guards panic as they should.
        if !panic.to_string().contains("deny_alloc \"") {
            eprintln!("{panic}");
        }
    }));
    let threads: Vec<_> = (0..2)
        .map(|thread| std::thread::spawn(move || (0..PROGRAMS).for_each(|seed| check(2 * seed + thread))))
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("it agrees with the model"));
    common::balanced();
}
