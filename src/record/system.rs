//! All that is asked of the operating system and the C library: work at the end of the process, a lock that survives
//! `fork`, free pages given back, and the number of a thread. Nothing here is called from inside the allocator.

#![allow(unsafe_code, reason = "it calls C functions")]

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

#[cfg(heapledger_interpose)]
use crate::words::Tid;

/// Arranges that `work` runs at the end of the process. `false` where that is not possible.
pub(crate) fn at_exit(work: extern "C" fn()) -> bool {
    #[cfg(all(any(unix, windows), not(miri)))]
    {
        unsafe extern "C" {
            fn atexit(work: extern "C" fn()) -> i32;
        }
        // SAFETY: the function lives as long as the program, and does not unwind: it is `extern "C"`.
        unsafe { atexit(work) == 0 }
    }
    #[cfg(not(all(any(unix, windows), not(miri))))]
    {
        let _ = work;
        false
    }
}

/// Whether the lock is held: for short times, and while the process forks.
static GATE: AtomicBool = AtomicBool::new(false);

fn lock() {
    while GATE.compare_exchange_weak(false, true, Acquire, Relaxed).is_err() {
        std::thread::yield_now();
    }
}

extern "C" fn unlock() {
    GATE.store(false, Release);
}

/// Runs `work` while no other thread does so and no fork happens. Must not be nested.
pub(crate) fn lock_over_forks<R>(work: impl FnOnce() -> R) -> R {
    struct Unlock;
    impl Drop for Unlock {
        fn drop(&mut self) {
            unlock();
        }
    }
    watch_forks();
    lock();
    let _unlock = Unlock;
    work()
}

/// Arranges that the lock is taken before every fork, and given back after it on both sides.
fn watch_forks() {
    #[cfg(all(unix, not(miri)))]
    {
        unsafe extern "C" {
            fn pthread_atfork(
                prepare: Option<extern "C" fn()>,
                parent: Option<extern "C" fn()>,
                child: Option<extern "C" fn()>,
            ) -> i32;
        }
        extern "C" fn prepare() {
            lock();
        }
        static WATCHED: AtomicBool = AtomicBool::new(false);
        // Registered twice, it would lock twice. So only the first thread registers it, and later ones rely on that.
        if !WATCHED.load(Relaxed) && !WATCHED.swap(true, Relaxed) {
            // SAFETY: the three functions live for ever and only touch an atomic.
            unsafe { pthread_atfork(Some(prepare), Some(unlock), Some(unlock)) };
        }
    }
}

/// Asks the system's allocator to give free pages back to the system, where it has a way to.
pub(crate) fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> i32;
        }
        // SAFETY: may be called from any thread at any time, whichever library serves `malloc`.
        unsafe { malloc_trim(0) };
    }
}

/// The system's number of this thread.
#[cfg(heapledger_interpose)]
pub(super) fn gettid() -> Tid {
    // SAFETY: it has no preconditions.
    Tid(unsafe { libc::gettid() } as u32)
}
