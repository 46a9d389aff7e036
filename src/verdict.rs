//! Judging: from readings over iterations to a verdict. Pure functions of values.
//!
//! The doubling test: windows of iterations, each twice as long as the one before. Over twice the iterations a leak
//! keeps its growth per iteration, bounded growth loses it, and a saw-tooth comes back to where it was. Ends of windows
//! are not enough: what grows must lift the lowest reading of the last window above every reading of the early ones.

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

/// What is live at one reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) bytes: i64,
    pub(crate) blocks: i64,
}

/// Readings of one window, each after as many iterations of it as it says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    pub(crate) iterations: u64,
    pub(crate) readings: Vec<(u64, Live)>,
}

/// What was live before the first iteration, after the warm-up, and in every window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    pub(crate) before: Live,
    pub(crate) start: Live,
    pub(crate) windows: Vec<Window>,
}

/// The fewest windows that can be judged.
pub(crate) const FEWEST_WINDOWS: usize = 3;
/// Growth per iteration that falls below this share of the window before is not in proportion.
const KEEPS: f64 = 0.55;
/// The floor of a window rises by at least this much more than that of the window before, or it slows down.
const RISES: f64 = 1.2;

/// One counter over the windows.
struct Curve {
    start: i64,
    windows: Vec<Stretch>,
}

struct Stretch {
    iterations: f64,
    floor: i64,
    ceiling: i64,
    end: i64,
}

impl Curve {
    fn of(series: &Series, value: fn(&Live) -> i64) -> Self {
        let start = value(&series.start);
        let mut windows = Vec::with_capacity(series.windows.len());
        let mut end = start;
        for window in &series.windows {
            let values = || window.readings.iter().map(|(_, live)| value(live));
            end = window.readings.last().map_or(end, |(_, live)| value(live));
            windows.push(Stretch {
                iterations: window.iterations as f64,
                floor: values().min().unwrap_or(end),
                ceiling: values().max().unwrap_or(end),
                end,
            });
        }
        Self { start, windows }
    }

    /// Growth per iteration of window `at`.
    fn rate(&self, at: usize) -> f64 {
        let before = if at == 0 { self.start } else { self.windows[at - 1].end };
        (self.windows[at].end - before) as f64 / self.windows[at].iterations
    }

    /// Whether the growth of the first `count` windows is in proportion to the iterations.
    fn leaks(&self, count: usize) -> bool {
        if count < FEWEST_WINDOWS {
            return false;
        }
        let [early @ .., third, second, last] = &self.windows[..count] else { return false };
        let ceiling = early.iter().chain([third]).map(|window| window.ceiling).fold(self.start, i64::max);
        let (step, step_before) = ((last.floor - second.floor) as f64, (second.floor - third.floor) as f64);
        let (rate, rate_before) = (self.rate(count - 1), self.rate(count - 2));
        rate > 0.0
            && rate_before > 0.0
            && last.floor > ceiling
            && step >= RISES * step_before
            && rate >= KEEPS * rate_before
    }

    /// Every reading of the windows from `from` on is the same as the one before them.
    fn is_level_from(&self, from: usize) -> bool {
        let level = if from == 0 { self.start } else { self.windows[from - 1].end };
        self.windows[from..].iter().all(|window| window.floor == level && window.ceiling == level)
    }

    fn highest(&self) -> i64 {
        self.windows.iter().map(|window| window.ceiling).fold(self.start, i64::max)
    }
}

/// What the windows so far say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Judged {
    Decided(Verdict),
    /// The last window contradicts the one before: another one will tell.
    Undecided(Verdict),
}

/// Judges bytes and blocks together: either may leak without the other.
pub(crate) fn judge(series: &Series) -> Judged {
    let (bytes, blocks) = (Curve::of(series, |live| live.bytes), Curve::of(series, |live| live.blocks));
    let count = series.windows.len();
    let now = [&bytes, &blocks].map(|curve| curve.leaks(count));
    let earlier = [&bytes, &blocks].map(|curve| count == FEWEST_WINDOWS || curve.leaks(count - 1));
    if (0..2).any(|curve| now[curve] && earlier[curve]) {
        return Judged::Decided(leak(series, &bytes, &blocks));
    }
    if now.contains(&true) || (count > FEWEST_WINDOWS && earlier.contains(&true)) {
        return Judged::Undecided(unstable(&bytes));
    }
    if bytes.is_level_from(0) && blocks.is_level_from(0) && series.before == series.start {
        return Judged::Decided(Verdict::Clean);
    }
    // Level for the last half of all iterations, whatever came before.
    let last = count.saturating_sub(1);
    if bytes.is_level_from(last) && blocks.is_level_from(last) {
        let end =
            series.windows.last().and_then(|window| window.readings.last()).map_or(series.start, |(_, live)| *live);
        return Judged::Decided(settled_at(series, end, &bytes, &blocks));
    }
    Judged::Decided(Verdict::Bounded {
        bytes: bytes.highest() - series.before.bytes,
        blocks: blocks.highest() - series.before.blocks,
    })
}

