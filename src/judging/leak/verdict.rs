//! The doubling test: from readings over iterations to a verdict. Pure functions of values.
//!
//! A test runs windows of iterations, each twice as long as the one before. Over twice the iterations a leak keeps its
//! growth per iteration, bounded growth loses it, and a saw-tooth comes back to where it was. Ends of windows are not
//! enough: what grows must lift the lowest reading of the last window above every reading of the early ones, or, under
//! teeth that are larger than what has leaked so far, everything alike: floor, ceiling and mean.

use super::curve::{Curve, FEWEST_WINDOWS, Live, Series};
use super::events::Proportion;
use super::slope::{Pace, Rate};

/// What a leak test found.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// use heapledger::{LeakTest, Verdict};
///
/// let outcome = LeakTest::new("parse").run(|_| drop(vec![0u8; 64]));
/// assert_eq!(*outcome.verdict(), Verdict::Clean);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// After every reading exactly as many bytes and blocks were live as before.
    Clean,
    /// Growth only at first: lazy statics, caches of compiled patterns, thread-locals. Level since.
    #[non_exhaustive]
    WarmUp {
        /// Bytes that stay.
        bytes: i64,
        /// Blocks that stay.
        blocks: i64,
    },
    /// Growth that stopped, slows down, or swings: a cache, a pool, a batch.
    #[non_exhaustive]
    Bounded {
        /// The most that was live above the start, in bytes.
        bytes: i64,
        /// The most that was live above the start, in blocks.
        blocks: i64,
    },
    /// Growth in proportion to the iterations.
    #[non_exhaustive]
    Leak {
        /// Bytes that every iteration leaves behind, on average over the longest window.
        bytes_per_iteration: f64,
        /// Blocks that every iteration leaves behind, on average over the longest window.
        blocks_per_iteration: f64,
        /// Every reading confirms the figures to the byte: no average.
        exact: bool,
        /// Threads that every iteration leaves running, on average over the longest window.
        threads_per_iteration: f64,
        /// File descriptors that every iteration leaves open, on average over the longest window.
        files_per_iteration: f64,
    },
    /// Growth that does not repeat itself. Figures are bytes per iteration of the windows.
    #[non_exhaustive]
    Unstable {
        /// The least.
        min: f64,
        /// The middle.
        median: f64,
        /// The most.
        max: f64,
    },
    /// Growth in step with the iterations that rests on too few events to tell a leak from a pool or a cache that
    /// fills.
    /// Figures are averages over the longest window.
    #[non_exhaustive]
    Undecided {
        /// Bytes that every iteration leaves behind.
        bytes_per_iteration: f64,
        /// Blocks that every iteration leaves behind.
        blocks_per_iteration: f64,
        /// Threads that every iteration leaves running.
        threads_per_iteration: f64,
        /// File descriptors that every iteration leaves open.
        files_per_iteration: f64,
        /// How often something grew: what the figures rest on.
        events: u64,
    },
    /// Blocks came back without a valid owner: freed or resized with another size than they were made with, or
    /// something wrote behind them. No figure can be trusted.
    #[non_exhaustive]
    Violated {
        /// How many of them the operations of the test freed or resized.
        blocks: u64,
        /// The operations that did, by name.
        by: Vec<String>,
    },
    /// Other threads kept moving what is judged, so that no reading could be trusted.
    #[non_exhaustive]
    Unsettled {
        /// The threads and operations that moved, by name.
        by: Vec<String>,
    },
}

impl Verdict {
    /// Whether it is a [`Verdict::Leak`].
    ///
    /// ```
    /// assert!(!heapledger::Verdict::Clean.is_leak());
    /// ```
    pub fn is_leak(&self) -> bool {
        matches!(self, Self::Leak { .. })
    }
}

/// What the windows so far say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Judged {
    Decided(Verdict),
    /// The last window contradicts the one before, or growth has not stopped: another window will tell.
    Undecided(Verdict),
}

