//! Blocks that come back with bytes in the owner tag's place that are none: the program wrote behind a block. They
//! count as foreign, the report shows them, every check fails loudly, and nothing crashes.

#![allow(unsafe_code, reason = "writes behind blocks, on purpose")]

mod common;

use std::alloc::{GlobalAlloc, Layout};

use common::{alone, in_its_own_process, must_pass_again, plays, tally};
use heapledger::monitor::MemoryMonitor;
use heapledger::{LeakTest, Verdict, deny_alloc, measure, report, snapshot};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

const LAYOUT: Layout = match Layout::from_size_align(100, 4) {
    Ok(layout) => layout,
    Err(_) => panic!("the layout is valid"),
};

/// Where the tag of a block of `LAYOUT` stands: as the block's size and alignment are multiples of four, aligned.
fn tag_of(block: *mut u8) -> *mut u32 {
    // SAFETY: the allocator made four bytes of room behind the block.
    unsafe { block.add(LAYOUT.size()) }.cast()
}

fn block() -> *mut u8 {
    // SAFETY: the layout's size is not zero.
    let block = unsafe { ALLOC.alloc(LAYOUT) };
    assert!(!block.is_null());
    block
}

fn read_tag(block: *mut u8) -> u32 {
    // SAFETY: four bytes behind a live block of `LAYOUT`; volatile, for no object that the compiler knows is there.
    unsafe { tag_of(block).read_volatile() }
}

fn write_tag(block: *mut u8, tag: u32) {
    // SAFETY: as in `read_tag`.
    unsafe { tag_of(block).write_volatile(tag) };
}

fn free(block: *mut u8) {
    // SAFETY: every block here came from there with `LAYOUT`, and is freed once.
    unsafe { ALLOC.dealloc(block, LAYOUT) };
}

/// The lower bits of a tag, which hold an id; the rest is a mark.
const ID_BITS: u32 = 22;

/// Tags that were never written: numbers that programs write by mistake, text, and an id far beyond those issued.
fn never_valid() -> [u32; 7] {
    let probe = block();
    let valid = read_tag(probe);
    free(probe);
    [0, 1, 255, u32::MAX, u32::from_ne_bytes(*b"leak"), valid ^ 1 << 31, valid | ((1 << ID_BITS) - 1)]
}

#[test]
fn a_freed_block_with_an_overwritten_tag_is_foreign_and_every_check_fails() {
    let _alone = alone();
    for tag in never_valid() {
        let before = snapshot();
        let (block, _) = measure("overwritten", block);
        write_tag(block, tag);
        let ((), did) = measure("frees it", || free(block));
        assert_eq!((did.frees, did.freed_bytes), (1, 100));
        let diff = snapshot() - before;

        let error = diff.check().expect_err("memory was corrupted");
        assert!(error.is_violated() && !error.is_unsettled() && !error.is_not_installed(), "{error}");
        assert!(error.to_string().contains("came back without a valid owner tag"), "{error}");
        assert!(snapshot().check().is_err_and(|error| error.is_violated()));

        // The owner cannot be told that its block is gone, so it still has it; the foreign one has less than nothing.
        let own = |path| diff.operation(path).expect("it ran").own;
        assert_eq!((own("overwritten").live_blocks, own("overwritten").live_bytes), (1, 100));
        assert_eq!((own("frees it").others_frees, own("frees it").others_freed_bytes), (1, 100));
        let foreign = tally! {
            freed_elsewhere_blocks: 1, freed_elsewhere_bytes: 100, live_blocks: -1, live_bytes: -100,
        };
        assert_eq!(own("(foreign)"), foreign, "tag {tag:#x}");

        let report = diff.report();
        let text = report.to_string();
        assert!(text.contains("1 block came back without a valid owner tag"), "{text}");
        assert!(text.lines().any(|line| line.starts_with("(foreign)") && line.contains("-100 B")), "{text}");
        assert!(report.problem().is_some_and(|problem| problem.contains("owner tag")));
        // Both sums and the process still agree; that alone would hide it.
        assert_eq!(
            (report.total().live_bytes, report.total().net_bytes()),
            (report.process_bytes(), report.process_bytes())
        );
    }
}

