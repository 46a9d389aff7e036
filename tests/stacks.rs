//! Captures of call stacks as users see them: what they cover, when they begin and end, and what they leave as it is.

#![cfg(all(feature = "lines", target_os = "linux", target_arch = "x86_64", not(miri)))]

mod common;

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;

use common::{alone, balanced, tally};
use heapledger::{CallStack, CallStackKind, Snapshot, capture, current, measure, snapshot, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// One place where blocks are allocated.
#[inline(never)]
fn block(size: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(black_box(size)))
}

fn of_kind(stacks: &[CallStack], kind: CallStackKind) -> Vec<(u64, i64)> {
    let these = stacks.iter().filter(|stack| stack.kind == kind);
    these.map(|stack| (stack.allocs, stack.live_bytes)).collect()
}

fn captured(snapshot: &Snapshot, path: &str) -> Vec<(u64, i64)> {
    of_kind(&snapshot.stacks(path), CallStackKind::Complete)
}

#[test]
fn each_line_has_what_it_allocated_and_the_sum_is_the_operation() {
    let capture = capture("lines");
    assert!(capture.is_possible());
    let mut many = Vec::with_capacity(3);
    let (kept, did) = measure("lines", || {
        // The compiler does not know how often, so this stays one call.
        for _ in 0..black_box(3) {
            many.push(block(100));
        }
        let one = block(5_000);
        drop(block(64));
        (many, one)
    });
    let stacks = snapshot().stacks("lines");
    assert_eq!(of_kind(&stacks, CallStackKind::Complete), [(1, 5_000), (3, 300), (1, 0)]);
    assert_eq!((stacks.len(), did.live_bytes), (3, 5_300));
    let deepest = stacks.iter().map(|stack| stack.addresses().len()).max();
    assert!(deepest > Some(8), "{deepest:?}");
    drop(kept);
    assert_eq!(captured(&snapshot(), "lines").iter().map(|stack| stack.1).sum::<i64>(), 0);
}

#[test]
fn a_stack_is_what_an_unwinder_says() {
    #[inline(never)]
    fn both(expected: &mut Vec<usize>) -> Vec<u8> {
        backtrace::trace(|frame| {
            expected.push(frame.ip() as usize);
            true
        });
        block(150)
    }
    let mut expected = Vec::with_capacity(1_000);
    let _capture = capture("unwound");
    let (kept, _) = measure("unwound", || both(&mut expected));
    expected.retain(|address| *address != 0);
    let stacks = snapshot().stacks("unwound");
    let addresses = stacks.iter().find(|stack| stack.live_bytes == 150).expect("the block lives").addresses();
    let same = expected.iter().rev().zip(addresses.iter().rev()).take_while(|(one, other)| one == other).count();
    // The unwinder's own frames, and the function that calls both, stand further in.
    assert!(same + 6 >= expected.len() && same > 8, "{expected:x?} {addresses:x?}");
    drop(kept);
}

#[test]
fn a_stack_that_is_too_deep_is_cut_and_says_so() {
    #[inline(never)]
    fn deep(frames: usize) -> Vec<u8> {
        match frames {
            0 => block(250),
            _ => black_box(deep(frames - 1)),
        }
    }
    let _capture = capture("deep");
    let (kept, _) = measure("deep", || [deep(10), deep(1_000)]);
    let stacks = snapshot().stacks("deep");
    assert_eq!(of_kind(&stacks, CallStackKind::Complete), [(1, 250)]);
    assert_eq!(of_kind(&stacks, CallStackKind::Incomplete), [(1, 250)]);
    assert!(stacks.iter().any(|stack| stack.addresses().len() == 128));
    drop(kept);
}

