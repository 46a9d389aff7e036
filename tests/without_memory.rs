//! A system without memory, for the program and for the recorder: nothing aborts that would not without the ledger,
//! the law holds, and what could not be counted apart is said.

#![cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
#![allow(unsafe_code, reason = "stands in for the system's allocator, and forks")]

#[path = "common/child.rs"]
mod child;
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::c_void;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::ptr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::Builder;

use child::in_a_child;
use common::{balanced, in_its_own_process, row};
use heapledger::{LeakTest, Report, Track as _, capture, current, deny_alloc, exclude, measure, snapshot, track};

#[global_allocator]
static ALLOC: heapledger::Allocator<Program> = heapledger::Allocator::new(Program);

/// The program's allocator: the system's, which has nothing for threads that ask for that.
struct Program;

thread_local! {
    static REFUSES: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: every block is the system's; null is an answer that every caller must expect.
unsafe impl GlobalAlloc for Program {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if REFUSES.get() {
            return ptr::null_mut();
        }
        // SAFETY: the caller's own promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's own promise.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Calls for zeroed memory so far, and the first and the last but one that are refused. Nobody but the recorder and the
/// C library itself makes such calls here: `Program` has no `alloc_zeroed` of its own.
static CALLS: AtomicU64 = AtomicU64::new(0);
static FIRST_REFUSED: AtomicU64 = AtomicU64::new(u64::MAX);
static NEXT_ANSWERED: AtomicU64 = AtomicU64::new(u64::MAX);

fn is_answered() -> bool {
    !(FIRST_REFUSED.load(Relaxed)..NEXT_ANSWERED.load(Relaxed)).contains(&CALLS.fetch_add(1, Relaxed))
}

unsafe extern "C" {
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
}

/// Stands before the C library's own.
///
/// # Safety
/// None is needed.
#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    // glibc ends a program that has no memory for what it notes of a thread's destructor, with the ledger or without.
    const NOTE_OF_DESTRUCTOR: usize = 4 * size_of::<usize>();
    if count.saturating_mul(size) == NOTE_OF_DESTRUCTOR || is_answered() {
        // SAFETY: it has no preconditions.
        return unsafe { __libc_calloc(count, size) };
    }
    // SAFETY: it has no preconditions.
    let why = unsafe { libc::__errno_location() };
    // SAFETY: it is the thread's own, and lives as long as the thread.
    unsafe { why.write(libc::ENOMEM) };
    ptr::null_mut()
}

/// Stands before the C library's own: std asks for it where a block is more aligned than usual.
///
/// # Safety
/// `block` is valid for writes.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(block: *mut *mut c_void, align: usize, size: usize) -> i32 {
    if !is_answered() {
        return libc::ENOMEM;
    }
    // SAFETY: it has no preconditions.
    let new = unsafe { __libc_memalign(align, size) };
    // SAFETY: the caller's own promise.
    unsafe { block.write(new) };
    if new.is_null() { libc::ENOMEM } else { 0 }
}

fn without_memory<R>(work: impl FnOnce() -> R) -> R {
    REFUSES.set(true);
    let out = work();
    REFUSES.set(false);
    out
}

/// How many scopes a report says could not be counted apart.
fn not_apart(report: &Report) -> u64 {
    let report: serde_json::Value = serde_json::from_str(&report.to_json()).expect("it is JSON");
    report["refused"].as_u64().expect("it is a number")
}

