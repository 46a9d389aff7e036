//! What keeps step and what does not, told from evidence that is made up; and how often a neighbour does by chance.

use super::super::made_up::{OTHERS, OUTSIDE, evidence, live};
use super::*;

fn placed(operation: OperationId) -> Option<Placed> {
    let path = format!("operation {}", operation.number());
    (operation != OperationId::new(99)).then_some(Placed { path, site: None })
}

fn warnings(evidence: &Evidence) -> Vec<Warning> {
    warnings_of_outside(evidence, placed)
}

/// So many windows of a test beside which an operation owns so much after so many iterations; ends: 0, 16, 48, 112.
fn beside(windows: usize, others: impl Fn(u64) -> Live) -> Evidence {
    evidence(windows, |n| WindowEnd { outside: [(OTHERS, others(n))].into(), ..WindowEnd::default() })
}

fn warned(per_iteration: Live) -> Vec<Warning> {
    placed(OTHERS).map(|operation| Warning::OutsideInStep { operation, per_iteration }).into_iter().collect()
}

#[test]
fn what_gains_the_same_whole_blocks_with_every_iteration_keeps_step() {
    assert_eq!(warnings(&beside(3, |n| live(12 * n, n))), warned(live(12, 1)));
    assert_eq!(warnings(&beside(3, |n| live(36 * n, 3 * n))), warned(live(36, 3)));
    assert_eq!(warnings(&beside(3, |n| live(0, n))), warned(live(0, 1)), "blocks without a byte");
    assert_eq!(warnings(&beside(3, |n| live(12 * n + n / 2, n))), warned(live(13, 1)), "sizes may differ");
    assert_eq!(
        warnings(&beside(3, |n| live(12 * n, n.max(16)))),
        warned(live(12, 1)),
        "the first window may be warm-up"
    );
}

#[test]
fn one_block_more_or_less_is_out_of_step() {
    let with = |before: i64, last: i64| {
        let mut seen = beside(3, |n| live(12 * n, n));
        for (end, more) in [(2, before), (3, before + last)] {
            let others = seen.ends[end].outside.get_mut(&OTHERS).expect("it is there");
            others.blocks += more;
        }
        warnings(&seen)
    };
    assert_eq!(with(0, 0).len(), 1);
    for (before, last) in [(1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1), (1, 2)] {
        assert_eq!(with(before, last), [], "{before} and {last}");
    }
    assert_eq!(warnings(&beside(3, |n| live(n, n / 2))), [], "less than one for each");
    assert_eq!(warnings(&beside(3, |n| live(1000 - n, n))), [], "fewer bytes");
    let falls_late = |n: u64| live(if n == 112 { 2000 } else { 3000 }, n);
    assert_eq!(warnings(&beside(3, falls_late)), [], "fewer bytes in the last window");
    let falls_before = |n: u64| live(if n == 16 { 4000 } else { 3000 }, n);
    assert_eq!(warnings(&beside(3, falls_before)), [], "fewer bytes in the one before");
    assert_eq!(warnings(&beside(3, |_| live(7, 7))), []);
}

#[test]
fn short_windows_do_not_tell_who_keeps_step() {
    assert_eq!(warnings(&beside(3, |n| live(12 * n, n))).len(), 1, "64 iterations");
    assert_eq!(warnings(&beside(2, |n| live(12 * n, n))), [], "32 iterations");
    assert_eq!(warnings(&beside(1, |n| live(12 * n, n))), [], "one window");
    let mut short = beside(3, |n| live(12 * n, n));
    short.series.windows[2].iterations = 63;
    short.ends[3].outside.insert(OTHERS, live(1500, 16 + 32 + 63));
    assert_eq!(warnings(&short), []);
}

#[test]
fn where_it_is_judged_nothing_is_warned_of() {
    let seen = beside(3, |n| live(12 * n, n));
    assert_eq!(warnings(&Evidence { is_alone: true, ..seen.clone() }), []);
    assert_eq!(warnings(&Evidence { whole_process: true, ..seen }), []);
}

