//! When a test goes on, told from evidence that is made up, with values on both sides of every limit.

use super::super::evidence::WindowEnd;
use super::super::made_up::{evidence, live, owning};
use super::*;

fn spent(iterations: u64, milliseconds: u64, extensions: usize) -> Spent {
    Spent { iterations, elapsed: Duration::from_millis(milliseconds), extensions }
}

fn clean(windows: usize) -> Evidence {
    evidence(windows, |_| WindowEnd::default())
}

/// It leaks so many bytes in 112 iterations.
fn leaking(bytes: u64) -> Evidence {
    assert!(bytes.is_multiple_of(7) && bytes >= 7, "windows of 1, 2 and 4 parts");
    evidence(3, |n| owning(live(n * bytes / 112, 0)))
}

/// Growth that has not stopped.
fn undecided() -> Evidence {
    evidence(3, |n| owning(live(n / 100, 0)))
}

fn with_threads(count: usize, evidence: Evidence) -> Evidence {
    let mut evidence = evidence;
    evidence.ends.last_mut().expect("there is a start").threads = count;
    evidence
}

/// The step, without its verdict.
fn step(evidence: &Evidence, planned: Option<Duration>, spent: Spent) -> &'static str {
    match next_step(evidence, planned, &spent) {
        NextStep::Measure => "measure",
        NextStep::AskWhoOpensFiles => "ask",
        NextStep::Confirm(_) => "confirm",
        NextStep::Extend(_) => "extend",
        NextStep::Stop(_) => "stop",
    }
}

const DEFAULT: Option<Duration> = None;
const TEN_SECONDS: Option<Duration> = Some(Duration::from_secs(10));

#[test]
fn no_window_passes_the_most_iterations() {
    // The next window has 128 iterations.
    let most = 1_048_576 - 128;
    assert!(!is_out_of_iterations(&clean(3), &spent(most, 0, 0)));
    assert!(is_out_of_iterations(&clean(3), &spent(most + 1, 0, 0)));
    assert!(!is_out_of_iterations(&clean(0), &spent(1_048_575, 0, 0)), "a first window has one iteration");
    assert!(is_out_of_iterations(&clean(0), &spent(1_048_576, 0, 0)));
    let ages = Some(Duration::from_secs(1 << 32));
    assert_eq!(step(&clean(3), ages, spent(most, 0, 0)), "measure");
    assert_eq!(next_step(&clean(3), ages, &spent(most + 1, 0, 0)), NextStep::Stop(Verdict::Clean));
}

#[test]
fn out_of_iterations_the_verdict_is_the_last_one_even_if_undecided() {
    let out = spent(1 << 20, 0, 0);
    assert_eq!(next_step(&undecided(), DEFAULT, &out), NextStep::Stop(Verdict::Bounded { bytes: 1, blocks: 0 }));
    assert!(matches!(next_step(&leaking(112), DEFAULT, &out), NextStep::Stop(Verdict::Leak { .. })));
}

#[test]
fn fewer_than_three_windows_are_too_few() {
    let over = spent(5_000, 20_000, 3);
    assert_eq!(step(&clean(2), DEFAULT, over), "measure");
    assert_eq!(next_step(&clean(3), DEFAULT, &over), NextStep::Stop(Verdict::Clean));
}

#[test]
fn by_default_4000_iterations_or_a_second_are_enough() {
    assert_eq!(step(&clean(3), DEFAULT, spent(3_999, 999, 0)), "measure");
    assert_eq!(step(&clean(3), DEFAULT, spent(4_000, 999, 0)), "stop");
    assert_eq!(step(&clean(3), DEFAULT, spent(3_999, 1_000, 0)), "stop");
}

#[test]
fn a_planned_time_is_used_up_however_many_iterations_that_makes() {
    assert_eq!(step(&clean(3), TEN_SECONDS, spent(900_000, 9_999, 0)), "measure");
    assert_eq!(step(&clean(3), TEN_SECONDS, spent(200, 10_000, 0)), "stop");
}

#[test]
fn two_hundred_threads_left_are_enough() {
    assert_eq!(step(&with_threads(199, clean(3)), DEFAULT, spent(200, 0, 0)), "measure");
    assert_eq!(step(&with_threads(200, clean(3)), DEFAULT, spent(200, 0, 0)), "stop");
    // An undecided test would go on, and a leak would be confirmed.
    assert_eq!(step(&with_threads(199, undecided()), DEFAULT, spent(4_000, 499, 0)), "confirm");
    assert_eq!(step(&with_threads(200, undecided()), DEFAULT, spent(4_000, 499, 0)), "stop");
    assert_eq!(step(&with_threads(199, undecided()), DEFAULT, spent(4_000, 500, 0)), "extend");
    assert_eq!(step(&with_threads(200, undecided()), DEFAULT, spent(4_000, 500, 0)), "stop");
}