#[test]
fn a_resized_block_with_an_overwritten_tag_is_foreign_and_the_resizers_from_then_on() {
    let _alone = alone();
    for tag in never_valid() {
        let before = snapshot();
        let (block, _) = measure("overwritten before a resize", block);
        write_tag(block, tag);
        let scope = heapledger::track("resizes it");
        // SAFETY: the block came from there with `LAYOUT`, and the new size is neither zero nor too large.
        let moved = unsafe { ALLOC.realloc(block, LAYOUT, 300) };
        drop(scope);
        let diff = snapshot() - before.clone();
        assert!(diff.check().is_err_and(|error| error.is_violated()));
        let foreign = tally! { given_away_blocks: 1, given_away_bytes: 100, live_blocks: -1, live_bytes: -100 };
        assert_eq!(diff.operation("(foreign)").unwrap().own, foreign);
        let resizer = diff.operation("resizes it").unwrap().own;
        assert_eq!((resizer.taken_over_blocks, resizer.taken_over_bytes), (1, 100));
        assert_eq!((resizer.live_blocks, resizer.live_bytes), (1, 300));

        let resized = Layout::from_size_align(300, LAYOUT.align()).expect("a valid layout");
        // SAFETY: the block was resized to this layout, and ends here.
        unsafe { ALLOC.dealloc(moved, resized) };
        let diff = snapshot() - before;
        assert_eq!(diff.operation("resizes it").unwrap().own.live_bytes, 0);
        assert_eq!(diff.operation("(foreign)").unwrap().own.live_bytes, -100, "the resize wrote a valid tag again");
    }
}

/// Takes a block and gives it back with its tag overwritten.
fn come_back_with(tag: u32) {
    let block = block();
    write_tag(block, tag);
    free(block);
}

/// What `work` panics with.
fn said(work: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).expect_err("it does not pass");
    *panic.downcast::<String>().expect("it says something")
}

#[test]
fn a_denied_scope_in_which_a_foreign_tag_comes_back_does_not_pass() {
    let _alone = alone();
    for tag in never_valid() {
        let (one, resized) = (block(), block());
        write_tag(one, tag);
        write_tag(resized, tag);
        let why = said(|| {
            let _none = deny_alloc("denied");
            free(one);
        });
        assert!(why.starts_with("deny_alloc \"denied\" (tests/foreign_tags.rs:"), "{why}");
        assert!(why.contains("): blocks that came back without a valid owner tag: 1. "), "{why}");
        let why = said(|| {
            let guard = deny_alloc("denied").allowing(1);
            // SAFETY: the block came from there with `LAYOUT`, and the new size is neither zero nor too large.
            let moved = unsafe { ALLOC.realloc(resized, LAYOUT, LAYOUT.size()) };
            free(moved);
            drop(guard);
        });
        assert!(why.contains("without a valid owner tag: 1. "), "{why}");
        // What was before, what is on another thread, and what an inner guard has said is nothing to a guard.
        drop(deny_alloc("denied"));
        let _outer = deny_alloc("denied");
        heapledger::permit(|| {
            std::thread::scope(|scope| scope.spawn(|| come_back_with(tag)).join().expect("it frees"))
        });
    }
}

#[test]
fn a_leak_test_in_which_a_foreign_tag_comes_back_is_violated_wherever_that_is() {
    let _alone = alone();
    let here = |tag| measure("within", || come_back_with(tag)).0;
    for tag in [0, u32::MAX] {
        let report = LeakTest::new("corrupts").run(|_| here(tag));
        assert!(matches!(report.verdict(), Verdict::Violated { .. }) && !report.passes(), "{report}");
        let report = LeakTest::new("corrupts on a thread").run(|_| {
            let op = heapledger::current();
            std::thread::spawn(move || op.run(|| come_back_with(tag))).join().expect("it frees");
        });
        assert!(matches!(report.verdict(), Verdict::Violated { .. }) && !report.passes(), "{report}");
        let why = said(|| LeakTest::new("corrupts").assert(|_| here(tag)));
        assert!(why.contains("violated: ") && why.contains("without a valid owner, by corrupts/within"), "{why}");
    }
}

