//! A pseudo-random sequence that one thread advances: SplitMix64, by Steele, Lea and Flood ("Fast splittable
//! pseudorandom number generators", 2014), for which every seed is good.

use super::atomic::AtomicU64;
use super::atomic::Ordering::Relaxed;
use super::memory::zeroed;

/// The constants of SplitMix64. Its shifts by 30, 27 and 31 are its own too.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
const MIX_1: u64 = 0xbf58_476d_1ce4_e5b9;
const MIX_2: u64 = 0x94d0_49bb_1331_11eb;

/// Where a sequence is.
#[derive(Debug)]
pub(super) struct Sequence {
    state: AtomicU64,
}

zeroed!(Sequence { state });

impl Sequence {
    pub(super) const fn new() -> Self {
        Self { state: AtomicU64::new(0) }
    }

    /// Begins the sequence of `seed`.
    pub(super) fn begin(&self, seed: u64) {
        self.state.store(seed, Relaxed);
    }

    /// The next number.
    pub(super) fn draw(&self) -> u64 {
        let state = self.state.load(Relaxed).wrapping_add(GOLDEN_GAMMA);
        self.state.store(state, Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(MIX_1);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(MIX_2);
        mixed ^ (mixed >> 31)
    }
}
