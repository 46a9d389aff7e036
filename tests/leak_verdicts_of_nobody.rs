//! What nobody knows never passes: blocks that another thread made and the test resized, blocks that come back with
//! another layout than they were made with. Every case runs in a process of its own beside neighbours, as a program
//! does, not as the only test of its process.

#![allow(unsafe_code, reason = "frees and resizes blocks with another layout, on purpose")]

#[path = "common/cases.rs"]
mod cases;

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use heapledger::{LeakReport, LeakTest, Verdict, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Blocks that a thread makes, one after the other, for whoever asks.
fn lines(made: fn(u64) -> String) -> Receiver<String> {
    let (send, lines) = sync_channel(1);
    thread::spawn(move || {
        let mut turn = 0;
        while send.send(made(turn)).is_ok() {
            turn += 1;
        }
    });
    lines
}

/// A neighbour that keeps block after block, outside every operation, as fast as the processor lets it; but not without
/// end.
fn noise() {
    static UP: AtomicBool = AtomicBool::new(false);
    thread::spawn(|| {
        for _ in 0..2_000_000 {
            mem::forget(vec![1u8; 50]);
            UP.store(true, Relaxed);
            thread::yield_now();
        }
    });
    while !UP.load(Relaxed) {
        thread::yield_now();
    }
}

fn line(_: u64) -> String {
    "a line of sixteen".into()
}

fn keeps(mut next: impl FnMut() -> String) -> LeakReport {
    LeakTest::new("history").run(|_| {
        let mut line = next();
        line.push_str(", received");
        mem::forget(line);
    })
}

fn leaks(report: &LeakReport, bytes: f64) {
    let Verdict::Leak { bytes_per_iteration, blocks_per_iteration, exact, .. } = *report.verdict() else {
        panic!("{report}")
    };
    assert_eq!((bytes_per_iteration, blocks_per_iteration, exact), (bytes, 1.0, true), "{report}");
}

fn another_thread_s() {
    let lines = lines(line);
    leaks(&keeps(|| lines.recv().expect("it sends")), 34.0);
}

fn another_thread_s_beside_noise() {
    let lines = lines(line);
    noise();
    leaks(&keeps(|| lines.recv().expect("it sends")), 34.0);
}

fn two_threads_beside_noise() {
    let (one, other) = (lines(line), lines(line));
    noise();
    let mut turn = 0;
    let report = keeps(|| {
        turn += 1;
        if turn % 2 == 0 { &one } else { &other }.recv().expect("it sends")
    });
    leaks(&report, 34.0);
}

fn own_thread_s_beside_noise() {
    noise();
    let outside = heapledger::current();
    leaks(&keeps(|| outside.run(|| line(0))), 34.0);
}

fn in_an_operation_of_its_own_beside_noise_in_it() {
    let lines = {
        let (send, lines) = sync_channel::<String>(1);
        thread::spawn(move || {
            let _op = track("reader");
            while send.send(line(0)).is_ok() {}
        });
        lines
    };
    thread::spawn(|| {
        let _op = track("reader");
        for _ in 0..2_000_000 {
            mem::forget(vec![1u8; 50]);
            thread::yield_now();
        }
    });
    leaks(&keeps(|| lines.recv().expect("it sends")), 34.0);
}

fn taken_in_two_steps_of_the_test() {
    let lines = lines(line);
    noise();
    let report = LeakTest::new("history").run(|turn| {
        let _op = track(if turn % 2 == 0 { "even" } else { "odd" });
        let mut line = lines.recv().expect("it sends");
        line.push_str(", received");
        mem::forget(line);
    });
    leaks(&report, 34.0);
}

fn old_ones_beside_noise() {
    let mut old = (0..1 << 17).map(|_| vec![0u64; 4]).collect::<Vec<_>>().into_iter();
    let mut pushed = Vec::with_capacity(1 << 17);
    noise();
    let report = LeakTest::new("pushes").run(|turn| {
        let mut vec = old.next().expect("there are enough");
        vec.push(turn as u64);
        pushed.push(vec);
    });
    assert!(report.passes() && !report.verdict().is_leak(), "{report}");
}

#[test]
fn blocks_that_were_made_meanwhile_are_a_leak_whatever_other_threads_do() {
    cases::pass_each(
        "blocks_that_were_made_meanwhile_are_a_leak_whatever_other_threads_do",
        &[
            ("another thread's", another_thread_s),
            ("another thread's beside noise", another_thread_s_beside_noise),
            ("two threads' beside noise", two_threads_beside_noise),
            ("its own thread's beside noise", own_thread_s_beside_noise),
            ("an operation's beside noise in it", in_an_operation_of_its_own_beside_noise_in_it),
            ("taken in two steps", taken_in_two_steps_of_the_test),
            ("old ones beside noise", old_ones_beside_noise),
        ],
    );
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 16).expect("it is a layout")
}

/// A block whose bytes are no tag.
fn block_of(size: usize) -> *mut u8 {
    // SAFETY: the size is not zero.
    let block = unsafe { alloc(layout(size)) };
    // SAFETY: the block has these bytes.
    unsafe { block.write_bytes(1, size) };
    block
}

/// Frees a block as if it had `size` bytes, which are no more than it has.
fn free_as(block: *mut u8, size: usize) {
    // SAFETY: the system's allocator does not look at the size, and the four bytes behind it are the block's.
    unsafe { dealloc(block, layout(size)) };
}

/// Resizes a block as if it had `size` bytes, which are no more than it has.
fn resize_as(block: *mut u8, size: usize, new: usize) -> *mut u8 {
    // SAFETY: as above.
    unsafe { realloc(block, layout(size), new) }
}

/// A C library's allocator with a header of 16 bytes, which one of the calls forgets.
fn grows_with_another_size() {
    let report = LeakTest::new("grow").run(|_| free_as(resize_as(block_of(116), 100, 216), 216));
    let Verdict::Violated { blocks, by, .. } = report.verdict() else { panic!("{report}") };
    assert_eq!((*blocks, by.as_slice()), (report.iterations(), &["grow".to_string()][..]), "{report}");
    assert!(report.to_string().contains("without a valid owner, by grow\n"), "{report}");
    assert!(!report.passes());
}

fn frees_with_another_size_once_in_a_step() {
    let report = LeakTest::new("pool").run(|turn| {
        let _op = track("give back");
        free_as(block_of(64), if turn == 5 { 48 } else { 64 });
    });
    let Verdict::Violated { blocks, by, .. } = report.verdict() else { panic!("{report}") };
    assert_eq!((*blocks, by.as_slice()), (1, &["pool/give back".to_string()][..]), "{report}");
}

fn neighbours_break_theirs() {
    let (send, done) = sync_channel::<()>(0);
    thread::spawn(move || {
        for _ in 0..10_000 {
            let _op = track("broken");
            free_as(block_of(64), 48);
        }
        drop(send);
    });
    assert!(done.recv().is_err(), "it is over");
    let report = LeakTest::new("vectors").run(|turn| vec![turn; 100]);
    assert_eq!(*report.verdict(), Verdict::Clean, "{report}");
}

#[test]
fn a_test_that_frees_or_resizes_blocks_with_another_layout_fails_and_says_where() {
    cases::pass_each(
        "a_test_that_frees_or_resizes_blocks_with_another_layout_fails_and_says_where",
        &[
            ("grows with another size", grows_with_another_size),
            ("frees with another size, once", frees_with_another_size_once_in_a_step),
            ("neighbours do", neighbours_break_theirs),
        ],
    );
}
