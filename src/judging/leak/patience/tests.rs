//! When a test goes on, told from evidence that is made up, with values on both sides of every limit.

use super::super::evidence::WindowEnd;
use super::super::made_up::{evidence, live, owning};
use super::*;

fn spent(iterations: u64, milliseconds: u64) -> Spent {
    Spent { iterations, elapsed: Duration::from_millis(milliseconds), ..Spent::default() }
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
        NextStep::Stop(_) => "stop",
    }
}

const DEFAULT: Option<Duration> = None;
const TEN_SECONDS: Option<Duration> = Some(Duration::from_secs(10));

#[test]
fn no_window_passes_the_most_iterations() {
    // The next window has 128 iterations.
    let most = 1_048_576 - 128;
    assert!(!is_out_of_iterations(&clean(3), &spent(most, 0)));
    assert!(is_out_of_iterations(&clean(3), &spent(most + 1, 0)));
    assert!(!is_out_of_iterations(&clean(0), &spent(1_048_575, 0)), "a first window has one iteration");
    assert!(is_out_of_iterations(&clean(0), &spent(1_048_576, 0)));
    let ages = Some(Duration::from_secs(1 << 32));
    assert_eq!(step(&clean(3), ages, spent(most, 0)), "measure");
    assert_eq!(next_step(&clean(3), ages, &spent(most + 1, 0)), NextStep::Stop(Verdict::Clean));
}

#[test]
fn out_of_iterations_the_verdict_is_the_last_one_even_if_undecided() {
    let out = spent(1 << 20, 0);
    assert_eq!(next_step(&undecided(), DEFAULT, &out), NextStep::Stop(Verdict::Bounded { bytes: 1, blocks: 0 }));
    assert!(matches!(next_step(&leaking(112), DEFAULT, &out), NextStep::Stop(Verdict::Leak { .. })));
}

#[test]
fn fewer_than_three_windows_are_too_few() {
    let over = spent(5_000, 20_000);
    assert_eq!(step(&clean(2), DEFAULT, over), "measure");
    assert_eq!(next_step(&clean(3), DEFAULT, &over), NextStep::Stop(Verdict::Clean));
}

#[test]
fn slow_work_takes_three_windows_and_no_more() {
    // Work of 200 ms takes so long for warm-up and three windows.
    let third = spent(2 + 112, 22_800);
    for evidence in [clean(3), leaking(112), undecided(), with_threads(60, clean(3))] {
        assert_eq!(step(&evidence, DEFAULT, third), "stop");
    }
    for windows in 0..3 {
        assert_eq!(step(&clean(windows), DEFAULT, third), "measure", "{windows} windows are no verdict");
    }
}

#[test]
fn by_default_4000_iterations_or_a_second_are_enough() {
    assert_eq!(step(&clean(3), DEFAULT, spent(3_999, 999)), "measure");
    assert_eq!(step(&clean(3), DEFAULT, spent(4_000, 999)), "stop");
    assert_eq!(step(&clean(3), DEFAULT, spent(3_999, 1_000)), "stop");
}

#[test]
fn a_planned_time_is_used_up_however_many_iterations_that_makes() {
    assert_eq!(step(&clean(3), TEN_SECONDS, spent(900_000, 9_999)), "measure");
    assert_eq!(step(&clean(3), TEN_SECONDS, spent(200, 10_000)), "stop");
}

#[test]
fn two_hundred_threads_left_are_enough() {
    assert_eq!(step(&with_threads(199, clean(3)), DEFAULT, spent(200, 0)), "measure");
    assert_eq!(step(&with_threads(200, clean(3)), DEFAULT, spent(200, 0)), "stop");
    // An undecided test would go on, and a leak would be confirmed.
    assert_eq!(step(&with_threads(199, undecided()), DEFAULT, spent(4_000, 499)), "confirm");
    assert_eq!(step(&with_threads(200, undecided()), DEFAULT, spent(4_000, 499)), "stop");
}

/// So many threads for each iteration of 112, in percent.
fn threads_each(percent: u64) -> Evidence {
    evidence(3, |n| WindowEnd { threads: (n * percent / 100) as usize, ..WindowEnd::default() })
}

#[test]
fn a_hundred_threads_in_proportion_are_a_leak_at_once() {
    let one_each = next_step(&threads_each(100), DEFAULT, &spent(114, 0));
    assert!(matches!(one_each, NextStep::Stop(Verdict::Leak { threads_per_iteration: 1.0, .. })), "{one_each:?}");
    assert_eq!(step(&threads_each(90), DEFAULT, spent(114, 0)), "stop", "a hundred");
    assert_eq!(step(&threads_each(89), DEFAULT, spent(114, 0)), "measure", "99");
}

