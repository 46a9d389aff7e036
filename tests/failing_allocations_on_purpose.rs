//! Allocations that a test has fail: the right ones, no others, and without a trace in any counter. An independent
//! allocator beneath the ledger confirms that a refused block is given back.

#![allow(unsafe_code, reason = "asks the global allocator by layout, for every method and to know every byte")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System, alloc, alloc_zeroed, dealloc, realloc};
use std::cell::RefCell;
use std::collections::TryReserveError;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};

use common::{Random, alone, balanced, in_its_own_process, row, tally};
use heapledger::track;
use stats_alloc::StatsAlloc;

static WITNESS: StatsAlloc<System> = StatsAlloc::system();

#[global_allocator]
static ALLOC: heapledger::Allocator<&StatsAlloc<System>> = heapledger::Allocator::new(&WITNESS);

/// The most common one, called directly: it gives back on another way.
static OVER_SYSTEM: heapledger::Allocator = heapledger::Allocator::system();

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 1).expect("small sizes are valid")
}

// Every block passes through `black_box`: the optimizer may take an allocation that nobody needs for granted.

fn take(layout: Layout) -> *mut u8 {
    // SAFETY: no test asks for a size of zero.
    black_box(unsafe { alloc(layout) })
}

fn take_zeroed(layout: Layout) -> *mut u8 {
    // SAFETY: no test asks for a size of zero.
    black_box(unsafe { alloc_zeroed(layout) })
}

fn resize(block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: tests pass live blocks with their layouts, and no size of zero.
    black_box(unsafe { realloc(block, layout, size) })
}

fn free(block: *mut u8, layout: Layout) {
    // SAFETY: tests free every block once, with its layout.
    unsafe { dealloc(block, layout) };
}

/// One allocation; whether it was granted.
fn granted() -> bool {
    let mut list = Vec::<u8>::new();
    let granted = list.try_reserve_exact(10).is_ok();
    black_box(&mut list);
    granted
}

/// Which of `count` allocations were refused.
fn refused(count: usize) -> Vec<usize> {
    let mut refused = Vec::with_capacity(count);
    // The list has its room: only what is asked for here is counted.
    (0..count).filter(|_| !granted()).for_each(|at| refused.push(at));
    refused
}

/// The same, where the list itself is made outside the scope.
fn refused_in(scope: heapledger::Scope, count: usize) -> (Vec<usize>, u64) {
    let mut list = {
        let _elsewhere = track("elsewhere");
        Vec::with_capacity(count)
    };
    (0..count).filter(|_| !granted()).for_each(|at| list.push(at));
    let failed = scope.failed();
    (list, failed)
}

#[test]
fn the_nth_allocation_fails_and_no_other() {
    for n in 1..=5 {
        let (refused, failed) = refused_in(track("nth").fail_nth(n), 8);
        assert_eq!((refused, failed), (vec![n as usize - 1], 1));
    }
    let (refused, failed) = refused_in(track("nth").fail_nth(9), 8);
    assert_eq!((refused, failed), (vec![], 0));
}

#[test]
fn each_method_can_fail_and_counts_alike() {
    let scope = track("each method").fail_nth(1);
    assert!(take(bytes(10)).is_null());
    drop(scope);

    let scope = track("each method").fail_nth(1);
    assert!(take_zeroed(bytes(10)).is_null());
    drop(scope);

    let block = take(bytes(10));
    let scope = track("each method").fail_nth(1);
    assert!(resize(block, bytes(10), 20).is_null());
    assert_eq!(scope.failed(), 1);
    assert_eq!(scope.finish(), tally! { peak_bytes: Some(0) });

    let scope = track("each method").fail_nth(3);
    let zeroed = take_zeroed(bytes(30));
    let block = resize(block, bytes(10), 20);
    assert!(take(bytes(1)).is_null());
    let zeroed = resize(zeroed, bytes(30), 40);
    assert_eq!(scope.failed(), 1);
    drop(scope);
    free(block, bytes(20));
    free(zeroed, bytes(40));
    balanced();
}

