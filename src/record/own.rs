//! Values that are the ledger's own memory until the end.

use std::ops::Deref;

use super::thread;

/// A value that is the ledger's own memory until the end.
#[derive(Debug)]
pub(crate) struct Own<T>(Option<T>);

impl<T> Own<T> {
    pub(crate) fn new(make: impl FnOnce() -> T) -> Self {
        Self(Some(thread::quietly(make)))
    }

    /// Takes the value out to be worked on by the ledger, and put back.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.0.take()
    }

    pub(crate) fn put(&mut self, value: T) {
        self.0 = Some(value);
    }
}

impl<T> Deref for Own<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("whoever takes it puts it back")
    }
}

impl<T: Clone> Clone for Own<T> {
    fn clone(&self) -> Self {
        Self::new(|| T::clone(self))
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        thread::quietly(|| drop(value));
    }
}
