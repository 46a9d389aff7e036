//! How much every iteration leaves: the one definition of "per iteration". Whoever says a figure per iteration takes it
//! from here, for all operations together or for one, so that the figures of the parts add up to that of the whole.
//!
//! Where nothing swings, it is the growth over the last window, from end to end. Where readings swing, or rise in rare
//! steps, ends of windows tell where in a tooth they fell rather than the growth. Then it is the mean difference of
//! readings that lie one lag apart, divided by the lag. The lag is the one at which all differences are most alike: a
//! multiple of the teeth's period, if they have one, for there the teeth cancel out whatever their shape. It is chosen
//! for bytes and blocks together, so that both are of the same readings. Where nothing cancels out, because what swings
//! does so at random, and the ends of the last two windows agree, these are right. Pure functions of values.

use std::collections::BTreeMap;

use super::curve::{Curve, Live, Series};

/// What every iteration leaves, on average.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate {
    pub(crate) bytes: f64,
    pub(crate) blocks: f64,
}

impl Rate {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, blocks: self.blocks + other.blocks }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self { bytes: self.bytes - other.bytes, blocks: self.blocks - other.blocks }
    }

    /// Without what comes of adding fractions.
    pub(super) fn without_noise(self) -> Self {
        let clean = |figure: f64| if figure.abs() < NOISE { 0.0 } else { figure };
        Self { bytes: clean(self.bytes), blocks: clean(self.blocks) }
    }

    /// The growth of so many iterations, for each of them.
    pub(crate) fn of(growth: Live, iterations: u64) -> Self {
        let each = |growth: i64| growth as f64 / iterations.max(1) as f64;
        Self { bytes: each(growth.bytes), blocks: each(growth.blocks) }
    }
}

/// Which readings a figure per iteration is taken from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// The ends of the last window.
    LastWindow,
    /// All readings of the last windows, so many, that lie `lag` iterations apart.
    Apart { windows: usize, lag: u64 },
    /// The means of the last two windows: there are too few readings to choose a lag.
    Means,
}

const MILLION: u64 = 1_000_000;
/// Fewer than one block in ten iterations is rare: its steps are as coarse as teeth.
pub(crate) const RARE: f64 = 0.1;
/// No test runs long enough to leave so little in an iteration: it comes of adding fractions.
const NOISE: f64 = 1e-7;
/// A lag is chosen from the readings of the last two windows, or the last three: their readings lie closer together.
const WINDOWS: [usize; 2] = [2, 3];
/// Readings of a window that are looked at. More would take longer and say the same.
const LOOKED_AT: usize = 64;
/// The fewest pairs of readings that show whether all differences are alike.
const FEWEST_PAIRS: usize = 16;
/// A lag is at most this share of all iterations that were looked at, so that the pairs begin all over a period.
const LONGEST_LAG: u64 = 2;
/// Of the deepest fall at most this share may be left of the differences if they are of teeth that cancel out.
const REST_OF_A_TOOTH: f64 = 0.1;
/// Among the pairs of a lag there may be this much of one that nobody saw, in which a tooth ends.
const UNSEEN: f64 = 0.05;

impl Pace {
    /// The pace for a series that leaks.
    pub(super) fn of(series: &Series) -> Self {
        let curves = [Curve::of(series, |live| live.bytes), Curve::of(series, |live| live.blocks)];
        let blocks = Rate::of(growth_of_last_window(series), last_iterations(series)).blocks;
        let swings = curves.iter().any(Curve::swings);
        let is_rare = blocks > 0.0 && blocks < RARE;
        if !swings && !is_rare {
            return Self::LastWindow;
        }
        match best_lag(series) {
            // What comes and goes at random does not cancel out: where the calm ends of windows agree, they know more.
            Some(pace) if swings && curves.iter().all(Curve::agrees) && !pace.cancels_out(series) => Self::LastWindow,
            Some(pace) => pace,
            None if swings => Self::Means,
            None => Self::LastWindow,
        }
    }

    /// Whether what swings is the same one lag later.
    fn cancels_out(self, series: &Series) -> bool {
        let Self::Apart { windows, lag } = self else { return true };
        let points = points(series, windows);
        let pairs = apart(&points, lag);
        let values: [fn(&Live) -> i64; 2] = [|live| live.bytes, |live| live.blocks];
        values.into_iter().all(|value| {
            let fall = deepest_fall(&points, value) as f64;
            deviation(&pairs, value) <= REST_OF_A_TOOTH * fall
        })
    }

    /// What every iteration leaves of this series, at the pace of the whole that it is, or that it is a part of.
    pub(super) fn rate(self, series: &Series) -> Rate {
        if self == Self::Means {
            let drift = |value| Curve::of(series, value).last_drift();
            return Rate { bytes: drift(|live| live.bytes), blocks: drift(|live| live.blocks) };
        }
        let (growth, iterations) = self.growth(series);
        Rate::of(growth, iterations)
    }