#[test]
fn fewer_threads_are_undecided_and_worth_more_iterations() {
    let few = threads_each(89);
    assert_eq!(step(&few, DEFAULT, spent(4_000, 4_999)), "confirm");
    let stopped = next_step(&few, DEFAULT, &spent(4_000, 5_000));
    assert!(matches!(stopped, NextStep::Stop(Verdict::Undecided { events: 85, .. })), "{stopped:?}");
}

#[test]
fn threads_that_are_expected_are_not_enough() {
    let expected = |threads: Option<u64>, files: Option<u64>, count| {
        let seen = Evidence { bounded_threads: threads, bounded_files: files, ..with_threads(count, clean(3)) };
        step(&seen, DEFAULT, spent(200, 0))
    };
    for (threads, files) in [(Some(50), None), (None, Some(50)), (Some(50), Some(3))] {
        assert_eq!(expected(threads, files, 249), "measure");
        assert_eq!(expected(threads, files, 250), "stop");
    }
}

#[test]
fn a_leak_is_confirmed_for_16384_iterations() {
    let most = 16_384 - 128;
    assert_eq!(step(&leaking(112), DEFAULT, spent(most, 0)), "confirm");
    assert_eq!(step(&leaking(112), DEFAULT, spent(most + 1, 0)), "stop");
    assert_eq!(step(&clean(3), DEFAULT, spent(most, 0)), "stop", "nothing to confirm");
}

#[test]
fn what_does_not_pass_goes_on_for_ten_times_the_planned_time_and_nine_seconds_beyond_it_at_most() {
    // The next window doubles the time.
    for going_on in [leaking(112), undecided()] {
        assert_eq!(step(&going_on, DEFAULT, spent(4_000, 4_999)), "confirm");
        assert_eq!(step(&going_on, DEFAULT, spent(4_000, 5_000)), "stop");
        assert_eq!(step(&going_on, TEN_SECONDS, spent(4_000, 10_000)), "stop", "20 s are more than 19");
        let short = Some(Duration::from_millis(100));
        assert_eq!(step(&going_on, short, spent(4_000, 499)), "confirm");
        assert_eq!(step(&going_on, short, spent(4_000, 500)), "stop");
        let three_seconds = Some(Duration::from_secs(3));
        assert_eq!(step(&going_on, three_seconds, spent(4_000, 5_999)), "confirm");
        assert_eq!(step(&going_on, three_seconds, spent(4_000, 6_000)), "stop");
    }
    assert_eq!(step(&clean(3), DEFAULT, spent(4_000, 500)), "stop", "what is decided is not");
    for most in [Duration::MAX, Duration::from_secs(u64::MAX / 2)] {
        assert_eq!(step(&undecided(), Some(most), spent(4_000, 500)), "measure", "no time is too long to add up");
    }
}

#[test]
fn what_is_undecided_goes_on_for_131072_iterations() {
    let most = 131_072 - 128;
    assert_eq!(step(&undecided(), DEFAULT, spent(most, 0)), "confirm");
    assert_eq!(step(&undecided(), DEFAULT, spent(most + 1, 0)), "stop");
}

#[test]
fn a_leak_that_a_limit_ends_says_how_many_events_it_rests_on() {
    let verdict = |evidence: &Evidence| match next_step(evidence, DEFAULT, &spent(4_000, 5_000)) {
        NextStep::Stop(verdict) => verdict,
        other => panic!("{other:?}"),
    };
    let leaks = leaking(112);
    let on = |evidence: &Evidence, iterations| rests_on(evidence, &verdict(evidence), iterations);
    assert_eq!(on(&leaks, 16_384 - 128), Some(96));
    assert_eq!(on(&leaks, 16_385 - 128), None, "confirmed");
    assert_eq!(on(&threads_each(100), 114), Some(96));
    assert_eq!(on(&clean(3), 114), None);
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
    assert_eq!(step(&from(plenty - 1), DEFAULT, spent(4_000, 0)), "confirm");
    assert_eq!(step(&from(plenty), DEFAULT, spent(4_000, 0)), "stop");
}

