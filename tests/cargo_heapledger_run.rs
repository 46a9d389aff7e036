//! The command `cargo heapledger run` while signals come: they are the program's, and its report is shown all the same.

#![cfg(all(target_os = "linux", not(miri)))]
#![allow(unsafe_code, reason = "sends signals, and opens a terminal")]

mod common;
#[path = "common/project.rs"]
mod project;

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::process::{CommandExt, parent_id};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use common::plays;
use heapledger::measure;
use project::{Project, heapledger};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// The test that is the program.
const PROGRAM: &str = "the_program";

/// How often SIGINT has come.
static INTERRUPTS: AtomicI32 = AtomicI32::new(0);
/// The signal that asked the program to end.
static ENDING: AtomicI32 = AtomicI32::new(0);

extern "C" fn heed(signal: i32) {
    if signal == libc::SIGINT {
        INTERRUPTS.fetch_add(1, Relaxed);
    } else {
        ENDING.store(signal, Relaxed);
    }
}

/// What the program does: it says its id, says how often it was interrupted, and ends with that as its exit code when
/// it is asked to by another signal. As "heedless" it leaves all signals as they are.
#[test]
fn the_program() {
    if plays("heedful") {
        for signal in [libc::SIGINT, libc::SIGTERM] {
            // SAFETY: the handler only touches atomics.
            unsafe { libc::signal(signal, heed as *const () as libc::sighandler_t) };
        }
    } else if !plays("heedless") {
        return;
    }
    std::mem::forget(measure("search", || black_box(vec![0_u8; black_box(12_345)])).0);
    println!("\nid {}", std::process::id());
    let mut told = 0;
    // Whoever began it may be gone, as where this test was killed.
    let parent = parent_id();
    while ENDING.load(Relaxed) == 0 && parent_id() == parent {
        let interrupts = INTERRUPTS.load(Relaxed);
        if interrupts != told {
            println!("\ninterrupted {interrupts}");
            told = interrupts;
        }
        std::thread::yield_now();
    }
    std::process::exit(40 + INTERRUPTS.load(Relaxed));
}

/// A program under way, and the command that runs it.
struct UnderWay {
    command: Child,
    said: BufReader<File>,
    program: i32,
    /// What is temporary.
    project: Project,
}

impl UnderWay {
    fn begin(role: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let project = Project::bare();
        let temporary = project.path("temporary");
        fs::create_dir(&temporary).expect("it can be made");
        let mut command = heapledger(project.folder());
        let program = std::env::current_exe().expect("a running test has an executable");
        command.args(["run", "--"]).arg(program);
        command.args(["--exact", PROGRAM, "--nocapture", "--test-threads=1"]).env("HEAPLEDGER_TEST_ROLE", role);
        command.env("TMPDIR", temporary);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // Where these tests run in the background, SIGINT may be ignored around them.
        let heed = || {
            for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
                // SAFETY: it takes two numbers.
                unsafe { libc::signal(signal, libc::SIG_DFL) };
            }
            Ok(())
        };
        // SAFETY: the call is allowed between fork and exec.
        unsafe { command.pre_exec(heed) };
        prepare(&mut command);
        let mut command = command.spawn().expect("the command can be run");
        let said = std::os::fd::OwnedFd::from(command.stdout.take().expect("it is piped"));
        let mut made = Self { command, said: BufReader::new(said.into()), program: 0, project };
        made.program = made.until("id ");
        made
    }

    /// The number behind these words, when the program says them.
    fn until(&mut self, words: &str) -> i32 {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.said.read_line(&mut line).expect("it can be read"), 0, "it never said {words:?}");
            if let Some(number) = line.strip_prefix(words) {
                return number.trim_end().parse().expect("it is a number");
            }
        }
    }

    fn send(&self, to: i32, signal: i32) {
        // SAFETY: the process is ours, and nobody has waited for it.
        assert_eq!(unsafe { libc::kill(to, signal) }, 0);
    }

    fn command(&self) -> i32 {
        self.command.id() as i32
    }

    /// The exit code and what was said on standard error. Nothing may be left behind.
    fn end(mut self) -> (Option<i32>, String) {
        let mut err = String::new();
        let mut stderr = self.command.stderr.take().expect("it is piped");
        stderr.read_to_string(&mut err).expect("it is text");
        let status = self.command.wait().expect("it ends");
        let left = Vec::from_iter(fs::read_dir(self.project.path("temporary")).expect("it is there"));
        assert!(left.is_empty(), "{left:?}");
        (status.code(), err)
    }
}

