//! Where the recorder's own memory comes from: straight from `System`, zeroed, never given back, so that any
//! thread may keep a reference to it without a lock. Its size is the footprint outside the heap.

#![allow(unsafe_code, reason = "it takes raw memory from `System`")]

use std::alloc::{GlobalAlloc, Layout, System};
#[cfg(heapledger_lines)]
use std::mem::MaybeUninit;
use std::ptr;

use super::atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::words::{Activity, Counters};

/// StaticBytes taken from `System` by the recorder so far.
pub(crate) static TAKEN: AtomicU64 = AtomicU64::new(0);

/// Types for which all bytes zero is a valid value.
///
/// # Safety
/// The implementer promises just that.
pub(crate) unsafe trait Zeroed: Sync + 'static {}

macro_rules! zeroed_integers {
    ($($integer:ty),+) => { $(
        // SAFETY: zero is a number.
        unsafe impl Zeroed for $integer {}
    )+ };
}

zeroed_integers!(AtomicI64, AtomicU32, AtomicU64, AtomicUsize);

// SAFETY: zero is false.
unsafe impl Zeroed for AtomicBool {}
// SAFETY: zero is null.
#[cfg(heapledger_lines)]
unsafe impl Zeroed for AtomicPtr<u8> {}
// SAFETY: a null pointer is no link.
unsafe impl<T: Sync> Zeroed for Link<T> {}
// SAFETY: zero is a value of every element.
unsafe impl<T: Zeroed, const N: usize> Zeroed for [T; N] {}
// SAFETY: the list of counters makes a struct of fields that all have the type `C`.
unsafe impl<C: Zeroed> Zeroed for Activity<C> {}
// SAFETY: the list of counters makes a struct of two structs whose fields all have the type `C`.
unsafe impl<C: Zeroed> Zeroed for Counters<C> {}

/// Implements [`Zeroed`] for a struct all of whose fields are [`Zeroed`]. They must all be named, so the compiler
/// proves it: a field of another type, or one that is left out, does not compile.
macro_rules! zeroed {
    (for $counter:ident, $name:ident { $($field:ident),+ $(,)? }) => {
        zeroed!(@ ($counter: $crate::record::memory::Zeroed) $name ($counter) { $($field),+ });
    };
    ($name:ident { $($field:ident),+ $(,)? }) => {
        zeroed!(@ () $name () { $($field),+ });
    };
    (@ ($($generics:tt)*) $name:ident ($($arguments:tt)*) { $($field:ident),+ }) => {
        // SAFETY: `fields` below compiles only if zero is a value of every field.
        #[allow(unsafe_code, reason = "proven by the function below")]
        unsafe impl<$($generics)*> $crate::record::memory::Zeroed for $name<$($arguments)*> {}

        const _: () = {
            #[allow(dead_code, reason = "that it compiles is the proof")]
            fn fields<$($generics)*>(whole: &$name<$($arguments)*>) {
                fn is_zeroed<T: $crate::record::memory::Zeroed>(_: &T) {}
                let $name { $($field),+ } = whole;
                $(is_zeroed($field);)+
            }
        };
    };
}
pub(super) use zeroed;

/// A new zeroed `T` that lives for ever, or `None` when the system is out of memory.
pub(super) fn new_permanent<T: Zeroed>() -> Option<&'static T> {
    const { assert!(size_of::<T>() > 0) };
    let layout = Layout::new::<T>();
    // SAFETY: the layout's size is not zero, as asserted above.
    let raw = unsafe { System.alloc_zeroed(layout) }.cast::<T>();
    // SAFETY: null, or memory for one `T` that nobody else has and nobody frees; `T: Zeroed` makes zeroes a value.
    let new = unsafe { raw.as_ref() }?;
    TAKEN.fetch_add(layout.size() as u64, Ordering::Relaxed);
    Some(new)
}

/// A link to something that lives for ever, or none: zeroed, it is none.
#[derive(Debug)]
pub(crate) struct Link<T: 'static>(AtomicPtr<T>);

impl<T> Link<T> {
    pub(crate) const fn none() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// What is linked. Acquire: whoever sees the link sees what was written before it was set.
    #[inline]
    pub(crate) fn get(&self) -> Option<&'static T> {
        // SAFETY: only `&'static T` are ever stored, or null.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    #[inline]
    pub(crate) fn set(&self, to: Option<&'static T>) {
        self.0.store(as_ptr(to), Ordering::Release);
    }

    /// Sets the link if it still is `from`; otherwise returns what it is now.
    pub(crate) fn swap(&self, from: Option<&'static T>, to: &'static T) -> Result<(), Option<&'static T>> {
        self.0
            .compare_exchange(as_ptr(from), as_ptr(Some(to)), Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            // SAFETY: as in `get`.
            .map_err(|now| unsafe { now.as_ref() })
    }
}

/// What is linked, made first if there is none. Two threads may race: one links what it made, and the memory that the
/// other one took stays unused.
pub(super) fn linked_or_new<T: Zeroed>(link: &Link<T>) -> Option<&'static T> {
    link.get().or_else(|| {
        let new = new_permanent()?;
        Some(match link.swap(None, new) {
            Ok(()) => new,
            Err(winner) => winner?,
        })
    })
}

/// StaticBytes that live for ever and never change; zeroed, they are none. Set before anybody else sees them.
#[cfg(heapledger_lines)]
#[derive(Debug)]
pub(super) struct StaticBytes {
    start: AtomicPtr<u8>,
    len: AtomicUsize,
}

#[cfg(heapledger_lines)]
zeroed!(StaticBytes { start, len });

#[cfg(heapledger_lines)]
impl StaticBytes {
    pub(super) fn set(&self, bytes: &'static [u8]) {
        self.len.store(0, Ordering::Release);
        self.start.store(bytes.as_ptr().cast_mut(), Ordering::Release);
        self.len.store(bytes.len(), Ordering::Release);
    }

    pub(super) fn get(&self) -> &'static [u8] {
        let len = self.len.load(Ordering::Acquire);
        let start = self.start.load(Ordering::Acquire);
        if start.is_null() {
            return &[];
        }
        // SAFETY: start and length are those of a `&'static [u8]`, as it is set once, before the link to it is.
        unsafe { std::slice::from_raw_parts(start, len) }
    }
}

#[inline]
fn as_ptr<T>(to: Option<&'static T>) -> *mut T {
    to.map_or(ptr::null_mut(), |to| ptr::from_ref(to).cast_mut())
}

/// A list on the stack with room for `N` items. Room that is not used costs nothing: it is not zeroed.
#[cfg(heapledger_lines)]
pub(super) struct RoomFor<T, const N: usize> {
    items: [MaybeUninit<T>; N],
    count: usize,
}

#[cfg(heapledger_lines)]
impl<T: Copy, const N: usize> RoomFor<T, N> {
    pub(super) const fn new() -> Self {
        Self { items: [const { MaybeUninit::uninit() }; N], count: 0 }
    }

    /// Adds an item; `None` where there is no room left.
    #[inline(always)]
    pub(super) fn push(&mut self, item: T) -> Option<()> {
        self.items.get_mut(self.count)?.write(item);
        self.count += 1;
        Some(())
    }

    #[inline(always)]
    pub(super) fn items(&self) -> &[T] {
        let items = self.items.get(..self.count).unwrap_or_default();
        // SAFETY: that many items were written, the first one first.
        unsafe { items.assume_init_ref() }
    }
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
