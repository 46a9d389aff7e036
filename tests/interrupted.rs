//! Code that runs in the middle of other code: a child that shares its parent's memory, handlers of a fork, and of a
//! signal on a stack of its own. Where they run, a thread is between two calls of the recorder: all of it is counted.

#![cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
#![allow(unsafe_code, reason = "calls clone, pthread_atfork and sigaction")]

#[path = "common/child.rs"]
mod child;
mod common;

use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::process::Command;
use std::ptr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use child::in_a_child;
use common::{alone, balanced, in_its_own_process, row};
use heapledger::{capture, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Takes a block in operation `name`, and gives it back.
fn a_block(name: &str, bytes: usize) {
    let _op = track(name);
    drop(black_box(vec![0u8; bytes]));
}

/// What operation `path` has taken: blocks and bytes, all of which it gave back.
fn taken(path: &str) -> (u64, u64) {
    let own = row(path).own;
    assert_eq!((own.allocs, own.allocated_bytes), (own.frees, own.freed_bytes), "{path}");
    (own.allocs, own.allocated_bytes)
}

extern "C" fn allocates_in_its_parents_memory(_: *mut c_void) -> c_int {
    a_block("vfork", 100);
    a_block("a name that the child makes", 10);
    // SAFETY: ends the child alone, without the parent's handlers.
    unsafe { libc::_exit(0) }
}

#[test]
fn a_child_that_shares_the_memory_counts_in_it() {
    let _alone = alone();
    a_block("vfork", 100);
    let mut stack = vec![0u128; 1 << 14];
    for _ in 0..20 {
        // As `vfork`, which a Rust function cannot call, for it returns twice: the parent waits until the child ends.
        // SAFETY: the stack is large enough and lives longer than the child, which does what a thread may do.
        let child = unsafe {
            libc::clone(
                allocates_in_its_parents_memory,
                stack.as_mut_ptr_range().end.cast(),
                libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD,
                ptr::null_mut(),
            )
        };
        assert!(child > 0, "the system has room for a process");
        let mut status = 0;
        // SAFETY: the child is ours and was not waited for before; `status` is valid for writes.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0, "the child ended well");
    }
    assert_eq!(taken("vfork"), (21, 2_100));
    assert_eq!(taken("a name that the child makes"), (20, 200));
}

#[test]
fn programs_are_spawned_while_others_record() {
    let _alone = alone();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let record = scope.spawn(|| {
            let mut rounds = 0;
            while !stop.load(Relaxed) {
                a_block("beside a spawn", 64);
                rounds += 1;
            }
            rounds
        });
        for _ in 0..20 {
            // std does it by `posix_spawn`.
            let ended = Command::new("true").status().expect("there is such a program");
            assert!(ended.success());
        }
        stop.store(true, Relaxed);
        let rounds = record.join().expect("it does not panic");
        assert_eq!(taken("beside a spawn"), (rounds, 64 * rounds));
    });
}

/// Whether the handlers of forks do anything.
static HANDLES: AtomicBool = AtomicBool::new(false);

extern "C" fn before_fork() {
    if HANDLES.load(Relaxed) {
        a_block("before a fork", 30);
    }
}

extern "C" fn after_fork() {
    if HANDLES.load(Relaxed) {
        a_block("after a fork", 3);
    }
}

extern "C" fn register() {
    // SAFETY: the handlers live for ever.
    unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(after_fork)) };
}

/// Runs before all start-up code without a number, the ledger's too: so it handles forks while the ledger is locked.
#[used]
#[unsafe(link_section = ".init_array.00101")]
static REGISTER: extern "C" fn() = register;

#[test]
fn handlers_of_forks_that_were_there_first_may_allocate() {
    in_its_own_process("handlers_of_forks_that_were_there_first_may_allocate", || {
        // A name that the thread has entered is found without a lock.
        a_block("before a fork", 30);
        a_block("after a fork", 3);
        HANDLES.store(true, Relaxed);
        for round in 2..12 {
            let code = in_a_child(|| {
                let right =
                    (taken("before a fork"), taken("after a fork")) == ((round, 30 * round), (round, 3 * round));
                u8::from(!right)
            });
            assert_eq!(code, Some(0), "round {round}");
        }
        assert_eq!((taken("before a fork"), taken("after a fork")), ((11, 330), (11, 33)));
    });
}

extern "C" fn handle(_: c_int) {
    a_block("a signal", 40);
}

#[test]
fn a_handler_on_a_stack_of_its_own_counts_exactly_where_it_interrupts_no_recorder() {
    in_its_own_process("a_handler_on_a_stack_of_its_own_counts_exactly_where_it_interrupts_no_recorder", || {
        let mut stack = vec![0u128; 1 << 14];
        let size = size_of_val(stack.as_slice());
        let other = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: size };
        // SAFETY: the stack lives as long as the signal is handled.
        assert_eq!(unsafe { libc::sigaltstack(&raw const other, ptr::null_mut()) }, 0);
        // SAFETY: zeroes are such a value: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handle as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK;
        // SAFETY: the handler lives for ever.
        assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) }, 0);
        let raise = || {
            let _op = track("interrupted");
            let kept = black_box(vec![0u8; 8]);
            // SAFETY: there is a handler.
            assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
            drop(kept);
        };
        (0..50).for_each(|_| raise());
        let stacks = capture("interrupted/**");
        (0..50).for_each(|_| raise());
        drop(stacks);
        assert_eq!((taken("interrupted"), taken("interrupted/a signal")), ((100, 800), (100, 4_000)));
        balanced();
        // The stack goes, so no signal may come from here on.
        // SAFETY: it sets what is done about a signal.
        unsafe { libc::signal(libc::SIGUSR1, libc::SIG_IGN) };
        drop(stack);
    });
}