#[track_caller]
fn must_show_the_report(err: &str) {
    assert!(err.lines().any(|line| line.starts_with("search ")) && err.contains("\nsum of net "), "{err}");
}

#[test]
fn a_signal_to_the_command_alone_reaches_the_program_whose_report_is_shown() {
    let mut under_way = UnderWay::begin("heedful", |_| {});
    under_way.send(under_way.command(), libc::SIGINT);
    assert_eq!(under_way.until("interrupted "), 1);
    under_way.send(under_way.command(), libc::SIGTERM);
    let (code, err) = under_way.end();
    assert_eq!(code, Some(41), "{err}");
    must_show_the_report(&err);
}

#[test]
fn a_program_that_a_signal_ends_leaves_no_report_and_nothing_else() {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
        let under_way = UnderWay::begin("heedless", |_| {});
        under_way.send(under_way.command(), signal);
        let (code, err) = under_way.end();
        assert_eq!(code, Some(128 + signal), "{err}");
        assert!(err.contains("it ended without a report: it was killed") && !err.contains("sum of net"), "{err}");
    }
}

#[test]
fn what_is_ignored_around_the_command_stays_ignored() {
    let under_way = UnderWay::begin("heedful", |command| {
        let ignore = || {
            // SAFETY: it takes two numbers.
            unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
            Ok(())
        };
        // SAFETY: the call is allowed between fork and exec.
        unsafe { command.pre_exec(ignore) };
    });
    under_way.send(under_way.command(), libc::SIGHUP);
    under_way.send(under_way.program, libc::SIGHUP);
    under_way.send(under_way.program, libc::SIGTERM);
    let (code, err) = under_way.end();
    assert_eq!(code, Some(40), "{err}");
    must_show_the_report(&err);
}

/// A keyboard, and the terminal that it belongs to.
fn terminal() -> (File, File) {
    let (mut keyboard, mut terminal) = (-1, -1);
    let (none, usual, any_size) = (std::ptr::null_mut(), std::ptr::null(), std::ptr::null());
    // SAFETY: there is room for both numbers, and all else is left out.
    let opened = unsafe { libc::openpty(&raw mut keyboard, &raw mut terminal, none, usual, any_size) };
    assert_eq!(opened, 0, "a terminal can be opened");
    // SAFETY: both were just opened, and are nobody else's.
    [keyboard, terminal].map(|file| unsafe { File::from_raw_fd(file) }).into()
}

#[test]
fn what_is_typed_reaches_the_program_once_each_time() {
    let (mut keyboard, terminal) = terminal();
    let mut under_way = UnderWay::begin("heedful", |command| {
        let file = terminal.as_raw_fd();
        let lead = move || {
            // SAFETY: it takes nothing, and makes this a session, which has no terminal yet.
            unsafe { libc::setsid() };
            // SAFETY: the file is a terminal, and no other session has it.
            match unsafe { libc::ioctl(file, libc::TIOCSCTTY, 0) } {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        };
        // SAFETY: both calls are allowed between fork and exec.
        unsafe { command.pre_exec(lead) };
    });
    // Two that come at once are one, so it is typed often.
    for times in 1..=20 {
        keyboard.write_all(b"\x03").expect("it is open");
        assert_eq!(under_way.until("interrupted "), times);
    }
    under_way.send(under_way.command(), libc::SIGTERM);
    let (code, err) = under_way.end();
    assert_eq!(code, Some(40 + 20), "{err}");
    must_show_the_report(&err);
}
