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

/// Bytes of all chunks of C's heap that are in use, their overhead included, and how many of these are mappings of
/// their own. `None` where its library cannot be asked; glibc can since 2.33. Walks all arenas and their free chunks,
/// and locks each of them meanwhile.
pub(super) fn malloc_in_use() -> Option<(i64, i64)> {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static"), not(miri)))]
    {
        use std::ffi::{c_char, c_void};

        /// `struct mallinfo2` of `malloc.h`.
        #[repr(C)]
        struct MallInfo {
            arena: usize,
            ordblks: usize,
            smblks: usize,
            hblks: usize,
            hblkhd: usize,
            usmblks: usize,
            fsmblks: usize,
            uordblks: usize,
            fordblks: usize,
            keepcost: usize,
        }
        unsafe extern "C" {
            fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
        }
        // Looked up by name, so that programs start where an older glibc has none. A null handle is all libraries.
        // SAFETY: the name ends with a zero.
        let found = unsafe { dlsym(std::ptr::null_mut(), c"mallinfo2".as_ptr()) };
        if found.is_null() {
            return None;
        }
        // SAFETY: whatever is called so has this type.
        let mallinfo2 = unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> MallInfo>(found) };
        // SAFETY: it has no preconditions, and may be called from any thread.
        let now = unsafe { mallinfo2() };
        Some((now.uordblks as i64 + now.hblkhd as i64, now.hblks as i64))
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static"), not(miri))))]
    None
}

/// The system's number of this thread.
#[cfg(heapledger_interpose)]
pub(super) fn gettid() -> Tid {
    // SAFETY: it has no preconditions.
    Tid(unsafe { libc::gettid() } as u32)
}
