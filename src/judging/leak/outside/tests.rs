//! What grows outside, told from evidence that is made up.

use super::super::curve::Window;
use super::super::made_up::{OTHERS, OUTSIDE, evidence, live, owning};
use super::*;

/// Three windows of a test beside which an operation owns so much after so many iterations; ends: 0, 16, 48, 112.
fn beside(others: impl Fn(u64) -> Live) -> Evidence {
    evidence(3, |n| WindowEnd { outside: [(OTHERS, others(n))].into(), ..WindowEnd::default() })
}

fn alone(evidence: Evidence) -> Evidence {
    Evidence { is_alone: true, ..evidence }
}

fn whole(evidence: Evidence) -> Evidence {
    Evidence { whole_process: true, ..evidence }
}

const CLEAN: Judged = Judged::Decided(Verdict::Clean);

fn leak(bytes_per_iteration: f64, blocks_per_iteration: f64, exact: bool) -> Judged {
    Judged::Decided(Verdict::Leak {
        bytes_per_iteration,
        blocks_per_iteration,
        exact,
        threads_per_iteration: 0.0,
        files_per_iteration: 0.0,
    })
}

#[test]
fn what_grows_in_proportion_outside_is_a_leak_only_where_all_is_the_test_s_doing() {
    let grows = || beside(|n| live(12 * n, n));
    assert_eq!(with_outside(&grows(), CLEAN), CLEAN);
    assert!(leaks_outside(&grows()).is_empty());
    for judged in [with_outside(&alone(grows()), CLEAN), with_outside(&whole(grows()), CLEAN)] {
        assert_eq!(judged, leak(12.0, 1.0, true));
    }
    let found = OutsideGrowth {
        operation: OTHERS,
        rate: Rate { bytes: 12.0, blocks: 1.0 },
        exact: true,
        last_window: live(12 * 64, 64),
    };
    assert_eq!(leaks_outside(&alone(grows())), [found]);
}

#[test]
fn what_fills_outside_or_stays_is_none() {
    for others in [|_| live(5, 5), |n: u64| live(12 * n.min(16), n.min(16))] {
        assert_eq!(with_outside(&alone(beside(others)), CLEAN), CLEAN);
    }
}

#[test]
fn two_windows_are_too_few() {
    let two = alone(evidence(2, |n| WindowEnd { outside: [(OTHERS, live(12 * n, n))].into(), ..owning(live(n, n)) }));
    assert!(leaks_outside(&two).is_empty() && !leaks_inside(&two));
    assert_eq!(with_outside(&two, CLEAN), CLEAN);
    let none = alone(evidence(0, |_| WindowEnd::default()));
    assert!(leaks_outside(&none).is_empty() && !leaks_inside(&none));
}

#[test]
fn an_operation_that_began_later_had_nothing_before() {
    let mut later = alone(beside(|n| live(12 * n, n)));
    later.ends[0].outside.clear();
    assert_eq!(with_outside(&later, CLEAN), leak(12.0, 1.0, true));
}

#[test]
fn the_unattributed_is_judged_too_and_all_figures_are_added_the_largest_first() {
    let both = alone(evidence(3, |n| WindowEnd {
        unattributed: live(8 * n, 2 * n),
        outside: [(OTHERS, live(12 * n + n % 3, n))].into(),
        ..WindowEnd::default()
    }));
    assert_eq!(leaks_outside(&both).iter().map(|leak| leak.operation).collect::<Vec<_>>(), [OTHERS, OUTSIDE]);
    let Judged::Decided(Verdict::Leak { bytes_per_iteration, blocks_per_iteration, exact, .. }) =
        with_outside(&both, CLEAN)
    else {
        panic!("both leak")
    };
    assert!((bytes_per_iteration - 20.0).abs() < 0.1 && !exact, "{bytes_per_iteration}");
    assert_eq!(blocks_per_iteration, 3.0);
}

#[test]
fn nothing_makes_up_for_growth_outside() {
    let moved =
        |n: u64| WindowEnd { outside: [(OTHERS, live(12 * n, n))].into(), ..owning(live(0, 0).minus(live(12 * n, n))) };
    assert_eq!(with_outside(&alone(evidence(3, moved)), CLEAN), leak(12.0, 1.0, true));
}