#[test]
fn a_new_name_without_memory_is_no_abort_but_one_that_is_not_counted_apart() {
    in_its_own_process("a_new_name_without_memory_is_no_abort_but_one_that_is_not_counted_apart", || {
        let mut kept = Vec::with_capacity(4);
        let everything = capture("**");
        drop(track("known"));
        kept.push(black_box(vec![0u8; 1]));
        let before = balanced();
        without_memory(|| {
            for at in 0..500 {
                drop(track(format_args!("a name that is new and rather long, so that it needs a block {at}")));
            }
            let _known = track("known");
            drop(track("new/below/it"));
            drop(track("known"));
            exclude(|| kept.clear());
            drop(async {}.tracked("a future"));
        });
        drop(everything);
        assert_eq!(
            not_apart(&balanced().report()),
            504,
            "500 names, one of three parts, one inside, a piece left out, a future"
        );
        let did = balanced() - before;
        let report = did.report();
        assert!(report.rows().iter().all(|row| !row.path.contains("new")), "{report}");
        assert_eq!(did.operation("(other)").expect("it ran").own.frees, 1);
        assert_eq!(did.operation("known").expect("it ran").total.allocs, 0);
        // What could not be made is made where there is memory again.
        let ((), did) = measure("new/below/it", || drop(black_box(vec![0u8; 7])));
        assert_eq!((did.allocs, row("new/below/it").own.allocs), (1, 1));
    });
}

/// Operations that each keep a block, so many that a thread needs several leaves of accounts.
const OPERATIONS: usize = 40;

/// Does what takes memory of the recorder's: shards, accounts, frames, levels, plans, lines.
fn everything() -> Vec<Vec<u8>> {
    let mut kept = Vec::with_capacity(OPERATIONS + 2);
    let _around = track("around");
    let lines = capture("around/**");
    for at in 0..OPERATIONS {
        let _op = track(format_args!("op {at}"));
        kept.push(vec![0u8; at + 1]);
    }
    let shared = track("shared").with_threads();
    let op = current();
    let work = move || op.run(|| vec![0u8; 1_000]);
    // The C library may have no memory for a thread either.
    if let Ok(thread) = Builder::new().spawn(work) {
        kept.push(thread.join().expect("it does not panic"));
    }
    drop(shared);
    // Whoever may not allocate is told where nobody could see it.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let _ = catch_unwind(|| drop(deny_alloc("denied")));
    set_hook(hook);
    let failing = track("failing").fail_nth(1);
    let mut fails = Vec::<u8>::new();
    let failed = fails.try_reserve_exact(10).is_err();
    assert!(failed || failing.failed() == 0, "what was to fail did, or was not to");
    drop(failing);
    drop(lines);
    let _frees = track("frees");
    kept.truncate(OPERATIONS - 5);
    kept
}

const ALL_WELL: u8 = 0;
const SAID: u8 = 1;
const NOT_REACHED: u8 = 2;

/// What comes of it where the calls for zeroed memory `from .. to` are refused.
fn outcome(from: u64, to: u64) -> u8 {
    let live = || {
        let now = snapshot();
        let ledger = now.operation("(heapledger)").expect("always there").own;
        (now.total().live_blocks - ledger.live_blocks, now.total().live_bytes - ledger.live_bytes)
    };
    let before = live();
    let calls = CALLS.load(Relaxed);
    NEXT_ANSWERED.store(calls.saturating_add(to), Relaxed);
    FIRST_REFUSED.store(calls + from, Relaxed);
    let kept = everything();
    let is_reached = CALLS.load(Relaxed) > calls + from;
    FIRST_REFUSED.store(u64::MAX, Relaxed);
    let bytes = kept.capacity() * size_of::<Vec<u8>>() + kept.iter().map(Vec::capacity).sum::<usize>();
    let after = live();
    assert_eq!((after.0 - before.0, after.1 - before.1), (kept.len() as i64 + 1, bytes as i64));

    let now = snapshot();
    // Without files there are no symbols, which would take long to look up.
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limits are there.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) };
    let report = now.report();
    let total = report.total();
    assert_eq!((total.net_bytes(), total.live_bytes), (report.process_bytes(), report.process_bytes()));
    let is_sound = now.check().is_ok();
    assert!(is_sound || report.problem().is_some());
    if not_apart(&report) > 0 || !is_sound {
        return SAID;
    }
    for (at, block) in kept.iter().enumerate() {
        let own = now.operation(&format!("around/op {at}")).expect("it ran").own;
        assert_eq!((own.allocs, own.frees, own.live_bytes), (1, 0, block.len() as i64), "{report}");
    }
    let frees = now.operation("around/frees").expect("it ran").own;
    assert!((5..=6).contains(&frees.others_frees), "five blocks, and that of a thread if there was one: {frees}");
    if is_reached { ALL_WELL } else { NOT_REACHED }
}