#[test]
fn the_largest_are_named_first_and_a_few_at_most() {
    let others = |n: u64| (20..26).map(move |id| (OperationId::new(id), live(u64::from(id) * n, n))).collect();
    let seen =
        evidence(3, |n| WindowEnd { unattributed: live(100 * n, n), outside: others(n), ..WindowEnd::default() });
    let bytes: Vec<i64> = warnings(&seen)
        .iter()
        .map(|warning| match warning {
            Warning::OutsideInStep { per_iteration, .. } => per_iteration.bytes,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(bytes, [100, 25, 24]);
    let unattributed = evidence(3, |n| WindowEnd { unattributed: live(9 * n, n), ..WindowEnd::default() });
    let of_nobody = placed(OUTSIDE).map(|operation| Warning::OutsideInStep { operation, per_iteration: live(9, 1) });
    assert_eq!(warnings(&unattributed), Vec::from_iter(of_nobody));
    let unnamed =
        evidence(3, |n| WindowEnd { outside: [(OperationId::new(99), live(n, n))].into(), ..WindowEnd::default() });
    assert_eq!(warnings(&unnamed), [], "an operation that has no name");
}

#[test]
fn what_grows_too_little_to_judge_is_said_of_a_test_that_is_alone() {
    // Four blocks in the last window.
    let few = || evidence(3, |n| WindowEnd { outside: [(OTHERS, live(n, n / 16))].into(), ..WindowEnd::default() });
    let alone = |seen: Evidence| warnings(&Evidence { is_alone: true, ..seen });
    let unsure = placed(OTHERS).map(|operation| Warning::OutsideUnsure { operation, last_window: live(64, 4) });
    assert_eq!(alone(few()), Vec::from_iter(unsure));
    assert_eq!(warnings(&few()), [], "beside other tests it may be theirs");
    assert_eq!(alone(evidence(3, |_| WindowEnd::default())), []);
    let leaks = evidence(3, |n| WindowEnd { outside: [(OTHERS, live(n, n))].into(), ..WindowEnd::default() });
    assert_eq!(alone(leaks), [], "the verdict has it");
    let shrinks = |n: u64| live(1000, 0).minus(live(n * n, 0));
    let shrinks = evidence(4, |n| WindowEnd { outside: [(OTHERS, shrinks(n))].into(), ..WindowEnd::default() });
    assert_eq!(alone(shrinks), []);
    let two = evidence(2, |n| WindowEnd { outside: [(OTHERS, live(n, n / 16))].into(), ..WindowEnd::default() });
    assert_eq!(alone(two), [], "too few windows");
}

/// What is said of threads, of which so many began until an iteration.
fn threads(strangers: impl Fn(u64) -> i64, change: impl Fn(&mut Evidence)) -> Option<u64> {
    let mut seen = evidence(3, |n| WindowEnd { strangers: strangers(n), ..WindowEnd::default() });
    change(&mut seen);
    match warnings(&seen).as_slice() {
        [] => None,
        [Warning::UnseenThreads { count }] => Some(*count),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_test_that_is_alone_says_of_every_thread_that_it_did_not_count() {
    let alone = |seen: &mut Evidence| seen.is_alone = true;
    assert_eq!(threads(|_| 0, alone), None);
    assert_eq!(threads(|_| 1, alone), Some(1), "also of one in the warm-up");
    assert_eq!(threads(|n| n as i64 / 16, alone), Some(7));
    assert_eq!(threads(|n| if n == 0 { 0 } else { -3 }, alone), None, "threads of before came to work for it");
    assert_eq!(threads(|n| if n < 112 { -3 } else { -1 }, alone), Some(2), "one that began is not made up for by them");
    let late = |seen: &mut Evidence| (seen.is_alone, seen.late_threads) = (true, 2);
    assert_eq!(threads(|n| n as i64 / 56, late), None, "two that were there before");
    assert_eq!(threads(|n| n as i64 / 37, late), Some(1));
    let counts = |seen: &mut Evidence| (seen.is_alone, seen.counts_threads) = (true, true);
    assert_eq!(threads(|_| 1, counts), Some(1), "of others' threads too");
}

#[test]
fn beside_other_tests_only_threads_that_keep_step_are_the_test_s() {
    let beside = |_: &mut Evidence| ();
    assert_eq!(threads(|n| n as i64, beside), Some(112));
    assert_eq!(threads(|n| 2 * n as i64, beside), Some(224));
    assert_eq!(threads(|n| n as i64 / 2, beside), None);
    // 32 iterations in the window before, 64 in the last one.
    let of = |before: i64, last: i64| {
        move |n: u64| match n {
            112.. => before + last,
            48.. => before,
            _ => 0,
        }
    };
    assert_eq!(threads(of(29, 58), beside), Some(87));
    assert_eq!(threads(of(28, 58), beside), None);
    assert_eq!(threads(of(29, 57), beside), None);
    assert_eq!(threads(|n| n as i64, |seen| seen.counts_threads = true), None, "its own are counted");
}

#[test]
fn where_everything_is_judged_no_memory_is_unseen() {
    assert_eq!(threads(|n| n as i64, |seen| seen.whole_process = true), None);
    assert_eq!(threads(|n| n as i64, |seen| (seen.whole_process, seen.is_alone) = (true, true)), None);
}

/// Random numbers that are the same in every run.
struct Chance(u64);

impl Chance {
    /// Between zero and one.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// So many events of so many expected ones, about: a normal number with the variance of Poisson's.
    fn events(&mut self, expected: f64) -> i64 {
        let normal = (0..12).map(|_| self.next()).sum::<f64>() - 6.0;
        (expected + normal * expected.sqrt()).round().max(0.0) as i64
    }
}

/// How many of so many neighbours keep step by chance with a test whose last window has so many iterations, if they
/// keep between a thousandth of a block and a thousand blocks for each iteration, every power of ten as likely.
fn false_alarms(last: u64, neighbours: u32, steady: bool) -> u32 {
    let mut chance = Chance(last | 1);
    let mut alarms = 0;
    let mut seen = beside(3, |_| live(0, 0));
    for _ in 0..neighbours {
        let rate = 10f64.powf(chance.next() * 6.0 - 3.0);
        let (mut blocks, mut done) = (0, 0.0);
        let phase = chance.next();
        for window in 0..3 {
            let iterations = last >> (2 - window);
            seen.series.windows[window].iterations = iterations;
            done += iterations as f64;
            blocks = match steady {
                true => (rate * done + phase) as i64,
                false => blocks + chance.events(rate * iterations as f64),
            };
            seen.ends[window + 1].outside.insert(OTHERS, Live { bytes: 8 * blocks, blocks });
        }
        alarms += u32::from(!warnings(&seen).is_empty());
    }
    alarms
}

#[test]
fn a_neighbour_hardly_keeps_step_by_chance() {
    // The table stands in docs/finding-leaks.md. Clockwork keeps step where it ticks once for each iteration.
    for (last, steady, most) in
        [(64, false, 2), (512, false, 2), (2048, false, 2), (64, true, 150), (512, true, 20), (2048, true, 20)]
    {
        let alarms = false_alarms(last, 20_000, steady);
        println!("last window {last}, steady {steady}: {alarms} of 20,000");
        assert!(alarms <= most, "last window {last}, steady {steady}: {alarms}");
    }
}
