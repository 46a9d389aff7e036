//! Readings over windows of iterations, and what the shape of one counter says. Pure functions of values: neither a
//! verdict nor a reading of the ledger is made here.

use super::events::{Grown, KEEPS, Proportion, agree, events_of_last_two, proportion, slows};
use crate::words::{Counts, Tally};

/// What is live at one moment, or how much more is live than at another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) bytes: i64,
    pub(crate) blocks: i64,
}

impl Live {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, blocks: self.blocks + other.blocks }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self { bytes: self.bytes - other.bytes, blocks: self.blocks - other.blocks }
    }
}

impl From<&Tally> for Live {
    fn from(tally: &Tally) -> Self {
        Self { bytes: tally.live_bytes, blocks: tally.live_blocks }
    }
}

impl From<&Counts> for Live {
    fn from(counts: &Counts) -> Self {
        Self::from(&counts.tally(None))
    }
}

/// Readings of one window. Each stands beside the number of iterations of this window that had been run by then.
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

/// The fewest windows that can be judged: the last one, the one it is compared with, and one that shows where they
/// began.
pub(crate) const FEWEST_WINDOWS: usize = 3;
/// The floor of a window that swings rises at least this many times as far as that of the window before, or growth
/// slows down. That
/// of a leak rises twice as far, because the window is twice as long; that of a logarithm just as far.
const RISES: f64 = 1.2;
/// Two means drift alike if the slower one has at least this share of the faster one's speed; that of a square root
/// has 0.71.
const ALIKE: f64 = 0.75;
/// The least drift that chance does not explain, as a share of the height of the teeth.
const PART_OF_A_TOOTH: f64 = 0.25;
/// One counter over the windows.
pub(super) struct Curve {
    start: i64,
    windows: Vec<Stretch>,
}

/// One counter in one window.
struct Stretch {
    iterations: f64,
    floor: i64,
    ceiling: i64,
    mean: f64,
    end: i64,
    /// No reading is lower than the one before it.
    climbs: bool,
    readings: usize,
    grown: Grown,
}

impl Curve {
    pub(super) fn of(series: &Series, value: fn(&Live) -> i64) -> Self {
        let start = value(&series.start);
        let mut windows = Vec::with_capacity(series.windows.len());
        let (mut end, mut highest) = (start, start);
        for window in &series.windows {
            let values = || window.readings.iter().map(|(_, live)| value(live));
            let before = end;
            end = window.readings.last().map_or(end, |(_, live)| value(live));
            let mut events = 0;
            for value in values() {
                events += u64::from(value > highest);
                highest = highest.max(value);
            }
            let steps = std::iter::once(before).chain(values()).zip(values()).map(|(from, to)| (to - from) as f64);
            let iterations = window.iterations as f64;
            let middle = values().nth((window.readings.len() / 2).saturating_sub(1)).unwrap_or(end);
            windows.push(Stretch {
                iterations,
                floor: values().min().unwrap_or(end),
                ceiling: values().max().unwrap_or(end),
                mean: values().map(|value| value as f64).sum::<f64>() / window.readings.len().max(1) as f64,
                end,
                climbs: values().is_sorted(),
                readings: window.readings.len(),
                grown: Grown {
                    iterations,
                    growth: (end - before) as f64,
                    variance: variance_of_sum(steps),
                    events,
                    readings: window.readings.len() as u64,
                    halves: [(middle - before) as f64, (end - middle) as f64],
                },
            });
        }
        Self { start, windows }
    }

    /// Growth per iteration of window `at`.
    fn rate(&self, at: usize) -> f64 {
        let before = if at == 0 { self.start } else { self.windows[at - 1].end };
        (self.windows[at].end - before) as f64 / self.windows[at].iterations
    }

    /// Growth per iteration of every window.
    pub(super) fn rates(&self) -> Vec<f64> {
        (0..self.windows.len()).map(|at| self.rate(at)).collect()
    }

