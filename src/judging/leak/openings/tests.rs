//! Who opens files, told from looks that are made up.

use super::*;

fn files(name: &str, numbers: std::ops::Range<usize>) -> OpenFiles {
    numbers.map(|number| (number as u32, name.to_string())).collect()
}

/// Looks of iterations of so many milliseconds and rests of ten, each with so many new files of name `/a` in the
/// iteration and in the rest.
fn looks(iteration: f64, new: impl IntoIterator<Item = (usize, usize)>) -> Openings {
    let mut openings = Openings::default();
    for (busy, idle) in new {
        let lists = [files("/a", 0..2), files("/a", 0..2 + busy), files("/a", 0..2 + busy + idle)];
        let times = [Duration::from_secs_f64(iteration / 1e3), Duration::from_millis(10)];
        openings.note([&lists[0], &lists[1], &lists[2]], times, Duration::ZERO);
    }
    openings
}

/// So many looks with one new file in the first iterations and none in the others.
fn in_the_first(iteration: f64, with_new: usize, of: usize, idle: usize) -> Openings {
    looks(iteration, (0..of).map(|at| (usize::from(at < with_new), idle)))
}

fn whose(openings: &Openings) -> Opener {
    openings.opener("/a", 1.0)
}

#[test]
fn what_falls_into_iterations_beyond_chance_is_the_test_s() {
    // Iterations take a ninth of a rest, so a tenth of all files falls into them by chance: 0.1, 0.01, 0.001.
    let fast = 10.0 / 9.0;
    assert_eq!(whose(&in_the_first(fast, 2, 16, 0)), Opener::NobodyKnows);
    assert_eq!(whose(&in_the_first(fast, 4, 16, 0)), Opener::Test(1.0));
    assert_eq!(whose(&in_the_first(0.01, 1, 16, 0)), Opener::Test(1.0), "one in a thousandth of the time is enough");
    assert_eq!(whose(&in_the_first(0.011, 1, 16, 0)), Opener::NobodyKnows, "but not in more than that");
    assert_eq!(in_the_first(fast, 8, 16, 0).opener("/a", 0.5), Opener::Test(0.5), "the windows know the rate best");
    assert_eq!(in_the_first(fast, 8, 16, 0).opener("/b", 0.5), Opener::NobodyKnows, "another name");
}

#[test]
fn a_test_beside_others_that_open_such_files_too_has_its_own_rate() {
    // Others open one file in each rest of ten milliseconds, and a tenth of one in each iteration.
    let left = |left: [usize; 16]| match looks(1.0, left.map(|busy| (busy, 1))).opener("/a", 9.0) {
        Opener::Test(left) => left,
        other => panic!("{other:?}"),
    };
    // Where nearly all iterations leave the same, that is it; else the average, less the others' tenth.
    assert_eq!(left([1; 16]), 1.0);
    assert_eq!(left([3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 5]), 3.0);
    let mixed = left([3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 5]);
    assert!((mixed - (54.0 / 16.0 - 0.1)).abs() < 1e-9, "{mixed}");
    let rare = left([0, 1, 0, 2, 0, 1, 0, 2, 0, 1, 0, 2, 0, 1, 0, 2]);
    assert!((rare - (12.0 / 16.0 - 0.1)).abs() < 1e-9, "none in most of them is no rate: {rare}");
    // One burst of others: what they open on average is more than what was new in the iterations.
    let burst = looks(1.0, (0..16).map(|at| (1, if at == 0 { 170 } else { 0 })));
    assert_eq!(burst.opener("/a", 1.0), Opener::NobodyKnows);
    let burst = looks(0.1, (0..16).map(|at| (usize::from(at < 8), if at == 0 { 900 } else { 0 })));
    assert_eq!(burst.opener("/a", 1.0), Opener::NobodyKnows);
    let few = looks(0.01, (0..16).map(|at| (usize::from(at < 8), if at == 0 { 500 } else { 0 })));
    let Opener::Test(left) = few.opener("/a", 1.0) else { panic!("eight in a thousandth of the time") };
    assert!((left - (0.5 - 0.03125)).abs() < 1e-9, "{left}");
}

#[test]
fn bursts_in_iterations_count_once_and_those_in_rests_fully() {
    let burst = looks(1.0, [(50, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0)]);
    assert_eq!(whose(&burst), Opener::NobodyKnows);
    // Three of three in a tenth of the time are no chance; of 33 they are.
    assert_eq!(whose(&looks(1.0, [(1, 0), (1, 0), (1, 0), (0, 0)])), Opener::Test(1.0));
    let beside = looks(1.0, [(1, 0), (1, 0), (1, 0), (0, 30)]);
    assert!(!matches!(whose(&beside), Opener::Test(_)));
}