#[test]
fn what_was_allocated_before_and_after_is_not_captured_and_its_frees_are_exact() {
    let (operation, _) = measure("between", current);
    let before = operation.run(|| block(1_000));
    let capture = operation.capture();
    let (during, mut resized) = operation.run(|| {
        let mut resized = block(30);
        resized.reserve_exact(300);
        (block(200), resized)
    });
    drop(capture);
    let after = operation.run(|| block(4));
    let stacks = snapshot().stacks("between");
    assert_eq!(of_kind(&stacks, CallStackKind::NotCaptured), [(2, 1_004)]);
    assert_eq!(of_kind(&stacks, CallStackKind::Complete), [(0, 300), (1, 200), (1, 0)]);
    // Resized where nothing is captured any more: it leaves its stack.
    operation.run(|| resized.reserve_exact(700));
    let stacks = snapshot().stacks("between");
    assert_eq!(of_kind(&stacks, CallStackKind::NotCaptured), [(2, 1_704)]);
    operation.run(|| drop((before, during, resized)));
    let stacks = snapshot().stacks("between");
    assert_eq!(of_kind(&stacks, CallStackKind::NotCaptured), [(2, 4)]);
    assert!(of_kind(&stacks, CallStackKind::Complete).iter().all(|stack| stack.1 == 0));
    drop(after);
    let mut row = snapshot().operation("between").unwrap().own;
    row.peak_bytes = None;
    let alone = tally! {
        allocs: 4, allocated_bytes: 2_234, frees: 3, freed_bytes: 2_230, reallocs: 2,
        freed_elsewhere_blocks: 1, freed_elsewhere_bytes: 4,
    };
    assert_eq!(row, alone, "nothing was taken over or given away");
}

#[test]
fn globs_and_names_to_come_are_captured_with_all_below_them() {
    let kept = {
        let _captures = [capture("glob_*/deep"), capture("literal")];
        let inside = |path: &'static str| measure(path, || block(10)).0;
        [inside("glob_one/deep/below"), inside("glob_one"), inside("literal/below"), inside("literal_not")]
    };
    for (path, is_captured) in [("glob_one/deep", true), ("literal", true), ("literal_not", false)] {
        let stacks = snapshot().stacks(path);
        assert_eq!((stacks.len(), stacks[0].kind == CallStackKind::Complete), (1, is_captured), "{path}");
    }
    assert_eq!(of_kind(&snapshot().stacks("glob_one"), CallStackKind::NotCaptured), [(1, 10)]);
    drop(kept);
}

#[test]
fn another_operation_frees_and_resizes_captured_blocks_as_those_of_anybody() {
    let captures = [capture("maker"), capture("taker")];
    let (mut blocks, _) = measure("maker", || [block(100), block(200)]);
    measure("taker", || {
        blocks[0].reserve_exact(1_000);
        blocks[1] = Vec::new();
    });
    drop(captures);
    let snapshot = snapshot();
    let maker = tally! {
        allocs: 2, allocated_bytes: 300, peak_bytes: Some(300), given_away_blocks: 1, given_away_bytes: 100,
        freed_elsewhere_blocks: 1, freed_elsewhere_bytes: 200,
    };
    let taker = tally! {
        reallocs: 1, frees: 1, freed_bytes: 300, allocated_bytes: 1_000, taken_over_blocks: 1, taken_over_bytes: 100,
        others_frees: 1, others_freed_bytes: 200, live_blocks: 1, live_bytes: 1_000, peak_bytes: Some(900),
    };
    assert_eq!((snapshot.operation("maker").unwrap().own, snapshot.operation("taker").unwrap().own), (maker, taker));
    assert_eq!(captured(&snapshot, "maker"), [(1, 0), (1, 0)]);
    assert_eq!(captured(&snapshot, "taker"), [(0, 1_000)]);
}

#[test]
fn a_difference_has_the_stacks_that_moved_and_no_others() {
    let _capture = capture("difference");
    let (_first, _) = measure("difference", || block(70));
    let before = snapshot();
    let ((second, third), _) = measure("difference", || (block(1), block(1)));
    drop(third);
    let moved = captured(&(snapshot() - before), "difference");
    assert_eq!(moved, [(1, 1), (1, 0)]);
    drop(second);
}

