//! A closure that panics: what the test knew by then is said before the panic goes on, and the panic stays what it was.
//! Every case runs in a process of its own.

#![cfg(target_os = "linux")]

#[path = "common/cases.rs"]
mod cases;

use std::fs::File;
use std::future::Future;
use std::mem;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use heapledger::LeakTest;

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Lets the closure panic after so many iterations, of which 2 + 16 + 32 + 64 are whole windows.
fn until(turn: usize, most: usize) {
    assert!(turn < most, "No file descriptors available (os error 24)");
}

/// A test that goes on until the closure panics, however slow the machine is.
fn lasting(name: &str) -> LeakTest {
    LeakTest::new(name).time(Duration::from_secs(3600))
}

/// One in every second iteration: a hundred would be a leak at once.
fn leave_file(turn: usize, expected: &str) {
    if turn.is_multiple_of(2) {
        mem::forget(File::open("/etc/hosts").expect(expected));
    }
}

fn leaves_files() {
    let _ = lasting("watch").run(|turn| {
        until(turn, 128);
        leave_file(turn, "it exists");
    });
}

fn leaves_files_until_there_are_none() {
    let _ = lasting("watch").run(|turn| leave_file(turn, "there are files"));
}

/// Goes on without a word where there are no more files.
fn swallows_that_there_are_none() {
    let swallow = |turn: usize| {
        if turn.is_multiple_of(2) {
            File::open("/etc/hosts").map(mem::forget).unwrap_or_default();
        }
    };
    let report = LeakTest::new("swallow").run(swallow);
    assert!(report.to_string().contains("\n  warning  the process could open no more files"), "{report}");
    assert!(report.files().len() > 40, "they are seen all the same: {report}");
    assert!(!LeakTest::new("swallow").strict().run(swallow).passes());
}

fn leaves_a_file_in_every_iteration() {
    let report = lasting("watch").run(|turn| {
        until(turn, 128);
        mem::forget(File::open("/etc/hosts").expect("it exists"));
    });
    assert!(report.verdict().is_leak() && report.iterations() == 2 + 112, "{report}");
}

fn leaves_memory_in_an_assertion() {
    lasting("keep").assert(|turn| {
        until(turn, 2 + 112);
        mem::forget(vec![0u8; 48]);
    });
}

fn leaves_memory_in_a_future() {
    let test = lasting("task").run_async(|turn| async move {
        until(turn, 200);
        mem::forget(vec![0u8; 48]);
    });
    let mut test = pin!(test);
    let mut context = Context::from_waker(Waker::noop());
    while test.as_mut().poll(&mut context).is_pending() {}
}

fn leaves_threads() {
    let _ = lasting("pool").run(|turn| {
        until(turn, 120);
        if turn.is_multiple_of(2) {
            let (up, is_up) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                up.send(()).expect("somebody waits");
                std::thread::park();
            });
            is_up.recv().expect("it began");
        }
    });
}

fn is_clean() {
    lasting("calm").assert(|turn| until(turn, 120));
}

fn panics_early() {
    lasting("early").assert(|turn| {
        until(turn, 2 + 16 + 31);
        mem::forget(vec![0u8; 48]);
    });
}

/// A test that runs while something else panics, and does not itself.
fn runs_in_a_destructor() {
    struct Tests;
    impl Drop for Tests {
        fn drop(&mut self) {
            LeakTest::new("within").assert(|_| ());
        }
    }
    let _tests = Tests;
    panic!("No file descriptors available (os error 24)");
}

const CASES: &[(&str, fn())] = &[
    ("files", leaves_files),
    ("no files", leaves_files_until_there_are_none),
    ("no files, no word", swallows_that_there_are_none),
    ("assertion", leaves_memory_in_an_assertion),
    ("future", leaves_memory_in_a_future),
    ("threads", leaves_threads),
    ("clean", is_clean),
    ("early", panics_early),
    ("destructor", runs_in_a_destructor),
];

const NAME: &str = "a_panic_goes_on_when_the_report_so_far_is_said";

/// What the case `case` says: its own panic and nothing else that panics, and, of the leak test, `known` if anything.
fn says(case: &str, limits: &str, panic: &str, known: Option<&str>) {
    let (output, said) = cases::run(NAME, case, limits);
    assert_eq!(output.status.code(), Some(101), "{case}: {said}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors.matches("panicked at").count(), 1, "{case}: {said}");
    assert!(errors.contains(panic), "{case}: {said}");
    match known {
        Some(known) => assert!(errors.contains(known), "{case}: {known:?} is not said:\n{said}"),
        None => assert!(!errors.contains("leak test"), "{case}: {said}"),
    }
}

#[test]
fn a_hundred_files_are_a_leak_before_the_system_has_no_more() {
    leaves_a_file_in_every_iteration();
}

#[test]
fn a_panic_goes_on_when_the_report_so_far_is_said() {
    if cases::plays(CASES) {
        return;
    }
    const OUT: &str = "No file descriptors available (os error 24)";
    let file = "leak test \"watch\": it panicked; so far: undecided: more and more threads or files stay open";
    says("files", "", OUT, Some(file));
    says("no files", "ulimit -n 80;", "there are files: Os { code: 24", Some(file));
    let (output, said) = cases::run(NAME, "no files, no word", "ulimit -n 80;");
    assert!(output.status.success(), "{said}");
    let keep =
        "leak test \"keep\": it panicked; so far: LEAK: it leaves exactly 48 B in 1 block per iteration\n  ran      ";
    // The third window ends with the last iteration before the panic.
    says("assertion", "", OUT, Some(keep));
    let task = "leak test \"task\": it panicked; so far: LEAK: it leaves exactly 48 B in 1 block per iteration\n";
    says("future", "", OUT, Some(task));
    if cfg!(all(feature = "threads", target_env = "gnu")) {
        // What std keeps for each of them is certain before their number is.
        says("threads", "", OUT, Some("leak test \"pool\": it panicked; so far: LEAK: it leaves about "));
    }
    says("clean", "", OUT, Some("leak test \"calm\": it panicked; so far: clean"));
    says(
        "early",
        "",
        OUT,
        Some("leak test \"early\": it panicked; so far 49 iterations in 1 window, too early to say\n"),
    );
    says("destructor", "", OUT, None);
}
