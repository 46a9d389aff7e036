//! The doubling test, on curves that are made up.

use super::super::curve::{Live, Series, Window};
use super::*;

/// Judges `live` after every iteration, over windows as a leak test makes them.
fn judged(first: u64, count: usize, live: impl Fn(u64) -> i64) -> Judged {
    judged_with_blocks(first, count, |iteration| Live { bytes: live(iteration), blocks: 0 })
}

fn judged_with_blocks(first: u64, count: usize, at: impl Fn(u64) -> Live) -> Judged {
    judge(&series(first, count, at))
}

fn series(first: u64, count: usize, at: impl Fn(u64) -> Live) -> Series {
    let mut series = Series { before: at(0), start: at(0), windows: Vec::new() };
    let mut done = 0;
    for window in 0..count {
        let iterations = first << window;
        let readings = (1..=iterations).map(|one| (one, at(done + one))).collect();
        series.windows.push(Window { iterations, readings });
        done += iterations;
    }
    series
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
    let blocks = judged_with_blocks(16, 3, |n| Live { bytes: 0, blocks: n as i64 });
    assert!(matches!(blocks, Judged::Decided(Verdict::Leak { blocks_per_iteration: 1.0, .. })), "{blocks:?}");
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
fn what_the_warm_up_kept_is_told_however_level_the_rest_is() {
    let level = series(16, 4, |_| Live { bytes: 7, blocks: 1 });
    assert_eq!(judge(&level), Judged::Decided(Verdict::Clean));
    let kept = Series { before: Live::default(), ..level };
    assert_eq!(judge(&kept), Judged::Decided(Verdict::WarmUp { bytes: 7, blocks: 1 }));
    let blocks_alone = judged_with_blocks(16, 4, |n| Live { bytes: 0, blocks: n.min(1) as i64 });
    assert_eq!(blocks_alone, Judged::Decided(Verdict::WarmUp { bytes: 0, blocks: 1 }));
}

#[test]
fn a_leak_under_teeth_that_are_larger_is_found_with_its_figure() {
    let tooth = |n: u64| n as i64 * 24 + (n % 101) as i64 * 500;
    let Verdict::Leak { bytes_per_iteration, exact: false, .. } = verdict(tooth) else {
        panic!("{:?}", verdict(tooth))
    };
    assert!((bytes_per_iteration - 24.0).abs() < 1.0, "{bytes_per_iteration}");
}

/// Whether bytes that have these readings in three windows grow in proportion.
fn goes_up(windows: [[i64; 4]; 3]) -> bool {
    let window = |(at, values): (usize, [i64; 4])| {
        let apart = 4 << at;
        let live = values.map(|bytes| Live { bytes, blocks: 0 });
        Window { iterations: 4 * apart, readings: (1..).map(|one| one * apart).zip(live).collect() }
    };
    let windows = windows.into_iter().enumerate().map(window).collect();
    Curve::of(&Series { windows, ..Series::default() }, |live| live.bytes).proportion(3) == Proportion::Yes
}

const TEETH: [i64; 4] = [0, 100, 0, 100];

#[test]
fn teeth_go_up_as_a_whole_at_one_speed_and_by_a_part_of_one_or_it_is_no_leak() {
    let (second, third) = (TEETH.map(|at| at + 24), TEETH.map(|at| at + 72));
    assert!(goes_up([TEETH, second, third]));
    assert!(!goes_up([TEETH, [0, 124, 24, 148], third]), "the floor stays in the second window");
    assert!(!goes_up([TEETH, second, [24, 172, 72, 220]]), "the floor stays in the third window");
    assert!(!goes_up([TEETH, [24, 24, 124, 124], third]), "the second window only climbs");
    assert!(!goes_up([TEETH, second, [72, 72, 172, 172]]), "the third window only climbs");
    let slower = |by: i64| [TEETH, TEETH.map(|at| at + by), TEETH.map(|at| at + by + 48)];
    assert!(goes_up(slower(18)) && !goes_up(slower(17)), "three quarters of the speed");
    let high = |by: i64| [TEETH, second, third].map(|window| window.map(|at| if at < 100 { at } else { at + by }));
    assert!(goes_up(high(188)) && !goes_up(high(189)), "by a quarter of a tooth");
}

#[test]
fn a_floor_above_all_that_was_before_the_last_two_windows_is_a_leak() {
    let second = TEETH.map(|at| at + 24);
    assert!(goes_up([TEETH, second, TEETH.map(|at| at + 101)]));
    assert!(!goes_up([TEETH, second, TEETH.map(|at| at + 100)]), "as high as it was once");
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
fn figures_are_exact_only_where_bytes_and_blocks_are() {
    // Every other iteration leaves two at once: at the ends of windows that is one each.
    let straight = |n: u64| n as i64;
    let in_pairs = |n: u64| n as i64 / 2 * 2;
    let is_exact = |bytes: fn(u64) -> i64, blocks: fn(u64) -> i64| {
        let judged = judged_with_blocks(16, 4, |n| Live { bytes: 48 * bytes(n), blocks: blocks(n) });
        let Judged::Decided(Verdict::Leak { exact, bytes_per_iteration, blocks_per_iteration, .. }) = judged else {
            panic!("{judged:?}")
        };
        assert_eq!((bytes_per_iteration, blocks_per_iteration), (48.0, 1.0));
        exact
    };
    assert!(is_exact(straight, straight));
    assert!(!is_exact(straight, in_pairs));
    assert!(!is_exact(in_pairs, straight));
}

#[test]
fn what_rises_in_bytes_or_in_blocks_is_not_decided_yet() {
    // Windows end at the top of a tooth.
    let swings = |n: u64| ((n + 4) % 7) as i64 * 9;
    let rises = |n: u64| ((n + 4) % 7) as i64 * 9 + (n + 1).ilog2() as i64;
    let judged = |bytes: fn(u64) -> i64, blocks: fn(u64) -> i64| {
        judged_with_blocks(16, 4, |n| Live { bytes: bytes(n), blocks: blocks(n) })
    };
    let is_decided = |judged: Judged| match judged {
        Judged::Decided(Verdict::Bounded { .. }) => true,
        Judged::Undecided(Verdict::Bounded { .. }) => false,
        other => panic!("{other:?}"),
    };
    assert!(is_decided(judged(swings, swings)));
    assert!(!is_decided(judged(rises, swings)));
    assert!(!is_decided(judged(swings, rises)));
}

#[test]
fn a_floor_that_rises_as_far_in_each_window_is_bounded_wherever_in_a_tooth_windows_end() {
    let peaks = |n: u64| match n {
        112 => 500,
        240 => 4_000,
        _ => (n % 7) as i64,
    };
    let judged = judged(16, 4, |n| (n + 1).ilog2() as i64 * 1_000 + peaks(n));
    let (Judged::Decided(verdict) | Judged::Undecided(verdict)) = &judged;
    assert!(matches!(verdict, Verdict::Bounded { .. }), "{judged:?}");
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