/// Judges bytes and blocks together: either may leak without the other.
pub(crate) fn judge(series: &Series) -> Judged {
    let (bytes, blocks) = (Curve::of(series, |live| live.bytes), Curve::of(series, |live| live.blocks));
    let count = series.windows.len();
    if count < FEWEST_WINDOWS {
        return Judged::Undecided(too_few(series, &bytes, &blocks));
    }
    let curves = [&bytes, &blocks];
    let now = curves.map(|curve| curve.proportion(count));
    let earlier = curves.map(|curve| curve.proportion(count - 1));
    let is_confirmed = |at: usize| match count {
        FEWEST_WINDOWS => curves[at].climbs(),
        _ => earlier[at] != Proportion::No,
    };
    let leaks = now.contains(&Proportion::Yes);
    if (0..2).any(|at| now[at] == Proportion::Yes && is_confirmed(at)) {
        return Judged::Decided(leak(series));
    }
    if leaks && count == FEWEST_WINDOWS {
        return Judged::Undecided(leak(series));
    }
    let last = count - 1;
    let level_now = bytes.is_level_from(last) && blocks.is_level_from(last);
    let slows = blocks.slows()
        || (0..2).all(|at| now[at] == Proportion::No && (earlier[at] == Proportion::No || curves[at].slows()));
    if leaks || earlier.contains(&Proportion::Yes) && !slows {
        // A container may wait a whole window until it doubles; but if no other window follows, growth has ended.
        return Judged::Undecided(if level_now { settled_at(series, &bytes, &blocks) } else { unstable(&bytes) });
    }
    // Where blocks come slower and slower, bytes that are unsure are those of a table that grows with them.
    let unsure = now[1] == Proportion::Unsure || now[0] == Proportion::Unsure && !blocks.slows();
    if unsure {
        return Judged::Undecided(too_few(series, &bytes, &blocks));
    }
    if bytes.is_level_from(0) && blocks.is_level_from(0) && series.before == series.start {
        return Judged::Decided(Verdict::Clean);
    }
    // Level for the last half of all iterations, whatever came before.
    if level_now {
        return Judged::Decided(settled_at(series, &bytes, &blocks));
    }
    let bounded = bounded_at_highest(series, &bytes, &blocks);
    if bytes.rises() || blocks.rises() { Judged::Undecided(bounded) } else { Judged::Decided(bounded) }
}

/// Growth that has ended: warm-up if it ended in the first windows, else bounded.
fn settled_at(series: &Series, bytes: &Curve, blocks: &Curve) -> Verdict {
    let end = series.windows.last().and_then(|window| window.readings.last()).map_or(series.start, |(_, live)| *live);
    let early = FEWEST_WINDOWS.min(series.windows.len() - 1);
    let (kept, kept_blocks) = (end.bytes - series.before.bytes, end.blocks - series.before.blocks);
    if !(bytes.is_level_from(early) && blocks.is_level_from(early)) {
        return bounded_at_highest(series, bytes, blocks);
    }
    if kept == 0 && kept_blocks == 0 {
        return Verdict::Clean;
    }
    Verdict::WarmUp { bytes: kept, blocks: kept_blocks }
}

/// Growth that went no higher than this.
fn bounded_at_highest(series: &Series, bytes: &Curve, blocks: &Curve) -> Verdict {
    Verdict::Bounded { bytes: bytes.highest() - series.before.bytes, blocks: blocks.highest() - series.before.blocks }
}

/// Growth in step with the iterations, that rests on too little.
fn too_few(series: &Series, bytes: &Curve, blocks: &Curve) -> Verdict {
    let Rate { bytes: bytes_per_iteration, blocks: blocks_per_iteration } = match series.windows.len() {
        ..2 => Rate::default(),
        _ => Pace::of(series).rate(series),
    };
    Verdict::Undecided {
        bytes_per_iteration,
        blocks_per_iteration,
        threads_per_iteration: 0.0,
        files_per_iteration: 0.0,
        events: bytes.events().max(blocks.events()),
    }
}

/// How often bytes or blocks grew in the last two windows: what a verdict on them rests on.
pub(super) fn events(series: &Series) -> u64 {
    Curve::of(series, |live| live.bytes).events().max(Curve::of(series, |live| live.blocks).events())
}

fn leak(series: &Series) -> Verdict {
    let Rate { bytes, blocks } = Pace::of(series).rate(series);
    Verdict::Leak {
        bytes_per_iteration: bytes,
        blocks_per_iteration: blocks,
        exact: is_exact(series),
        threads_per_iteration: 0.0,
        files_per_iteration: 0.0,
    }
}

/// Every reading of the last two windows lies on one straight line with whole figures. What came before may have been
/// warm-up.
fn is_exact(series: &Series) -> bool {
    let [.., before, second, last] = series.windows.as_slice() else { return false };
    let (Some((_, from)), Some((_, to))) = (before.readings.last(), last.readings.last()) else { return false };
    let iterations = (second.iterations + last.iterations) as i64;
    let (bytes, blocks) = (to.bytes - from.bytes, to.blocks - from.blocks);
    if bytes % iterations != 0 || blocks % iterations != 0 {
        return false;
    }
    let each = Live { bytes: bytes / iterations, blocks: blocks / iterations };
    [(second, 0), (last, second.iterations)].into_iter().all(|(window, done)| {
        window.readings.iter().all(|(at, live)| {
            let so_far = (done + at) as i64;
            live.bytes - from.bytes == so_far * each.bytes && live.blocks - from.blocks == so_far * each.blocks
        })
    })
}

fn unstable(bytes: &Curve) -> Verdict {
    let mut rates = bytes.rates();
    rates.sort_by(f64::total_cmp);
    let at = |index: usize| rates.get(index).copied().unwrap_or(0.0);
    Verdict::Unstable { min: at(0), median: at(rates.len() / 2), max: at(rates.len().saturating_sub(1)) }
}

#[cfg(test)]
mod tests;