#[test]
fn one_file_in_each_of_six_slow_iterations_and_none_in_the_rests_is_no_chance() {
    let slow = |looked: usize, idle: usize| whose(&in_the_first(1000.0, looked, looked, idle));
    assert_eq!(slow(6, 0), Opener::Test(1.0));
    assert_eq!(slow(5, 0), Opener::NobodyKnows);
    assert!(!matches!(slow(16, 1), Opener::Test(_)), "others open them too");
    assert_eq!(whose(&in_the_first(1000.0, 15, 16, 0)), Opener::NobodyKnows, "not every one");
    assert_eq!(whose(&looks(1000.0, [(2, 0); 6])), Opener::Test(1.0));
    assert_eq!(whose(&looks(1000.0, [(2, 0), (2, 0), (2, 0), (2, 0), (2, 0), (1, 0)])), Opener::NobodyKnows);
    assert_eq!(whose(&looks(1000.0, [(0, 0); 16])), Opener::NobodyKnows, "none is no leak");
}

#[test]
fn others_open_what_is_new_in_rests_and_in_few_iterations() {
    let beside = |busy: usize, rate: f64| looks(10.0, (0..16).map(|at| (usize::from(at < busy), 1))).opener("/a", rate);
    assert_eq!((beside(0, 1.0), beside(7, 1.0), beside(7, 3.0)), (Opener::Others, Opener::Others, Opener::Others));
    assert_eq!((beside(8, 1.0), beside(16, 1.0)), (Opener::NobodyKnows, Opener::NobodyKnows));
    assert_eq!((beside(3, 0.5), beside(4, 0.5)), (Opener::Others, Opener::NobodyKnows), "half of half");
    assert_eq!(whose(&looks(0.01, [(0, 2); 16])), Opener::Others);
    assert_eq!(whose(&looks(0.01, [(0, 0); 16])), Opener::NobodyKnows, "nobody was seen to open any");
    assert_eq!(whose(&looks(30.0, [(3, 1); 16])), Opener::NobodyKnows, "the test may be one of three");
}

#[test]
fn sixteen_looks_or_a_fifth_of_a_second_are_enough() {
    let enough = |looks: usize, milliseconds: u64| {
        let mut openings = Openings::default();
        for at in 0..looks {
            let cost = Duration::from_millis(if at < 2 { milliseconds / 2 } else { 0 });
            openings.note([&OpenFiles::new(); 3], [Duration::ZERO; 2], cost);
        }
        openings.are_enough()
    };
    let mut openings = in_the_first(1.0, 0, 16, 0);
    openings.go_on();
    assert!(!openings.are_enough(), "sixteen more");
    openings.looks.extend_from_within(1..);
    assert!(!openings.are_enough());
    openings.looks.extend_from_within(..1);
    assert!(openings.are_enough());
    openings.looks.truncate(16);
    openings.cost = Duration::from_millis(399);
    assert!(!openings.are_enough());
    openings.cost = Duration::from_millis(400);
    assert!(openings.are_enough());
    assert!(!enough(15, 198) && enough(16, 198) && enough(6, 200) && !enough(5, 200));
}

#[test]
fn looks_count_what_is_new_by_both_names() {
    let mut openings = Openings::default();
    let lists = [files("/a/f1", 0..2), files("/a/f1", 1..5), files("/a/f1", 0..9)];
    openings.note([&lists[0], &lists[1], &lists[2]], [Duration::ZERO; 2], Duration::ZERO);
    let of = |count: usize| FileCounts::from([("/a/f#".to_string(), count), ("/a/".to_string(), count)]);
    assert_eq!((&openings.looks[0].busy, &openings.looks[0].idle), (&of(3), &of(5)));
}

#[test]
fn the_binomial_tail_is_what_tables_say() {
    for (least, all, chance, expected) in
        [(0, 5, 0.3, 1.0), (1, 1, 0.25, 0.25), (2, 3, 0.5, 0.5), (3, 4, 0.1, 0.0037), (16, 4096, 0.5, 1.0)]
    {
        let found = at_least(least, all, chance);
        assert!((found - expected).abs() < 1e-12, "{least} of {all} at {chance}: {found}");
    }
    assert_eq!((at_least(1, 2, 0.0), at_least(1, 2, 1.0), at_least(1, 2, f64::NAN)), (0.0, 1.0, 0.0));
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
