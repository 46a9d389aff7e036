//! Which allocations of a scope are to fail, as a test planned it. Only the scope's own thread reads and advances a
//! plan. It never allocates. A frame without planned failures has a plan in which no allocation fails.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use super::memory::zeroed;

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

/// The constants of SplitMix64, by Steele, Lea and Flood ("Fast splittable pseudorandom number generators", 2014).
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
const MIX_1: u64 = 0xbf58_476d_1ce4_e5b9;
const MIX_2: u64 = 0x94d0_49bb_1331_11eb;

/// A frame's failures, and how far they have come.
#[derive(Debug)]
pub(super) struct Plan {
    /// Whether something may still fail. A scope without a plan looks at this alone.
    armed: AtomicBool,
    /// How many allocations until one fails, that one included; zero where the share decides.
    left: AtomicU64,
    /// How many of [`WHOLE`] fail.
    share: AtomicU64,
    /// Where the pseudo-random sequence is.
    state: AtomicU64,
    /// How many have failed.
    failed: AtomicU64,
}

zeroed!(Plan { armed, left, share, state, failed });

impl Plan {
    pub(super) const fn none() -> Self {
        Self {
            armed: AtomicBool::new(false),
            left: AtomicU64::new(0),
            share: AtomicU64::new(0),
            state: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Plans no failure and counts none, for a frame that is used again.
    #[inline]
    pub(super) fn clear(&self) {
        self.armed.store(false, Relaxed);
        self.failed.store(0, Relaxed);
    }

    /// Plans `failures`, in place of those planned before.
    pub(super) fn set(&self, failures: Failures) {
        let (left, share, state) = match failures {
            Failures::Nth(number) => (number, 0, 0),
            Failures::Share { share, seed } => (0, share, seed),
        };
        self.left.store(left, Relaxed);
        self.share.store(share, Relaxed);
        self.state.store(state, Relaxed);
        self.armed.store(left | share != 0, Relaxed);
    }

    /// Whether an allocation may still fail.
    #[inline]
    pub(super) fn is_armed(&self) -> bool {
        self.armed.load(Relaxed)
    }

    /// How many have failed.
    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// Whether the allocation that is asked for now is to fail. Advances the plan.
    pub(super) fn fails_now(&self) -> bool {
        if !self.is_armed() {
            return false;
        }
        let fails = match self.left.load(Relaxed) {
            0 => self.draw() < self.share.load(Relaxed),
            left => {
                self.left.store(left - 1, Relaxed);
                left == 1
            }
        };
        if fails {
            self.failed.store(self.failed.load(Relaxed) + 1, Relaxed);
            // The n-th allocation is the only one to fail; a share goes on.
            self.armed.store(self.share.load(Relaxed) != 0, Relaxed);
        }
        fails
    }

    /// The next number below [`WHOLE`], by SplitMix64, for which every seed is good. The shifts by 30, 27 and 31 are
    /// its own too.
    fn draw(&self) -> u64 {
        let state = self.state.load(Relaxed).wrapping_add(GOLDEN_GAMMA);
        self.state.store(state, Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(MIX_1);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(MIX_2);
        (mixed ^ (mixed >> 31)) >> (u64::BITS - WHOLE.trailing_zeros())
    }
}