#[test]
fn a_leak_is_confirmed_for_65536_iterations() {
    let most = 65_536 - 128;
    assert_eq!(step(&leaking(112), DEFAULT, spent(most, 0, 0)), "confirm");
    assert_eq!(step(&leaking(112), DEFAULT, spent(most + 1, 0, 0)), "stop");
    assert_eq!(step(&clean(3), DEFAULT, spent(most, 0, 0)), "stop", "nothing to confirm");
}

#[test]
fn a_leak_is_confirmed_while_two_more_windows_fit_into_the_time() {
    assert_eq!(step(&leaking(112), DEFAULT, spent(4_000, 249, 0)), "confirm");
    assert_eq!(step(&leaking(112), DEFAULT, spent(4_000, 250, 0)), "stop");
}

#[test]
fn a_leak_that_has_taken_64_mib_is_not_confirmed() {
    let plenty = 64 << 20;
    // The growth since the start decides, whatever was live before.
    let from = |start: i64| {
        let mut leaking = leaking(112);
        leaking.series.before.bytes = 112 - start;
        leaking
    };
    assert_eq!(step(&from(plenty - 1), DEFAULT, spent(4_000, 0, 0)), "confirm");
    assert_eq!(step(&from(plenty), DEFAULT, spent(4_000, 0, 0)), "stop");
}

#[test]
fn what_leaks_outside_takes_from_the_same_64_mib() {
    // Half of it inside.
    let with = |outside: u64| {
        let at =
            |n: u64| WindowEnd { unattributed: live(n * outside / 112, 0), ..owning(live(n * (32 << 20) / 112, 0)) };
        let leaking = Evidence { is_alone: true, ..evidence(3, at) };
        step(&leaking, DEFAULT, spent(4_000, 0, 0))
    };
    assert_eq!((with(32 << 20), with((32 << 20) - 112)), ("stop", "confirm"));
}

#[test]
fn threads_left_open_need_no_confirmation() {
    let leaks = |threads: bool| {
        evidence(3, |n| WindowEnd { threads: if threads { n as usize } else { 0 }, ..owning(live(n, 0)) })
    };
    assert_eq!(step(&leaks(false), DEFAULT, spent(4_000, 0, 0)), "confirm");
    assert_eq!(step(&leaks(true), DEFAULT, spent(4_000, 0, 0)), "stop");
}

#[test]
fn an_undecided_test_goes_on_while_the_next_window_fits_into_the_time() {
    let bounded = Verdict::Bounded { bytes: 1, blocks: 0 };
    assert_eq!(next_step(&undecided(), DEFAULT, &spent(4_000, 499, 9)), NextStep::Confirm(bounded.clone()));
    assert_eq!(next_step(&undecided(), DEFAULT, &spent(4_000, 500, 0)), NextStep::Extend(bounded));
}

#[test]
fn an_undecided_test_is_extended_three_times_and_up_to_ten_times_the_time() {
    assert_eq!(step(&undecided(), DEFAULT, spent(4_000, 4_999, 2)), "extend");
    assert_eq!(step(&undecided(), DEFAULT, spent(4_000, 4_999, 3)), "stop");
    assert_eq!(step(&undecided(), DEFAULT, spent(4_000, 5_000, 2)), "stop");
    assert_eq!(step(&clean(3), DEFAULT, spent(4_000, 500, 0)), "stop", "what is decided is not");
}

#[test]
fn a_cache_that_is_expected_may_take_its_time_to_fill() {
    let expects = |bytes: u64| Evidence { bounded: Some(bytes), ..leaking(112) };
    assert_eq!(step(&expects(112), DEFAULT, spent(4_000, 4_999, 0)), "extend");
    assert_eq!(step(&expects(111), DEFAULT, spent(4_000, 4_999, 0)), "stop");
    assert_eq!(step(&expects(112), DEFAULT, spent(100_000, 499, 0)), "confirm");
    let full = Evidence { bounded: Some(112), ..evidence(3, |n| owning(live(n.min(2), 0))) };
    assert_eq!(step(&full, DEFAULT, spent(4_000, 499, 0)), "stop", "it has filled");
}

#[test]
fn files_that_nobody_knows_are_asked_about_up_to_twice_the_time() {
    let opens = evidence(3, |n| WindowEnd { files: [("/a".to_string(), n as usize)].into(), ..WindowEnd::default() });
    assert_eq!(step(&opens, DEFAULT, spent(4_000, 1_999, 0)), "ask");
    assert_eq!(step(&opens, DEFAULT, spent(4_000, 2_000, 0)), "stop");
    assert_eq!(step(&opens, TEN_SECONDS, spent(4_000, 19_999, 0)), "ask");
    let mut known = opens;
    known.file_owners.others.insert("/a".into());
    assert_eq!(step(&known, DEFAULT, spent(4_000, 1_999, 0)), "stop");
    known.ends.pop();
    known.series.windows.pop();
    known.file_owners.others.clear();
    assert_eq!(step(&known, DEFAULT, spent(4_000, 0, 0)), "measure", "two windows do not tell");
}
