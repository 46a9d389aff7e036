//! What C code keeps in C's heap, told apart from the Rust blocks that lie there too. Pure functions of values.
//!
//! C's `malloc` knows how much of its heap is in use, in chunks; the ledger knows how many bytes in how many blocks are
//! Rust's. How much larger a chunk is than its block is known within limits, so what is said is the least that C code
//! can have taken. Growth is compared, never levels: what was there before does not matter.

use super::curve::{FEWEST_WINDOWS, Live, Series, Window};
use super::evidence::{CHeapRead, Evidence};
use super::verdict::{Judged, Verdict, judge};

/// The most that a chunk is larger than its Rust block: the owner's tag (4), the chunk's head (8), rounding to 16 (15),
/// and a rest that is too small to be a chunk of its own (16).
const MOST_AROUND_A_BLOCK: i64 = 43;
/// The least: the tag and the head.
const LEAST_AROUND_A_BLOCK: i64 = 12;
/// The most that a mapping is larger than its block: a page, less one byte, and a second head.
const MOST_AROUND_A_MAPPING: i64 = 4096 + 16;
/// Growth per iteration below this is not told from what `malloc` keeps for itself.
const LEAST_PER_ITERATION: f64 = 8.0;
/// Growth over the last window below this is not either: a thread's cache of free chunks counts as in use, and fills.
const LEAST_IN_A_WINDOW: i64 = 16 << 10;
/// The last two windows grow alike if the slower one has at least this share of the faster one's rate.
const ALIKE: f64 = 0.8;

/// How many bytes every iteration leaves in C's heap outside the Rust heap, if that is in proportion to the iterations.
pub(crate) fn c_heap_growth(evidence: &Evidence) -> Option<f64> {
    let [.., second, window] = evidence.series.windows.as_slice() else { return None };
    if evidence.series.windows.len() <= FEWEST_WINDOWS {
        return None;
    }
    let read = evidence.ends.iter().map(|end| end.c_heap).collect::<Option<Vec<CHeapRead>>>()?;
    let taken: Vec<i64> = read.windows(2).map(|pair| taken_between(pair[0], pair[1])).collect();
    let [.., then, now] = taken.as_slice() else { return None };
    let series = series_of(&evidence.series, &taken);
    let Judged::Decided(Verdict::Leak { bytes_per_iteration, .. }) = judge(&series) else { return None };
    let is_large = *now >= LEAST_IN_A_WINDOW && bytes_per_iteration >= LEAST_PER_ITERATION;
    let (now, then) = (*now as f64 / window.iterations as f64, *then as f64 / second.iterations as f64);
    (is_large && now.min(then) >= ALIKE * now.max(then)).then_some(bytes_per_iteration)
}

/// A series with one reading for each window: what was taken until its end.
fn series_of(windows: &Series, taken: &[i64]) -> Series {
    let mut bytes = 0;
    let windows = windows.windows.iter().zip(taken).map(|(window, taken)| {
        bytes += taken;
        Window { iterations: window.iterations, readings: vec![(window.iterations, Live { bytes, blocks: 0 })] }
    });
    Series { windows: windows.collect(), ..Series::default() }
}

/// The least that C code can have taken between two readings.
fn taken_between(then: CHeapRead, now: CHeapRead) -> i64 {
    let rust = now.rust.minus(then.rust);
    let around = if rust.blocks > 0 { MOST_AROUND_A_BLOCK } else { LEAST_AROUND_A_BLOCK };
    let mapped = (now.mapped - then.mapped).max(0);
    now.in_use - then.in_use - rust.bytes - rust.blocks * around - mapped * MOST_AROUND_A_MAPPING
}

#[cfg(test)]
mod tests;
