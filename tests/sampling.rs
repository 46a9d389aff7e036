//! Captures that sample: what they estimate, and what they leave exact. One test at a time, because a capture seeds the
//! samples of the whole process.

#![cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]

mod common;

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;

use common::{Random, alone, balanced};
use heapledger::{CallStack, CallStackKind, Snapshot, capture, measure, snapshot, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

const EVERY: u64 = 4_096;

macro_rules! places {
    ($($name:ident)+) => { $(
        #[inline(never)]
        fn $name(size: usize) -> Vec<u8> {
            let block = Vec::with_capacity(black_box(size));
            black_box(stringify!($name));
            block
        }
    )+ };
}

places! { often seldom kept_for_long }

/// What the stack through `place` is, learnt by an exact capture.
fn stack_of(place: fn(usize) -> Vec<u8>) -> Vec<usize> {
    let _capture = capture("learning");
    let before = snapshot();
    let kept = through(place, 1_000, "learning");
    let stacks = (snapshot() - before).stacks("learning");
    drop(kept);
    assert_eq!(stacks.len(), 1);
    stacks[0].addresses().to_vec()
}

/// All blocks are allocated by this one call.
#[inline(never)]
fn through(place: fn(usize) -> Vec<u8>, size: usize, operation: &str) -> Vec<u8> {
    let _op = track(operation);
    black_box(place)(size)
}

/// The stack that has the most in common with the one that was learnt: what calls [`through`] differs, and how the
/// ledger comes to take a stack.
fn find<'a>(stacks: &'a [CallStack], addresses: &[usize]) -> &'a CallStack {
    let common = |stack: &&CallStack| stack.addresses().iter().filter(|one| addresses.contains(one)).count();
    stacks.iter().max_by_key(common).expect("it has samples")
}

/// Asserts that an estimate is as near as so many samples make it, by five standard deviations.
#[track_caller]
fn near(found: f64, expected: f64, samples: u64) {
    let most = 5.0 / (samples.max(1) as f64).sqrt();
    assert!((found / expected - 1.0).abs() <= most, "{found}, not {expected}, by {samples} samples");
}

fn live_sum(snapshot: &Snapshot, path: &str) -> (i64, i64, u64, u64) {
    snapshot.stacks(path).iter().fold((0, 0, 0, 0), |(blocks, bytes, allocs, allocated), stack| {
        (blocks + stack.live_blocks, bytes + stack.live_bytes, allocs + stack.allocs, allocated + stack.allocated_bytes)
    })
}

#[track_caller]
fn adds_up(snapshot: &Snapshot, path: &str) {
    let whole = snapshot.operation(path).expect("it ran").total;
    let figures = (whole.live_blocks, whole.live_bytes, whole.allocs, whole.allocated_bytes);
    assert_eq!(live_sum(snapshot, path), figures);
}

#[test]
fn stacks_have_about_what_they_allocated_also_where_all_of_it_is_freed_at_once() {
    let _alone = alone();
    let [often_stack, seldom_stack, kept_stack] = [often, seldom, kept_for_long].map(stack_of);
    let _capture = capture("estimated").every(EVERY).seed(1);
    let before = balanced();
    let mut random = Random::new(5);
    let mut kept = Vec::new();
    let (mut bytes, mut blocks) = ([0u64; 3], [0u64; 3]);
    for _ in 0..60_000 {
        let (place, size) = match random.below(10) {
            0 => (1, 1 + random.below(3_000)),
            1 => (2, 1 + random.below(500)),
            _ => (0, 16 + random.below(200)),
        };
        let block = through([often, seldom, kept_for_long][place], size, "estimated");
        bytes[place] += size as u64;
        blocks[place] += 1;
        if place == 2 {
            kept.push(block);
        }
    }
    let diff = balanced() - before;
    diff.check().expect("the law holds");
    adds_up(&diff, "estimated");
    let stacks = diff.stacks("estimated");
    for (place, addresses) in [often_stack, seldom_stack, kept_stack].iter().enumerate() {
        let stack = find(&stacks, addresses);
        let samples = stack.samples.expect("they are estimates");
        assert!(samples > 200, "{samples} samples");
        near(stack.allocated_bytes as f64, bytes[place] as f64, samples);
        // Small blocks have fewer samples.
        near(stack.allocs as f64, blocks[place] as f64, samples / 10);
        match place {
            2 => near(stack.live_bytes as f64, bytes[place] as f64, samples),
            _ => assert_eq!((stack.live_bytes, stack.live_blocks), (0, 0), "every sample of it was freed"),
        }
    }
    drop(kept);
    let after = balanced();
    adds_up(&after, "estimated");
    assert!(after.stacks("estimated").iter().all(|stack| (stack.live_bytes, stack.live_blocks) == (0, 0)));
}

