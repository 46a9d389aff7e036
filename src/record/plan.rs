//! What is planned for the allocations of a scope: which are to fail, that none may be, or that they are left out of
//! what scopes around it tell. Only the scope's own thread advances a plan. It never allocates. A frame for which
//! nothing was planned has a plan in which no allocation fails, none is denied, and none is left out.

use super::atomic::Ordering::Relaxed;
use super::atomic::{AtomicU32, AtomicU64};
use super::denial::Denial;
use super::memory::{Link, linked_or_new, zeroed};
use super::random::Sequence;

/// Which allocations are to fail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failures {
    /// The allocation with this number, counted from one.
    Nth(u64),
    /// `share` of every [`WHOLE`] allocations, chosen by the pseudo-random sequence of `seed`.
    Share { share: u64, seed: u64 },
}

/// The share that means every allocation: a draw has so many values, and an `f64` holds each of them exactly.
pub(crate) const WHOLE: u64 = 1 << 53;

/// A frame's failures, and how far they have come.
#[derive(Debug)]
pub(super) struct Plan {
    /// What is planned. A scope without a plan looks at this alone.
    state: AtomicU32,
    /// How many allocations until one fails, that one included; zero where the share decides.
    left: AtomicU64,
    /// How many of [`WHOLE`] fail.
    share: AtomicU64,
    random: Sequence,
    /// How many have failed.
    failed: AtomicU64,
    /// What it saw of allocations that it denies. Made when it first denies them, and kept for later scopes.
    denial: Link<Denial>,
}

zeroed!(Plan { state, left, share, random, failed, denial });

/// Values of a plan's state: there is none; something may still fail; nothing may any more; all is denied; all is
/// permitted; all is left out of what scopes around it tell.
const NONE: u32 = 0;
const ARMED: u32 = 1;
const SPENT: u32 = 2;
const DENIES: u32 = 3;
const PERMITS: u32 = 4;
const EXCLUDES: u32 = 5;

/// What a scope says of allocations, its own and those of scopes inside it that say nothing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stance {
    Denies(&'static Denial),
    Permits,
}

impl Plan {
    pub(super) const fn none() -> Self {
        Self {
            state: AtomicU32::new(NONE),
            left: AtomicU64::new(0),
            share: AtomicU64::new(0),
            random: Sequence::new(),
            failed: AtomicU64::new(0),
            denial: Link::none(),
        }
    }

    /// Plans no failure and counts none, for a frame that is used again.
    #[inline]
    pub(super) fn clear(&self) {
        self.state.store(NONE, Relaxed);
    }

    /// Plans `failures`, in place of those planned before.
    pub(super) fn set(&self, failures: Failures) {
        if self.state.load(Relaxed) == NONE {
            self.failed.store(0, Relaxed);
        }
        let (left, share, seed) = match failures {
            Failures::Nth(number) => (number, 0, 0),
            Failures::Share { share, seed } => (0, share, seed),
        };
        self.left.store(left, Relaxed);
        self.share.store(share, Relaxed);
        self.random.begin(seed);
        self.arm(left | share != 0);
    }

    /// Denies allocations, in place of what was planned before. `false` when the system is out of memory.
    pub(super) fn deny(&self) -> bool {
        let Some(denial) = linked_or_new(&self.denial) else { return false };
        denial.begin();
        self.state.store(DENIES, Relaxed);
        true
    }

    /// Permits allocations, in place of what was planned before.
    pub(super) fn permit(&self) {
        self.state.store(PERMITS, Relaxed);
    }

    /// Leaves all out of what scopes around it tell, in place of what was planned before.
    pub(super) fn exclude(&self) {
        self.state.store(EXCLUDES, Relaxed);
    }

    pub(super) fn excludes(&self) -> bool {
        self.state.load(Relaxed) == EXCLUDES
    }

    pub(super) fn denial(&self) -> Option<&'static Denial> {
        self.denial.get()
    }

    pub(super) fn stance(&self) -> Option<Stance> {
        match self.state.load(Relaxed) {
            DENIES => self.denial().map(Stance::Denies),
            PERMITS => Some(Stance::Permits),
            _ => None,
        }
    }

    fn arm(&self, armed: bool) {
        self.state.store(if armed { ARMED } else { SPENT }, Relaxed);
    }

    /// Whether an allocation may still fail.
    #[inline]
    pub(super) fn is_armed(&self) -> bool {
        self.state.load(Relaxed) == ARMED
    }

    /// How many have failed.
    pub(super) fn failed(&self) -> u64 {
        if self.state.load(Relaxed) == NONE { 0 } else { self.failed.load(Relaxed) }
    }

    /// Whether the allocation that is asked for now is to fail. Advances the plan.
    pub(super) fn fails_now(&self) -> bool {
        if !self.is_armed() {
            return false;
        }
        let fails = match self.left.load(Relaxed) {
            0 => self.random.draw() >> (u64::BITS - WHOLE.trailing_zeros()) < self.share.load(Relaxed),
            left => {
                self.left.store(left - 1, Relaxed);
                left == 1
            }
        };
        if fails {
            self.failed.store(self.failed.load(Relaxed) + 1, Relaxed);
            // The n-th allocation is the only one to fail; a share goes on.
            self.arm(self.share.load(Relaxed) != 0);
        }
        fails
    }
}
