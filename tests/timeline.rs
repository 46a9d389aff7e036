//! What operations own over time, in a process that samples itself.

#![allow(unsafe_code, reason = "calls fork")]
#![cfg(all(target_os = "linux", not(miri)))]

mod common;

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use common::{alone, balanced};
use heapledger::{Report, ReportedTimeline, measure, report, timeline};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// So long that no test sees a point between the ends.
const NEVER: Duration = Duration::from_secs(10_000);

fn kept(operation: &str, size: usize) -> Vec<u8> {
    measure(operation, || black_box(vec![0_u8; black_box(size)])).0
}

/// The only timeline of the process.
#[track_caller]
fn only(report: &Report) -> &ReportedTimeline {
    let [timeline] = report.timelines() else { panic!("{:?}", report.timelines()) };
    timeline
}

#[track_caller]
fn curve(timeline: &ReportedTimeline, path: &str) -> Vec<i64> {
    let found = timeline.operations.iter().find(|one| one.path == path);
    let found = found.unwrap_or_else(|| panic!("{path} is not in {timeline:?}"));
    assert_eq!(found.known_from, 0);
    found.live_bytes.clone()
}

/// A report of which the only timeline is as it should be.
#[track_caller]
fn once(is_so: impl Fn(&ReportedTimeline) -> bool) -> Report {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let report = report();
        if is_so(only(&report)) {
            return report;
        }
        assert!(Instant::now() < until, "{:?}", only(&report));
        thread::yield_now();
    }
}

/// Waits until so many threads of this process sample: the system shows a thread's name, and its end, a bit late.
#[track_caller]
fn threads_sample(count: usize) {
    let sampling = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("it is there");
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name == "heapledger-time\n").count()
    };
    let until = Instant::now() + Duration::from_secs(60);
    while sampling() != count {
        assert!(Instant::now() < until, "{} threads sample, not {count}", sampling());
        thread::yield_now();
    }
}

#[test]
fn the_ends_of_a_timeline_are_its_begin_and_the_report_itself_to_the_byte() {
    let _alone = alone();
    let before = kept("there_before", 3_000_000);
    let timeline = timeline(NEVER);
    let now = kept("built", 4_000_000);
    let report = balanced().report();
    let told = only(&report);
    assert_eq!((told.every_us, told.elapsed_us.len(), told.elapsed_us[0] < 60_000_000), (10_000_000_000, 2, true));
    assert_eq!((told.process, told.problem.as_deref()), (std::process::id(), None));
    assert!(told.program.starts_with("timeline-"), "{}", told.program);
    assert_eq!(curve(told, "there_before"), [3_000_000; 2]);
    assert_eq!(curve(told, "built"), [0, 4_000_000]);
    let order =
        told.operations.iter().map(|one| one.path.as_str()).filter(|path| *path == "built" || *path == "there_before");
    assert_eq!(Vec::from_iter(order), ["built", "there_before"], "the one with the highest point is the first");
    assert_eq!(told.totals()[1], report.process_bytes());
    for row in report.rows() {
        let told = told.operations.iter().find(|one| one.path == row.path).map_or(0, |one| one.live_bytes[1]);
        assert_eq!(told, row.own.live_bytes, "{}", row.path);
    }
    assert_eq!((told.others.as_slice(), told.unsettled.len()), ([0, 0].as_slice(), 0));
    drop((before, now, timeline));
}

#[test]
fn a_thread_samples_until_the_last_guard_is_gone_and_the_next_timeline_begins_anew() {
    let _alone = alone();
    let (first, joined) = (timeline(Duration::ZERO), timeline(NEVER));
    threads_sample(1);
    let held = kept("sampled", 2_000_000);
    // A millisecond at least: it has no room for more points after half a second.
    let sampled = once(|told| told.every_us >= 2_000);
    let told = only(&sampled);
    assert!((2..=512).contains(&told.elapsed_us.len()) && told.elapsed_us.is_sorted(), "{told:?}");
    let values = curve(told, "sampled");
    let since = values.iter().position(|live| *live > 0).expect("it was sampled");
    assert!(values[since..].iter().all(|live| *live == 2_000_000), "{values:?}");
    drop(held);
    once(|told| curve(told, "sampled").iter().rev().take(3).all(|live| *live == 0));
    drop(first);
    threads_sample(1);
    let held = kept("ends_with", 1_000_000);
    drop(joined);
    threads_sample(0);
    let over = [report(), report()];
    assert_eq!(over[0].timelines(), over[1].timelines());
    assert_eq!(curve(only(&over[0]), "ends_with").last(), Some(&1_000_000));
    drop(held);
    let anew = timeline(NEVER);
    assert_eq!(only(&report()).elapsed_us.len(), 2);
    threads_sample(1);
    drop(anew);
}

