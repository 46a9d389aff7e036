//! Values that threads share and that outlive a `fork`: the child never finds one locked by a thread that it does not
//! have. Not for the recorder, which waits for nobody.

use std::sync::{Mutex, PoisonError};

use crate::record::lock_over_forks;

/// A value that one thread at a time works on, for short times, inside [`lock_over_forks`].
#[derive(Debug, Default)]
pub(crate) struct Gated<T>(Mutex<T>);

impl<T> Gated<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Works on the value. Must not be nested, neither in this nor in another gated value, and must not wait: for a
    /// lock, for standard error, or for code of a user. After a panic in `work` the value is as it was left.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        lock_over_forks(|| work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
