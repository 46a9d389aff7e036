//! The one list of counters, and the one list of events that move them. Everything that records, adds, subtracts, sums
//! or names counters derives from these two: a new counter is one line in the first, and its name in the events of the
//! second. Plain values and code that is generic over where a counter stands; nothing in this file reads the ledger.

#[cfg(feature = "json")]
use super::json::json_object;

/// A place that holds one counter.
pub(crate) trait Register {
    /// A counter of zero.
    const ZERO: Self;

    fn get(&self) -> u64;

    fn set(&self, to: u64);

    /// Adds to the counter, correctly for all threads that may write it.
    fn add(&self, by: u64);
}

macro_rules! counters {
    (
        activity { $($(#[doc = $doc:literal])+ $active:ident,)+ }
        ownership { $($(#[doc = $owned_doc:literal])+ $owned:ident,)+ }
    ) => {
        /// What an operation, a scope or the whole process did to the heap, and how much of the heap it owns.
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
        #[non_exhaustive]
        pub struct Tally {
            $($(#[doc = $doc])+ pub $active: u64,)+
            $($(#[doc = $owned_doc])+ pub $owned: u64,)+
            /// Blocks it owns: allocated by it and not yet freed by anyone. Negative only in a difference,
            /// where more was freed than allocated.
            pub live_blocks: i64,
            /// Bytes it owns: allocated by it and not yet freed by anyone. Negative only in a difference.
            pub live_bytes: i64,
            /// The highest net bytes of one scope, everything inside it included. `None` where no scope has run,
            /// and in a difference of snapshots in which the high-water mark did not rise.
            pub peak_bytes: Option<u64>,
        }

        #[cfg(feature = "json")]
        json_object!(Tally {
            $($active,)+
            $($owned,)+
            live_blocks,
            live_bytes,
            peak_bytes or None,
        });

        /// The counters alone, as read.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Counts { $(pub(crate) $active: u64,)+ $(pub(crate) $owned: u64,)+ }

        /// What happens while an operation is active.
        #[derive(Clone, Copy, Debug, Default)]
        pub(crate) struct Activity<C> { $(pub(crate) $active: C,)+ }

        /// What happens to the blocks that an operation owns, and what it does to those of others.
        #[derive(Debug)]
        pub(crate) struct Ownership<C> { $(pub(crate) $owned: C,)+ }

        /// All counters, where they are recorded.
        #[derive(Debug)]
        pub(crate) struct Counters<C> {
            pub(crate) activity: Activity<C>,
            pub(crate) ownership: Ownership<C>,
        }

        impl<C: Register> Activity<C> {
            pub(crate) const ZERO: Self = Self { $($active: C::ZERO,)+ };

            #[inline]
            pub(crate) fn read(&self) -> Activity<u64> {
                Activity { $($active: self.$active.get(),)+ }
            }

            #[inline]
            pub(crate) fn set(&self, to: Activity<u64>) {
                $(self.$active.set(to.$active);)+
            }

            /// What is elsewhere once `entered` is counted in, and no longer `left`; `noted` is told what both were
            /// together. Counter by counter, which takes few registers.
            #[inline(always)]
            pub(crate) fn move_on(&self, left: &Self, entered: &Self, noted: Option<&Self>) {
                $(
                    let (from, to) = (left.$active.get(), entered.$active.get());
                    if let Some(noted) = noted { noted.$active.set(self.$active.get().wrapping_add(from)) }
                    self.$active.add(from.wrapping_sub(to));
                )+
            }
        }

        impl Activity<u64> {
            #[inline]
            pub(crate) fn plus(self, other: Self) -> Self {
                Self { $($active: self.$active.wrapping_add(other.$active),)+ }
            }

            #[inline]
            pub(crate) fn minus(self, other: Self) -> Self {
                Self { $($active: self.$active.wrapping_sub(other.$active),)+ }
            }

            pub(crate) fn counts(self) -> Counts {
                Counts { $($active: self.$active,)+ ..Counts::default() }
            }
        }

        impl<C: Register> Counters<C> {
            pub(crate) const ZERO: Self =
                Self { activity: Activity::ZERO, ownership: Ownership { $($owned: C::ZERO,)+ } };

            pub(crate) fn read(&self) -> Counts {
                Counts {
                    $($active: self.activity.$active.get(),)+
                    $($owned: self.ownership.$owned.get(),)+
                }
            }
        }

        impl Counts {
            pub(crate) fn add(&mut self, other: &Self) {
                $(self.$active = self.$active.wrapping_add(other.$active);)+
                $(self.$owned = self.$owned.wrapping_add(other.$owned);)+
            }

            /// `self - earlier`; `None` where a counter would go backwards.
            pub(crate) fn since(&self, earlier: &Self) -> Option<Self> {
                Some(Self {
                    $($active: self.$active.checked_sub(earlier.$active)?,)+
                    $($owned: self.$owned.checked_sub(earlier.$owned)?,)+
                })
            }

            pub(crate) fn tally(&self, peak_bytes: Option<u64>) -> Tally {
                Tally {
                    $($active: self.$active,)+
                    $($owned: self.$owned,)+
                    live_blocks: self.live_blocks(),
                    live_bytes: self.live_bytes(),
                    peak_bytes,
                }
            }
        }

        impl Tally {
            /// What each of `iterations` did, and what is left over because it was not the same in all: every counter
            /// divided, towards zero, and its remainder. If nothing is left over, each may have done just that. The
            /// peak is not divided: it is in the first, as it is here.
            ///
            /// # Panics
            /// When `iterations` is zero.
            ///
            /// ```
            /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
            /// let mut lists = Vec::with_capacity(10);
            /// let ((), tally) = heapledger::measure("parse", || lists.extend((0..10).map(|_| vec![0u8; 64])));
            /// let (each, rest) = tally.per_iteration(10);
            /// assert_eq!((each.allocs, each.allocated_bytes, rest.allocs), (1, 64, 0));
            ///
            /// lists.clear();
            /// let ((), tally) = heapledger::measure("parse", || lists.extend((0..10).map(|size| vec![0u8; size])));
            /// let (each, rest) = tally.per_iteration(10);
            /// assert_eq!((each.allocs, rest.allocs), (0, 9)); // one of ten allocated nothing
            /// ```
            pub fn per_iteration(&self, iterations: u64) -> (Self, Self) {
                assert!(iterations > 0, "per_iteration(0): there was no iteration");
                // More blocks or bytes than that were never live.
                let signed = i64::try_from(iterations).unwrap_or(i64::MAX);
                let each = Self {
                    $($active: self.$active / iterations,)+
                    $($owned: self.$owned / iterations,)+
                    live_blocks: self.live_blocks / signed,
                    live_bytes: self.live_bytes / signed,
                    peak_bytes: self.peak_bytes,
                };
                let rest = Self {
                    $($active: self.$active % iterations,)+
                    $($owned: self.$owned % iterations,)+
                    live_blocks: self.live_blocks % signed,
                    live_bytes: self.live_bytes % signed,
                    peak_bytes: None,
                };
                (each, rest)
            }

            /// Every counter with its name and what it counts.
            #[cfg(feature = "views")]
            pub(crate) fn counters(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![
                    $((stringify!($active), concat!($($doc),+), self.$active),)+
                    $((stringify!($owned), concat!($($owned_doc),+), self.$owned),)+
                ]
            }

            /// The counters, without what was computed from them.
            #[cfg(feature = "from-json")]
            pub(crate) fn counts(&self) -> Counts {
                Counts { $($active: self.$active,)+ $($owned: self.$owned,)+ }
            }

            /// The sum of every counter; `None` where one overflows. Peaks do not add up: the higher one stays.
            pub(crate) fn plus(&self, other: &Self) -> Option<Self> {
                Some(Self {
                    $($active: self.$active.checked_add(other.$active)?,)+
                    $($owned: self.$owned.checked_add(other.$owned)?,)+
                    live_blocks: self.live_blocks.checked_add(other.live_blocks)?,
                    live_bytes: self.live_bytes.checked_add(other.live_bytes)?,
                    peak_bytes: self.peak_bytes.max(other.peak_bytes),
                })
            }
        }

    };
}

counters! {
    activity {
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
    }
    ownership {
        /// Of `frees`: blocks that another operation owned.
        others_frees,
        /// Of `freed_bytes`: bytes in blocks that another operation owned and that were freed (not resized).
        others_freed_bytes,
        /// Its own blocks that were freed while another operation was active.
        freed_elsewhere_blocks,
        /// Bytes in its own blocks that were freed while another operation was active.
        freed_elsewhere_bytes,
        /// Blocks of other operations that it resized, and therefore owns from then on.
        taken_over_blocks,
        /// Bytes those blocks had before the resize.
        taken_over_bytes,
        /// Its own blocks that another operation resized, and therefore owns from then on.
        given_away_blocks,
        /// Bytes those blocks had before the resize.
        given_away_bytes,
    }
}

macro_rules! events {
    (
        $place:ident {
            $($(#[doc = $doc:literal])+ $event:ident($($size:ident),+): $($counter:ident += $by:expr),+;)+
        }
    ) => {
        impl<C: Register> $place<C> {
            $(
                $(#[doc = $doc])+
                #[inline(always)]
                pub(crate) fn $event(&self, $($size: usize),+) {
                    $(self.$counter.add($by as u64);)+
                }
            )+
        }
    };
}

events! {
    Activity {
        /// A block was allocated.
        allocated(size): allocs += 1, allocated_bytes += size;
        /// A block was freed.
        freed(size): frees += 1, freed_bytes += size;
        /// A block was resized.
        resized(old, new): reallocs += 1, freed_bytes += old, allocated_bytes += new;
    }
}

events! {
    Ownership {
        /// A block of another operation was freed while this one was active.
        freed_for_other(size): others_frees += 1, others_freed_bytes += size;
        /// A block of its own was freed while another operation was active.
        freed_elsewhere(size): freed_elsewhere_blocks += 1, freed_elsewhere_bytes += size;
        /// A block of another operation was resized while this one was active, and belongs to this one from then on.
        took_over(old): taken_over_blocks += 1, taken_over_bytes += old;
        /// A block of its own was resized while another operation was active, and belongs to that one from then on.
        gave_away(old): given_away_blocks += 1, given_away_bytes += old;
    }
}

/// Ownership comes first: a thread that stands still in between then does not look as if it were between two events.
impl<C: Register> Counters<C> {
    /// A block of another operation was freed while this one was active.
    #[inline(always)]
    pub(crate) fn freed_for_other(&self, size: usize) {
        self.ownership.freed_for_other(size);
        self.activity.freed(size);
    }

    /// A block of another operation was resized while this one was active, and belongs to this one from then on.
    #[inline(always)]
    pub(crate) fn took_over(&self, old: usize, new: usize) {
        self.ownership.took_over(old);
        self.activity.resized(old, new);
    }
}

impl Counts {
    /// What it allocated and took over, less what it freed of its own, less what others freed or took over from it.
    fn live_blocks(&self) -> i64 {
        let came = self.allocs.wrapping_add(self.others_frees).wrapping_add(self.taken_over_blocks);
        let went = self.frees.wrapping_add(self.freed_elsewhere_blocks).wrapping_add(self.given_away_blocks);
        came.wrapping_sub(went) as i64
    }

    pub(crate) fn live_bytes(&self) -> i64 {
        let came = self.allocated_bytes.wrapping_add(self.others_freed_bytes).wrapping_add(self.taken_over_bytes);
        let went = self.freed_bytes.wrapping_add(self.freed_elsewhere_bytes).wrapping_add(self.given_away_bytes);
        came.wrapping_sub(went) as i64
    }

    pub(crate) fn net_bytes(&self) -> i64 {
        self.allocated_bytes.wrapping_sub(self.freed_bytes) as i64
    }

    /// Blocks of its own that others freed or took over.
    pub(crate) fn lost_blocks(&self) -> u64 {
        self.freed_elsewhere_blocks + self.given_away_blocks
    }
}

impl Tally {
    /// Whether nothing happened. A peak alone does not count.
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

#[cfg(test)]
mod tests;