    /// The same in whole numbers, as growth over so many iterations; that of means to a millionth.
    pub(super) fn growth(self, series: &Series) -> (Live, u64) {
        match self {
            Self::LastWindow => (growth_of_last_window(series), last_iterations(series)),
            Self::Means => {
                let whole = |figure: f64| (figure * MILLION as f64).round() as i64;
                let Rate { bytes, blocks } = self.rate(series);
                (Live { bytes: whole(bytes), blocks: whole(blocks) }, MILLION)
            }
            Self::Apart { windows, lag } => {
                let pairs = apart(&points(series, windows), lag);
                let sum = pairs.iter().fold(Live::default(), |sum, one| sum.plus(*one));
                (sum, lag * pairs.len() as u64)
            }
        }
    }
}

fn last_iterations(series: &Series) -> u64 {
    series.windows.last().map_or(0, |window| window.iterations)
}

fn growth_of_last_window(series: &Series) -> Live {
    let ends = series.windows.iter().filter_map(|window| window.readings.last()).map(|(_, live)| *live);
    let mut ends = ends.rev();
    let last = ends.next().unwrap_or(series.start);
    last.minus(ends.next().unwrap_or(series.start))
}

/// The readings of the last windows, each with the number of iterations since these began.
fn points(series: &Series, windows: usize) -> Vec<(u64, Live)> {
    let last = &series.windows[series.windows.len().saturating_sub(windows)..];
    let mut points = Vec::with_capacity(LOOKED_AT * windows);
    let mut done = 0;
    for window in last {
        let every = (window.readings.len() / LOOKED_AT).max(1);
        let looked_at = window.readings.iter().skip(every - 1).step_by(every);
        points.extend(looked_at.map(|(at, live)| (done + at, *live)));
        done += window.iterations;
    }
    points
}

/// The differences of all readings that lie so far apart.
fn apart(points: &[(u64, Live)], lag: u64) -> Vec<Live> {
    let after = |(at, live): &(u64, Live)| {
        let later = points.binary_search_by_key(&(at + lag), |(at, _)| *at).ok()?;
        Some(points[later].1.minus(*live))
    };
    points.iter().filter_map(after).collect()
}

/// The lag at which the differences of readings are most alike.
fn best_lag(series: &Series) -> Option<Pace> {
    let mut best: Option<(f64, Pace)> = None;
    for windows in WINDOWS.into_iter().filter(|windows| *windows <= series.windows.len()) {
        let points = points(series, windows);
        let span = points.last().map_or(0, |(at, _)| *at) - points.first().map_or(0, |(at, _)| *at);
        let mut differences: BTreeMap<u64, Vec<Live>> = BTreeMap::new();
        for (at, (early, then)) in points.iter().enumerate() {
            for (late, now) in points[at + 1..].iter().take_while(|(late, _)| (late - early) * LONGEST_LAG <= span) {
                differences.entry(late - early).or_default().push(now.minus(*then));
            }
        }
        let ranges = [range(&points, |live| live.bytes), range(&points, |live| live.blocks)];
        for (lag, differences) in differences.into_iter().filter(|(_, pairs)| pairs.len() >= FEWEST_PAIRS) {
            let unlike = unlikeness(&differences, |live| live.bytes, ranges[0])
                + unlikeness(&differences, |live| live.blocks, ranges[1]);
            let unlike = unlike / lag as f64;
            if best.is_none_or(|(least, _)| unlike < least) {
                best = Some((unlike, Pace::Apart { windows, lag }));
            }
        }
    }
    best.map(|(_, pace)| pace)
}

/// The highest less the lowest reading.
fn range(points: &[(u64, Live)], value: fn(&Live) -> i64) -> f64 {
    let values = || points.iter().map(|(_, live)| value(live));
    (values().max().unwrap_or(0) - values().min().unwrap_or(0)) as f64
}

/// By how much a reading was lower than one before it, at most.
fn deepest_fall(points: &[(u64, Live)], value: fn(&Live) -> i64) -> i64 {
    let falls = points.iter().scan(i64::MIN, |highest, (_, live)| {
        *highest = value(live).max(*highest);
        Some(*highest - value(live))
    });
    falls.max().unwrap_or(0)
}

/// How far differences are from their middle, on average, as a share of the range of all readings.
fn unlikeness(differences: &[Live], value: fn(&Live) -> i64, range: f64) -> f64 {
    if range == 0.0 {
        return 0.0;
    }
    deviation(differences, value) / range + UNSEEN / differences.len() as f64
}

/// How far differences are from their middle, on average.
fn deviation(differences: &[Live], value: fn(&Live) -> i64) -> f64 {
    let mut values: Vec<i64> = differences.iter().map(value).collect();
    let half = values.len() / 2;
    let middle = *values.select_nth_unstable(half).1;
    let off: u64 = values.iter().map(|value| value.abs_diff(middle)).sum();
    off as f64 / values.len() as f64
}

#[cfg(test)]
mod tests;
