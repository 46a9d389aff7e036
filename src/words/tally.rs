//! The one list of counters. Everything that adds, subtracts, sums or names counters derives from it:
//! a new counter is one line here. Plain values; nothing in this file reads the ledger.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What an operation, a scope or the whole process did to the heap, and what it owns of it.
        ///
        /// Bytes are what callers asked for: neither the 4-byte owner tag nor the inner allocator's rounding counts.
        /// Activity (`allocs` to `reallocs`) is what happened *while the operation was active*, whoever owned the
        /// block; ownership (`live_*`) is what the operation allocated and *nobody has freed yet*.
        ///
        /// ```
        /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
        /// let (kept, tally) = heapledger::measure("parse", || vec![0u8; 100]);
        /// assert_eq!((tally.allocs, tally.allocated_bytes, tally.net_bytes()), (1, 100, 100));
        /// # drop(kept);
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[non_exhaustive]
        pub struct Tally {
            $($(#[doc = $doc])+ pub $name: u64,)+
            /// Blocks it owns: allocated by it and not yet freed by anyone. Negative only in a difference,
            /// where more was freed than allocated.
            pub live_blocks: i64,
            /// Bytes it owns: allocated by it and not yet freed by anyone. Negative only in a difference.
            pub live_bytes: i64,
            /// The highest net bytes of one scope, everything inside it included. `None` where no scope has run,
            /// and in a difference of snapshots in which the high-water mark did not rise.
            pub peak_bytes: Option<u64>,
        }

        /// The counters alone, as read.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Counts { $(pub(crate) $name: u64,)+ }

        /// The counters as they are recorded: one thread writes, everybody may read.
        #[derive(Debug)]
        pub(crate) struct Counters { $(pub(crate) $name: AtomicU64,)+ }

        impl Counters {
            pub(crate) const fn new() -> Self {
                Self { $($name: AtomicU64::new(0),)+ }
            }

            pub(crate) fn read(&self) -> Counts {
                Counts { $($name: self.$name.load(Relaxed),)+ }
            }
        }

        impl Counts {
            pub(crate) fn add(&mut self, other: &Self) {
                $(self.$name = self.$name.wrapping_add(other.$name);)+
            }

            /// `self - earlier`, or nothing where a counter would go backwards.
            pub(crate) fn since(&self, earlier: &Self) -> Option<Self> {
                Some(Self { $($name: self.$name.checked_sub(earlier.$name)?,)+ })
            }

            pub(crate) fn tally(&self, peak_bytes: Option<u64>) -> Tally {
                Tally {
                    $($name: self.$name,)+
                    live_blocks: self.live_blocks(),
                    live_bytes: self.live_bytes(),
                    peak_bytes,
                }
            }
        }

        impl Tally {
            /// The sum of every counter, or nothing where it overflows. Peaks do not add up: the higher one stays.
            pub(crate) fn plus(&self, other: &Self) -> Option<Self> {
                Some(Self {
                    $($name: self.$name.checked_add(other.$name)?,)+
                    live_blocks: self.live_blocks.checked_add(other.live_blocks)?,
                    live_bytes: self.live_bytes.checked_add(other.live_bytes)?,
                    peak_bytes: self.peak_bytes.max(other.peak_bytes),
                })
            }
        }
    };
}

counters! {
    /// Blocks newly allocated while it was active.
    allocs,
    /// Bytes handed out while it was active: new blocks, and the new size of resized ones.
    allocated_bytes,
    /// Blocks given back while it was active, whoever allocated them.
    frees,
    /// Bytes given back while it was active: freed blocks, and the old size of resized ones.
    freed_bytes,
    /// Blocks resized while it was active (neither an alloc nor a free).
    reallocs,
    /// Of `frees`: blocks that another operation owned.
    others_frees,
    /// Of `freed_bytes`: bytes in blocks that another operation owned and that were freed (not resized).
    others_freed_bytes,
    /// Its own blocks that were freed while another operation was active.
    freed_elsewhere_blocks,
    /// Bytes in its own blocks that were freed while another operation was active.
    freed_elsewhere_bytes,
    /// Blocks of other operations that it resized, and therefore owns since.
    taken_over_blocks,
    /// Bytes those blocks had before the resize.
    taken_over_bytes,
    /// Its own blocks that another operation resized, and therefore owns since.
    given_away_blocks,
    /// Bytes those blocks had before the resize.
    given_away_bytes,
}

impl Counts {
    /// Allocated by it, less what it freed of its own, less what others freed or took over.
    fn live_blocks(&self) -> i64 {
        (self.allocs + self.others_frees + self.taken_over_blocks) as i64
            - (self.frees + self.freed_elsewhere_blocks + self.given_away_blocks) as i64
    }

    pub(crate) fn live_bytes(&self) -> i64 {
        let came = self.allocated_bytes.wrapping_add(self.others_freed_bytes).wrapping_add(self.taken_over_bytes);
        let went = self.freed_bytes.wrapping_add(self.freed_elsewhere_bytes).wrapping_add(self.given_away_bytes);
        came.wrapping_sub(went) as i64
    }

    pub(crate) fn net_bytes(&self) -> i64 {
        self.allocated_bytes.wrapping_sub(self.freed_bytes) as i64
    }
}

impl Tally {
    /// Nothing happened; a peak alone is nothing.
    pub(crate) fn is_idle(&self) -> bool {
        Self { peak_bytes: None, ..*self } == Self::default()
    }

    /// `allocated_bytes - freed_bytes`: what it did to the heap, in bytes.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let given = vec![0u8; 64];
    /// let ((), tally) = heapledger::measure("free", || drop(given));
    /// assert_eq!(tally.net_bytes(), -64);
    /// ```
    pub fn net_bytes(&self) -> i64 {
        self.allocated_bytes.wrapping_sub(self.freed_bytes) as i64
    }

    /// `allocs - frees`: what it did to the heap, in blocks.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let (_kept, tally) = heapledger::measure("make", || Box::new(1u64));
    /// assert_eq!(tally.net_blocks(), 1);
    /// ```
    pub fn net_blocks(&self) -> i64 {
        self.allocs.wrapping_sub(self.frees) as i64
    }
}