#[test]
fn what_leaks_outside_takes_from_the_same_64_mib() {
    // Half of it inside.
    let with = |outside: u64| {
        let at =
            |n: u64| WindowEnd { unattributed: live(n * outside / 112, 0), ..owning(live(n * (32 << 20) / 112, 0)) };
        let leaking = Evidence { is_alone: true, ..evidence(3, at) };
        step(&leaking, DEFAULT, spent(4_000, 0))
    };
    assert_eq!((with(32 << 20), with((32 << 20) - 112)), ("stop", "confirm"));
}

#[test]
fn a_cache_that_is_expected_may_take_its_time_to_fill() {
    let expects = |bytes: u64| Evidence { bounded: Some(bytes), ..leaking(112) };
    let most = 131_072 - 128;
    assert_eq!(step(&expects(112), DEFAULT, spent(most, 4_999)), "confirm");
    assert_eq!(step(&expects(u64::MAX), DEFAULT, spent(most, 4_999)), "confirm");
    assert_eq!(step(&expects(112), DEFAULT, spent(most + 1, 4_999)), "stop");
    assert_eq!(step(&expects(112), DEFAULT, spent(most, 5_000)), "stop");
    assert_eq!(step(&expects(111), DEFAULT, spent(most, 4_999)), "stop");
    let full = Evidence { bounded: Some(112), ..evidence(3, |n| owning(live(n.min(2), 0))) };
    assert_eq!(step(&full, DEFAULT, spent(4_000, 499)), "stop", "it has filled");
}

#[test]
fn files_that_nobody_knows_are_asked_about_up_to_twice_the_time() {
    let opens = evidence(3, |n| WindowEnd { files: [("/a".to_string(), n as usize)].into(), ..WindowEnd::default() });
    assert_eq!(step(&opens, DEFAULT, spent(4_000, 1_999)), "ask");
    assert_eq!(step(&opens, DEFAULT, spent(4_000, 2_000)), "stop");
    assert_eq!(step(&opens, TEN_SECONDS, spent(4_000, 19_999)), "ask");
    let mut known = opens;
    known.file_owners.others.insert("/a".into());
    assert_eq!(step(&known, DEFAULT, spent(4_000, 1_999)), "stop");
    known.ends.pop();
    known.series.windows.pop();
    known.file_owners.others.clear();
    let asked = Spent { file_rounds: 1, ..spent(4_000, 0) };
    assert_eq!(step(&known, DEFAULT, asked), "measure", "two windows do not tell");
}

#[test]
fn one_block_without_a_valid_owner_ends_the_test() {
    use super::super::made_up::{OUTSIDE, TEST, did, moves, took};
    use crate::words::{Counts, FOREIGN};
    let lost = Counts { given_away_blocks: 1, ..Counts::default() };
    let by = |operation| {
        evidence(1, |n| WindowEnd {
            moves: moves([
                did(1, operation, took(n)),
                did(1, FOREIGN.id, if n > 0 { lost } else { Counts::default() }),
            ]),
            ..WindowEnd::default()
        })
    };
    let violated = Verdict::Violated { blocks: 1, by: vec!["(unknown)".into()] };
    assert_eq!(next_step(&by(TEST), DEFAULT, &spent(18, 0)), NextStep::Stop(violated));
    assert_eq!(step(&by(OUTSIDE), DEFAULT, spent(18, 0)), "measure");
}

#[test]
fn a_test_asks_who_opens_files_early_once_and_once_more() {
    let opens = |windows: usize| {
        evidence(windows, |n| WindowEnd { files: [("/a".to_string(), n as usize)].into(), ..WindowEnd::default() })
    };
    let after = |rounds: usize, is_asking: bool| Spent { file_rounds: rounds, is_asking, ..spent(20, 0) };
    assert_eq!(step(&opens(1), DEFAULT, after(0, false)), "ask", "in the second window");
    assert_eq!(step(&opens(2), DEFAULT, after(0, false)), "ask");
    assert_eq!(step(&opens(2), DEFAULT, after(1, false)), "measure", "it has asked");
    assert_eq!(step(&clean(1), DEFAULT, after(0, false)), "measure", "no file is open");
    assert_eq!(step(&opens(3), DEFAULT, after(1, false)), "ask", "for files that came later");
    let over = |rounds, is_asking| Spent { file_rounds: rounds, is_asking, ..spent(4_000, 1_500) };
    assert_eq!(step(&opens(3), DEFAULT, over(2, false)), "stop");
    assert_eq!(step(&opens(3), DEFAULT, over(2, true)), "ask", "it has not done asking");
}
