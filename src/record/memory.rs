//! Where the recorder's own memory comes from: straight from `System`, zeroed, never given back, so that any
//! thread may keep a reference to it without a lock. Its size is the footprint outside the heap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// Bytes taken from `System` by the recorder so far.
pub(crate) static TAKEN: AtomicU64 = AtomicU64::new(0);

/// Types for which all bytes zero is a valid value.
///
/// # Safety
/// The implementer promises just that.
pub(crate) unsafe trait Zeroed: Sync + 'static {}

/// A new zeroed `T` that lives for ever, or `None` when the system is out of memory.
pub(crate) fn place<T: Zeroed>() -> Option<&'static T> {
    const { assert!(size_of::<T>() > 0) };
    let layout = Layout::new::<T>();
    // SAFETY: the layout's size is not zero, as asserted above.
    let raw = unsafe { System.alloc_zeroed(layout) }.cast::<T>();
    // SAFETY: null, or memory for one `T` that nobody else has and nobody frees; `T: Zeroed` makes zeroes a value.
    let placed = unsafe { raw.as_ref() }?;
    TAKEN.fetch_add(layout.size() as u64, Ordering::Relaxed);
    Some(placed)
}

/// A link to something that lives for ever, or nothing: zeroed, it is nothing.
#[derive(Debug)]
pub(crate) struct Link<T: 'static>(AtomicPtr<T>);

impl<T> Link<T> {
    pub(crate) const fn none() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Acquire: whoever sees the link sees what was written before it was set.
    #[inline]
    pub(crate) fn get(&self) -> Option<&'static T> {
        // SAFETY: only `&'static T` are ever stored, or null.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    #[inline]
    pub(crate) fn set(&self, to: Option<&'static T>) {
        self.0.store(as_ptr(to), Ordering::Release);
    }

    /// Sets the link if it still is `from`; otherwise says what it is now.
    pub(crate) fn swap(&self, from: Option<&'static T>, to: &'static T) -> Result<(), Option<&'static T>> {
        self.0
            .compare_exchange(as_ptr(from), as_ptr(Some(to)), Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            // SAFETY: as in `get`.
            .map_err(|now| unsafe { now.as_ref() })
    }
}

#[inline]
fn as_ptr<T>(to: Option<&'static T>) -> *mut T {
    to.map_or(ptr::null_mut(), |to| ptr::from_ref(to).cast_mut())
}

/// A list that only grows: what is pushed stays, so readers need no lock.
#[derive(Debug)]
pub(crate) struct List<T: 'static>(Link<T>);

/// What a [`List`] links through.
pub(crate) trait Listed: Sized + 'static {
    fn next(&self) -> &Link<Self>;
}

impl<T: Listed> List<T> {
    pub(crate) const fn new() -> Self {
        Self(Link::none())
    }

    pub(crate) fn push(&self, item: &'static T) {
        let mut head = self.0.get();
        loop {
            item.next().set(head);
            match self.0.swap(head, item) {
                Ok(()) => return,
                Err(now) => head = now,
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static T> {
        std::iter::successors(self.0.get(), |item| item.next().get())
    }
}

/// Asks the system's allocator to give free pages back to the system, where it has a way to.
pub(crate) fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> i32;
        }
        // SAFETY: may be called from any thread at any time, whoever serves `malloc`.
        unsafe { malloc_trim(0) };
    }
}
