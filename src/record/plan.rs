//! Which allocations of a scope are to fail, as a test planned it. Only the scope's own thread reads and advances a
//! plan; it never allocates, and a frame that nobody planned for has one in which none fails.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use super::memory::zeroed;

/// What is to fail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failures {
    /// The allocation with this number, counted from one.
    Nth(u64),
    /// So many of every [`WHOLE`], as the pseudo-random sequence of `seed` has it.
    Share { share: u64, seed: u64 },
}

/// All allocations, as a share: the most that a draw can tell apart, and exact as a float.
pub(crate) const WHOLE: u64 = 1 << 53;

/// The constants of SplitMix64, by Steele, Lea and Flood ("Fast splittable pseudorandom number generators", 2014).
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
const MIX_1: u64 = 0xbf58_476d_1ce4_e5b9;
const MIX_2: u64 = 0x94d0_49bb_1331_11eb;

/// A frame's failures, and how far they have come.
#[derive(Debug)]
pub(super) struct Plan {
    /// Something may still fail: all that a scope without a plan looks at.
    armed: AtomicBool,
    /// How many allocations until one fails, that one included; zero: the share decides.
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

    /// No allocation is to fail, and none has: frames are used again.
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

    /// An allocation is asked for: whether it is to fail.
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
            // The n-th is the only one.
            self.armed.store(self.share.load(Relaxed) != 0, Relaxed);
        }
        fails
    }

    /// The next number below [`WHOLE`]: SplitMix64, of which every seed is good.
    fn draw(&self) -> u64 {
        let state = self.state.load(Relaxed).wrapping_add(GOLDEN_GAMMA);
        self.state.store(state, Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(MIX_1);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(MIX_2);
        (mixed ^ (mixed >> 31)) >> 11
    }
}
