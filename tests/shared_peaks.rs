//! The peak of a scope that shares its threads, against a naive model: threads that take one step at a time, so that
//! the true level is known after each. What a report prints as its error must hold, and must not count threads that
//! ended.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod common;

use std::hint::black_box;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use common::{Random, alone, balanced, row};
use heapledger::{current, measure, report, snapshot, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// What every thread may be off by.
const BOUND: u64 = 64 << 10;

#[derive(Clone, Copy)]
enum Order {
    Allocate(usize),
    FreeLast,
    End,
}

/// A thread that does what it is told, and has done it when `tell` returns.
struct Worker {
    order: Arc<(Mutex<Option<Order>>, Condvar)>,
    thread: JoinHandle<()>,
}

/// No worker has more blocks.
const MOST_BLOCKS: usize = 1_000;

impl Worker {
    fn spawn() -> Self {
        let order = Arc::new((Mutex::new(None), Condvar::new()));
        let thread = thread::spawn({
            let order = Arc::clone(&order);
            move || Self::work(&order)
        });
        Self { order, thread }
    }

    fn work((order, changed): &(Mutex<Option<Order>>, Condvar)) {
        let mut blocks: Vec<Vec<u8>> = Vec::with_capacity(MOST_BLOCKS);
        let mut given = order.lock().expect("nobody panics");
        loop {
            match *given {
                Some(Order::Allocate(bytes)) => blocks.push(black_box(Vec::with_capacity(bytes))),
                Some(Order::FreeLast) => drop(blocks.pop()),
                Some(Order::End) => return,
                None => {
                    given = changed.wait(given).expect("nobody panics");
                    continue;
                }
            }
            *given = None;
            changed.notify_all();
        }
    }

    fn tell(&self, told: Order) {
        let (order, changed) = &*self.order;
        let mut given = order.lock().expect("nobody panics");
        *given = Some(told);
        changed.notify_all();
        drop(changed.wait_while(given, |given| given.is_some()).expect("nobody panics"));
    }

    fn end(self) {
        *self.order.0.lock().expect("nobody panics") = Some(Order::End);
        self.order.1.notify_all();
        self.thread.join().expect("it does what it is told");
    }
}

/// Threads in a scope, and what they have by the model.
struct Crew {
    workers: Vec<Worker>,
    blocks: Vec<Vec<i64>>,
    level: i64,
    highest: i64,
}

impl Crew {
    /// They are ready when this returns. What the spawning left is read, as it is nobody's to know.
    fn spawn(count: usize, name: &str) -> Self {
        let workers: Vec<_> = (0..count).map(|_| Worker::spawn()).collect();
        for worker in &workers {
            worker.tell(Order::Allocate(1));
            worker.tell(Order::FreeLast);
        }
        let level = row(name).own.live_bytes;
        Self { workers, blocks: vec![Vec::with_capacity(MOST_BLOCKS); count], level, highest: level }
    }

    fn allocate(&mut self, who: usize, bytes: i64) {
        if self.blocks[who].len() == MOST_BLOCKS {
            return;
        }
        self.workers[who].tell(Order::Allocate(bytes as usize));
        self.blocks[who].push(bytes);
        self.level += bytes;
        self.highest = self.highest.max(self.level);
    }

    fn free(&mut self, who: usize) {
        if let Some(bytes) = self.blocks[who].pop() {
            self.workers[who].tell(Order::FreeLast);
            self.level -= bytes;
        }
    }

    fn end(self) {
        self.workers.into_iter().for_each(Worker::end);
    }
}

/// What threads do to a level that is told in steps.
#[derive(Debug)]
enum Way {
    /// Each peaks alone; then all climb together to just below.
    TogetherAfterAlone,
    /// All climb together, and then go up and down.
    TogetherThenAround,
    /// Up and down from the first step on.
    Around,
}

fn run(way: &Way, crew: &mut Crew, random: &mut Random) {
    let count = crew.workers.len();
    let step = [700, 5_000, 19_000, 20_479, 20_480, 65_000][random.below(6)];
    let steps = (60_000 + random.below(200_000) as i64) / step;
    if let Way::TogetherAfterAlone = way {
        for who in 0..count {
            (0..steps).for_each(|_| crew.allocate(who, step));
            (0..steps).for_each(|_| crew.free(who));
        }
    }
    if let Way::TogetherAfterAlone | Way::TogetherThenAround = way {
        for _ in 1..steps {
            (0..count).for_each(|who| crew.allocate(who, step));
        }
    }
    if let Way::Around | Way::TogetherThenAround = way {
        let scale = [100, 5_000, 60_000][random.below(3)];
        for _ in 0..200 {
            let who = random.below(count);
            match random.below(20) < 11 {
                true => crew.allocate(who, 1 + random.below(scale) as i64),
                false => crew.free(who),
            }
        }
    }
}

#[test]
fn the_peak_of_threads_in_step_is_within_the_printed_error() {
    let _alone = alone();
    for seed in 0..24 {
        let mut random = Random::new(seed);
        let way = &[Way::TogetherAfterAlone, Way::TogetherThenAround, Way::Around][seed as usize % 3];
        let name = format!("in step {seed}");
        let count = 1 + random.below(6);
        let scope = track(&name).with_threads();
        let mut crew = Crew::spawn(count, &name);
        run(way, &mut crew, &mut random);
        let highest = crew.highest as u64;
        crew.end();
        let peak = scope.finish().peak_bytes.expect("a scope has a peak");
        let error = row(&name).peak_error;
        assert_eq!(error, (count as u64 + 1) * BOUND, "{name}");
        assert!(peak.abs_diff(highest) <= error, "{name}, {way:?}: peak {peak}, by the model {highest}, +- {error}");
    }
    balanced();
}

/// Less than a thread tells of itself.
const UNTOLD: usize = 15_000;

#[test]
fn what_threads_leave_when_they_end_is_told_and_the_error_is_that_of_threads_at_once() {
    let _alone = alone();
    const THREADS: usize = 60;
    let scope = track("one after another").with_threads();
    let left: Vec<_> =
        (0..THREADS).map(|_| thread::spawn(|| Vec::<u8>::with_capacity(UNTOLD)).join().expect("it returns")).collect();
    let live = row("one after another").own.live_bytes as u64;
    let peak = scope.finish().peak_bytes.expect("a scope has a peak");
    let error = row("one after another").peak_error;
    assert_eq!(error, 2 * BOUND, "the scope's own thread, and one at a time");
    assert!(live >= (THREADS * UNTOLD) as u64 && peak.abs_diff(live) <= error, "{peak} of {live}");
    drop(left);
}

#[test]
fn what_a_scope_leaves_when_it_ends_is_told_to_the_scope_around_it_and_to_the_process() {
    let _alone = alone();
    const SCOPES: usize = 60;
    let before = snapshot().total().live_bytes;
    let outer = track("around").with_threads();
    let left: Vec<_> = (0..SCOPES)
        .map(|_| {
            let inner = track("inside").with_threads();
            thread::spawn(|| ()).join().expect("it does nothing");
            let left = black_box(Vec::<u8>::with_capacity(UNTOLD));
            drop(inner);
            left
        })
        .collect();
    let now = snapshot().total();
    let grown = (now.live_bytes - before) as u64;
    let (peak, peak_error) = (now.peak_bytes.expect("it is known"), report().process_peak_error());
    assert!(peak + peak_error >= now.live_bytes as u64, "the process: {peak} of {}", now.live_bytes);
    let outer_peak = outer.finish().peak_bytes.expect("a scope has a peak");
    assert_eq!(row("around").peak_error, 2 * BOUND);
    assert!(grown >= (SCOPES * UNTOLD) as u64 && outer_peak.abs_diff(grown) <= 2 * BOUND, "{outer_peak} of {grown}");
    drop(left);
}

#[test]
fn what_scopes_free_one_after_another_is_told() {
    let _alone = alone();
    const BLOCKS: usize = 60;
    let scope = track("frees").with_threads();
    let worker = Worker::spawn();
    worker.tell(Order::Allocate(1));
    let fill = |_| black_box(Vec::<u8>::with_capacity(UNTOLD));
    let one = measure("one", current).0;
    let mut blocks: Vec<_> = one.run(|| (0..BLOCKS).map(fill).collect());
    // Each of them begins a peak of its own before the thread has moved far enough to tell.
    while let Some(block) = blocks.pop() {
        one.run(|| drop(block));
    }
    worker.tell(Order::Allocate(BLOCKS * UNTOLD));
    worker.end();
    let peak = scope.finish().peak_bytes.expect("a scope has a peak");
    assert_eq!(row("frees").peak_error, 2 * BOUND);
    // What the thread and the list of blocks take comes on top: less than a bound.
    assert!(peak.abs_diff((BLOCKS * UNTOLD) as u64) <= 3 * BOUND, "{peak}");
}
