//! What growth rests on, with values on both sides of every limit.

use super::*;

/// Windows of 16, 32, 64 .. iterations with so many events of so much each.
fn events(counts: &[u64], each: f64) -> Vec<Grown> {
    let window = |(at, count): (usize, &u64)| Grown {
        iterations: (16 << at) as f64,
        growth: *count as f64 * each,
        variance: *count as f64 * each * each,
        events: *count,
        readings: 64,
        ..Grown::default()
    };
    counts.iter().enumerate().map(window).collect()
}

/// Two windows, of 100 and 200 iterations, that grow by so much with that deviation.
fn grow(before: f64, last: f64, deviation: f64) -> [Grown; 2] {
    let window = |iterations, growth| Grown {
        iterations,
        growth,
        variance: deviation * deviation,
        events: 64,
        ..Grown::default()
    };
    [window(100.0, before), window(200.0, last)]
}

#[test]
fn an_event_for_each_iteration_is_in_proportion() {
    let steady: Vec<Grown> = events(&[4, 8, 16], 1.0).into_iter().map(|one| Grown { variance: 0.0, ..one }).collect();
    assert_eq!(proportion(&steady), Proportion::Yes);
    assert_eq!(proportion(&steady[1..]), Proportion::No, "two windows are too few");
    assert_eq!(proportion(&events(&[1, 2, 4], 1.0)), Proportion::Unsure, "six are too few");
}

#[test]
fn ten_events_are_the_fewest_that_prove() {
    let steady = |before: u64, last: u64| {
        let windows = events(&[2, before, last], 1.0).into_iter().map(|one| Grown { variance: 0.0, ..one });
        proportion(&windows.collect::<Vec<_>>())
    };
    assert_eq!(steady(3, 7), Proportion::Yes);
    assert_eq!(steady(3, 6), Proportion::Unsure);
}

#[test]
fn three_events_are_the_fewest_that_are_worth_more_iterations() {
    assert_eq!(proportion(&events(&[0, 1, 2], 1.0)), Proportion::Unsure);
    assert_eq!(proportion(&events(&[1, 1, 1], 1.0)), Proportion::No);
    let mut two = events(&[0, 1, 1], 2.0);
    two[2].growth = 3.0;
    assert_eq!(proportion(&two), Proportion::No, "as fast as a leak would be");
    assert_eq!(proportion(&events(&[9, 0, 3], 1.0)), Proportion::No, "none in the window before");
    assert_eq!(proportion(&events(&[9, 3, 0], 1.0)), Proportion::No, "none in the last window");
}

#[test]
fn rare_events_over_many_windows_prove_as_much_as_many() {
    // In every 3,000 iterations of 131,000.
    assert_eq!(proportion(&events(&[0, 0, 0, 0, 0, 0, 0, 1, 1, 3, 5, 11, 22], 100.0)), Proportion::Yes);
    assert_eq!(proportion(&events(&[5, 5, 5, 5, 5, 5], 100.0)), Proportion::No, "the logarithm");
    assert_eq!(proportion(&events(&[6, 6, 8], 100.0)), Proportion::Unsure);
}

#[test]
fn events_are_convincing_if_a_leak_has_them_a_thousand_times_as_likely() {
    // 28 events over 3 windows: 16 of 12/7, 8 of 6/7, 4 of 3/7.
    let expected = 16.0 * (12.0f64 / 7.0).ln() + 8.0 * (6.0f64 / 7.0).ln() + 4.0 * (3.0f64 / 7.0).ln();
    assert!((favours_leak(&events(&[4, 8, 16], 1.0)) - expected).abs() < 1e-9);
    let before = favours_leak(&events(&[4, 8, 16], 1.0));
    let with_warm_up = favours_leak(&events(&[900, 4, 8, 16], 1.0));
    assert_eq!(before, with_warm_up, "what came before may have been warm-up");
    assert_eq!(favours_leak(&events(&[8, 8, 8], 1.0)), 0.0);
    assert_eq!(favours_leak(&events(&[8, 16], 1.0)), 0.0, "two windows do not tell");
}