#[test]
fn a_monitor_that_saw_a_foreign_tag_calls_nothing_clean() {
    let _alone = alone();
    in_its_own_process("a_monitor_that_saw_a_foreign_tag_calls_nothing_clean", || {
        let monitor = MemoryMonitor::new(1);
        drop(monitor.start_operation("watched"));
        let report = monitor.generate_report();
        assert_eq!(report.problem, None);
        assert!(report.to_string().ends_with("no potential leak"), "{report}");

        let run = monitor.start_operation("watched");
        come_back_with(0);
        run.mark_completed();
        let report = monitor.generate_report();
        assert!(
            report.problem.as_ref().is_some_and(|why| why.contains("without a valid owner tag: 1. ")),
            "{report:?}"
        );
        let text = report.to_string();
        assert!(text.contains("what leaks is not known\n  none of this can be relied on: blocks that came"), "{text}");
        assert!(!text.contains("no potential leak"), "{text}");
    });
}

#[test]
fn a_thread_that_ended_and_one_that_never_allocated_meet_foreign_tags_too() {
    let _alone = alone();
    let before = snapshot();
    for tag in never_valid() {
        let block = block();
        write_tag(block, tag);
        let block = block.expose_provenance();
        let thread = std::thread::spawn(move || free(std::ptr::with_exposed_provenance_mut(block)));
        thread.join().unwrap();
    }
    let diff = snapshot() - before;
    let foreign = diff.operation("(foreign)").unwrap().own;
    assert_eq!((foreign.live_blocks, foreign.live_bytes), (-7, -700));
    let text = report().to_string();
    assert!(text.contains("blocks came back without a valid owner tag"), "{text}");
}

#[test]
fn a_block_that_carries_another_operations_tag_makes_that_one_own_less_than_nothing() {
    const ROLE: &str = "wrong owner";
    if !plays(ROLE) {
        let _alone = alone();
        let test = "a_block_that_carries_another_operations_tag_makes_that_one_own_less_than_nothing";
        return must_pass_again(test, ROLE);
    }
    let (stolen, _) = measure("innocent", block);
    let innocent = read_tag(stolen);
    measure("innocent", || free(stolen));
    snapshot().check().expect("all is well so far");

    let (block, _) = measure("true owner", block);
    write_tag(block, innocent);
    free(block);
    let snapshot = snapshot();
    let error = snapshot.check().expect_err("sums agree, but nobody can own less than nothing");
    assert!(error.is_violated());
    assert_eq!(
        error.to_string(),
        "operation \"innocent\" owns less than nothing (-100 B in -1 blocks): a block was freed twice, \
         or with another layout than it was allocated with"
    );
    let report = snapshot.report();
    assert_eq!(report.total().live_bytes, report.process_bytes());
    assert_eq!(report.problem(), Some(error.to_string().as_str()));
}

#[test]
fn owning_less_than_nothing_is_seen_in_bytes_and_in_blocks_alone() {
    in_its_own_process("owning_less_than_nothing_is_seen_in_bytes_and_in_blocks_alone", || {
        let (probe, _) = measure("innocent", block);
        let innocent = read_tag(probe);
        measure("innocent", || free(probe));
        let charge_to_innocent = || {
            let (block, _) = measure("true owner", block);
            write_tag(block, innocent);
            free(block);
        };
        let said = || snapshot().check().expect_err("nobody can own less than nothing").to_string();
        let (small, _) = measure("innocent", || vec![0u8; 10]);
        charge_to_innocent();
        assert!(said().contains("(-90 B in 0 blocks)"), "{}", said());
        let (large, _) = measure("innocent", || vec![0u8; 1_000]);
        charge_to_innocent();
        charge_to_innocent();
        assert!(said().contains("(710 B in -1 blocks)"), "{}", said());
        drop((small, large));
    });
}