    /// Whether the growth of the first `count` windows is in proportion to the iterations.
    pub(super) fn proportion(&self, count: usize) -> Proportion {
        if count < FEWEST_WINDOWS {
            return Proportion::No;
        }
        // Steps can be counted where there are readings between the ends of windows, and where nothing swings.
        if self.windows[count - 2..count].iter().all(|window| window.climbs && window.readings > 1) {
            return proportion(&self.grown(count));
        }
        if self.lifts(count) || self.drifts(count) { Proportion::Yes } else { Proportion::No }
    }

    fn grown(&self, count: usize) -> Vec<Grown> {
        self.windows[..count].iter().map(|window| window.grown).collect()
    }

    /// Whether growth in the last window was slower than in the one before, by more than chance explains.
    pub(super) fn slows(&self) -> bool {
        matches!(self.windows.as_slice(), [.., before, last] if last.climbs && slows(&before.grown, &last.grown))
    }

    /// How often it grew in the last two windows.
    pub(super) fn events(&self) -> u64 {
        events_of_last_two(&self.grown(self.windows.len()))
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

    /// Whether a saw-tooth goes up as a whole: floors, ceilings and means, at one speed, and by [`PART_OF_A_TOOTH`] at
    /// least. Chance lifts all three of them in one window, hardly in two at the same speed.
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
            && last.mean - third.mean >= PART_OF_A_TOOTH * (third.ceiling - third.floor) as f64
    }

    /// Whether three windows are enough: no reading of the last two is lower than the one before it. What swings may
    /// have been lifted by chance, once.
    pub(super) fn climbs(&self) -> bool {
        self.windows.iter().rev().take(2).all(|window| window.climbs)
    }

    /// How fast the mean went up from the window before `at`, per iteration from middle to middle.
    fn drift(&self, at: usize) -> f64 {
        let [before, here] = [at.saturating_sub(1), at].map(|at| &self.windows[at]);
        (here.mean - before.mean) * 2.0 / (before.iterations + here.iterations)
    }

    /// Whether readings of the last window fall: then its ends say where in a tooth they fell.
    pub(super) fn swings(&self) -> bool {
        self.windows.last().is_some_and(|window| !window.climbs)
    }

    /// Whether the last two windows grew at one rate from end to end. Ends are the calmest readings.
    pub(super) fn agrees(&self) -> bool {
        let rates = self.rates();
        matches!(rates.as_slice(), [.., before, last] if agree(*before, *last))
    }

    /// How fast the mean went up in the last window.
    pub(super) fn last_drift(&self) -> f64 {
        self.drift(self.windows.len().saturating_sub(1)).max(0.0)
    }

    /// Whether it ended higher than it ever was: growth that has not stopped, and may be a rare leak or a slow cache.
    pub(super) fn rises(&self) -> bool {
        let Some((last, before)) = self.windows.split_last() else { return false };
        last.end > before.iter().map(|window| window.ceiling).fold(self.start, i64::max)
    }

    /// Every reading of the windows from `from` on is the same as the one before them.
    pub(super) fn is_level_from(&self, from: usize) -> bool {
        let level = if from == 0 { self.start } else { self.windows[from - 1].end };
        self.windows[from..].iter().all(|window| window.floor == level && window.ceiling == level)
    }

    pub(super) fn highest(&self) -> i64 {
        self.windows.iter().map(|window| window.ceiling).fold(self.start, i64::max)
    }
}

/// The variance of a sum of steps, if each is as random as they differ. One step alone does not tell, and counts as
/// certain.
fn variance_of_sum(steps: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = steps.clone().count() as f64;
    let mean = steps.clone().sum::<f64>() / count.max(1.0);
    let squares: f64 = steps.map(|step| (step - mean).powi(2)).sum();
    if count > 1.0 { squares * count / (count - 1.0) } else { 0.0 }
}
