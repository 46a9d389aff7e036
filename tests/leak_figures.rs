//! The figures of a leak report agree: its first line, the lines below it, and what is planted. And what it names:
//! places, and equal things once.

use std::mem;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use heapledger::{LeakReport, LeakTest, Verdict, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Bytes and blocks per iteration.
fn leaks(report: &LeakReport) -> (f64, f64) {
    let Verdict::Leak { bytes_per_iteration, blocks_per_iteration, .. } = *report.verdict() else { panic!("{report}") };
    (bytes_per_iteration, blocks_per_iteration)
}

fn lines(report: &LeakReport, head: &str) -> Vec<String> {
    report.to_string().lines().filter(|line| line.trim_start().starts_with(head)).map(String::from).collect()
}

#[test]
fn a_leak_beside_a_cache_that_swings_has_its_own_figure_everywhere() {
    let mut kept: Vec<Box<[u64; 3]>> = Vec::with_capacity(1 << 20);
    let mut cache: Vec<u8> = Vec::new();
    let report = LeakTest::new("swing").run(|i| {
        kept.push(Box::new([0; 3]));
        cache = vec![0; if i % 100 < 40 { 16_000 } else { 100 }];
    });
    let (bytes, blocks) = leaks(&report);
    assert!((bytes - 24.0).abs() < 0.001 && (blocks - 1.0).abs() < 0.001, "{report}");
    let [grows] = lines(&report, "grows").try_into().expect("one operation grows");
    assert!(grows.contains(" by 24 B in 1 block per iteration; "), "{report}");
    assert!(report.to_string().contains("LEAK: it leaves about 24 B in 1 block per iteration\n"), "{report}");
    assert!(lines(&report, "rest").is_empty(), "{report}");
}

/// The size of what is kept for a while, after so many iterations, in bytes.
type Cache = (&'static str, fn(usize) -> usize);

const CACHES: [Cache; 4] = [
    ("a batch of seven", |i| i % 7 * 400),
    ("two sizes, of a period that does not divide a window", |i| if i % 97 < 30 { 60_000 } else { 10 }),
    ("a stock that is used up", |i| (64 - i % 64) * 1_000),
    ("up and down", |i| (i % 50).min(50 - i % 50) * 500),
];

#[test]
fn under_caches_of_several_shapes_two_operations_have_the_figures_that_are_planted() {
    for (name, size) in CACHES {
        let mut cache: Vec<u8> = Vec::new();
        let report = LeakTest::new("shapes").lines(false).run(|i| {
            cache = vec![0; size(i)];
            let _op = track("one");
            mem::forget(vec![0u8; 40]);
            let _op = track("two");
            mem::forget((vec![0u8; 60], vec![0u8; 60]));
        });
        let (bytes, blocks) = leaks(&report);
        assert!((bytes - 160.0).abs() < 16.0 && (blocks - 3.0).abs() < 0.01, "{name}: {report}");
        let grows = lines(&report, "grows");
        let has = |path: &str, figures: &str| grows.iter().any(|line| line.contains(path) && line.contains(figures));
        assert!(has("shapes/one (", " by 40 B in 1 block per iteration"), "{name}: {report}");
        assert!(has("shapes/one/two (", " by 120 B in 2 blocks per iteration"), "{name}: {report}");
        assert!(has("shapes/one/two (", "60 B a block on average"), "{name}: {report}");
    }
}

#[test]
fn rare_leaks_are_said_in_iterations() {
    for every in [50, 700, 3000] {
        // Time enough for all iterations also where other processes take the processor away.
        let report = LeakTest::new("reconnect").lines(false).time(Duration::from_secs(10)).run(|i| {
            if i % every == every - 1 {
                mem::forget(vec![0u8; 100]);
            }
        });
        let (bytes, blocks) = leaks(&report);
        assert!((blocks * every as f64 - 1.0).abs() < 0.05 && (bytes / blocks - 100.0).abs() < 1e-6, "{report}");
        let (text, told) = (report.to_string(), ["50", "700", "3,000"]);
        let said = told.iter().any(|told| {
            text.contains(&format!("LEAK: it leaves about 100 B in 1 block every {told} iterations\n"))
                && text.contains(&format!(" by 100 B in 1 block every {told} iterations; "))
        });
        assert!(said && !text.contains("0.00 "), "{text}");
    }
}

#[test]
fn operations_stand_with_their_places_and_so_do_those_that_freed() {
    let (give, taken) = std::sync::mpsc::channel::<Vec<u8>>();
    let (tell, done) = std::sync::mpsc::channel();
    let shredder = std::thread::spawn(move || {
        for block in taken {
            let _op = track("shredder");
            drop(block);
            tell.send(()).expect("it is awaited");
        }
    });
    let line = line!() + 2;
    let report = LeakTest::new("places").run(|_| {
        let _op = track("keeps");
        mem::forget(vec![0u8; 24]);
        give.send(vec![0u8; 64]).expect("it listens");
        done.recv().expect("it answers");
    });
    drop(give);
    shredder.join().expect("it returns");
    let text = report.to_string();
    assert!(text.contains(&format!("grows    places/keeps (tests/leak_figures.rs:{line}) by ")), "{text}");
    assert!(text.contains("were freed by shredder (tests/leak_figures.rs:"), "{text}");
}

#[test]
fn threads_that_differ_only_in_a_number_are_one() {
    static STOP: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
    let report = LeakTest::new("workers").iterations(4).run(|i| {
        let (begun, begins) = std::sync::mpsc::channel();
        let wait = move || {
            begun.send(()).expect("it is awaited");
            drop(STOP.1.wait_while(STOP.0.lock().expect("nobody panics"), |stop| !*stop));
        };
        std::thread::Builder::new().name(format!("worker-{i}")).spawn(wait).expect("the system has a thread");
        begins.recv().expect("it begins");
    });
    *STOP.0.lock().expect("nobody panics") = true;
    STOP.1.notify_all();
    let text = report.to_string();
    assert!(text.contains("1 running thread per iteration"), "{text}");
    assert!(text.contains(&format!("threads  still running: worker-# (x{})\n", report.iterations())), "{text}");
}

#[test]
fn a_pool_of_threads_is_bounded_up_to_what_is_expected() {
    static STOP: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
    // One thread in every tenth iteration, the first of them before the first window.
    let pool = |test: LeakTest, most: usize| {
        test.run(move |i| {
            if i % 10 == 0 && i / 10 < most {
                let (tell, begun) = std::sync::mpsc::channel();
                std::thread::spawn(move || {
                    tell.send(()).expect("it is awaited");
                    drop(STOP.1.wait_while(STOP.0.lock().expect("nobody panics"), |stop| !*stop));
                });
                begun.recv().expect("it begins");
            }
        })
    };
    let within = pool(LeakTest::new("within").bounded_threads(6), 6);
    assert!(within.passes(), "{within}");
    let beyond = pool(LeakTest::new("beyond").bounded_threads(4), 6);
    assert!(!beyond.passes(), "{beyond}");
    assert!(
        beyond.to_string().contains("5 running threads more than before, MORE than the 4 that are allowed"),
        "{beyond}"
    );
    *STOP.0.lock().expect("nobody panics") = true;
    STOP.1.notify_all();
}

#[test]
fn a_pool_of_files_is_bounded_up_to_what_is_expected() {
    let pool = |test: LeakTest| {
        let mut files = Vec::with_capacity(100);
        test.run(|i| {
            if i % 3 == 0 && files.len() < 30 {
                files.push(std::fs::File::open("/dev/full").expect("it exists"));
            }
        })
    };
    let within = pool(LeakTest::new("within").bounded_files(40));
    assert!(within.passes(), "{within}");
    let beyond = pool(LeakTest::new("beyond").bounded_files(20));
    assert!(!beyond.passes() && beyond.to_string().contains("MORE than the 20 that are allowed"), "{beyond}");
}