#[test]
fn few_blocks_that_come_now_and_then_are_not_enough() {
    // So many blocks in the second and in the third window.
    let with = |before: u64, last: u64| {
        let at = move |n: u64| match n {
            112.. => before + last,
            48.. => before,
            _ => 0,
        };
        with_outside(&alone(beside(move |n| live(100 * at(n), at(n)))), CLEAN)
    };
    // The first window must grow too, or the second one is a beginning.
    assert_eq!(with(3, 7), Judged::Undecided(Verdict::Clean));
    assert!(matches!(with(4, 8), Judged::Decided(Verdict::Leak { blocks_per_iteration: 0.125, .. })));
    let every_second =
        evidence(3, |n| WindowEnd { outside: [(OTHERS, live(n / 16, n / 16))].into(), ..owning(live(0, 0)) });
    assert_eq!(with_outside(&alone(every_second), CLEAN), Judged::Undecided(Verdict::Clean), "four in 64");
    let mut short = alone(beside(|n| live(n / 16, n / 16)));
    short.series.windows.iter_mut().for_each(|window| window.iterations /= 16);
    short.series.windows.iter_mut().for_each(|window| window.readings.retain(|(at, _)| *at <= window.iterations));
    assert_eq!(with_outside(&short, CLEAN), leak(1.0, 1.0, true), "one for each of 1, 2, 4 iterations");
    let grows_in_place = alone(beside(|n| live(8 * n, 1)));
    assert_eq!(with_outside(&grows_in_place, CLEAN), leak(8.0, 0.0, true), "no block, more bytes");
}

#[test]
fn growth_that_is_not_steady_asks_for_another_window() {
    // So many blocks in each of four windows: 16, 32, 64 and 128 iterations.
    let with = |each: [u64; 4]| {
        let at =
            move |n: u64| [16, 48, 112, 240].iter().zip(each).map(|(end, come)| if n >= *end { come } else { 0 }).sum();
        let owns = |blocks: u64| WindowEnd { outside: [(OTHERS, live(blocks, blocks))].into(), ..WindowEnd::default() };
        with_outside(&alone(evidence(4, |n| owns(at(n)))), CLEAN)
    };
    let is_leak = |judged: Judged| matches!(judged, Judged::Decided(leak) if leak.is_leak());
    assert!(is_leak(with([16, 32, 64, 128])));
    assert!(is_leak(with([0, 24, 64, 128])), "the first is warm-up, and three quarters are enough");
    assert_eq!(with([16, 23, 64, 128]), Judged::Undecided(Verdict::Clean));
    assert_eq!(with([16, 32, 64, 95]), Judged::Undecided(Verdict::Clean));
    assert!(is_leak(with([16, 32, 64, 96])));
    // Of five windows the first two do not count: 48 iterations without a block.
    let late = |n: u64| WindowEnd { outside: [(OTHERS, live(n.max(48), n.max(48)))].into(), ..WindowEnd::default() };
    assert!(is_leak(with_outside(&alone(evidence(5, late)), CLEAN)));
    // Blocks come, but bytes go.
    let shrinks =
        |n: u64| WindowEnd { outside: [(OTHERS, live(100_000, n).minus(live(n, 0)))].into(), ..WindowEnd::default() };
    assert_eq!(with_outside(&alone(evidence(4, shrinks)), CLEAN), Judged::Undecided(Verdict::Clean));
}

#[test]
fn what_swings_outside_hardly_leaks_by_chance() {
    // At the end of each of 4 to 8 windows any level between zero and a thousand blocks, the same for 1,000 tests each.
    let mut seed = 7u64;
    let mut level = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        live((seed >> 33) % 64_000, (seed >> 33) % 1000)
    };
    for windows in [4, 6, 8] {
        let mut seen = alone(beside(|_| live(0, 0)));
        seen.series.windows = (0..windows).map(|at| Window { iterations: 16 << at, readings: Vec::new() }).collect();
        let mut alarms = 0;
        for _ in 0..20_000 {
            let end = |_| WindowEnd { outside: [(OTHERS, level())].into(), ..WindowEnd::default() };
            seen.ends = (0..=windows).map(end).collect();
            alarms += u32::from(!leaks_outside(&seen).is_empty());
        }
        println!("{windows} windows: {alarms} of 20,000");
        assert!(alarms <= 20, "{windows} windows: {alarms} of 20,000");
    }
}