/// Smallest size, allocated blocks and bytes, live blocks and bytes of each class.
fn classes(snapshot: &Snapshot, path: &str) -> Vec<(u64, u64, u64, i64, i64)> {
    let classes = snapshot.size_classes(path);
    assert!(classes.iter().all(|class| class.max_size == 2 * class.min_size - 1));
    let figures = classes.iter();
    figures.map(|one| (one.min_size, one.allocs, one.allocated_bytes, one.live_blocks, one.live_bytes)).collect()
}

#[test]
fn blocks_are_in_the_class_of_their_size_and_leave_it_where_they_are_resized_or_freed() {
    let uncaptured = measure("classes", || block(4_096)).0;
    let capture = capture("classes");
    let before = snapshot();
    let (mut kept, _) = measure("classes", || {
        drop(block(64));
        [block(4_096), block(8_191), block(4_095)]
    });
    let first = snapshot() - &before;
    let expected = [(64, 1, 64, 0, 0), (2_048, 1, 4_095, 1, 4_095), (4_096, 2, 12_287, 2, 12_287)];
    assert_eq!(classes(&first, "classes"), expected);
    let then = snapshot();
    measure("classes", || kept[2].reserve_exact(5_000));
    // An operation that is not captured: it takes the block over, and out of the classes.
    measure("no_classes", || kept[0].reserve_exact(9_000));
    drop(uncaptured);
    let moved = snapshot() - then;
    assert_eq!(classes(&moved, "classes"), [(2_048, 0, 0, -1, -4_095), (4_096, 0, 5_000, 0, 904)]);
    assert_eq!(classes(&moved, "no_classes"), []);
    drop((capture, kept));
    assert!(snapshot().size_classes("classes").iter().all(|class| class.live_blocks == 0 && class.live_bytes == 0));
}

#[test]
fn threads_in_the_operation_notice_at_their_next_scope() {
    static STEP: Barrier = Barrier::new(2);
    let _alone = alone();
    let scope = track("noticing");
    let operation = current();
    let worker = thread::spawn(move || {
        operation.adopt();
        STEP.wait();
        STEP.wait();
        let unnoticed = block(10);
        drop(track("inner"));
        let noticed = block(20);
        STEP.wait();
        (unnoticed, noticed)
    });
    STEP.wait();
    let capture = operation.capture();
    STEP.wait();
    STEP.wait();
    let stacks = balanced().stacks("noticing");
    assert_eq!(of_kind(&stacks, CallStackKind::Complete), [(1, 20)]);
    drop(capture);
    drop((worker.join(), scope));
    balanced().check().expect("the law holds");
}

#[test]
fn failures_on_purpose_and_captures_do_not_mind_each_other() {
    let _capture = capture("failing");
    let scope = track("failing").fail_nth(2);
    let first = block(10);
    assert!(Vec::<u8>::new().try_reserve_exact(black_box(20)).is_err());
    let third = block(30);
    assert_eq!(scope.failed(), 1);
    assert_eq!(captured(&snapshot(), "failing"), [(1, 30), (1, 10)]);
    drop((first, third, scope));
}

#[test]
fn scopes_peaks_and_measurements_know_nothing_of_captures() {
    let work = || {
        let (kept, inner) = measure("inner", || {
            let mut grown = block(50);
            grown.reserve_exact(500);
            [block(3_000), grown]
        });
        drop(block(70_000));
        (kept, inner)
    };
    let ((plain, plain_inner), expected) = measure("measured", work);
    let _capture = capture("measured/inner");
    let ((kept, inner), did) = measure("measured", work);
    assert_eq!((inner, did), (plain_inner, expected));
    drop((plain, kept));
}

#[test]
#[should_panic = "is no valid glob"]
fn a_glob_that_is_none_says_so() {
    let _ = capture("index[");
}

#[test]
fn a_scope_counts_the_frees_of_captured_blocks_when_the_capture_is_over() {
    let _alone = alone();
    let captured = capture("over by now");
    let (kept, _) = measure("over by now", || black_box(vec![0u8; 100]));
    drop(captured);
    let (_, did) = measure("over by now", || drop(kept));
    assert_eq!((did.frees, did.freed_bytes), (1, 100));
}