/// Growth that has ended: warm-up if it ended in the first windows, else bounded.
fn settled_at(series: &Series, end: Live, bytes: &Curve, blocks: &Curve) -> Verdict {
    let early = FEWEST_WINDOWS.min(series.windows.len() - 1);
    let (kept, kept_blocks) = (end.bytes - series.before.bytes, end.blocks - series.before.blocks);
    if !(bytes.is_level_from(early) && blocks.is_level_from(early)) {
        return Verdict::Bounded {
            bytes: bytes.highest() - series.before.bytes,
            blocks: blocks.highest() - series.before.blocks,
        };
    }
    if kept == 0 && kept_blocks == 0 {
        return Verdict::Clean;
    }
    Verdict::WarmUp { bytes: kept, blocks: kept_blocks }
}

fn leak(series: &Series, bytes: &Curve, blocks: &Curve) -> Verdict {
    let last = series.windows.len() - 1;
    Verdict::Leak {
        bytes_per_iteration: bytes.rate(last),
        blocks_per_iteration: blocks.rate(last),
        exact: is_exact(series),
        threads_per_iteration: 0.0,
        files_per_iteration: 0.0,
    }
}

/// Every reading since the first window lies on one straight line with whole figures.
fn is_exact(series: &Series) -> bool {
    let (Some(first), Some(last)) = (series.windows.first(), series.windows.last()) else { return false };
    let (Some((_, from)), Some((_, to))) = (first.readings.last(), last.readings.last()) else { return false };
    let iterations: i64 = series.windows[1..].iter().map(|window| window.iterations as i64).sum();
    let (bytes, blocks) = (to.bytes - from.bytes, to.blocks - from.blocks);
    if iterations == 0 || bytes % iterations != 0 || blocks % iterations != 0 {
        return false;
    }
    let each = Live { bytes: bytes / iterations, blocks: blocks / iterations };
    let mut done = 0;
    series.windows[1..].iter().all(|window| {
        let before = done;
        done += window.iterations as i64;
        window.readings.iter().all(|(at, live)| {
            let so_far = before + *at as i64;
            live.bytes - from.bytes == so_far * each.bytes && live.blocks - from.blocks == so_far * each.blocks
        })
    })
}

fn unstable(bytes: &Curve) -> Verdict {
    let mut rates: Vec<f64> = (0..bytes.windows.len()).map(|at| bytes.rate(at)).collect();
    rates.sort_by(f64::total_cmp);
    let at = |index: usize| rates.get(index).copied().unwrap_or(0.0);
    Verdict::Unstable { min: at(0), median: at(rates.len() / 2), max: at(rates.len().saturating_sub(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Judges `live` after every iteration, over windows as a leak test makes them.
    fn judged(first: u64, count: usize, live: impl Fn(u64) -> i64) -> Judged {
        let at = |iteration| Live { bytes: live(iteration), blocks: 0 };
        let mut series = Series { before: at(0), start: at(0), windows: Vec::new() };
        let mut done = 0;
        for window in 0..count {
            let iterations = first << window;
            let readings = (1..=iterations).map(|one| (one, at(done + one))).collect();
            series.windows.push(Window { iterations, readings });
            done += iterations;
        }
        judge(&series)
    }

    fn verdict(live: impl Fn(u64) -> i64) -> Verdict {
        match judged(16, 8, live) {
            Judged::Decided(verdict) | Judged::Undecided(verdict) => verdict,
        }
    }

    #[test]
    fn proportional_growth_is_a_leak_with_its_exact_figure() {
        let exactly = verdict(|n| 48 * n as i64);
        assert!(matches!(exactly, Verdict::Leak { bytes_per_iteration: 48.0, exact: true, .. }), "{exactly:?}");
        assert!(verdict(|n| n as i64 / 10 * 100).is_leak(), "only in every tenth iteration");
        assert!(verdict(|n| n as i64 + [0, 90, -90][n as usize % 3]).is_leak(), "under noise");
    }

    #[test]
    fn a_container_that_doubles_is_a_leak() {
        for each in 1..40 {
            assert!(verdict(|n| (n * each).next_power_of_two() as i64 * 8).is_leak(), "{each} elements an iteration");
        }
    }

    #[test]
    fn what_stops_or_swings_is_none() {
        assert_eq!(verdict(|_| 7), Verdict::Clean);
        assert_eq!(verdict(|n| if n > 3 { 500 } else { 0 }), Verdict::WarmUp { bytes: 500, blocks: 0 });
        for size in [20, 100, 500, 1000, 1500] {
            let cache = verdict(|n| n.min(size) as i64 * 64);
            assert!(matches!(cache, Verdict::Bounded { .. } | Verdict::WarmUp { .. }), "{size}: {cache:?}");
        }
        for every in [7, 100, 1024, 1500] {
            let batch = verdict(|n| (n % every) as i64 * 9);
            assert!(matches!(batch, Verdict::Bounded { .. }), "{every}: {batch:?}");
        }
        let logarithmic = verdict(|n| (n + 1).ilog2() as i64 * 100);
        assert!(!logarithmic.is_leak(), "{logarithmic:?}");
    }

    #[test]
    fn a_leak_that_begins_late_needs_another_window() {
        let late = |n: u64| n.saturating_sub(1500) as i64 * 10;
        assert!(matches!(judged(16, 8, late), Judged::Undecided(_)));
        assert!(matches!(judged(16, 10, late), Judged::Decided(Verdict::Leak { .. })));
    }
}