#[test]
fn frees_and_resizes_elsewhere_reduce_what_lives_of_a_stack() {
    let _alone = alone();
    let _capture = capture("sampled_maker").every(EVERY).seed(2);
    let mut blocks = Vec::from_iter((0..3_000).map(|_| through(often, 400, "sampled_maker")));
    let half = blocks.split_off(1_500);
    thread::spawn(move || drop(half)).join().expect("it only frees");
    adds_up(&balanced(), "sampled_maker");
    let first = balanced();
    measure("sampled_taker", || blocks.iter_mut().take(750).for_each(|block| block.reserve_exact(1_000)));
    let taken = balanced();
    adds_up(&taken, "sampled_maker");
    adds_up(&(&taken - &first), "sampled_maker");
    let stacks = taken.stacks("sampled_maker");
    let live = stacks.iter().filter(|stack| stack.live_bytes > 0).map(|stack| stack.live_bytes).sum::<i64>();
    assert_eq!(live, 750 * 400);
    drop(blocks);
    assert_eq!(live_sum(&balanced(), "sampled_maker").0, 0);
}

#[test]
fn what_is_of_sizes_without_a_sample_stands_alone() {
    let _alone = alone();
    let _capture = capture("unsampled").every(1 << 40).seed(9);
    let kept = through(often, 100, "unsampled");
    let stacks = snapshot().stacks("unsampled");
    let found = stacks.iter().map(|stack| (stack.kind, stack.samples, stack.live_bytes, stack.allocs));
    assert_eq!(Vec::from_iter(found), [(CallStackKind::NotSampled, Some(0), 100, 1)]);
    assert_eq!(snapshot().size_classes("unsampled")[0].live_blocks, 1);
    drop(kept);
}

#[test]
fn the_capture_that_wants_the_most_samples_decides() {
    let _alone = alone();
    let sampled = capture("several").every(1 << 40);
    let exact = capture("sev*");
    let during = through(often, 50, "several");
    assert_eq!(snapshot().stacks("several")[0].samples, None);
    drop(exact);
    let after = through(often, 60, "several");
    let of = |kind| {
        let stacks = snapshot().stacks("several");
        let of_kind = stacks.iter().filter(|stack| stack.kind == kind);
        Vec::from_iter(of_kind.map(|stack| (stack.live_bytes, stack.samples)))
    };
    assert_eq!(of(CallStackKind::Complete), [(50, None)]);
    assert_eq!(of(CallStackKind::NotSampled), [(60, Some(0))]);
    drop(sampled);
    let uncaptured = through(often, 70, "several");
    assert_eq!(of(CallStackKind::NotCaptured), [(70, None)]);
    drop((during, after, uncaptured));
}

#[test]
fn when_a_capture_has_ended_nothing_is_sampled_any_more() {
    let _alone = alone();
    let barrier = Barrier::new(2);
    let step = || _ = barrier.wait();
    thread::scope(|threads| {
        // On another thread, so that this one does not look whether a capture goes on.
        threads.spawn(|| {
            for _ in 0..2 {
                step();
                let sampled = capture("ended").every(1 << 40);
                step();
                step();
                drop(sampled);
                step();
            }
        });
        (0..2).for_each(|_| step());
        let scope = track("ended");
        let during = [often(100), often(100)];
        (0..2).for_each(|_| step());
        let after = [often(100), often(100)];
        (0..2).for_each(|_| step());
        // This thread takes up the samples of the second capture, and allocates when that has ended.
        drop(track("inner"));
        (0..2).for_each(|_| step());
        let at_last = [often(100), often(100)];
        let stacks = snapshot().stacks("ended");
        let found = Vec::from_iter(stacks.iter().map(|stack| (stack.kind, stack.live_bytes)));
        let expected = [(CallStackKind::NotSampled, 200), (CallStackKind::NotCaptured, 400)];
        assert!(found.len() == 2 && expected.iter().all(|one| found.contains(one)), "{stacks:?}");
        drop((during, after, at_last, scope));
    });
}

