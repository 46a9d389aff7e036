//! What a sample of a timeline takes, with 1,000 operations and with 10,000, and how much memory a full one has.
//!
//! cargo test --release --manifest-path fixtures/alone/Cargo.toml --test timeline_costs -- --nocapture

#![cfg(all(target_os = "linux", not(miri)))]

use std::fs;
use std::thread;
use std::time::Duration;

use heapledger::{measure, report, snapshot, timeline};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// In bytes, of 512 points of 64 operations, and of what a reading has for each operation.
const MOST: i64 = 512 << 10;
const FOR_EACH: i64 = 256;

/// For how long the thread that samples was on a processor.
fn on_cpu() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").expect("it is there").filter_map(|task| Some(task.ok()?.path()));
    let mut named =
        tasks.filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "heapledger-time\n"));
    let times = named.next().and_then(|task| fs::read_to_string(task.join("schedstat")).ok());
    let nanos = times.as_deref().and_then(|times| times.split_whitespace().next()?.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

#[test]
fn a_sample_takes_little_and_a_full_timeline_has_a_bound() {
    let mut kept = Vec::new();
    println!("operations     CPU time of a sample      memory");
    for operations in [1_000, 10_000] {
        while kept.len() < operations {
            kept.push(measure(format!("operation {}", kept.len()), || vec![0_u8; 64 + kept.len()]).0);
        }
        let ledger = || snapshot().operation("(heapledger)").map_or(0, |row| row.own.live_bytes);
        let before = ledger();
        let timeline = timeline(Duration::from_millis(1));
        let mut points = 0;
        // By the next sample there would be too many, and from then on fewer are taken.
        while points < 400 {
            thread::sleep(Duration::from_millis(50));
            let told = report().timelines()[0].clone();
            points = if told.every_us == 1_000 { told.elapsed_us.len() } else { 512 };
        }
        let (each, grown) = (on_cpu() / points as u32, ledger() - before);
        println!("{operations:<10} {each:>24.1?} {grown:>11}");
        assert!(grown < MOST + FOR_EACH * operations as i64, "{grown} bytes");
        drop(timeline);
    }
}