#[test]
fn alignments_beyond_the_usual_can_fail_too() {
    let before = WITNESS.stats();
    for align in [32, 4096] {
        let scope = track("aligned").fail_nth(1);
        let layout = Layout::from_size_align(100, align).unwrap();
        assert!(take(layout).is_null());
        let block = take(layout);
        assert_eq!((block.addr() % align, scope.failed()), (0, 1));
        free(block, layout);
    }
    assert!(WITNESS.stats().deallocations - before.deallocations >= 4, "refused blocks were given back");
}

#[test]
fn growing_a_vec_fails_without_losing_it() {
    let mut list = vec![1u8, 2, 3];
    let scope = track("growing").fail_nth(2);
    list.try_reserve(100).unwrap();
    let room = list.capacity();
    list.extend(4..=100);
    assert!(list.try_reserve(1_000).is_err());
    assert!(list.iter().copied().eq(1..=100));
    assert_eq!((list.capacity(), scope.failed()), (room, 1));
    list.try_reserve(1_000).unwrap();
    assert!(list.iter().copied().eq(1..=100));
}

fn sentence(words: &[&str]) -> Result<String, TryReserveError> {
    let mut parts: Vec<String> = Vec::new();
    for word in words {
        let mut part = String::new();
        part.try_reserve_exact(word.len())?;
        part.push_str(word);
        part.try_reserve_exact(1)?;
        part.push(' ');
        black_box(&mut part);
        parts.try_reserve_exact(1)?;
        parts.push(part);
    }
    let mut out = String::new();
    for part in parts {
        out.try_reserve_exact(part.len())?;
        out.push_str(&part);
    }
    Ok(out)
}

#[test]
fn a_builder_survives_a_failure_at_every_place() {
    let mut failures = 0;
    for n in 1.. {
        let scope = track("builder").fail_nth(n);
        let out = sentence(&["every", "place", "fails", "once"]);
        let failed = scope.failed();
        let did = scope.finish();
        if failed == 0 {
            assert_eq!(out.as_deref(), Ok("every place fails once "));
            drop(out);
            break;
        }
        assert!(out.is_err());
        assert_eq!(did.net_bytes(), 0, "what was built before the failure was freed");
        failures += 1;
    }
    // A word takes one block for its text and one resize; the list one more; the whole one per word again.
    assert_eq!(failures, 4 * 3 + 4);
    assert_eq!(row("builder").own.live_bytes, 0);
}

#[test]
fn a_fraction_fails_the_same_ones_for_the_same_seed() {
    let of = |fraction, seed| refused_in(track("fraction").fail_fraction(fraction, seed), 1_000);
    let (first, failed) = of(0.3, 7);
    assert_eq!(failed, first.len() as u64);
    assert!((250..350).contains(&first.len()), "{} of 1,000", first.len());
    assert_eq!(of(0.3, 7).0, first);
    for seed in [0, 6, 8, u64::MAX] {
        assert_ne!(of(0.3, seed).0, first);
    }
    // The same numbers are drawn: what a small fraction refuses, a larger one does too.
    let fewer = of(0.1, 7).0;
    assert!(fewer.len() < first.len() && fewer.iter().all(|at| first.contains(at)));
    assert_eq!(of(0.0, 7), (vec![], 0));
    assert_eq!(of(1.0, 7), ((0..1_000).collect(), 1_000));
    assert_eq!(of(f64::MIN_POSITIVE, 7), (vec![], 0));
}

#[test]
fn a_later_plan_takes_the_place_of_an_earlier_one_and_failures_add_up() {
    let scope = track("plans").fail_nth(1);
    assert!(!granted());
    let scope = scope.fail_nth(2);
    assert!(granted());
    let scope = scope.fail_nth(1);
    assert!(!granted() && granted());
    let scope = scope.fail_fraction(1.0, 0);
    assert!(!granted() && !granted());
    let scope = scope.fail_fraction(0.0, 0);
    assert!(granted());
    assert_eq!(scope.failed(), 4);
}