#[cfg(feature = "threads")]
#[test]
fn the_peak_of_several_threads_hears_of_frees_that_are_no_samples() {
    let _alone = alone();
    let _capture = capture("told").every(1 << 40);
    let scope = track("told").with_threads();
    let work = || drop([(); 40].map(|()| often(10_000)));
    let step = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            step.wait();
            work();
        });
        work();
        step.wait();
    });
    let peak = scope.finish().peak_bytes;
    // Either thread had as much, one after the other; what each has not told is the error.
    assert!((400_000..600_000).contains(&peak.expect("it is known")), "{peak:?}");
}

#[test]
fn of_one_byte_or_none_every_block_is_captured() {
    let _alone = alone();
    for bytes in [0, 1] {
        let _capture = capture("every_byte").every(bytes);
        let before = snapshot();
        let kept = Vec::from_iter((0..20).map(|_| through(seldom, 10, "every_byte")));
        let stacks = (snapshot() - before).stacks("every_byte");
        assert_eq!((stacks.len(), stacks[0].live_blocks, stacks[0].samples), (1, 20, None));
        drop(kept);
    }
}

#[test]
fn one_seed_gives_the_same_samples_again() {
    let _alone = alone();
    let samples = |seed: u64| {
        let work = move || {
            let _capture = capture("seeded").every(EVERY).seed(seed);
            let before = snapshot();
            let kept = Vec::from_iter((0..4_000).map(|turn| through(often, 10 + turn % 300, "seeded")));
            let stacks = (snapshot() - before).stacks("seeded");
            drop(kept);
            Vec::from_iter(stacks.iter().map(|stack| (stack.samples, stack.allocated_bytes, stack.allocs)))
        };
        thread::spawn(work).join().expect("it only allocates")
    };
    let once = samples(4);
    assert_eq!(once, samples(4));
    assert_ne!(once, samples(5));
}

#[test]
fn what_happens_in_no_operation_is_captured_too() {
    let _alone = alone();
    let before = balanced();
    let capture = capture("(unattributed)");
    let mut kept = Vec::with_capacity(2);
    kept.push(often(777));
    kept.push(
        thread::spawn(|| {
            // A thread notices when it has left a scope.
            drop(track("any"));
            often(888)
        })
        .join()
        .expect("it only allocates"),
    );
    let diff = balanced() - before;
    drop(capture);
    adds_up(&diff, "(unattributed)");
    let stacks = diff.stacks("(unattributed)");
    for size in [777, 888] {
        assert!(stacks.iter().any(|one| one.kind == CallStackKind::Complete && one.live_bytes == size), "{stacks:?}");
    }
    drop(kept);
}

#[cfg(feature = "threads")]
#[test]
fn a_thread_that_is_spawned_meanwhile_is_captured_from_its_start() {
    let _alone = alone();
    let before = balanced();
    let capture = capture("(unattributed)");
    let kept = thread::spawn(|| often(999)).join().expect("it only allocates");
    let stacks = (balanced() - before).stacks("(unattributed)");
    drop(capture);
    assert!(stacks.iter().any(|one| one.kind == CallStackKind::Complete && one.live_bytes == 999), "{stacks:?}");
    drop(kept);
}

#[test]
fn scopes_and_peaks_know_nothing_of_samples() {
    let _alone = alone();
    let work = || {
        let mut kept = often(700);
        // Each is higher than all before; then they fall below what the process was told.
        drop(Vec::from_iter((0..400).map(|_| often(500))));
        drop(seldom(90_000));
        kept.reserve_exact(5_000);
        kept
    };
    let (plain, expected) = measure("unsampled_work", work);
    for every in [1_000, 1 << 40] {
        let _capture = capture("sampled_work").every(every);
        let (sampled, did) = measure("sampled_work", work);
        assert_eq!(did, expected);
        drop(sampled);
    }
    drop(plain);
}