#[test]
fn each_call_of_the_recorder_in_turn_gets_no_memory_and_the_law_holds_or_it_is_said() {
    in_its_own_process("each_call_of_the_recorder_in_turn_gets_no_memory_and_the_law_holds_or_it_is_said", || {
        let mut outcomes = Vec::new();
        loop {
            let at = outcomes.len() as u64;
            match in_a_child(|| outcome(at, at + 1)) {
                Some(NOT_REACHED) => break,
                Some(code @ (ALL_WELL | SAID)) => outcomes.push(code),
                code => panic!("without call {at}: {code:?}"),
            }
        }
        let count = |what| outcomes.iter().filter(|code| **code == what).count();
        assert!(count(ALL_WELL) > 5 && count(SAID) > 5, "{outcomes:?}");
        // From one call on, none is answered.
        for at in (0..outcomes.len() as u64).step_by(3) {
            let code = in_a_child(|| outcome(at, u64::MAX));
            assert!(matches!(code, Some(ALL_WELL | SAID)), "from call {at} on: {code:?}");
        }
    });
}

#[test]
fn a_leak_test_that_had_no_memory_for_a_scope_does_not_pass() {
    in_its_own_process("a_leak_test_that_had_no_memory_for_a_scope_does_not_pass", || {
        let mut scopes = Vec::with_capacity(300);
        let judged = catch_unwind(AssertUnwindSafe(|| {
            LeakTest::new("scopes").run(|_| {
                FIRST_REFUSED.store(0, Relaxed);
                scopes.extend((0..300).map(|_| track("inside")));
                FIRST_REFUSED.store(u64::MAX, Relaxed);
                while scopes.pop().is_some() {}
            })
        }));
        let why = judged.expect_err("it has not seen all");
        assert_eq!(
            why.downcast_ref::<&str>(),
            Some(&"there was no memory to count everything apart: nothing can be judged")
        );
    });
}

/// Takes all memory that the process may have, in blocks that become smaller and smaller.
fn everything_that_is_left() -> Vec<Vec<u8>> {
    let mut held = Vec::with_capacity(1 << 20);
    let mut size = 1 << 20;
    while size >= 16 && held.len() < held.capacity() {
        let mut block = Vec::<u8>::new();
        match block.try_reserve_exact(size) {
            Ok(()) => held.push(block),
            Err(_) => size /= 2,
        }
    }
    held
}

#[test]
fn a_process_at_the_limit_of_its_address_space_goes_on_and_its_law_holds() {
    in_its_own_process("a_process_at_the_limit_of_its_address_space_goes_on_and_its_law_holds", || {
        let code = in_a_child(|| {
            drop(track("known"));
            let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux says how large a process is");
            let pages: u64 = statm.split(' ').next().and_then(|pages| pages.parse().ok()).expect("a number of pages");
            let most = pages * 4096 + (100 << 20);
            let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
            // SAFETY: the limits are there.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
            let held = everything_that_is_left();
            for at in 0..2_000 {
                drop(track(format_args!("a name that is new and rather long, so that it needs a block {at}")));
                drop(track("known"));
            }
            drop(held);
            let report = balanced().report();
            assert_eq!(report.operation("known").expect("it ran").scopes, 2_001);
            u8::from(not_apart(&report) == 0)
        });
        assert_eq!(code, Some(0), "names were refused, and nothing else");
    });
}