#[test]
fn scopes_inside_are_untouched_and_the_plan_goes_on_after_them() {
    let scope = track("around").fail_nth(2);
    assert!(granted());
    {
        let inside = track("inside");
        assert!((0..10).all(|_| granted()));
        assert_eq!(inside.failed(), 0);
        let innermost = track("innermost").fail_nth(3);
        assert_eq!(refused(5), [1], "the list itself is the first of the three");
        assert_eq!(innermost.failed(), 1);
        drop(innermost);
        assert!((0..10).all(|_| granted()));
    }
    assert!(heapledger::current().run(granted), "the same operation, entered again");
    assert!(!granted() && granted());
    assert_eq!(scope.failed(), 1);
}

#[test]
fn the_same_operation_entered_again_has_no_plan() {
    drop(track("again").fail_fraction(1.0, 0));
    let scope = track("again");
    assert!((0..10).all(|_| granted()));
    assert_eq!(scope.failed(), 0);
}

#[test]
fn other_threads_in_the_same_operation_are_untouched() {
    let (ask, asked) = channel::<heapledger::Operation>();
    let (answer, answered) = channel::<bool>();
    let other = std::thread::spawn(move || {
        let op = asked.recv().unwrap();
        let all = op.run(|| (0..100).all(|_| granted()));
        answer.send(all).unwrap();
    });
    // Channels allocate when they are first used.
    let channels = track("channels");
    let scope = track("this thread").fail_fraction(1.0, 0);
    let op = heapledger::current();
    let unplanned = channels.failed();
    {
        let _channels = track("used here");
        ask.send(op).unwrap();
        assert!(answered.recv().unwrap());
    }
    assert!(!granted());
    assert_eq!((scope.failed(), unplanned), (1, 0));
    drop(scope);
    other.join().unwrap();
}

#[test]
fn scopes_that_end_out_of_order_leave_each_plan_to_its_own_scope() {
    let outer = track("outer").fail_fraction(1.0, 0);
    let middle = track("middle").fail_fraction(1.0, 0);
    let inner = track("inner");
    assert!(granted());
    drop(middle);
    assert!(granted(), "the inner one is still the innermost");
    drop(inner);
    assert!(!granted(), "the outer one is now");
    let last = track("last");
    drop(outer);
    assert!(granted());
    drop(last);
    assert!(granted());

    let outer = track("outer");
    let inner = track("inner").fail_fraction(1.0, 0);
    drop(outer);
    assert!(!granted(), "the inner one goes on");
    assert_eq!(inner.failed(), 1);
    drop(inner);
    assert!((0..10).all(|_| granted()));

    // A plan for a scope that is not the innermost waits for it to be.
    let outer = track("outer");
    let inner = track("inner");
    let outer = outer.fail_nth(1);
    assert!(granted());
    drop(inner);
    assert!(!granted() && granted());
    drop(outer);
    balanced();
}

#[test]
fn unwinding_ends_the_failures() {
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let scope = track("unwinding").fail_nth(1);
        assert!(!granted());
        let scope = scope.fail_nth(1_000_000);
        let _inside = track("inside");
        let _again = track("again").fail_nth(1_000_000);
        assert_eq!(scope.failed(), 2, "this fails");
    }));
    assert!(unwound.is_err());
    assert!((0..100).all(|_| granted()));
    assert_eq!(heapledger::current().path(), "(unattributed)");
    balanced();
}

#[test]
fn a_forgotten_scope_fails_until_its_thread_ends() {
    let spawn = |work: fn() -> bool| std::thread::spawn(work).join().unwrap();
    for _ in 0..3 {
        assert!(spawn(|| {
            let scope = track("forgotten").fail_fraction(1.0, 0);
            let refused = !granted();
            std::mem::forget(scope);
            // What std allocates to end the thread must not fail.
            std::mem::forget(track("calm"));
            refused
        }));
        // The next thread has the same shard and the same frames.
        assert!(spawn(|| (0..100).all(|_| granted()) && {
            let scope = track("after it");
            granted() && scope.failed() == 0
        }));
    }
    balanced();
}

