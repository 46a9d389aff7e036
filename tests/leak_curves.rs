//! The curves of leak tests in reports: what is kept, what is told of it, and what becomes of it in files.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heapledger::{LeakTest, Report, ReportedLeakTest, report, snapshot};
use serde_json::{Value, json};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// The tests of the process are those of whoever has this: one after the other.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The leak tests of an operation, in the order of the report.
fn of<'a>(report: &'a Report, path: &str) -> Vec<&'a ReportedLeakTest> {
    report.leak_tests().iter().filter(|test| test.path == path).collect()
}

/// Leaves 48 bytes in a block with every iteration.
fn leaks_48(name: &str) {
    let outcome = LeakTest::new(name).lines(false).run(|_| Box::leak(Box::new([7_u64; 6])));
    assert!(outcome.verdict().is_leak(), "{outcome}");
}

#[test]
fn a_leak_of_48_bytes_has_its_curve_its_slope_and_its_verdict_in_the_report() {
    let _alone = alone();
    let line = line!() + 1;
    let outcome = LeakTest::new("leaks").warmup(3).iterations(20).lines(false).run(|_| Box::leak(Box::new([7_u64; 6])));
    let report = report();
    let [test] = of(&report, "leaks")[..] else { panic!("{:?}", report.leak_tests()) };
    assert_eq!(test.curve.windows, outcome.windows());
    assert!(test.is_leak() && !test.passes());
    assert_eq!(test.verdict, "LEAK: it leaves exactly 48 B in 1 block per iteration");
    let site = test.site.as_ref().expect("it was run somewhere");
    assert_eq!((&*site.file, site.line), ("tests/leak_curves.rs", line));
    assert_eq!((test.process, test.program.starts_with("leak_curves")), (std::process::id(), true));
    let slope = test.curve.slope.expect("there are windows enough");
    assert_eq!((slope.bytes_per_iteration(), slope.blocks_per_iteration()), (48.0, 1.0));
    let start = test.curve.start;
    assert_eq!((start.iterations, start.live_bytes, start.live_blocks), (3, 3 * 48, 3));
    assert!(test.curve.windows.len() >= 3);
    let (mut done, mut expected) = (3, 20);
    for window in &test.curve.windows {
        assert_eq!(window.iterations, expected);
        let lives = |at: u64| (at as i64 * 48, at as i64);
        for reading in &window.readings {
            assert!((done + 1..done + expected).contains(&reading.iterations), "{window:?}");
            assert_eq!((reading.live_bytes, reading.live_blocks), lives(reading.iterations));
        }
        assert!((1..=15).contains(&window.readings.len()), "{window:?}");
        done += expected;
        assert_eq!((window.live_bytes, window.live_blocks), lives(done));
        // Of longer windows every so many iterations are read.
        let every = (expected / 64).max(1);
        assert_eq!((window.min_bytes, window.max_bytes), (lives(done - expected + every).0, lives(done).0));
        expected *= 2;
    }
    assert_eq!(done, outcome.iterations());
    let table = format!("{report:120}");
    let said = table.lines().find(|line| line.contains("leaks (tests/leak_curves.rs:")).expect("it has a line");
    // How many windows there are, and with them the steps between readings, is a matter of time.
    let (picture, slope) = said.split_at("▁".len() * 16);
    assert!(picture.starts_with('▁') && picture.ends_with("▇█") && picture.chars().is_sorted(), "{said}");
    assert!(slope.starts_with("           48 B  leaks ("), "{said}");
    assert!(table.contains("live              per iteration  leak tests\n"), "{table}");
}

#[test]
fn whatever_ends_is_told_leaks_first_and_what_panicked_by_what_is_known_of_it() {
    let _alone = alone();
    LeakTest::new("order/passes").assert(|_| drop(vec![0_u8; 64]));
    let panics = |name: &str, at: usize| {
        let test = || {
            let _ = LeakTest::new(name).time(Duration::from_secs(600)).run(|i| {
                assert!(i < at, "on purpose");
                Box::leak(Box::new(7_u64));
            });
        };
        std::panic::catch_unwind(test).expect_err("it panics");
    };
    panics("order/panics early", 9);
    leaks_48("order/leaks");
    panics("order/panics late", 16 + 32 + 64 + 128 + 5);
    let told = report();
    let tests = told.leak_tests().iter().filter(|test| test.path.starts_with("order/"));
    let tests = Vec::from_iter(tests.map(|test| (&test.path[6..], test.passes(), test.is_leak(), &*test.verdict)));
    let known = "it panicked; so far: LEAK: it leaves exactly 8 B in 1 block per iteration";
    assert_eq!(
        tests,
        [
            ("leaks", false, true, "LEAK: it leaves exactly 48 B in 1 block per iteration"),
            ("panics late", false, true, known),
            ("panics early", false, false, "it panicked; so far 9 iterations in 0 windows, too early to say"),
            ("passes", true, false, tests[3].3),
        ]
    );
    assert!(tests[3].3.starts_with("clean: "), "{}", tests[3].3);
    let late = &of(&told, "order/panics late")[0].curve;
    assert_eq!(late.windows.iter().map(|one| one.iterations).collect::<Vec<_>>(), [16, 32, 64, 128]);
    assert_eq!(late.slope.map(|slope| slope.bytes_per_iteration()), Some(8.0));
    assert_eq!(of(&told, "order/panics early")[0].curve, Default::default());
}