#[test]
fn the_report_of_an_earlier_snapshot_ends_when_that_was_taken() {
    let _alone = alone();
    let none = heapledger::snapshot();
    let timeline = timeline(NEVER);
    let early = heapledger::snapshot();
    let held = kept("later", 1_000_000);
    let late = heapledger::snapshot();
    drop(timeline);
    assert_eq!(none.report().timelines(), []);
    let early = early.report();
    assert_eq!(only(&early).operations.iter().find(|one| one.path == "later"), None);
    assert_eq!((late - none).report().timelines(), [], "a difference has no timeline");
    let after = report();
    assert_eq!(curve(only(&after), "later"), [0, 1_000_000]);
    drop(held);
}

#[test]
fn a_timeline_goes_through_json_and_damaged_ones_are_refused() {
    let _alone = alone();
    let timeline = timeline(NEVER);
    let held = kept("stored", 1_000_000);
    let report = balanced().report();
    let json = report.to_json();
    assert_eq!(Report::from_json(&json).expect("it is a report").timelines(), report.timelines());
    let mut told: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    told.as_object_mut().expect("it is an object").remove("timelines");
    assert_eq!(Report::from_json(&told.to_string()).expect("older ones have none").timelines(), []);
    let damaged = |what: &str, value: serde_json::Value| {
        let mut told: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
        *told.pointer_mut(&format!("/timelines/0/{what}")).expect(what) = value;
        Report::from_json(&told.to_string()).expect_err(what).to_string()
    };
    use serde_json::json;
    let not_ours = |said: String| said.ends_with(": it was not written by heapledger");
    let twice = json!([0, 1]);
    for (what, value, said) in [
        ("elapsed_us", json!([9, 1]), "goes back in time"),
        ("elapsed_us", json!([1]), "has points that are not there"),
        ("others", json!([1]), "has points that are not there"),
        ("unsettled", json!([2]), "has points that are not there"),
        ("operations/0/known_from", json!(3), "has points that are not there"),
        ("operations/0/live_bytes", json!([1]), "has points that are not there"),
        ("operations", json!(vec![json!({"path": "a", "known_from": 0, "live_bytes": twice}); 65]), "has more points"),
        ("elapsed_us", json!(vec![1; 513]), "has more points or operations than there can be"),
    ] {
        let error = damaged(what, value);
        assert!(error.contains(said) && not_ours(error.clone()), "{what}: {error}");
    }
    assert!(damaged("operations/0/path", json!("a//b")).contains("which cannot be"));
    drop((held, timeline));
}

#[test]
fn merged_reports_keep_their_timelines_beside_each_other_and_of_too_many_the_highest() {
    let _alone = alone();
    let timeline = timeline(NEVER);
    let mut sum = report();
    let mut sizes = Vec::new();
    for size in 1..=20 {
        let held = kept("merged", size << 20);
        let one = report();
        sum.merge(&one).expect("nothing overflows");
        assert_eq!(sum.timelines().len(), 16.min(size + 1));
        sizes.push(only(&one).totals()[1]);
        drop(held);
    }
    let mut told = Vec::from_iter(sum.timelines().iter().map(|one| one.totals()[1]));
    told.sort();
    assert_eq!(told, sizes[4..]);
    drop(timeline);
}

#[test]
fn a_child_that_is_forked_has_no_timeline_and_may_begin_one() {
    let _alone = alone();
    let parents = timeline(Duration::from_millis(1));
    once(|told| told.elapsed_us.len() > 2);
    // SAFETY: the other tests wait, and the child calls nothing that another thread may have locked: the ledger's own
    // locks are free where a process forks, and so are those of C's heap.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let inherited = report().timelines().len();
        drop(parents);
        let own = timeline(Duration::from_millis(1));
        while report().timelines().first().is_none_or(|told| told.elapsed_us.len() < 4) {
            thread::yield_now();
        }
        drop(own);
        let is_well = inherited == 0 && only(&report()).process == std::process::id();
        // SAFETY: it has no preconditions, and nothing of the parent's is to run at the end.
        unsafe { libc::_exit(if is_well { 7 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: the child is ours, and there is room for how it ended.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!((libc::WIFEXITED(status), libc::WEXITSTATUS(status)), (true, 7));
    let points = only(&report()).elapsed_us.len();
    once(|told| told.elapsed_us.len() > points || told.every_us > 1_000);
    drop(parents);
}