#[test]
fn the_ledgers_own_work_is_untouched() {
    let _alone = alone();
    let kept = vec![1u8; 100];
    let scope = track("reading").fail_fraction(1.0, 0);
    let snapshot = heapledger::snapshot();
    let difference = heapledger::snapshot() - &snapshot;
    let report = heapledger::report();
    drop(difference);
    let first_name = track("a name that is new");
    drop(first_name);
    drop(snapshot);
    assert_eq!(scope.failed(), 0);
    assert!(!granted());
    let texts = {
        // A text is its reader's: it is made outside.
        let _elsewhere = track("texts");
        (report.to_string(), report.to_json())
    };
    drop(report);
    assert_eq!(scope.failed(), 1);
    drop(scope);
    assert!(texts.0.contains("reading") && texts.1.contains("\"reading\""));
    drop(kept);
    balanced();
}

#[test]
fn a_refused_allocation_changes_no_counter_and_no_peak() {
    let scope = track("no trace");
    let before = vec![0u8; 1_000];
    let scope = scope.fail_fraction(1.0, 0);
    for size in [1, 100, 10_000, 1 << 20, 64 << 20] {
        assert!(take(bytes(size)).is_null());
        assert!(take_zeroed(bytes(size)).is_null());
    }
    let once = tally! { allocs: 1, allocated_bytes: 1_000, live_blocks: 1, live_bytes: 1_000, peak_bytes: Some(1_000) };
    let failed = scope.failed();
    assert_eq!((scope.finish(), failed), (once, 10));
    assert_eq!(row("no trace").own, once);
    drop(before);
}

#[test]
fn a_refused_resize_leaves_the_block_its_content_its_owner_and_every_counter() {
    let (mut list, _) = heapledger::measure("owner", || (0..100u8).collect::<Vec<_>>());
    let owned = tally! { allocs: 1, allocated_bytes: 100, live_blocks: 1, live_bytes: 100, peak_bytes: Some(100) };
    let scope = track("resizer").fail_fraction(1.0, 0);
    for more in [1, 100, 1 << 20, 64 << 20] {
        assert!(list.try_reserve_exact(more).is_err());
    }
    let failed = scope.failed();
    let nothing = tally! { peak_bytes: Some(0) };
    assert_eq!((scope.finish(), failed), (nothing, 4));
    assert_eq!((row("resizer").own, row("owner").own), (nothing, owned));
    assert!(list.iter().copied().eq(0..100));

    // The block still carries its owner's tag.
    heapledger::measure("freer", || drop(list));
    let freed = tally! { frees: 1, freed_bytes: 100, others_frees: 1, others_freed_bytes: 100, peak_bytes: Some(0) };
    assert_eq!(row("freer").own, freed);
    let settled = tally! {
        allocs: 1, allocated_bytes: 100, freed_elsewhere_blocks: 1, freed_elsewhere_bytes: 100, peak_bytes: Some(100),
    };
    assert_eq!(row("owner").own, settled);
    balanced();
}

#[test]
fn blocks_of_others_are_freed_and_taken_over_as_ever() {
    let (mut taken, _) = heapledger::measure("giver", || vec![7u8; 300]);
    let (freed, _) = heapledger::measure("giver", || vec![7u8; 50]);
    let scope = track("taker").fail_nth(2);
    taken.try_reserve_exact(300).unwrap();
    assert!(taken.try_reserve_exact(1_000).is_err());
    drop(freed);
    let failed = scope.failed();
    let did = scope.finish();
    assert_eq!((did.reallocs, did.frees, did.net_bytes(), did.peak_bytes, failed), (1, 1, 250, Some(300), 1));
    let (giver, taker) = (row("giver").own, row("taker").own);
    assert_eq!((giver.live_bytes, giver.given_away_bytes, giver.freed_elsewhere_bytes), (0, 300, 50));
    assert_eq!((taker.live_bytes, taker.taken_over_bytes, taker.others_freed_bytes), (600, 300, 50));
    drop(taken);
    balanced();
}

