//! Threads and files left open, told from evidence that is made up.

use super::super::made_up::{evidence, live};
use super::*;

/// Three windows of a test after so many iterations of which so many files of each name are open.
fn opens(files: impl Fn(u64) -> Vec<(&'static str, u64)>) -> Evidence {
    evidence(3, |n| WindowEnd {
        files: files(n).into_iter().map(|(name, count)| (name.to_string(), count as usize)).collect(),
        ..WindowEnd::default()
    })
}

fn files_left(evidence: &Evidence) -> f64 {
    left_open(evidence).map_or(0.0, |left| left.files)
}

#[test]
fn threads_that_grow_with_every_iteration_are_left_open() {
    let left = |windows: usize, count: fn(u64) -> u64| {
        let left = left_open(&evidence(windows, |n| WindowEnd { threads: count(n) as usize, ..WindowEnd::default() }));
        left.map(|left| (left.threads, left.is_certain, left.events))
    };
    let threads = |count| left(3, count);
    assert_eq!(threads(|n| n + 3), Some((1.0, true, 96)));
    assert_eq!(threads(|n| n / 4), Some((0.25, false, 24)), "a pool may have as many");
    assert_eq!(left(5, |n| n / 4), Some((0.25, true, 96)));
    assert_eq!(threads(|n| n.min(20)), None, "a pool that fills");
    assert_eq!(threads(|n| n / 100), None, "one is nothing");
    assert_eq!(left(2, |n| n), None, "two windows do not tell");
    assert_eq!(threads(|_| 7), None);
    assert_eq!(threads(|n| if n == 0 { 1000 } else { n }), None, "fewer than at the start");
}

#[test]
fn a_hundred_more_in_proportion_are_certain() {
    let threads =
        |most: u64| evidence(3, move |n| WindowEnd { threads: (n * most / 112) as usize, ..WindowEnd::default() });
    let is_certain = |most| left_open(&threads(most)).expect("they grow").is_certain;
    assert!(is_certain(100) && !is_certain(99));
    // As many in each window: growth by the logarithm, however many there are.
    let logarithm =
        evidence(3, |n| WindowEnd { threads: (100 * (n / 16 + 1).ilog2()) as usize, ..WindowEnd::default() });
    assert_eq!(left_open(&logarithm), None);
}

#[test]
fn three_threads_are_the_fewest_that_count() {
    let steps = |second: usize, last: usize| {
        let threads = move |n| {
            [1, 1, 1 + second, 1 + second + last][[0, 16, 48, 112].iter().position(|at| *at == n).unwrap_or(0)]
        };
        left_open(&evidence(3, move |n| WindowEnd { threads: threads(n), ..WindowEnd::default() })).is_some()
    };
    assert!(steps(1, 2) && !steps(1, 1) && !steps(0, 3), "three, in both of the last two windows");
    assert!(steps(100, 111) && !steps(100, 109), "each iteration 55 of 100 that it had");
}

#[test]
fn a_file_counts_by_its_name_and_by_its_folder_only_if_it_has_a_new_name_every_time() {
    assert_eq!(files_left(&opens(|n| vec![("/tmp/log", n), ("/tmp/", n)])), 1.0);
    assert_eq!(files_left(&opens(|n| vec![("/tmp/log", n), ("/tmp/lock", n), ("/tmp/", 2 * n)])), 2.0);
    assert_eq!(files_left(&opens(|n| vec![("/tmp/a", 1), ("/tmp/", n)])), 1.0);
    assert_eq!(files_left(&opens(|n| vec![("/tmp/a", n.min(1)), ("/tmp/", n.min(16))])), 0.0, "a pool that fills");
}

#[test]
fn files_of_others_do_not_count_and_the_test_s_by_what_was_asked() {
    let mut both = opens(|n| vec![("/own", 3 * n), ("/others", n), ("/unknown", n)]);
    both.file_owners.test.insert("/own".into(), 0.5);
    both.file_owners.others.insert("/others".into());
    assert_eq!(files_left(&both), 0.5 + 1.0);
    assert!(has_unknown_files(&both));
    both.file_owners.others.insert("/unknown".into());
    assert_eq!(files_left(&both), 0.5);
    assert!(!has_unknown_files(&both));
}

#[test]
fn only_files_that_grow_are_unknown() {
    assert!(has_unknown_files(&opens(|n| vec![("/a", n)])));
    assert!(!has_unknown_files(&opens(|_| vec![("/a", 5)])));
}

#[test]
fn a_file_that_was_not_open_before_began_with_none() {
    assert_eq!(files_left(&opens(|n| if n == 0 { vec![] } else { vec![("/a", n)] })), 1.0);
}

#[test]
fn the_most_of_one_kind_is_left() {
    let left = |threads: u64, own: u64, others: u64| {
        let mut left = evidence(1, |n| WindowEnd {
            threads: (4 + threads * n / 16) as usize,
            files: [("/own", own), ("/also", 1), ("/others", others)]
                .map(|(name, count)| (name.to_string(), (2 + count * n / 16) as usize))
                .into(),
            ..WindowEnd::default()
        });
        left.file_owners.test.extend([("/own".to_string(), 1.0), ("/also".to_string(), 1.0)]);
        most_left(&left)
    };
    assert_eq!(left(7, 5, 100), 7);
    assert_eq!(left(5, 7, 100), 7);
    assert_eq!(left(0, 0, 100), 1);
    assert_eq!(most_left(&Evidence::default()), 0);
}

#[test]
fn fewer_threads_and_files_than_at_the_start_are_none_left() {
    let mut fewer = evidence(1, |n| WindowEnd {
        threads: 20 - n as usize,
        files: [("/own".to_string(), 20 - n as usize)].into(),
        ..WindowEnd::default()
    });
    fewer.file_owners.test.insert("/own".into(), 1.0);
    assert_eq!(most_left(&fewer), 0);
}

/// Iterations that found a file of name `/a` open so often after an iteration and so often after a rest.
fn openings(iterations: u64, busy: u64, idle: u64) -> Openings {
    let mut openings = Openings::default();
    let none = OpenFiles::new();
    let one = OpenFiles::from([(7, "/a".to_string())]);
    let two = OpenFiles::from([(7, "/a".to_string()), (8, "/a".to_string())]);
    for at in 0..iterations {
        let after = if at < busy { &one } else { &none };
        let rested = match (at < busy, at < idle) {
            (true, true) => &two,
            (false, true) => &one,
            (_, false) => after,
        };
        openings.note(&none, after, rested);
    }
    openings
}

#[test]
fn a_test_opens_a_file_in_half_of_the_iterations_that_promise_one() {
    assert_eq!(openings(100, 50, 0).by_test("/a", 1.0), Some(1.0));
    assert_eq!(openings(100, 49, 0).by_test("/a", 1.0), None);
    assert_eq!(openings(100, 40, 0).by_test("/a", 0.8), Some(0.8), "half of eighty");
    assert_eq!(openings(100, 50, 0).by_test("/a", 3.0), Some(3.0), "an iteration counts once, however many it opens");
    assert_eq!(openings(100, 70, 20).by_test("/a", 1.0), Some(0.5), "the rate is also that of others");
    assert_eq!(openings(100, 70, 21).by_test("/a", 1.0), None);
    assert_eq!(openings(16, 16, 0).by_test("/b", 1.0), None, "another name");
}

#[test]
fn a_test_opens_a_file_twice_as_often_beyond_its_rests_as_chance_would() {
    assert_eq!(openings(16, 4, 0).by_test("/a", 0.1), Some(0.1));
    assert_eq!(openings(16, 3, 0).by_test("/a", 0.1), None);
    assert_eq!(openings(100, 60, 40).by_test("/a", 0.1), Some(0.2));
    assert_eq!(openings(100, 59, 41).by_test("/a", 0.1), None);
}

#[test]
fn openings_count_whether_there_was_any_new_one() {
    let files = |numbers: std::ops::Range<u32>| numbers.map(|one| (one, "/a/f1".to_string())).collect::<OpenFiles>();
    let mut openings = Openings::default();
    openings.note(&files(0..2), &files(0..5), &files(0..9));
    openings.note(&files(0..2), &files(0..2), &files(0..1));
    let once = FileCounts::from([("/a/f#".to_string(), 1), ("/a/".to_string(), 1)]);
    assert_eq!((&openings.by_iterations, &openings.by_rests, openings.iterations), (&once, &once, 2));
}

#[test]
fn openings_are_enough_after_sixteen_iterations_and_300_milliseconds() {
    let too_few = |iterations: u64, elapsed: u64| {
        let mut openings = openings(iterations, 0, 0);
        openings.took(Duration::from_millis(100));
        openings.took(Duration::from_millis(elapsed - 100));
        openings.are_too_few()
    };
    assert!(too_few(15, 300) && too_few(16, 299) && !too_few(16, 300));
}

#[test]
fn whoever_opens_growing_files_is_taken_down() {
    let mut asked = opens(|n| vec![("/a", n), ("/b", n), ("/level", 3)]);
    learn_who_opens_files(&mut asked, &openings(16, 16, 0));
    assert_eq!(asked.file_owners.test, [("/a".to_string(), 1.0)].into());
    assert_eq!(asked.file_owners.others, ["/b".to_string()].into());
}

#[test]
fn files_are_shown_unless_only_others_open_them() {
    let mut known = Evidence::default();
    known.file_owners.test.insert("/own/".into(), 1.0);
    known.file_owners.others.extend(["/others/".to_string(), "/own/f#".to_string()]);
    assert!(is_shown(&known, "/own/f1"), "one of its names is the test's");
    assert!(!is_shown(&known, "/others/f1"));
    assert!(is_shown(&known, "/unknown/f1"));
}

#[test]
fn names_have_no_numbers_and_a_folder() {
    let names = |target| names_of(target).map(|name| name.to_string());
    assert_eq!(names("/tmp/a12b3/x00.log"), ["/tmp/a#b#/x#.log", "/tmp/a#b#/"]);
    assert_eq!(names("socket:[4711]"), ["socket:[#]", "socket:[#]/"]);
    let files = OpenFiles::from([(1, "/t/1".to_string()), (2, "/t/22".to_string()), (3, "/t/x".to_string())]);
    let counts = [("/t/", 3), ("/t/#", 2), ("/t/x", 1)].map(|(name, count)| (name.to_string(), count));
    assert_eq!(count_names(&files), FileCounts::from(counts));
}

/// What a leak of 8 bytes in 2 blocks with one thread is, if so much is live after 100 iterations when most threads
/// have ended.
fn when_threads_end(bytes: u64, blocks: u64, files_per_iteration: f64) -> Verdict {
    let leak = Verdict::Leak {
        bytes_per_iteration: 8.0,
        blocks_per_iteration: 2.0,
        exact: true,
        threads_per_iteration: 1.0,
        files_per_iteration,
    };
    without_ended_threads(&leak, live(bytes, blocks), 100, live(5, 6))
}

#[test]
fn when_threads_end_half_of_the_growth_must_be_left() {
    let leak = |bytes_per_iteration, blocks_per_iteration, files_per_iteration| Verdict::Leak {
        bytes_per_iteration,
        blocks_per_iteration,
        exact: true,
        threads_per_iteration: 0.0,
        files_per_iteration,
    };
    assert_eq!(when_threads_end(400, 0, 0.0), leak(8.0, 2.0, 0.0));
    assert_eq!(when_threads_end(399, 99, 0.0), Verdict::Bounded { bytes: 5, blocks: 6 });
    assert_eq!(when_threads_end(0, 100, 0.0), leak(8.0, 2.0, 0.0));
    assert_eq!(when_threads_end(399, 99, 0.5), leak(0.0, 0.0, 0.5), "files stay a leak");
}

#[test]
fn when_threads_end_what_did_not_grow_is_not_left() {
    let leak = Verdict::Leak {
        bytes_per_iteration: 0.0,
        blocks_per_iteration: 0.0,
        exact: true,
        threads_per_iteration: 1.0,
        files_per_iteration: 0.0,
    };
    let verdict = without_ended_threads(&leak, live(0, 0), 100, live(0, 0));
    assert_eq!(verdict, Verdict::Bounded { bytes: 0, blocks: 0 });
    assert_eq!(without_ended_threads(&Verdict::Clean, live(0, 0), 100, live(0, 0)), Verdict::Clean);
}
