//! A lock that survives `fork`: the child never finds it held by a thread that it does not have.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Held for short times, and while the process forks.
static GATE: AtomicBool = AtomicBool::new(false);

fn lock() {
    while GATE.compare_exchange_weak(false, true, Acquire, Relaxed).is_err() {
        std::thread::yield_now();
    }
}

extern "C" fn unlock() {
    GATE.store(false, Release);
}

/// Runs `work` alone. Not to be nested.
pub(crate) fn alone<R>(work: impl FnOnce() -> R) -> R {
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

/// Has the lock taken before every fork, and given back after it on both sides.
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
        // Registered twice, it would lock twice: whoever comes second relies on the first.
        if !WATCHED.load(Relaxed) && !WATCHED.swap(true, Relaxed) {
            // SAFETY: the three functions live for ever and only touch an atomic.
            unsafe { pthread_atfork(Some(prepare), Some(unlock), Some(unlock)) };
        }
    }
}