/// Two thousand random calls; blocks that are refused are passed over. Returns what was granted: net bytes at the end,
/// and the highest on the way.
fn mix(seed: u64) -> (i64, i64) {
    let mut random = Random::new(seed);
    let mut blocks: [Option<(*mut u8, Layout)>; 32] = [None; 32];
    let (mut net, mut peak) = (0i64, 0i64);
    for _ in 0..2_000 {
        let at = random.below(blocks.len());
        let size = 1 + if random.below(20) == 0 { random.below(100_000) } else { random.below(500) };
        let zeroed = random.below(2) == 0;
        match blocks[at] {
            None => {
                let layout = Layout::from_size_align(size, 1 << random.below(7)).unwrap();
                let block = if zeroed { take_zeroed(layout) } else { take(layout) };
                if !block.is_null() {
                    blocks[at] = Some((block, layout));
                    net += size as i64;
                }
            }
            Some((block, layout)) if zeroed => {
                let block = resize(block, layout, size);
                if !block.is_null() {
                    net += size as i64 - layout.size() as i64;
                    blocks[at] = Some((block, Layout::from_size_align(size, layout.align()).unwrap()));
                }
            }
            Some((block, layout)) => {
                free(block, layout);
                blocks[at] = None;
                net -= layout.size() as i64;
            }
        }
        peak = peak.max(net);
    }
    let end = net;
    for (block, layout) in blocks.into_iter().flatten() {
        free(block, layout);
    }
    (end, peak)
}

#[test]
fn a_scope_that_waits_for_its_failure_counts_as_its_twin_without_one() {
    for seed in 0..10 {
        let twin = track("twin");
        let expected = mix(seed);
        let expected = (expected, twin.finish());
        let scope = track("waits").fail_nth(u64::MAX);
        let did = mix(seed);
        assert_eq!(scope.failed(), 0);
        assert_eq!((did, scope.finish()), expected);
        assert_eq!(expected.1.peak_bytes, Some(did.1 as u64));
    }
}

#[test]
fn peaks_are_exact_while_allocations_fail() {
    for seed in 0..10 {
        let around = track("around the mix");
        let held = vec![0u8; 5_000];
        let scope = track("fails").fail_fraction(0.2, seed);
        let (_, peak) = mix(seed);
        assert!(scope.failed() > 100);
        let did = scope.finish();
        assert_eq!((did.net_bytes(), did.peak_bytes), (0, Some(peak as u64)));
        assert_eq!(around.finish().peak_bytes, Some(5_000 + peak as u64));
        drop(held);
    }
    balanced();
}

#[test]
fn the_witness_beneath_has_the_same_live_bytes() {
    in_its_own_process("the_witness_beneath_has_the_same_live_bytes", || {
        // A new name is the ledger's to keep.
        drop(track("witnessed"));
        let before = WITNESS.stats();
        let scope = track("witnessed").fail_fraction(0.3, 3);
        mix(1);
        let kept = (0..10).filter(|_| granted()).count();
        let failed = scope.failed();
        drop(scope);
        let saw = WITNESS.stats() - before;
        assert!(failed > 100 && kept < 10);
        assert_eq!((saw.bytes_allocated, saw.allocations), (saw.bytes_deallocated, saw.deallocations));
        // What the witness granted and the ledger refused was given back; a refused resize never came to it.
        let own = row("witnessed").own;
        assert!(saw.allocations as u64 > own.allocs);
        assert!(saw.allocations as u64 - own.allocs < failed);
        assert_eq!(saw.reallocations as u64, own.reallocs);
        assert_eq!((own.live_bytes, own.live_blocks), (0, 0));
    });
}

#[test]
#[cfg(target_os = "linux")]
fn blocks_that_are_refused_above_the_system_are_given_back() {
    fn pages() -> u64 {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("every process has one");
        statm.split(' ').next().and_then(|pages| pages.parse().ok()).expect("it starts with the number of pages")
    }
    const NAME: &str = "blocks_that_are_refused_above_the_system_are_given_back";
    in_its_own_process(NAME, || {
        let before = pages();
        for layout in [(64 << 20, 8), (64 << 20, 4096), (40, 8), (40, 64)] {
            let layout = Layout::from_size_align(layout.0, layout.1).unwrap();
            let scope = track("above the system").fail_fraction(1.0, 0);
            for _ in 0..1_000 {
                // SAFETY: the size is not zero.
                let block = black_box(unsafe { OVER_SYSTEM.alloc(layout) });
                assert!(block.is_null());
            }
            // SAFETY: the size is not zero.
            assert!(unsafe { OVER_SYSTEM.alloc_zeroed(bytes(100)) }.is_null());
            assert_eq!(scope.failed(), 1_001);
        }
        // Two times a thousand blocks of 64 MiB would be 32 million pages.
        assert!(pages() < before + 100_000);
        balanced();
    });
}

