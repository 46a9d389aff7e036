//! Call stacks where threads do not just run: on fibers, in signal handlers with a stack of their own, on the stack of
//! a thread that is dead, in pools, while unwinding, and where there are more than the tables have room for. Figures
//! stay exact, and no stack is guessed.

#![cfg(all(feature = "lines", target_os = "linux", target_arch = "x86_64", not(miri)))]
#![allow(unsafe_code, reason = "it installs a signal handler")]

mod common;

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::{mem, ptr, thread};

use common::{alone, balanced, in_its_own_process};
use corosensei::{Coroutine, CoroutineResult};
use heapledger::{CallStack, CallStackKind, capture, current, snapshot, track};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// One place where blocks are allocated.
#[inline(never)]
fn block(size: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(black_box(size)))
}

/// Blocks and bytes of all stacks of that kind, having checked that all stacks add up to the operation.
#[track_caller]
fn of_kind(path: &str, kind: CallStackKind) -> (u64, i64) {
    let snapshot = balanced();
    let stacks = snapshot.stacks(path);
    let row = snapshot.operation(path).expect("it ran").total;
    let sum = |stacks: &[&CallStack]| {
        (stacks.iter().map(|one| one.allocs).sum::<u64>(), stacks.iter().map(|one| one.live_bytes).sum::<i64>())
    };
    assert_eq!(sum(&Vec::from_iter(&stacks)), (row.allocs, row.live_bytes), "{stacks:#?}");
    sum(&Vec::from_iter(stacks.iter().filter(|one| one.kind == kind)))
}

#[test]
fn on_a_fiber_no_stack_is_taken_and_on_the_thread_it_is() {
    let _alone = alone();
    let _capture = capture("fiber");
    let mut fiber = Coroutine::new(|yielder: &corosensei::Yielder<(), Vec<u8>>, ()| {
        for _ in 0..10 {
            yielder.suspend(block(30));
        }
    });
    let mut kept = Vec::with_capacity(20);
    for _ in 0..10 {
        let _op = track("fiber");
        if let CoroutineResult::Yield(one) = fiber.resume(()) {
            kept.push(one);
        }
        kept.push(block(50));
    }
    assert!(matches!(fiber.resume(()), CoroutineResult::Return(())));
    assert_eq!(of_kind("fiber", CallStackKind::Other), (10, 300));
    assert_eq!(of_kind("fiber", CallStackKind::Complete), (10, 500));
    drop(kept);
    assert_eq!(of_kind("fiber", CallStackKind::Other), (10, 0));
}

extern "C" fn on_signal(_: i32) {
    mem::forget(block(70));
}

#[test]
fn a_signal_handler_with_a_stack_of_its_own_allocates_into_the_other_stacks() {
    let _alone = alone();
    let _capture = capture("signal");
    let room = Box::leak(vec![0u8; 256 << 10].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: room.as_mut_ptr().cast(), ss_flags: 0, ss_size: room.len() };
    // SAFETY: the memory lives for ever, and nobody else uses it.
    unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
    // SAFETY: zero is a value of every field.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    (action.sa_sigaction, action.sa_flags) = (on_signal as *const () as usize, libc::SA_ONSTACK);
    // SAFETY: the action is complete, and its handler interrupts nothing but `raise`.
    unsafe { libc::sigaction(libc::SIGUSR2, &raw const action, ptr::null_mut()) };
    let scope = track("signal");
    for _ in 0..10 {
        // SAFETY: the handler returns.
        unsafe { libc::raise(libc::SIGUSR2) };
    }
    let kept = block(90);
    drop(scope);
    assert_eq!(of_kind("signal", CallStackKind::Other), (10, 700));
    assert_eq!(of_kind("signal", CallStackKind::Complete), (1, 90));
    drop(kept);
}

#[inline(never)]
fn one_way() -> Vec<u8> {
    black_box(block(11))
}

#[inline(never)]
fn other_way() -> Vec<u8> {
    let kept = block(13);
    black_box(&kept);
    kept
}

#[test]
fn threads_on_the_stack_of_a_dead_thread_are_told_apart() {
    let _alone = alone();
    let _capture = capture("reused");
    let kept = Vec::from_iter((0..200).map(|turn| {
        let work = move || {
            let _op = track("reused");
            if turn % 2 == 0 { one_way() } else { other_way() }
        };
        thread::spawn(work).join().expect("it returns")
    }));
    let stacks = snapshot().stacks("reused");
    let live = Vec::from_iter(stacks.iter().map(|stack| (stack.kind, stack.allocs, stack.live_bytes)));
    assert_eq!(live, [(CallStackKind::Complete, 100, 1_300), (CallStackKind::Complete, 100, 1_100)]);
    drop(kept);
}

