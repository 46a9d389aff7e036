//! The monitor's locks. Neither callbacks nor handlers run under one.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic under the lock: what is written under it is written in one step.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