#[test]
fn a_rate_that_falls_by_more_than_chance_slows_down() {
    let slows = |before, last, deviation| {
        let [before, last] = grow(before, last, deviation);
        super::slows(&before, &last)
    };
    assert!(slows(100.0, 159.0, 0.0) && !slows(100.0, 160.0, 0.0), "a fifth");
    // From 1 to 0.5 an iteration, with a deviation of d / 100 and d / 200.
    let limit = 0.5 / 3.5 / (0.01f64.powi(2) + 0.005f64.powi(2)).sqrt();
    assert!(slows(100.0, 100.0, limit * 0.999) && !slows(100.0, 100.0, limit * 1.001));
}

#[test]
fn a_rate_above_the_logarithm_s_by_more_than_chance_is_in_proportion() {
    let exceeds = |last, deviation| {
        let [before, last] = grow(100.0, last, deviation);
        exceeds_logarithm(&before, &last)
    };
    assert!(exceeds(111.0, 0.0) && !exceeds(110.0, 0.0), "55 of a hundred");
    let limit = 0.45 / 3.5 / ((0.55f64 * 0.01).powi(2) + 0.005f64.powi(2)).sqrt();
    assert!(exceeds(200.0, limit * 0.999) && !exceeds(200.0, limit * 1.001));
}

#[test]
fn a_container_that_doubles_confirms_itself_after_three_windows() {
    let sizes = |sizes: [f64; 4], counts: [u64; 4]| {
        let window = |at: usize| Grown {
            iterations: (16 << at) as f64,
            growth: sizes[at],
            variance: sizes[at] * sizes[at],
            events: counts[at],
            ..Grown::default()
        };
        doubles(&[0, 1, 2, 3].map(window))
    };
    assert!(sizes([448.0, 512.0, 1024.0, 2048.0], [1; 4]));
    assert!(sizes([0.0, 512.0, 1004.0, 2048.0], [9, 1, 1, 1]), "2 in a hundred");
    assert!(!sizes([0.0, 512.0, 1003.0, 2048.0], [1; 4]));
    assert!(!sizes([0.0, 512.0, 1024.0, 2048.0], [1, 1, 2, 1]));
    assert!(sizes([0.0, 251.0, 1024.0, 2048.0], [1; 4]) && !sizes([0.0, 250.0, 1024.0, 2048.0], [1; 4]), "half");
    assert!(sizes([0.0, 1044.0, 1024.0, 2048.0], [1; 4]) && !sizes([0.0, 1045.0, 1024.0, 2048.0], [1; 4]), "twice");
    assert!(!sizes([0.0; 4], [1; 4]) && !sizes([-1.0; 4], [0; 4]));
    assert!(!doubles(&events(&[1, 2], 1.0)));
}

#[test]
fn events_that_thin_out_are_not_worth_more_iterations() {
    assert_eq!(proportion(&events(&[40, 6, 3, 2, 3], 1.0)), Proportion::No);
    assert_eq!(proportion(&events(&[40, 1, 1, 2, 3], 1.0)), Proportion::Unsure, "four windows count");
    // Where most readings show an event, nobody knows how many there were.
    let dense = |readings| {
        let windows = events(&[64, 33, 20, 22], 1.0).into_iter().map(|one| Grown { readings, ..one });
        thins_out(&windows.collect::<Vec<_>>())
    };
    assert!(dense(44) && !dense(43));
}

#[test]
fn a_steady_second_half_of_the_last_window_is_no_slowing_down() {
    let slows = |first, second| {
        let [before, last] = grow(100.0, 100.0, 0.0);
        super::slows(&before, &Grown { halves: [first, second], ..last })
    };
    assert!(!slows(100.0, 97.0) && slows(100.0, 96.0) && slows(0.0, 0.0));
}

#[test]
fn a_rate_that_wanes_is_no_leak_yet() {
    let with = |last: f64| {
        let [before, last] = grow(100.0, last, 0.0);
        proportion(&[before, before, last])
    };
    assert_eq!(with(190.0), Proportion::Yes);
    assert_eq!(with(189.0), Proportion::Unsure);
    assert_eq!(with(160.0), Proportion::Unsure);
    assert_eq!(with(159.0), Proportion::No);
}
