//! The process ends while other threads allocate, open scopes and read the ledger: it ends well, every time.

mod common;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use common::{again, plays};
use heapledger::{measure, report, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// What a child exits with: neither a success of the harness nor one of its failures.
const EXITED: i32 = 17;
const TIMES: usize = 50;

/// Starts threads that never end, and returns when all are at work.
fn allocate_for_ever() {
    static ROUNDS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
    for (at, rounds) in ROUNDS.iter().enumerate() {
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            loop {
                let _op = track(format_args!("thread {at}/round {}", rounds.fetch_add(1, Relaxed) % 100));
                kept.push(vec![0u8; 100]);
                kept.truncate(50);
                measure("short", || std::thread::spawn(|| drop(vec![0u8; 10])).join().unwrap());
                if at == 0 {
                    drop(report());
                }
            }
        });
    }
    while ROUNDS.iter().any(|rounds| rounds.load(Relaxed) < 5) {
        std::thread::yield_now();
    }
}

fn ends_well(test: &str, expected: i32) {
    for time in 0..TIMES {
        let output = again(test, test);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(expected), "time {time}: {}\n{said}", output.status);
        assert!(!said.contains("panicked"), "time {time}: {said}");
    }
}

#[test]
fn the_process_exits_while_threads_allocate() {
    if !plays("the_process_exits_while_threads_allocate") {
        return ends_well("the_process_exits_while_threads_allocate", EXITED);
    }
    allocate_for_ever();
    std::process::exit(EXITED);
}

#[test]
fn a_thread_exits_the_process_inside_a_scope() {
    if !plays("a_thread_exits_the_process_inside_a_scope") {
        return ends_well("a_thread_exits_the_process_inside_a_scope", EXITED);
    }
    allocate_for_ever();
    let exits = std::thread::spawn(|| {
        let _op = track("exits");
        let _block = vec![0u8; 1000];
        std::process::exit(EXITED);
    });
    let _ = exits.join();
}

#[test]
fn main_returns_while_threads_allocate() {
    if !plays("main_returns_while_threads_allocate") {
        return ends_well("main_returns_while_threads_allocate", 0);
    }
    // The harness sees a test that passed, and returns from `main` while the threads go on.
    allocate_for_ever();
}
