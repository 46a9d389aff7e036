//! Open files belong to the process: those of a neighbour are never charged to a test, its own always are, and slow
//! work costs no verdict. Every case runs in a process of its own.

#![cfg(target_os = "linux")]

#[path = "common/cases.rs"]
mod cases;

use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use heapledger::{LeakReport, LeakTest, Verdict};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// How many files the neighbour has opened.
static OPENED: AtomicUsize = AtomicUsize::new(0);

/// A neighbour that opens a file every four milliseconds, and keeps it.
fn neighbour(path: &'static str) {
    thread::spawn(move || {
        let mut kept = Vec::new();
        loop {
            kept.push(File::open(path).expect("it exists"));
            OPENED.store(kept.len(), Relaxed);
            thread::sleep(Duration::from_millis(4));
        }
    });
    while OPENED.load(Relaxed) == 0 {
        thread::yield_now();
    }
}

fn open(path: &str) -> File {
    File::open(path).expect("it exists")
}

/// How many files every iteration leaves open, as the report says.
fn files(report: &LeakReport) -> f64 {
    match report.verdict() {
        // Fewer than a hundred may be a pool that fills: that is undecided, and fails too.
        Verdict::Leak { files_per_iteration, .. } | Verdict::Undecided { files_per_iteration, .. } => {
            *files_per_iteration
        }
        _ => panic!("{report}"),
    }
}

fn fast_work_beside_a_neighbour() {
    neighbour("/etc/hosts");
    for _ in 0..8 {
        let report = LeakTest::new("vectors").run(|turn| vec![turn; 1000].into_iter().sum::<usize>());
        assert_eq!(*report.verdict(), Verdict::Clean, "{report}");
    }
}

fn slow_work_beside_a_neighbour() {
    neighbour("/etc/hosts");
    let report = LeakTest::new("vectors").run(|turn| {
        thread::sleep(Duration::from_millis(30));
        vec![turn; 1000].into_iter().sum::<usize>()
    });
    assert_eq!(*report.verdict(), Verdict::Clean, "{report}");
}

fn work_beside_a_neighbour_with_a_new_name_every_time() {
    thread::spawn(|| {
        let mut kept = Vec::new();
        for turn in 0_u64.. {
            // A name of letters: digits do not tell names apart.
            let name: String = turn.to_string().bytes().map(|digit| (digit + 49) as char).collect();
            let path = std::env::temp_dir().join(format!("heapledger-{}-{name}", std::process::id()));
            kept.push(File::create(&path).expect("it can be made"));
            std::fs::remove_file(&path).expect("it is there");
            OPENED.store(kept.len(), Relaxed);
            thread::sleep(Duration::from_millis(4));
        }
    });
    while OPENED.load(Relaxed) == 0 {
        thread::yield_now();
    }
    let report = LeakTest::new("vectors").run(|turn| {
        thread::sleep(Duration::from_millis(3));
        vec![turn; 1000]
    });
    assert!(report.passes() && !report.verdict().is_leak(), "{report}");
}

fn its_own_in_three_windows() {
    let mut kept = Vec::with_capacity(1 << 10);
    let report = LeakTest::new("own").time(Duration::ZERO).run(|_| kept.push(open("/etc/hosts")));
    assert_eq!((files(&report), report.iterations()), (1.0, 2 + 16 + 32 + 64), "{report}");
}

fn its_own_in_slow_work() {
    let mut kept = Vec::with_capacity(1 << 10);
    let report = LeakTest::new("slow").iterations(2).time(Duration::ZERO).run(|_| {
        thread::sleep(Duration::from_millis(40));
        kept.push(open("/etc/hosts"));
    });
    assert_eq!((files(&report), report.iterations()), (1.0, 2 + 2 + 4 + 8), "{report}");
}

fn its_own_in_every_second_iteration() {
    let mut kept = Vec::with_capacity(1 << 10);
    let report = LeakTest::new("second").run(|turn| kept.extend((turn % 2 == 0).then(|| open("/etc/hosts"))));
    assert_eq!(files(&report), 0.5, "{report}");
}

fn its_own_beside_a_neighbour_s_of_the_same_name() {
    neighbour("/etc/hosts");
    let mut kept = Vec::with_capacity(1 << 12);
    let report = LeakTest::new("own").run(|_| kept.push(open("/etc/hosts")));
    // Where the processor is so busy that the neighbour opens some in most iterations too, that nobody knows is said.
    if report.to_string().contains("nobody could be asked who opens them: /etc/hosts") {
        return assert!(!report.verdict().is_leak(), "{report}");
    }
    // One where most of sixteen iterations left one; else an average, less what the neighbour opens by its rests.
    let left = files(&report);
    assert!((0.5..=1.5).contains(&left), "{left}: {report}");
}

fn its_own_beside_a_neighbour_s_of_another_name() {
    neighbour("/etc/hosts");
    let mut kept = Vec::with_capacity(1 << 12);
    let report = LeakTest::new("own").run(|_| kept.push(open("/dev/zero")));
    assert_eq!(files(&report), 1.0, "{report}");
    assert!(
        report.files().iter().filter(|file| *file == "/dev/zero").count() == report.iterations() as usize,
        "{report}"
    );
}

fn its_own_at_the_limit_of_iterations() {
    const WARMUP: u64 = (1 << 20) - 200;
    let mut kept = Vec::with_capacity(1 << 12);
    let report = LeakTest::new("late").warmup(WARMUP).run(|turn| {
        if turn as u64 >= WARMUP {
            kept.push(open("/etc/hosts"));
        }
    });
    assert_eq!((files(&report), report.iterations()), (1.0, WARMUP + 16 + 32 + 64), "{report}");
}

#[test]
fn files_are_charged_to_whoever_opens_them() {
    cases::pass_each(
        "files_are_charged_to_whoever_opens_them",
        &[
            ("fast work beside a neighbour", fast_work_beside_a_neighbour),
            ("slow work beside a neighbour", slow_work_beside_a_neighbour),
            ("new names", work_beside_a_neighbour_with_a_new_name_every_time),
            ("its own in three windows", its_own_in_three_windows),
            ("its own in slow work", its_own_in_slow_work),
            ("its own, every second time", its_own_in_every_second_iteration),
            ("its own and others of the name", its_own_beside_a_neighbour_s_of_the_same_name),
            ("its own and others of another name", its_own_beside_a_neighbour_s_of_another_name),
            ("its own at the limit", its_own_at_the_limit_of_iterations),
        ],
    );
}
