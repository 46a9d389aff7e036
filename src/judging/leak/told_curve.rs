//! The curve of a leak test as reports tell it: of the series that was judged, and by the one definition of a slope.

use super::curve::{Live, Series, Window};
use super::patience::MOST;
use super::slope::Pace;
use crate::reading::{FEWEST_OF_A_SLOPE, LeakCurve, LeakReading, LeakSlope, LeakWindow, MOST_READINGS, MOST_WINDOWS};

/// No test has more windows, each twice as long as the one before.
const _: () = assert!((1 << (MOST_WINDOWS + 1)) - 1 > MOST);

/// The windows that are whole, which were read after their last iteration, of a test that ran `warmup` iterations
/// before.
pub(crate) fn curve_of(series: &Series, warmup: u64) -> LeakCurve {
    let is_whole = |window: &&Window| window.readings.last().is_some_and(|(at, _)| *at == window.iterations);
    let whole = Series { windows: series.windows.iter().filter(is_whole).cloned().collect(), ..*series };
    if whole.windows.is_empty() {
        return LeakCurve::default();
    }
    let reading = |iterations, live: Live| {
        let live = live.minus(series.before);
        LeakReading { iterations, live_bytes: live.bytes, live_blocks: live.blocks }
    };
    let mut done = warmup;
    let mut windows = Vec::with_capacity(whole.windows.len());
    for Window { iterations, readings } in &whole.windows {
        let readings = Vec::from_iter(readings.iter().map(|(at, live)| reading(done + at, *live)));
        let bytes = || readings.iter().map(|reading| reading.live_bytes);
        let (min_bytes, max_bytes) = (bytes().min().unwrap_or(0), bytes().max().unwrap_or(0));
        let end = readings.last().copied().unwrap_or_default();
        let LeakReading { live_bytes, live_blocks, .. } = end;
        let (iterations, readings) = (*iterations, evenly(&readings));
        windows.push(LeakWindow { iterations, live_bytes, live_blocks, min_bytes, max_bytes, readings });
        done += iterations;
    }
    let slope = (windows.len() >= FEWEST_OF_A_SLOPE).then(|| {
        let (Live { bytes, blocks }, iterations) = Pace::of(&whole).growth(&whole);
        LeakSlope { bytes, blocks, iterations }
    });
    LeakCurve { start: reading(warmup, series.start), windows, slope }
}

/// Those before the last one, as many as are kept: the same number apart, counted from the last one back.
fn evenly(readings: &[LeakReading]) -> Vec<LeakReading> {
    let apart = readings.len().div_ceil(MOST_READINGS + 1).max(1);
    let mut kept = Vec::from_iter(readings.iter().rev().step_by(apart).skip(1).copied());
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(bytes: i64, blocks: i64) -> Live {
        Live { bytes, blocks }
    }

    fn window(iterations: u64, readings: impl IntoIterator<Item = (u64, Live)>) -> Window {
        Window { iterations, readings: Vec::from_iter(readings) }
    }

    #[test]
    fn windows_that_were_not_read_at_their_end_are_left_out_and_the_rest_is_beyond_what_was_there_before() {
        let series = Series {
            before: live(100, 3),
            start: live(150, 4),
            windows: vec![
                window(2, [(1, live(160, 5)), (2, live(170, 6))]),
                window(4, [(1, live(300, 9)), (2, live(80, 1)), (4, live(90, 2))]),
                window(8, [(7, live(900, 9))]),
                window(16, []),
            ],
        };
        let told = curve_of(&series, 5);
        assert_eq!(told.start, LeakReading { iterations: 5, live_bytes: 50, live_blocks: 1 });
        let figures = told.windows.iter().map(|one| (one.iterations, one.live_bytes, one.live_blocks));
        assert_eq!(Vec::from_iter(figures), [(2, 70, 3), (4, -10, -1)]);
        let ranges = told.windows.iter().map(|one| (one.min_bytes, one.max_bytes));
        assert_eq!(Vec::from_iter(ranges), [(60, 70), (-20, 200)]);
        let readings = told.readings().map(|one| (one.iterations, one.live_bytes, one.live_blocks));
        assert_eq!(
            Vec::from_iter(readings),
            [(5, 50, 1), (6, 60, 2), (7, 70, 3), (8, 200, 6), (9, -20, -2), (11, -10, -1)]
        );
        let early = Series { windows: series.windows[2..].to_vec(), ..series };
        assert_eq!(curve_of(&early, 5), LeakCurve::default());
    }

    #[test]
    fn the_slope_is_the_verdicts_in_whole_numbers_and_needs_two_windows() {
        let leaking = |windows: u32| {
            let windows = (0..windows).map(|at| {
                let (before, iterations) = (16 * ((1 << at) - 1), 16_i64 << at);
                let reading = |at| (at as u64, live(48 * (before + at), before + at));
                window(iterations as u64, (1..=iterations).map(reading))
            });
            Series { windows: windows.collect(), ..Series::default() }
        };
        assert_eq!(curve_of(&leaking(1), 2).slope, None);
        assert_eq!(curve_of(&leaking(2), 2).slope.map(|slope| (slope.bytes, slope.iterations)), Some((48 * 32, 32)));
        let slope = curve_of(&leaking(3), 2).slope.expect("there are windows enough");
        assert_eq!((slope.bytes, slope.blocks, slope.iterations), (48 * 64, 64, 64));
        assert_eq!((slope.bytes_per_iteration(), slope.blocks_per_iteration()), (48.0, 1.0));
        // Teeth of eight iterations that leave 3 B in all: in whole periods, wherever in one the windows end.
        let tooth = |at: i64| live(at % 8 * 1000 + at / 8 * 24, 0);
        let teeth = |at: u32| {
            let (before, iterations) = (10 * ((1 << at) - 1), 10_i64 << at);
            window(iterations as u64, (1..=iterations).map(|at| (at as u64, tooth(before + at))))
        };
        let slope = curve_of(&Series { windows: (0..4).map(teeth).collect(), ..Series::default() }, 0).slope;
        assert_eq!(slope.map(|slope| slope.bytes_per_iteration()), Some(3.0));
    }

    #[test]
    fn of_many_readings_some_are_kept_the_same_number_apart_and_the_range_is_that_of_all() {
        for (count, apart) in [(1, 1), (2, 1), (16, 1), (17, 2), (32, 2), (33, 3), (64, 4), (127, 8)] {
            let spike = |at| if at == count - 1 { -7 } else { at as i64 };
            let readings = (1..=count).map(|at| (at, live(spike(at), 0)));
            let series = Series { windows: vec![window(count, readings)], ..Series::default() };
            let told = curve_of(&series, 0).windows.remove(0);
            let kept = Vec::from_iter(told.readings.iter().map(|reading| reading.iterations));
            let expected = (1..count).filter(|at| (count - at) % apart == 0);
            assert_eq!(kept, Vec::from_iter(expected), "{count}");
            assert!(kept.len() <= MOST_READINGS);
            assert_eq!((told.min_bytes, told.max_bytes), (if count > 1 { -7 } else { 1 }, count as i64), "{count}");
        }
    }
}
