//! Every stack that is taken, whether it was walked or recognized, is held against `_Unwind_Backtrace`: also where
//! frames are realigned so that old return addresses stay in their padding, where code has no rules, where other
//! threads had the same stack before, and where this is not the thread's own stack.

use std::arch::global_asm;
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::ptr;

use crate::record::recent::Recent;
use crate::record::stacks::bounds::StackBounds;
use crate::record::stacks::here::{begin, here, read};
use crate::record::stacks::machine::bounds_of_this_thread;
use crate::record::stacks::stack_id::{StackExtent, StackId};
use crate::record::stacks::walk::MOST_FRAMES;

unsafe extern "C" {
    fn _Unwind_Backtrace(see: extern "C" fn(*mut c_void, *mut c_void) -> c_int, into: *mut c_void) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

extern "C" fn note(context: *mut c_void, into: *mut c_void) -> c_int {
    // SAFETY: `backtrace` passes a list that nobody else uses meanwhile.
    let into = unsafe { &mut *into.cast::<Vec<u64>>() };
    // SAFETY: the unwinder passes its context.
    let address = unsafe { _Unwind_GetIP(context) } as u64;
    if address != 0 {
        into.push(address);
    }
    0
}

/// What the C library's unwinder says, from the caller out.
#[inline(always)]
fn backtrace() -> Vec<u64> {
    let mut addresses = Vec::new();
    // SAFETY: `note` takes the list for what it is, and does not unwind.
    unsafe { _Unwind_Backtrace(note, (&raw mut addresses).cast()) };
    // The first is this very function, which is inlined.
    addresses.remove(0);
    addresses
}

thread_local! {
    static RECENT: &'static Recent = crate::record::memory::new_permanent().expect("there is memory");
    static BOUNDS: Cell<StackBounds> = const { Cell::new(StackBounds::UNKNOWN) };
    /// How many stacks were compared, and how many of them were complete, incomplete, and not taken.
    static SEEN: Cell<[u64; 3]> = const { Cell::new([0; 3]) };
}

/// Takes the stack here and compares it.
#[inline(never)]
fn take() -> StackId {
    let (recent, bounds) = (RECENT.with(|recent| *recent), BOUNDS.get());
    let stack = here(bounds, recent);
    let expected = backtrace();
    let mut addresses = Vec::new();
    let complete = read(stack, |address| addresses.push(address)) == StackExtent::Complete;
    let mut seen = SEEN.get();
    if stack == StackId::OTHER {
        seen[2] += 1;
    } else if complete {
        seen[0] += 1;
        assert_eq!(addresses, expected, "a complete stack");
    } else {
        seen[1] += 1;
        assert!(!addresses.is_empty() && expected.starts_with(&addresses), "{addresses:x?} of {expected:x?}");
    }
    SEEN.set(seen);
    stack
}

/// Runs `work` on a new thread where stacks can be taken. How many were complete, incomplete, and not taken.
fn on_a_thread(work: impl FnOnce() + Send + 'static) -> [u64; 3] {
    begin();
    let counted = std::thread::spawn(|| {
        BOUNDS.set(bounds_of_this_thread());
        work();
        SEEN.get()
    });
    counted.join().expect("every stack is as the unwinder says")
}

/// Code between, which keeps its callers apart: it ends in another instruction than a call.
#[inline(never)]
fn one() -> usize {
    black_box(take()).number() as usize
}

#[inline(never)]
fn two() -> usize {
    black_box(take()).number() as usize + 1
}

/// Has `rbp` for other things, if the compiler likes.
#[inline(never)]
fn formatted() -> usize {
    struct Taking;
    impl std::fmt::Display for Taking {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            take();
            f.write_str("taken")
        }
    }
    format!("{Taking} {}", black_box(1)).len()
}

#[test]
fn the_same_stack_has_the_same_name_and_another_one_another() {
    let seen = on_a_thread(|| {
        let again: Vec<_> = (0..100).map(|_| one()).collect();
        assert!(again.iter().all(|number| *number == again[0]));
        assert_ne!(one(), one(), "two calls at two places");
    });
    assert_eq!(seen, [102, 0, 0]);
}

