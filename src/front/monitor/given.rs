//! Closures that users give to a monitor. The box of one is the ledger's own memory; what the closure holds is not.

use std::sync::Arc;

/// A closure in a box, whatever its type.
pub(super) trait Callable<A, R>: Send + Sync {
    /// Calls it. `None` after [`release`](Self::release).
    fn call(&self, with: &A) -> Option<R>;

    /// Drops it, but for its box: what it held is freed where this is called.
    fn release(&mut self);
}

impl<A, R, F: Fn(&A) -> R + Send + Sync> Callable<A, R> for Option<F> {
    fn call(&self, with: &A) -> Option<R> {
        self.as_ref().map(|given| given(with))
    }

    fn release(&mut self) {
        *self = None;
    }
}

/// Releases each of `all` that nobody is calling now.
pub(super) fn release_all<T>(all: &mut [Arc<T>], release: impl Fn(&mut T)) {
    all.iter_mut().filter_map(Arc::get_mut).for_each(release);
}