#[test]
fn a_resize_above_the_system_fails_and_works_afterwards() {
    let scope = track("resize above the system").fail_nth(2);
    // SAFETY: the size is not zero.
    let block = unsafe { OVER_SYSTEM.alloc(bytes(100)) };
    // SAFETY: the block has this layout, and the new size is not zero.
    assert!(unsafe { OVER_SYSTEM.realloc(block, bytes(100), 200) }.is_null());
    // SAFETY: as above.
    let block = unsafe { OVER_SYSTEM.realloc(block, bytes(100), 200) };
    // SAFETY: the block has this layout.
    unsafe { OVER_SYSTEM.dealloc(block, bytes(200)) };
    let did =
        tally! { allocs: 1, allocated_bytes: 300, frees: 1, freed_bytes: 300, reallocs: 1, peak_bytes: Some(200) };
    assert_eq!((scope.failed(), scope.finish()), (1, did));
}

#[test]
fn threads_that_begin_in_the_scope_are_untouched() {
    let scope = track("crew").with_threads();
    let (ask, asked) = channel::<()>();
    let (answer, answered) = channel::<bool>();
    let worker = std::thread::spawn(move || {
        asked.recv().unwrap();
        answer.send((0..100).all(|_| granted())).unwrap();
        assert_eq!(heapledger::current().path(), "crew");
    });
    let scope = scope.fail_fraction(1.0, 0);
    {
        let _calm = track("channels");
        ask.send(()).unwrap();
        assert!(answered.recv().unwrap());
        worker.join().unwrap();
    }
    assert!(!granted());
    assert_eq!(scope.failed(), 1);
    let did = scope.finish();
    assert!(did.peak_bytes.is_some());
    assert!(granted());
    balanced();
}

#[test]
fn sharing_a_scope_that_fails_keeps_its_plan() {
    let scope = track("shared later").fail_nth(3).with_threads();
    assert_eq!(refused_in(scope, 5), (vec![2], 1));
}

#[test]
fn adopting_an_operation_meanwhile_keeps_the_plan() {
    std::thread::spawn(|| {
        let scope = track("adopting").fail_fraction(1.0, 0);
        heapledger::current().adopt();
        assert!(!granted());
        drop(scope);
        assert!(granted());
        assert_eq!(heapledger::current().path(), "adopting");
    })
    .join()
    .unwrap();
}

#[test]
fn plans_that_make_no_sense_panic_and_leave_no_scope_behind() {
    for wrong in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert!(catch_unwind(|| track("wrong").fail_fraction(wrong, 0).failed()).is_err());
    }
    assert!(catch_unwind(|| track("wrong").fail_nth(0).failed()).is_err());
    assert_eq!(heapledger::current().path(), "(unattributed)");
}

#[test]
fn scopes_in_late_destructors_fail_as_planned() {
    thread_local! {
        static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    struct Late(Sender<(bool, bool, u64)>);
    impl Drop for Late {
        fn drop(&mut self) {
            let scope = track("late").fail_nth(2);
            let (first, second, failed) = (granted(), granted(), scope.failed());
            drop(scope);
            self.0.send((first, second, failed)).expect("the test waits for it");
        }
    }
    let (say, said) = channel();
    // The first of the thread's destructors to be registered is the last to run, when the ledger's own has run.
    let late = move || LATE.with(|late| *late.borrow_mut() = Some(Late(say)));
    std::thread::spawn(late).join().unwrap();
    assert_eq!(said.recv(), Ok((true, false, 1)));
    assert_eq!(
        row("late").own,
        tally! { allocs: 1, allocated_bytes: 10, frees: 1, freed_bytes: 10, peak_bytes: Some(10) }
    );
    balanced();
}