/// A frame that is realigned. Its own address is the same for callers whose frames differ by sixteen bytes, and the
/// words between stay as they were.
macro_rules! frames {
    ($($name:ident($align:literal, $size:literal))*) => {
        $(
            #[inline(never)]
            fn $name(path: &[u8]) -> usize {
                #[repr(align($align))]
                struct Local(#[allow(dead_code, reason = "it takes room")] [u8; $size]);
                let mut local = Local([0; $size]);
                black_box(&mut local);
                let deeper = follow(path);
                black_box(&local);
                deeper + 1
            }
        )*
        const FRAMES: &[fn(&[u8]) -> usize] = &[$($name),*];
    };
}

frames! {
    plain_8(8, 8) plain_24(8, 24) plain_40(8, 40) plain_56(8, 56) half_8(32, 8) half_40(32, 40) line_8(64, 8)
    line_72(64, 72) two_lines(128, 8) wide(256, 16) usual_16(16, 16) usual_48(16, 48)
}

/// Calls one frame inside the other, as `path` says, and takes the stack in the innermost.
#[inline(never)]
fn follow(path: &[u8]) -> usize {
    match path {
        [leaf] => black_box([one as fn() -> usize, two, formatted][usize::from(*leaf) % 3])(),
        [next, rest @ ..] => black_box(FRAMES[usize::from(*next) % FRAMES.len()])(rest),
        [] => 0,
    }
}

#[test]
fn realigned_frames_with_old_return_addresses_in_their_padding_are_told_apart() {
    let rounds = if cfg!(debug_assertions) { 6_000 } else { 30_000 };
    let walks = [1u64, 2].map(|seed| {
        std::thread::spawn(move || {
            on_a_thread(move || {
                let mut state = seed << 40 | 88_172_645_463_325_252;
                for _ in 0..rounds {
                    let mut path = [0u8; 6];
                    for step in &mut path {
                        state ^= state << 13;
                        state ^= state >> 7;
                        state ^= state << 17;
                        *step = (state >> 24) as u8;
                    }
                    black_box(follow(&path[..1 + (state >> 60) as usize % 6]));
                }
            })
        })
    });
    for walk in walks {
        assert_eq!(walk.join().expect("it was joined before"), [rounds, 0, 0]);
    }
}

/// Calls a realigned frame from a frame of its own size.
macro_rules! callers {
    ($($name:ident($words:literal))*) => { $(
        #[inline(never)]
        fn $name() -> usize {
            let mut room = [0u64; $words];
            black_box(&mut room);
            let deeper = line_8(&[2]);
            black_box(&room);
            deeper
        }
    )* };
}

callers! { small(1) large(3) }

#[test]
fn two_callers_of_a_realigned_frame_that_differ_by_sixteen_bytes_are_told_apart() {
    #[inline(never)]
    fn shifted(by: usize, call: fn() -> usize) {
        let mut room = [by as u64; 1];
        black_box(&mut room);
        match by {
            0 => assert!(black_box(call)() > 0),
            _ => shifted(by - 1, call),
        }
        black_box(&room);
    }
    let seen = on_a_thread(|| {
        for by in 0..6 {
            (0..200).for_each(|turn| shifted(by, black_box([small as fn() -> usize, large])[turn % 2]));
        }
    });
    assert_eq!(seen, [1_200, 0, 0]);
}

#[test]
fn stacks_of_threads_that_had_the_same_memory_before_are_told_apart() {
    for turn in 0..60 {
        let path = [turn % 7, turn % 3];
        assert_eq!(on_a_thread(move || assert!(follow(&path) > 0)), [1, 0, 0]);
    }
}

#[test]
fn a_stack_that_is_too_deep_is_cut_and_says_so() {
    #[inline(never)]
    fn deep(frames: u32) -> StackId {
        match frames {
            0 => take(),
            _ => black_box(deep(frames - 1)),
        }
    }
    let seen = on_a_thread(|| {
        for _ in 0..5 {
            deep(10);
            let mut frames = 0;
            assert_eq!(read(deep(10_000), |_| frames += 1), StackExtent::Incomplete);
            assert_eq!(frames, MOST_FRAMES);
        }
    });
    assert_eq!(seen, [5, 5, 0]);
}

// What other compilers make: code without a rule, and a frame as GCC realigns it, whose address stands in memory.
global_asm!(
    ".globl heapledger_no_rule",
    ".type heapledger_no_rule,@function",
    "heapledger_no_rule:",
    "sub rsp, 40",
    "call rdi",
    "add rsp, 40",
    "ret",
    ".globl heapledger_realigned",
    ".type heapledger_realigned,@function",
    "heapledger_realigned:",
    ".cfi_startproc",
    "lea r10, [rsp+8]",
    ".cfi_def_cfa r10, 0",
    "and rsp, -64",
    "push qword ptr [r10-8]",
    "push rbp",
    "mov rbp, rsp",
    ".cfi_escape 0x10,0x6,0x2,0x76,0x0",
    "push r10",
    ".cfi_escape 0xf,0x3,0x76,0x78,0x6",
    "sub rsp, 40",
    "call rdi",
    "add rsp, 40",
    "pop r10",
    ".cfi_def_cfa r10, 0",
    "pop rbp",
    "lea rsp, [r10-8]",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
);

unsafe extern "C" {
    fn heapledger_no_rule(call: extern "C" fn());
    fn heapledger_realigned(call: extern "C" fn());
}

extern "C" fn taking() {
    take();
}

extern "C" fn on_signal(_: c_int) {
    take();
}

#[test]
fn a_frame_without_a_rule_ends_the_stack_and_nothing_is_guessed() {
    let seen = on_a_thread(|| {
        for _ in 0..20 {
            // SAFETY: it calls what it is given.
            unsafe { heapledger_no_rule(taking) };
            // SAFETY: it calls what it is given.
            unsafe { heapledger_realigned(taking) };
        }
    });
    assert_eq!(seen, [0, 40, 0]);
}

#[test]
fn a_signal_ends_the_stack_and_one_on_a_stack_of_its_own_is_not_taken() {
    let seen = on_a_thread(|| {
        let raise = |signal, flags| {
            // SAFETY: zero is a value of every field.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            (action.sa_sigaction, action.sa_flags) = (on_signal as *const () as usize, flags);
            // SAFETY: the action is complete.
            unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
            // SAFETY: the handler returns.
            unsafe { libc::raise(signal) };
        };
        let room = Box::leak(vec![0u8; 256 << 10].into_boxed_slice());
        let stack = libc::stack_t { ss_sp: room.as_mut_ptr().cast(), ss_flags: 0, ss_size: room.len() };
        // SAFETY: the memory lives for ever, and nobody else uses it.
        unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
        for _ in 0..10 {
            raise(libc::SIGUSR1, 0);
            raise(libc::SIGUSR2, libc::SA_ONSTACK);
        }
    });
    assert_eq!(seen, [0, 10, 10]);
}

#[test]
fn unwinding_and_its_destructors_are_taken_as_they_are() {
    struct Taking;
    impl Drop for Taking {
        fn drop(&mut self) {
            take();
        }
    }
    #[inline(never)]
    fn unwind(frames: u32) {
        let taking = Taking;
        match frames {
            0 => std::panic::resume_unwind(Box::new(())),
            _ => unwind(frames - 1),
        }
        black_box(&taking);
    }
    let [complete, incomplete, other] = on_a_thread(|| {
        for _ in 0..10 {
            assert!(std::panic::catch_unwind(|| unwind(5)).is_err());
        }
    });
    assert_eq!((complete + incomplete, other), (60, 0));
}

#[test]
fn near_the_end_of_the_stack_none_is_taken() {
    begin();
    let small = std::thread::Builder::new().stack_size(16 << 10).spawn(|| {
        BOUNDS.set(bounds_of_this_thread());
        here(BOUNDS.get(), RECENT.with(|recent| *recent))
    });
    assert_eq!(small.expect("the system has room for a thread").join().expect("it is short"), StackId::OTHER);
}
