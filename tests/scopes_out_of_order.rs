//! Scopes that end in any order, are forgotten, boxed or nested without end: what each did and its peak equal a naive
//! model that looks at the level after every step, and the report says how often the order was wrong.

mod common;

use std::hint::black_box;
use std::sync::Barrier;

use common::{Random, alone, balanced, in_its_own_process, row, tally};
use heapledger::{Scope, Snapshot, current, measure, report, snapshot, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// One scope, and what it must say: counted step by step while it is open.
struct Open {
    scope: Scope,
    name: usize,
    did: heapledger::Tally,
    level: i64,
    peak: i64,
}

/// Plays random steps and keeps the naive model beside them.
struct Play {
    random: Random,
    open: Vec<Open>,
    blocks: Vec<Option<Vec<u8>>>,
    /// By name: allocations and frees while it was the active one.
    own: Vec<(u64, u64)>,
    misnested: u64,
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

impl Play {
    fn new(seed: u64) -> Self {
        let blocks = (0..16).map(|_| None).collect();
        let own = vec![(0, 0); NAMES.len()];
        Self { random: Random::new(seed), open: Vec::with_capacity(32), blocks, own, misnested: 0 }
    }

    /// Opens a scope; nothing of the play's own is allocated in it.
    fn open(&mut self, name: usize) {
        assert!(self.open.len() < self.open.capacity());
        let scope = root_scope(name);
        self.open.push(Open { scope, name, did: tally! {}, level: 0, peak: 0 });
    }

    /// Allocates, frees or resizes one block, and tells every open scope.
    fn step(&mut self) {
        let at = self.random.below(self.blocks.len());
        let size = 1 + self.random.below(5_000);
        let mut did = tally! {};
        match &mut self.blocks[at] {
            empty @ None => {
                *empty = Some(Vec::with_capacity(size));
                (did.allocs, did.allocated_bytes) = (1, size as u64);
            }
            Some(block) if self.random.below(3) == 0 && block.capacity() < size => {
                (did.reallocs, did.freed_bytes, did.allocated_bytes) = (1, block.capacity() as u64, size as u64);
                block.reserve_exact(size);
            }
            some => {
                let block = some.take().expect("it is not empty");
                (did.frees, did.freed_bytes) = (1, block.capacity() as u64);
            }
        }
        if let Some(active) = self.open.last() {
            self.own[active.name].0 += did.allocs;
            self.own[active.name].1 += did.frees;
        }
        for open in &mut self.open {
            open.did.allocs += did.allocs;
            open.did.allocated_bytes += did.allocated_bytes;
            open.did.frees += did.frees;
            open.did.freed_bytes += did.freed_bytes;
            open.did.reallocs += did.reallocs;
            open.level += did.net_bytes();
            open.peak = open.peak.max(open.level);
        }
    }

    fn close(&mut self, at: usize) {
        self.misnested += u64::from(at + 1 < self.open.len());
        let Open { scope, did: mut expected, level, peak, .. } = self.open.remove(at);
        let net_blocks = expected.net_blocks();
        let said = scope.finish();
        (expected.live_bytes, expected.live_blocks) = (level, net_blocks);
        expected.peak_bytes = Some(peak as u64);
        assert_eq!(said, expected);
    }
}

/// A scope of an operation that is not nested in another, so that its figures are easy to find.
fn root_scope(name: usize) -> Scope {
    thread_local! {
        static OPERATIONS: Vec<heapledger::Operation> = NAMES
            .iter()
            .map(|name| {
                let name = format!("out of order {name}");
                std::thread::spawn(move || { let _op = track(name); current() }).join().expect("it only looks")
            })
            .collect();
    }
    OPERATIONS.with(|operations| operations[name].enter())
}

/// All orders of four things.
fn permutations() -> Vec<[usize; 4]> {
    let mut all = Vec::new();
    for number in 0..256 {
        let order = [number & 3, number >> 2 & 3, number >> 4 & 3, number >> 6 & 3];
        if (0..4).all(|thing| order.contains(&thing)) {
            all.push(order);
        }
    }
    assert_eq!(all.len(), 24);
    all
}

fn own_counts() -> Vec<(u64, u64)> {
    let snapshot = balanced();
    let own = |at: usize| snapshot.operation(&format!("out of order {}", NAMES[at])).map(|row| row.own);
    (0..4).map(|at| own(at).map_or((0, 0), |own| (own.allocs, own.frees))).collect()
}

fn plus(one: &[(u64, u64)], other: &[(u64, u64)]) -> Vec<(u64, u64)> {
    one.iter().zip(other).map(|(one, other)| (one.0 + other.0, one.1 + other.1)).collect()
}

#[test]
fn four_scopes_ended_in_every_order_say_what_a_naive_model_says() {
    let _alone = alone();
    drop(root_scope(0));
    for order in permutations() {
        let (mut counts, mut misnested) = (own_counts(), report().misnested());
        for seed in 0..20 {
            let mut play = Play::new(seed * 100 + order[0] as u64);
            for name in 0..4 {
                play.step();
                play.open(name);
                (0..5).for_each(|_| play.step());
            }
            for name in order {
                let at = play.open.iter().position(|open| open.name == name).expect("it is open");
                play.close(at);
                (0..5).for_each(|_| play.step());
            }
            assert_eq!(current().path(), "(unattributed)");
            misnested += play.misnested;
            counts = plus(&counts, &play.own);
        }
        assert_eq!((own_counts(), report().misnested()), (counts, misnested), "{order:?}");
    }
}

#[test]
fn scopes_opened_and_ended_at_random_say_what_a_naive_model_says() {
    let _alone = alone();
    drop(root_scope(0));
    let (mut counts, mut misnested) = (own_counts(), report().misnested());
    for seed in 0..2_000 {
        let mut play = Play::new(seed);
        for _ in 0..100 {
            match play.random.below(6) {
                0 if play.open.len() < 20 => {
                    let name = play.random.below(NAMES.len());
                    play.open(name);
                }
                1 if !play.open.is_empty() => {
                    let at = play.random.below(play.open.len());
                    play.close(at);
                }
                _ => play.step(),
            }
        }
        while !play.open.is_empty() {
            let at = play.random.below(play.open.len());
            play.close(at);
        }
        misnested += play.misnested;
        counts = plus(&counts, &play.own);
    }
    assert_eq!((own_counts(), report().misnested()), (counts, misnested));
}

#[test]
fn the_peak_of_an_operation_is_that_of_its_highest_scope_and_never_a_sum() {
    let _alone = alone();
    let ((), outer) = measure("peaks", || {
        measure("first", || drop(std::hint::black_box(vec![0u8; 1_000_000])));
        measure("second", || drop(std::hint::black_box(vec![0u8; 700_000])));
        measure("first", || drop(std::hint::black_box(vec![0u8; 10])));
    });
    assert_eq!(outer.peak_bytes, Some(1_000_000));
    let peak = |path: &str| row(path).total.peak_bytes;
    assert_eq!(
        [peak("peaks"), peak("peaks/first"), peak("peaks/second")],
        [Some(1_000_000), Some(1_000_000), Some(700_000)]
    );
}

#[test]
fn scopes_ended_outside_in_are_counted_as_misnested_and_the_inner_one_stays_active() {
    let _alone = alone();
    let misnested = report().misnested();
    let outer = track("ended first");
    let inner = track("ended last");
    drop(outer);
    assert_eq!(report().misnested() - misnested, 1);
    assert_eq!(current().path(), "ended first/ended last");
    let text = report().to_string();
    assert!(text.contains(" ended before a scope begun after it"), "{text}");
    drop(inner);
    assert_eq!(report().misnested() - misnested, 1);
    assert_eq!(current().path(), "(unattributed)");
}

#[test]
fn a_forgotten_scope_stays_active_until_its_thread_ends_and_costs_the_next_thread_nothing() {
    let _alone = alone();
    in_its_own_process(
        "a_forgotten_scope_stays_active_until_its_thread_ends_and_costs_the_next_thread_nothing",
        || {
            let shard_bytes = std::thread::spawn(|| {
                let outer = track("not forgotten");
                std::mem::forget(track("forgotten"));
                drop(outer);
                assert_eq!(current().path(), "not forgotten/forgotten");
                drop(std::hint::black_box(vec![0u8; 123]));
                report().shard_bytes()
            });
            let shard_bytes = shard_bytes.join().unwrap();
            let row = row("not forgotten/forgotten");
            assert_eq!((row.scopes, row.own.peak_bytes >= Some(123), row.own.allocated_bytes >= 123), (1, true, true));
            for _ in 0..1_000 {
                let next = std::thread::spawn(|| {
                    assert_eq!(current().path(), "(unattributed)");
                    std::mem::forget(track("forgotten again"));
                });
                next.join().unwrap();
            }
            assert_eq!(report().shard_bytes(), shard_bytes, "frames of forgotten scopes are used anew");
        },
    );
}

#[test]
fn boxed_scopes_end_where_their_box_is_dropped() {
    let _alone = alone();
    let mut boxes: Vec<Box<Scope>> = Vec::with_capacity(3);
    boxes.push(Box::new(track("boxed 1")));
    boxes.push(Box::new(track("boxed 2")));
    boxes.push(Box::new(track("boxed 3")));
    let all = current();
    drop(boxes.swap_remove(0));
    let last_two = current();
    boxes.truncate(1);
    let last = current();
    boxes.clear();
    drop(boxes);
    assert_eq!([all, last_two, last].map(|active| active.path()), ["boxed 1/boxed 2/boxed 3"; 3]);
    assert_eq!(current().path(), "(unattributed)");
    // Each box was made inside the scope it holds; all were given back while the innermost was active.
    let own = ["boxed 1", "boxed 1/boxed 2", "boxed 1/boxed 2/boxed 3"].map(|path| row(path).own);
    assert_eq!(own.map(|own| (own.allocs, own.live_blocks)), [(1, 0); 3]);
    assert_eq!(own.map(|own| own.freed_elsewhere_blocks), [1, 1, 1]);
}

#[test]
fn recursion_nests_128_levels_and_the_rest_falls_into_other() {
    fn recurse(left: usize) -> Option<Box<[u8; 10]>> {
        let _op = track("recursion");
        drop(std::hint::black_box(Box::new([0u8; 10])));
        (left > 1).then(|| recurse(left - 1)).flatten()
    }
    let _alone = alone();
    let before = row("(other)").own;
    let scope = track("deep");
    recurse(1_000);
    let did = scope.finish();
    assert_eq!((did.allocs, did.allocated_bytes, did.peak_bytes), (1_000, 10_000, Some(10)));
    let mut path = String::from("deep");
    for level in 1..128 {
        path.push_str("/recursion");
        let row = row(&path);
        assert_eq!((row.scopes, row.own.allocs, row.own.frees), (1, 1, 1), "level {level}");
    }
    assert!(balanced().operation(&format!("{path}/recursion")).is_none());
    let other = row("(other)").own;
    // "deep" and 127 levels below it are operations; 873 more are not.
    assert_eq!((other.allocs - before.allocs, other.frees - before.frees), (873, 873));
    let text = report().to_string();
    assert!(text.contains("873 scopes could not be counted apart"), "{text}");
    assert_eq!(current().path(), "(unattributed)");
}

#[test]
fn the_peak_of_a_scope_that_runs_is_read_below_scopes_inside_it() {
    let _alone = alone();
    let outer = track("runs around");
    drop(std::hint::black_box(vec![0u8; 100_000]));
    let inner = track("runs inside");
    let kept = std::hint::black_box(vec![0u8; 1_000]);
    let now = balanced();
    let peaks =
        ["runs around", "runs around/runs inside"].map(|path| now.operation(path).and_then(|row| row.own.peak_bytes));
    assert_eq!(peaks, [Some(100_000), Some(1_000)]);
    drop((kept, inner, outer));
}

#[test]
fn the_peak_of_a_scope_that_only_grows_is_read_by_another_thread_after_every_block() {
    let _alone = alone();
    const BLOCKS: usize = 60;
    let step = Barrier::new(2);
    let mut peaks = Vec::with_capacity(BLOCKS);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut kept = Vec::with_capacity(BLOCKS);
            let _scope = track("only grows");
            for _ in 0..BLOCKS {
                kept.push(vec![0u8; 1_000]);
                step.wait();
                step.wait();
            }
        });
        for _ in 0..BLOCKS {
            step.wait();
            peaks.push(balanced().operation("only grows").and_then(|row| row.own.peak_bytes));
            step.wait();
        }
    });
    assert_eq!(peaks, Vec::from_iter((1..=BLOCKS as u64).map(|blocks| Some(1_000 * blocks))));
}

#[test]
fn a_difference_tells_a_peak_only_where_it_rose_in_between() {
    in_its_own_process("a_difference_tells_a_peak_only_where_it_rose_in_between", || {
        let peaks_since = |before: &Snapshot| {
            let difference = &snapshot() - before;
            (difference.operation("rises").expect("it ran").own.peak_bytes, difference.total().peak_bytes)
        };
        let large = |bytes: usize| measure("rises", || drop(black_box(Vec::<u8>::with_capacity(bytes))));
        large(8 << 20);
        let before = snapshot();
        large(4 << 20);
        assert_eq!(peaks_since(&before), (None, None), "it was higher before");
        large(16 << 20);
        let (own, process) = peaks_since(&before);
        assert_eq!(own, Some(16 << 20));
        assert!(process >= own, "{process:?}");
    });
}
