//! Which allocations are samples: those in which a random number of allocated bytes ends. The distances are
//! exponential, so every byte is as likely as any other, whatever was allocated before: a Poisson process. Integers
//! alone: no target rounds them in another way.

use super::atomic::Ordering::Relaxed;
use super::atomic::{AtomicI64, AtomicU32, AtomicU64};
use super::memory::zeroed;
use super::random::Sequence;

/// Bits behind the point of a logarithm.
const FRACTION: u32 = 16;
/// The natural logarithm of two, with so many bits behind the point.
const LN_2: u128 = 0xb172_17f7;
const LN_2_FRACTION: u32 = 32;
/// The longest mean distance: no distance overflows.
pub(crate) const MOST_EVERY: u64 = 1 << 50;

/// How often a capture that samples has begun, and its seed. A thread takes up a new sequence then.
static BEGUN: AtomicU32 = AtomicU32::new(0);
static SEED: AtomicU64 = AtomicU64::new(0);
/// Threads that have a sequence of that seed.
static SEQUENCES: AtomicU32 = AtomicU32::new(0);

/// From now on threads draw from sequences of this seed.
pub(crate) fn seed_samples(seed: u64) {
    SEED.store(seed, Relaxed);
    SEQUENCES.store(0, Relaxed);
    BEGUN.fetch_add(1, Relaxed);
}

/// How far a thread is from its next sample.
#[derive(Debug)]
pub(super) struct Sampler {
    /// Bytes that are allocated before the next sample ends; none before that was drawn.
    left: AtomicI64,
    /// The mean distance with which that was drawn; zero before.
    every: AtomicU64,
    random: Sequence,
    begun: AtomicU32,
}

zeroed!(Sampler { left, every, random, begun });

impl Sampler {
    /// Takes up a new sequence, if there is a new seed.
    pub(super) fn begin(&self) {
        let begun = BEGUN.load(Relaxed);
        if self.begun.load(Relaxed) != begun {
            self.begun.store(begun, Relaxed);
            // Sequences of neighbouring seeds begin far from each other.
            self.random.begin(SEED.load(Relaxed).rotate_left(32) ^ u64::from(SEQUENCES.fetch_add(1, Relaxed)));
            self.random.begin(self.random.draw());
            self.every.store(0, Relaxed);
            self.left.store(0, Relaxed);
        }
    }

    /// Whether an allocation of `size` bytes is a sample, where `every` bytes lie between two on average.
    #[inline(always)]
    pub(super) fn takes(&self, size: usize, every: u64) -> bool {
        !self.passes(size, every) && self.ends(size, every)
    }

    /// Notes an allocation if it is seen at once that it is no sample. Not where nothing is sampled: then nothing was
    /// drawn with that mean.
    #[inline(always)]
    pub(super) fn passes(&self, size: usize, every: u64) -> bool {
        let left = self.left.load(Relaxed).wrapping_sub(size as i64);
        let passes = left >= 0 && self.every.load(Relaxed) == every;
        if passes {
            self.left.store(left, Relaxed);
        }
        passes
    }

    /// The same where a distance ends, or was drawn with another mean: then another one is drawn first, which is as
    /// good, because what was passed without a sample says nothing of what is to come.
    #[cold]
    #[inline(never)]
    fn ends(&self, size: usize, every: u64) -> bool {
        if self.every.load(Relaxed) != every {
            self.every.store(every, Relaxed);
            self.left.store(distance(self.random.draw(), every), Relaxed);
        }
        let left = self.left.load(Relaxed).wrapping_sub(size as i64);
        let is_sample = left < 0;
        self.left.store(if is_sample { distance(self.random.draw(), every) } else { left }, Relaxed);
        is_sample
    }
}

/// `every * -ln(uniform / 2^64)`, rounded down.
fn distance(uniform: u64, every: u64) -> i64 {
    let uniform = uniform.max(1);
    let zeros = uniform.leading_zeros();
    // Between one and two, with 63 bits behind the point. Squaring doubles its logarithm: each time that this is one or
    // more is a bit of it.
    let mut rest = uniform << zeros;
    let mut logarithm = 0u64;
    for _ in 0..FRACTION {
        let squared = (u128::from(rest) * u128::from(rest)) >> 63;
        let bit = (squared >> 64) as u32;
        logarithm = logarithm << 1 | u64::from(bit);
        rest = (squared >> bit) as u64;
    }
    let halvings = (u64::from(zeros + 1) << FRACTION) - logarithm;
    ((u128::from(every.min(MOST_EVERY)) * u128::from(halvings) * LN_2) >> (FRACTION + LN_2_FRACTION)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::memory::new_permanent;

    #[test]
    fn a_distance_is_the_logarithm_of_what_was_drawn() {
        let every = 512 << 10;
        for uniform in [1, 2, 3, 0x1234_5678_9abc, 1 << 63, u64::MAX / 3, u64::MAX / 10 * 9] {
            let expected = -(uniform as f64 / 2f64.powi(64)).ln() * every as f64;
            let found = distance(uniform, every) as f64;
            // Sixteen bits behind the point of the logarithm.
            assert!((found - expected).abs() <= every as f64 / 60_000.0, "{uniform}: {found}, not {expected}");
        }
        assert_eq!(distance(u64::MAX, every), 5, "the last bit of the logarithm");
        assert_eq!(distance(0, every), distance(1, every));
        assert!(distance(1, u64::MAX) > 0);
    }

    /// How many of `count` allocations of `size` bytes are samples.
    fn samples(sampler: &Sampler, size: usize, every: u64, count: u32) -> f64 {
        f64::from((0..count).map(|_| u32::from(sampler.takes(size, every))).sum::<u32>())
    }

    #[test]
    fn a_block_is_a_sample_as_often_as_its_size_says() {
        let sampler: &Sampler = new_permanent().expect("there is memory");
        sampler.random.begin(7);
        let (every, count) = (4_096, 100_000);
        for size in [1, 64, 1_000, 4_096, 9_000, 1 << 20] {
            let share = 1.0 - (-(size as f64) / every as f64).exp();
            let expected = share * f64::from(count);
            // Five standard deviations.
            let most = 5.0 * (expected * (1.0 - share)).sqrt() + 1.0;
            let found = samples(sampler, size, every, count);
            assert!((found - expected).abs() <= most, "{size} bytes: {found} samples, not {expected}");
        }
    }

    #[test]
    fn two_operations_with_distances_of_their_own_do_not_disturb_each_other() {
        // Blocks of one byte: no distance but zero ends in them.
        for size in [1, 100] {
            let sampler: &Sampler = new_permanent().expect("there is memory");
            let mut found = [0.0; 2];
            for _ in 0..100_000 {
                found[0] += samples(sampler, size, 10 * size as u64, 1);
                found[1] += samples(sampler, size, 100 * size as u64, 1);
            }
            let expected = [0.1f64, 0.01].map(|share| 100_000.0 * (1.0 - (-share).exp()));
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((found - expected).abs() <= 5.0 * expected.sqrt(), "{size} bytes: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn every_byte_is_a_sample_at_a_distance_of_one_and_the_largest_block_overflows_nothing() {
        let sampler: &Sampler = new_permanent().expect("there is memory");
        assert!(sampler.takes(isize::MAX as usize, 1 << 20));
        assert!(!sampler.takes(1, MOST_EVERY));
    }
}
