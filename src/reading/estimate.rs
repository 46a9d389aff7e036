//! From samples to what each call stack has: an estimate, which adds up to what is known exactly.
//!
//! A block of `s` bytes is a sample with the probability `1 - exp(-s / every)`, so each sample stands for as many
//! blocks as the inverse of that (Horvitz and Thompson, "A generalization of sampling without replacement from a finite
//! universe", 1952); `s` is the mean of a stack's samples in one class of sizes. What all blocks of the class add up to
//! is known exactly, as each of them is counted. So the estimates are scaled to that sum, class by class, which is
//! poststratification (Holt and Smith, "Post stratification", 1979).

use std::collections::BTreeMap;

use super::sums::{LineReading, LineSums};
use crate::record::StackId;
use crate::words::ClassId;

/// What a stack has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) sums: LineSums,
    /// So many samples stand behind it; `None` where it is exact.
    pub(super) samples: Option<u64>,
}

impl Estimate {
    /// The sum; `None` where it overflows.
    pub(super) fn checked_plus(&self, other: &Self) -> Option<Self> {
        let samples = match (self.samples, other.samples) {
            (Some(one), Some(other)) => Some(one.checked_add(other)?),
            (one, other) => one.or(other),
        };
        Some(Self { sums: self.sums.checked_plus(&other.sums)?, samples })
    }
}

/// What one stack has in one class of sizes: the blocks that are asked for, all blocks and resizes, and their bytes.
#[derive(Clone, Copy, Default)]
struct Sampled {
    blocks: i64,
    all: i64,
    bytes: i64,
}

/// What each stack of these lines, all of which were sampled, is estimated to have. Blocks of classes without a sample
/// stand under [`StackId::NOT_SAMPLED`], so that the sum is exact.
pub(super) fn estimate(lines: &[LineReading]) -> BTreeMap<StackId, Estimate> {
    let mut strata: BTreeMap<(ClassId, u64), Vec<LineReading>> = BTreeMap::new();
    lines.iter().for_each(|line| strata.entry((line.key.class, line.every)).or_default().push(*line));
    let mut stacks: BTreeMap<StackId, Estimate> = BTreeMap::new();
    for ((_, every), lines) in strata {
        let allocated = scaled(&lines, every, |line| handed_out(&line.since));
        // What lives is estimated at both ends: its parts may grow and shrink in between.
        let live = scaled(&lines, every, |line| living(&line.before.plus(&line.since)));
        let live_before = scaled(&lines, every, |line| living(&line.before));
        for (at, line) in lines.iter().enumerate() {
            let known = stacks.entry(line.key.stack).or_default();
            let samples = if is_sample(line) { line.since.allocs + line.since.reallocs } else { 0 };
            known.samples = Some(known.samples.unwrap_or(0) + samples);
            known.sums = known.sums.plus(&LineSums {
                allocs: allocated[at].0 as u64,
                allocated_bytes: allocated[at].1 as u64,
                reallocs: 0,
                live_blocks: live[at].0 - live_before[at].0,
                live_bytes: live[at].1 - live_before[at].1,
            });
        }
    }
    stacks
}

fn is_sample(line: &LineReading) -> bool {
    line.key.stack != StackId::NOT_SAMPLED
}

fn handed_out(sums: &LineSums) -> Sampled {
    let [blocks, bytes] = [sums.allocs, sums.allocated_bytes].map(|value| value as i64);
    Sampled { blocks, all: blocks + sums.reallocs as i64, bytes }
}

fn living(sums: &LineSums) -> Sampled {
    Sampled { blocks: sums.live_blocks, all: sums.live_blocks, bytes: sums.live_bytes }
}

/// Blocks and bytes of each line, such that all of them add up to what all lines have.
fn scaled(lines: &[LineReading], every: u64, of: impl Fn(&LineReading) -> Sampled) -> Vec<(i64, i64)> {
    let found = Vec::from_iter(lines.iter().map(of));
    let stands_for = |(line, found): (&LineReading, &Sampled)| match is_sample(line) && found.all > 0 {
        true => 1.0 / -(-(found.bytes as f64 / found.all as f64) / every as f64).exp_m1(),
        false => 0.0,
    };
    let weights = Vec::from_iter(lines.iter().zip(&found).map(stands_for));
    let spread = |part: fn(&Sampled) -> i64| spread(&Vec::from_iter(found.iter().map(part)), &weights);
    spread(|found| found.blocks).into_iter().zip(spread(|found| found.bytes)).collect()
}

/// The sum of `values`, in shares as large as each value times its weight: whole numbers that add up to it.
fn spread(values: &[i64], weights: &[f64]) -> Vec<i64> {
    let shares = Vec::from_iter(values.iter().zip(weights).map(|(value, weight)| *value as f64 * weight));
    let (total, whole) = (values.iter().sum::<i64>(), shares.iter().sum::<f64>());
    if !(whole.is_finite() && whole > 0.0) {
        return values.to_vec();
    }
    let (mut so_far, mut given) = (0.0, 0);
    let mut parts = Vec::from_iter(shares.iter().map(|share| {
        so_far += share;
        let until_here = (so_far / whole * total as f64).round() as i64;
        until_here - std::mem::replace(&mut given, until_here)
    }));
    // Beyond 53 bits a float has no last digit.
    if let Some(last) = shares.iter().rposition(|share| *share > 0.0) {
        parts[last] += total - given;
    }
    parts
}

#[cfg(test)]
mod tests;
