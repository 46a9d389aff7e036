//! Planted leaks under teeth of many shapes, periods and heights: the figure per iteration against what was planted.

use super::super::curve::Window;
use super::*;

/// A series as a run makes it: windows of 16, 32 and so on, with 64 readings of a long one.
fn series(windows: usize, live: impl Fn(u64) -> Live) -> Series {
    let mut series = Series { before: live(0), start: live(0), windows: Vec::new() };
    let mut done = 0;
    for window in 0..windows {
        let iterations = 16 << window;
        let every = (iterations / 64).max(1);
        let at = (1..=iterations).filter(|at| at % every == 0);
        let readings = at.map(|at| (at, live(done + at))).collect();
        series.windows.push(Window { iterations, readings });
        done += iterations;
    }
    series
}

fn rate(series: &Series) -> Rate {
    Pace::of(series).rate(series)
}

/// A tooth's height, from zero to one, by how much of its period is over.
type Shape = (&'static str, fn(f64) -> f64);

const SHAPES: [Shape; 6] = [
    ("a batch that is flushed", |part| part),
    ("a stock that is used up", |part| 1.0 - part),
    ("two sizes", |part| if part < 0.4 { 1.0 } else { 0.0 }),
    ("up and down", |part| (2.0 * part).min(2.0 - 2.0 * part)),
    ("faster and faster", |part| part * part),
    ("a short spike", |part| if part < 0.1 { 1.0 } else { 0.0 }),
];

/// The relative error of the figure for a leak of `leak` bytes under teeth.
fn error(windows: usize, leak: u64, period: u64, height: f64, shape: fn(f64) -> f64) -> f64 {
    let tooth = |n: u64| (height * shape((n % period) as f64 / period as f64)) as u64;
    let found = rate(&series(windows, |n| Live { bytes: (leak * n + tooth(n)) as i64, blocks: n as i64 }));
    assert!((found.blocks - 1.0).abs() < 1e-9, "blocks do not swing: {found:?}");
    (found.bytes / leak as f64 - 1.0).abs()
}

/// How many of all teeth of some fifteen periods, up to a quarter of the last window, were tried, and what came out off
/// by a tenth or more.
fn off_by_a_tenth(windows: usize) -> (usize, Vec<String>) {
    let window = 16u64 << (windows - 1);
    let mut tried = 0;
    let mut off = Vec::new();
    for (name, shape) in SHAPES {
        // Odd periods and even ones.
        for period in (2..=window / 4).step_by((window / 4 / 15) as usize | 1) {
            for (leak, times) in [(1, 0.1), (24, 1.0), (24, 10.0), (1000, 4.0)] {
                let error = error(windows, leak, period, times * (leak * window) as f64, shape);
                tried += 1;
                if error >= 0.1 {
                    off.push(format!("{name}: {leak} B, period {period}, {times} x in {window}: {error:.3}"));
                }
            }
        }
    }
    (tried, off)
}

#[test]
fn under_teeth_ten_times_as_high_the_figure_is_within_a_tenth_of_the_planted() {
    for windows in [4, 5] {
        let (tried, off) = off_by_a_tenth(windows);
        assert!(tried >= 6 * 11 * 4 && off.is_empty(), "{} of {tried}\n{}", off.len(), off.join("\n"));
    }
}

#[test]
fn where_readings_are_far_apart_nearly_all_figures_are_within_a_tenth() {
    // Every eighth, 32nd and 128th iteration is read: a tooth that falls between the same two readings every time is
    // seen by nobody.
    for (windows, most) in [(6, 6), (8, 24), (10, 27)] {
        let (tried, off) = off_by_a_tenth(windows);
        assert!(tried >= 6 * 11 * 4 && off.len() <= most, "{} of {tried}\n{}", off.len(), off.join("\n"));
    }
}

#[test]
fn rare_steps_have_the_figure_of_their_period() {
    for every in [11, 100, 700, 3000] {
        let steps = |n: u64| Live { bytes: (n / every * 100) as i64, blocks: (n / every) as i64 };
        let windows = (every * 8).next_power_of_two().ilog2() as usize - 3;
        let found = rate(&series(windows, steps));
        assert!((found.blocks * every as f64 - 1.0).abs() < 0.03, "{every}: {found:?}");
        assert!((found.bytes / found.blocks - 100.0).abs() < 1e-6, "bytes and blocks of the same readings: {found:?}");
    }
}

#[test]
fn what_does_not_swing_has_the_figure_of_the_last_window() {
    let doubling = series(8, |n| Live { bytes: n.next_power_of_two() as i64 * 8, blocks: 1 });
    assert_eq!(Pace::of(&doubling), Pace::LastWindow);
    assert_eq!(rate(&doubling), Rate { bytes: 8.0, blocks: 0.0 });
    let bent = series(4, |n| Live { bytes: n.min(112) as i64 * 90 + n as i64, blocks: n as i64 });
    assert_eq!(rate(&bent), Rate { bytes: 1.0, blocks: 1.0 });
}

#[test]
fn one_step_in_ten_iterations_is_not_rare() {
    let steps = |every: u64| series(5, |n| Live { bytes: (n / every) as i64, blocks: (n / every) as i64 });
    assert_eq!(Pace::of(&steps(8)), Pace::LastWindow);
    assert!(matches!(Pace::of(&steps(16)), Pace::Apart { .. }));
}

#[test]
fn few_readings_that_swing_have_the_figure_of_their_means() {
    let few = |live: fn(u64) -> i64| {
        let mut few = series(4, |n| Live { bytes: live(n), blocks: 0 });
        few.windows
            .iter_mut()
            .for_each(|window| window.readings = window.readings.split_off(window.readings.len() - 2));
        few
    };
    let swings = few(|n| n as i64 * 10 + (n / 2 % 2) as i64 * 90 + n as i64 / 100);
    assert_eq!(Pace::of(&swings), Pace::Means);
    // From 1,201 and 1,121 to 2,472 and 2,402, over half of 64 and half of 128 iterations: 1,276 in 96, to a millionth.
    assert_eq!(rate(&swings), Rate { bytes: 1276.0 / 96.0, blocks: 0.0 });
    assert_eq!(Pace::Means.growth(&swings), (Live { bytes: 13_291_667, blocks: 0 }, 1_000_000));
    assert_eq!(Pace::of(&few(|n| n as i64 / 20)), Pace::LastWindow, "rare, and too few to know better");
}

#[test]
fn what_swings_at_random_between_calm_ends_has_the_figure_of_the_ends() {
    // Messages that are under way when a reading is made in the middle of a window, and none at its end.
    let mut seed = 1u64;
    let mut noisy = series(10, |n| Live { bytes: n as i64 * 64, blocks: n as i64 });
    for window in &mut noisy.windows {
        let last = window.readings.len() - 1;
        for (at, (_, live)) in window.readings.iter_mut().enumerate() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            live.bytes += if at == last { 0 } else { (seed >> 33) as i64 % 100_000 };
        }
    }
    assert_eq!(rate(&noisy), Rate { bytes: 64.0, blocks: 1.0 });
}

#[test]
fn the_figures_of_parts_add_up_to_that_of_the_whole() {
    let cache = |n: u64| Live { bytes: (n % 100).min(40) as i64 * 300, blocks: (n % 3) as i64 };
    let kept = |n: u64| Live { bytes: n as i64 * 24, blocks: n as i64 };
    let whole = series(8, |n| cache(n).plus(kept(n)));
    let pace = Pace::of(&whole);
    let (one, other) = (pace.rate(&series(8, kept)), pace.rate(&series(8, cache)));
    let rest = pace.rate(&whole).minus(one.plus(other));
    assert!(rest.bytes.abs() < 1e-9 && rest.blocks.abs() < 1e-9, "{rest:?}");
    assert!((one.bytes - 24.0).abs() < 1e-9 && other.bytes.abs() < 2.4, "{one:?} {other:?}");
}