#[test]
fn windows_that_contradict_each_other_ask_for_another_one() {
    // In proportion from the second window to the third, and nothing in the fourth.
    let stops = || {
        alone(evidence(4, |n| WindowEnd {
            outside: [(OTHERS, live(12 * n.min(112), n.min(112)))].into(),
            ..WindowEnd::default()
        }))
    };
    assert_eq!(with_outside(&stops(), CLEAN), CLEAN, "level now");
    let slows = alone(evidence(4, |n| {
        let grown = if n <= 112 { 12 * n } else { 12 * 112 + 2 * (n - 112) };
        WindowEnd { outside: [(OTHERS, live(grown, grown / 2))].into(), ..WindowEnd::default() }
    }));
    assert_eq!(with_outside(&slows, CLEAN), CLEAN, "slower is no leak");
    let few = alone(evidence(4, |n| WindowEnd {
        outside: [(OTHERS, live(12 * (n / 40), n / 40))].into(),
        ..WindowEnd::default()
    }));
    assert_eq!(with_outside(&few, CLEAN), Judged::Undecided(Verdict::Clean));
    let leaks = Judged::Decided(Verdict::Leak {
        bytes_per_iteration: 0.0,
        blocks_per_iteration: 0.0,
        exact: true,
        threads_per_iteration: 1.0,
        files_per_iteration: 0.0,
    });
    assert_eq!(with_outside(&few, leaks.clone()), leaks, "a leak needs none");
}

#[test]
fn a_leak_of_the_test_s_own_keeps_its_figures() {
    let own = |end: Live, n: u64| WindowEnd { outside: [(OTHERS, live(12 * n, n))].into(), ..owning(end) };
    let both = evidence(3, |n| own(live(48 * n, n), n));
    for both in [alone(both.clone()), whole(both.clone())] {
        assert!(leaks_inside(&both));
        assert_eq!(with_outside(&both, leak(48.0, 1.0, true)), leak(48.0, 1.0, true));
        assert_eq!(with_outside(&both, CLEAN), leak(12.0, 1.0, true), "unless it was excused");
    }
    let clean = evidence(3, |n| own(live(0, 0), n));
    assert!(!leaks_inside(&alone(clean.clone())));
    // A test of the whole process has the others in its series.
    let mut everything = whole(clean);
    everything.series = evidence(3, |n| owning(live(12 * n, n))).series;
    assert!(!leaks_inside(&everything));
    assert_eq!(with_outside(&everything, leak(13.0, 1.0, false)), leak(12.0, 1.0, true));
}

#[test]
fn what_grew_outside_is_added_up_since_the_first_window() {
    let grows = || beside(|n| live(1000 + 12 * n, n));
    let now = WindowEnd { outside: [(OTHERS, live(1500, 40))].into(), ..WindowEnd::default() };
    assert_eq!(grown_outside(&alone(grows()), &now), live(500, 40));
    assert_eq!(grown_outside(&grows(), &now), live(0, 0), "beside other tests nothing is judged");
    assert_eq!(grown_outside(&whole(grows()), &now), live(0, 0), "what is live has it");
    assert_eq!(grown_outside(&alone(beside(|_| live(1000, 0))), &now), live(0, 0), "it does not leak");
}

#[test]
fn threads_of_the_process_are_judged_where_all_are_the_test_s_doing() {
    let none = || evidence(0, |_| WindowEnd::default());
    assert_eq!(running_threads(&none(), 3, 2, 9), 3);
    assert_eq!(running_threads(&alone(none()), 3, 2, 9), 7);
    assert_eq!(running_threads(&whole(none()), 3, 2, 9), 7);
    assert_eq!(running_threads(&alone(none()), 3, 2, 4), 3, "what is counted counts");
    assert_eq!(running_threads(&alone(none()), 3, 9, 2), 3, "fewer than before");
    assert_eq!(running_threads(&alone(none()), 3, 0, 9), 3, "the system does not tell");
}