#[test]
fn tasks_of_a_pool_have_stacks_of_their_own() {
    let _alone = alone();
    let _capture = capture("pool");
    let scope = track("pool");
    let operation = current();
    drop(scope);
    let kept: Vec<Vec<u8>> = (0..1_000).into_par_iter().map(|turn| operation.run(|| block(turn % 7 + 1))).collect();
    let live = kept.iter().map(|block| block.capacity() as i64).sum::<i64>();
    // Whoever waits in a pool does the tasks of others, on top of its own: a few stacks may be deeper than is kept.
    let taken = || {
        let kinds = [CallStackKind::Complete, CallStackKind::Incomplete].map(|kind| of_kind("pool", kind));
        (kinds[0].0 + kinds[1].0, kinds[0].1 + kinds[1].1)
    };
    assert_eq!(taken(), (1_000, live));
    let stacks = snapshot().stacks("pool");
    let is_whole = |stack: &CallStack| stack.kind == CallStackKind::Complete || stack.addresses().len() == 128;
    assert!(stacks.iter().all(is_whole), "{stacks:#?}");
    drop(kept);
    assert_eq!(taken(), (1_000, 0));
}

#[test]
fn what_destructors_allocate_while_unwinding_is_theirs() {
    struct Leaks;
    impl Drop for Leaks {
        #[inline(never)]
        fn drop(&mut self) {
            mem::forget(block(17));
        }
    }
    #[inline(never)]
    fn unwind(frames: u32) {
        let leaks = Leaks;
        match frames {
            0 => resume_unwind(Box::new(())),
            _ => unwind(frames - 1),
        }
        black_box(&leaks);
    }
    let _alone = alone();
    let _capture = capture("unwinding");
    let scope = track("unwinding");
    for _ in 0..10 {
        assert!(catch_unwind(AssertUnwindSafe(|| unwind(5))).is_err());
    }
    drop(scope);
    let (_, complete) = of_kind("unwinding", CallStackKind::Complete);
    let (_, incomplete) = of_kind("unwinding", CallStackKind::Incomplete);
    assert_eq!(complete + incomplete, 60 * 17);
}

/// Functions that call each other as the digits of a number say: as many stacks as numbers.
macro_rules! digits {
    ($($name:ident($digit:literal))*) => {
        $(
            #[inline(never)]
            fn $name(number: usize, left: u32) {
                follow(number / 8, left);
                black_box($digit);
            }
        )*
        const DIGITS: [fn(usize, u32); 8] = [$($name),*];
    };
}

digits! { zero(0) one(1) two(2) three(3) four(4) five(5) six(6) seven(7) }

#[inline(never)]
fn follow(number: usize, left: u32) {
    match left {
        0 => drop(block(24)),
        _ => black_box(DIGITS[number % 8])(number, left - 1),
    }
    black_box(number);
}

/// A million, as `cargo test --release --test stacks_everywhere` has it; else enough to fill the tables.
const MANY: usize = if cfg!(debug_assertions) { 60_000 } else { 1_000_000 };
/// How many of them there is room for, at most.
const ROOM: u64 = 65_536;

#[test]
fn more_stacks_than_there_is_room_for_are_counted_together() {
    in_its_own_process("more_stacks_than_there_is_room_for_are_counted_together", || {
        let _capture = capture("many");
        let mut before = [0, 0];
        // The second time, what is known is known, and what is not is still counted.
        // Of how many turns, the compiler must not know: a loop that it unrolls has two stacks for each.
        for &count in black_box(&[MANY, 100][..]) {
            let scope = track("many");
            (0..count).for_each(|number| follow(number, 7));
            let did = scope.finish();
            assert_eq!((did.allocs, did.net_bytes()), (count as u64, 0));
            let now = [CallStackKind::Complete, CallStackKind::Other].map(|kind| of_kind("many", kind).0);
            let [kept, other] = [now[0] - before[0], now[1] - before[1]];
            assert_eq!(kept + other, count as u64);
            assert!(if count == 100 { kept == 100 } else { kept > ROOM / 4 && kept <= ROOM && other > 0 }, "{kept}");
            before = now;
        }
    });
}