#[test]
fn the_report_of_an_earlier_snapshot_knows_no_later_tests_and_a_difference_none() {
    let _alone = alone();
    let before = snapshot();
    LeakTest::new("later").assert(|_| ());
    let after = snapshot();
    assert_eq!(of(&before.report(), "later").len(), 0);
    assert_eq!(of(&after.report(), "later").len(), 1);
    assert_eq!((after - before).report().leak_tests(), []);
}

#[test]
fn what_is_kept_is_the_ledgers_own() {
    let _alone = alone();
    LeakTest::new("kept").assert(|_| ());
    let before = snapshot();
    LeakTest::new("kept").assert(|_| drop(vec![0_u8; 64]));
    let did = snapshot() - before;
    let live = |path: &str| did.operation(path).map_or(0, |row| row.own.live_bytes);
    assert_eq!((live("kept"), live("(unattributed)")), (0, 0));
    // Three windows at least of fifteen readings with three figures each.
    assert!((1_000..40_000).contains(&live("(heapledger)")), "{}", live("(heapledger)"));
}

#[test]
fn merged_reports_have_the_tests_of_both_leaks_first() {
    let _alone = alone();
    let stored = |name: &str, leaks: bool, dropped: u64| {
        let outcome = if leaks { "leak" } else { "passed" };
        let curve = json!({ "start": [0, 0, 0], "windows": [], "slope": null });
        let mut test = json!({ "path": name, "program": "app", "process": 1, "site": null, "verdict": "" });
        (test["outcome"], test["curve"]) = (json!(outcome), curve);
        let mut told: Value = serde_json::from_str(&report().to_json()).expect("it is JSON");
        told["leak_tests"] = json!({ "tests": vec![test; 150], "dropped": dropped });
        Report::from_json(&told.to_string()).expect("it is a report")
    };
    let [mut one, other] = [stored("one", false, 3), stored("other", true, 4)];
    one.merge(&other).expect("nothing overflows");
    let paths = one.leak_tests().iter().map(|test| &*test.path);
    assert_eq!(Vec::from_iter(paths), [vec!["other"; 150], vec!["one"; 106]].concat());
    let told: Value = serde_json::from_str(&one.to_json()).expect("it is JSON");
    assert_eq!(told["leak_tests"]["dropped"], json!(3 + 4 + 44));
    let table = one.to_string();
    let said = "\n236 other leak tests are in the report too\n\
                51 other leak tests are not in the report: there was no room for more";
    assert_eq!((table.matches("  other: ").count(), table.contains(said)), (20, true), "{table}");
}

#[test]
fn curves_go_through_json_and_damaged_ones_are_refused() {
    let _alone = alone();
    leaks_48("stored");
    let report = report();
    let json = report.to_json();
    assert_eq!(Report::from_json(&json).expect("it is a report").leak_tests(), report.leak_tests());
    let read = |told: &Value| Report::from_json(&told.to_string());
    let mut older: Value = serde_json::from_str(&json).expect("it is JSON");
    older.as_object_mut().expect("it is an object").remove("leak_tests");
    assert_eq!(read(&older).expect("older ones have none").leak_tests(), []);
    let at = report.leak_tests().iter().position(|test| test.path == "stored").expect("it is there");
    let damaged = |what: &str, value: Value| {
        let mut told: Value = serde_json::from_str(&json).expect("it is JSON");
        *told.pointer_mut(&format!("/leak_tests/tests/{at}/{what}")).expect(what) = value;
        read(&told).expect_err(what).to_string()
    };
    let window = |iterations: u64| {
        json!({ "iterations": iterations, "live_bytes": 0, "live_blocks": 0, "min_bytes": 0,
        "max_bytes": 0, "readings": [] })
    };
    for (what, value, said) in [
        ("curve/windows", json!(vec![window(1); 21]), "has more windows or readings than there can be"),
        ("curve/windows/0/readings", json!(vec![[3, 0, 0]; 16]), "has more windows or readings than there can be"),
        ("curve/windows", json!([window(1), window(0)]), "goes back in iterations"),
        ("curve/windows/0/readings/1/0", json!(3), "goes back in iterations"),
        ("curve/windows/0/readings/14/0", json!(18), "goes back in iterations"),
        ("curve/start/0", json!(3), "goes back in iterations"),
        ("curve/windows/0/readings/1/1", json!(7), "has readings beyond the range of their window"),
        ("curve/windows/0/live_bytes", json!(1_i64 << 40), "has readings beyond the range of their window"),
        ("curve/slope/iterations", json!(0), "has a slope over no windows or no iterations"),
        ("curve/windows", json!([window(1)]), "has a slope over no windows or no iterations"),
    ] {
        let error = damaged(what, value);
        let expected = format!("the report has a leak test that {said}: it was not written by heapledger");
        assert!(error.contains(&expected), "{what}: {error}");
    }
    assert!(damaged("path", json!("a//b")).contains("which cannot be"));
    assert!(damaged("outcome", json!("fine")).contains("unknown variant"));
    let mut many: Value = serde_json::from_str(&json).expect("it is JSON");
    let test = many["leak_tests"]["tests"][at].clone();
    many["leak_tests"]["tests"] = json!(vec![test.clone(); 256]);
    assert_eq!(read(&many).expect("so many can be").leak_tests().len(), 256);
    many["leak_tests"]["tests"] = json!(vec![test; 257]);
    assert!(read(&many).expect_err("they are too many").to_string().contains("is one of more than there can be"));
}
