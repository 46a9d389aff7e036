//! Judging: from readings over iterations to a verdict. Pure functions of values.
//!
//! The doubling test: windows of iterations, each twice as long as the one before. Over twice the iterations a leak
//! keeps its growth per iteration, bounded growth loses it, and a saw-tooth comes back to where it was. Ends of windows
//! are not enough: what grows must lift the lowest reading of the last window above every reading of the early ones, or,
//! under teeth that are larger than what has leaked so far, everything alike: floor, ceiling and mean.

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
/// Two means drift alike when the slower one has at least this share of the faster one's speed; that of a square root
/// has 0.71.
const ALIKE: f64 = 0.75;

/// Two rates agree when they differ by no more than this share.
const AGREE: f64 = 0.02;

/// One counter over the windows.
struct Curve {
    start: i64,
    windows: Vec<Stretch>,
}

struct Stretch {
    iterations: f64,
    floor: i64,
    ceiling: i64,
    mean: f64,
    end: i64,
    /// No reading is lower than the one before it.
    climbs: bool,
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
                mean: values().map(|value| value as f64).sum::<f64>() / window.readings.len().max(1) as f64,
                end,
                climbs: values().is_sorted(),
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
        count >= FEWEST_WINDOWS && (self.lifts(count) || self.drifts(count))
    }

    /// Whether the floor of the last window lies above all that was before the last two.
    fn lifts(&self, count: usize) -> bool {
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

    /// Whether a saw-tooth as a whole goes up: floors, ceilings and means, at one speed, and by as much as a quarter of
    /// a tooth.
    /// Chance lifts all three of them in one window, hardly in two at the same speed.
    fn drifts(&self, count: usize) -> bool {
        let [.., third, second, last] = &self.windows[..count] else { return false };
        let rise =
            |from: &Stretch, to: &Stretch| to.floor > from.floor && to.ceiling > from.ceiling && to.mean > from.mean;
        let (speed, speed_before) = (self.drift(count - 1), self.drift(count - 2));
        // What only climbs is no saw-tooth: a cache that has just filled would pass.
        !second.climbs
            && !last.climbs
            && rise(third, second)
            && rise(second, last)
            && speed.min(speed_before) >= ALIKE * speed.max(speed_before)
            && (last.mean - third.mean) * 4.0 >= (third.ceiling - third.floor) as f64
    }

    /// Whether three windows are enough: nothing came back in the last two of them. What swings may have been lifted by
    /// chance, once.
    fn climbs(&self) -> bool {
        self.windows.iter().rev().take(2).all(|window| window.climbs)
    }

    /// How fast the mean went up from the window before `at`, per iteration from middle to middle.
    fn drift(&self, at: usize) -> f64 {
        let [before, here] = [at.saturating_sub(1), at].map(|at| &self.windows[at]);
        (here.mean - before.mean) * 2.0 / (before.iterations + here.iterations)
    }

    /// What every iteration leaves. The ends of windows are the calmest readings; but where they contradict each other
    /// in a curve that swings, as those of a saw-tooth do, the mean says more.
    fn per_iteration(&self) -> f64 {
        let last = self.windows.len() - 1;
        let (rate, rate_before) = (self.rate(last), self.rate(last - 1));
        let agree = (rate - rate_before).abs() <= AGREE * rate.abs();
        if self.windows[last].climbs || agree { rate } else { self.drift(last).max(0.0) }
    }

    /// Whether it ended higher than it ever was: growth that has not stopped, and may be a rare leak or a slow cache.
    fn rises(&self) -> bool {
        let Some((last, before)) = self.windows.split_last() else { return false };
        last.end > before.iter().map(|window| window.ceiling).fold(self.start, i64::max)
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
    /// The last window contradicts the one before, or growth has not stopped: another window will tell.
    Undecided(Verdict),
}

/// Judges bytes and blocks together: either may leak without the other.
pub(crate) fn judge(series: &Series) -> Judged {
    let (bytes, blocks) = (Curve::of(series, |live| live.bytes), Curve::of(series, |live| live.blocks));
    let count = series.windows.len();
    let now = [&bytes, &blocks].map(|curve| curve.leaks(count));
    let earlier = [&bytes, &blocks].map(|curve| match count {
        ..=FEWEST_WINDOWS => curve.climbs(),
        _ => curve.leaks(count - 1),
    });
    if (0..2).any(|curve| now[curve] && earlier[curve]) {
        return Judged::Decided(leak(series, &bytes, &blocks));
    }
    if now.contains(&true) && count == FEWEST_WINDOWS {
        return Judged::Undecided(leak(series, &bytes, &blocks));
    }
    let last = count.saturating_sub(1);
    let level_now = bytes.is_level_from(last) && blocks.is_level_from(last);
    if now.contains(&true) || (count > FEWEST_WINDOWS && earlier.contains(&true)) {
        // A container may wait a whole window until it doubles; but if no other window follows, growth has ended.
        return Judged::Undecided(if level_now { settled_at(series, &bytes, &blocks) } else { unstable(&bytes) });
    }
    if bytes.is_level_from(0) && blocks.is_level_from(0) && series.before == series.start {
        return Judged::Decided(Verdict::Clean);
    }
    // Level for the last half of all iterations, whatever came before.
    if level_now {
        return Judged::Decided(settled_at(series, &bytes, &blocks));
    }
    let bounded = Verdict::Bounded {
        bytes: bytes.highest() - series.before.bytes,
        blocks: blocks.highest() - series.before.blocks,
    };
    if bytes.rises() || blocks.rises() { Judged::Undecided(bounded) } else { Judged::Decided(bounded) }
}

/// Growth that has ended: warm-up if it ended in the first windows, else bounded.
fn settled_at(series: &Series, bytes: &Curve, blocks: &Curve) -> Verdict {
    let end = series.windows.last().and_then(|window| window.readings.last()).map_or(series.start, |(_, live)| *live);
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
    Verdict::Leak {
        bytes_per_iteration: bytes.per_iteration(),
        blocks_per_iteration: blocks.per_iteration(),
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
    fn a_leak_under_teeth_that_are_larger_is_found_with_its_figure() {
        let tooth = |n: u64| n as i64 * 24 + (n % 101) as i64 * 500;
        let Verdict::Leak { bytes_per_iteration, exact: false, .. } = verdict(tooth) else {
            panic!("{:?}", verdict(tooth))
        };
        assert!((bytes_per_iteration - 24.0).abs() < 1.0, "{bytes_per_iteration}");
    }

    #[test]
    fn what_swings_by_chance_is_none() {
        let mut state = 88_172_645_463_325_252u64;
        for _ in 0..2000 {
            let noise: Vec<i64> = (0..5000)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    (state % 1000) as i64
                })
                .collect();
            let swings = verdict(|n| noise[n as usize]);
            assert!(matches!(swings, Verdict::Bounded { .. }), "{swings:?}");
        }
    }

    #[test]
    fn growth_that_has_not_stopped_is_undecided() {
        assert!(matches!(judged(16, 8, |n| n as i64 / 3000), Judged::Undecided(Verdict::Bounded { .. })));
        assert!(matches!(judged(16, 8, |n| n.min(2500) as i64), Judged::Undecided(_)));
        assert!(matches!(judged(16, 9, |n| n.min(2500) as i64), Judged::Decided(Verdict::Bounded { .. })));
    }

    #[test]
    fn what_swings_needs_more_than_three_windows_to_leak() {
        // The files of a segment that wait for the next collection: one, later two or three of them.
        let files = [0, 0, -7, 0, 0, 7, 0, 0, 7, 0, 0, 7, 7, 14, 7, 7, 14, 7, 7, 7, 14, 7, 7, 14, 7, 7, 7, 14];
        let live = |n: u64| files[(n as usize).saturating_sub(1) % files.len()];
        assert!(matches!(judged(4, 3, live), Judged::Undecided(Verdict::Leak { .. })));
        assert!(matches!(judged(4, 4, live), Judged::Decided(Verdict::Bounded { .. }) | Judged::Undecided(_)));
        assert!(matches!(judged(4, 3, |n| n as i64), Judged::Decided(Verdict::Leak { .. })));
    }

    #[test]
    fn figures_are_exact_when_the_last_two_windows_are() {
        let late = verdict(|n| n as i64 * 24 + n.min(100) as i64 * 100);
        assert!(matches!(late, Verdict::Leak { bytes_per_iteration: 24.0, exact: true, .. }), "{late:?}");
    }

    #[test]
    fn growth_that_steps_up_once_and_ends_is_bounded() {
        // A cache of a hundred whose keys become one byte longer at iteration 1,000.
        let longer_keys = |n: u64| (n.min(100) * 20 + n.saturating_sub(1000).min(100)) as i64;
        let (Judged::Decided(verdict) | Judged::Undecided(verdict)) = judged(16, 8, longer_keys);
        assert!(matches!(verdict, Verdict::Bounded { .. }), "{verdict:?}");
    }

    #[test]
    fn a_leak_that_begins_late_needs_another_window() {
        let late = |n: u64| n.saturating_sub(1500) as i64 * 10;
        assert!(matches!(judged(16, 8, late), Judged::Undecided(_)));
        assert!(matches!(judged(16, 10, late), Judged::Decided(Verdict::Leak { .. })));
    }
}
