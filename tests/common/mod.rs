//! What several tests need: to be alone with the ledger, a reading that balances, and a second process.

#![allow(dead_code, unused_macros, unused_imports, reason = "every test binary uses its own part of this")]

use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A [`heapledger::Tally`] in which every counter that is not named is zero, so that a comparison covers all of them.
macro_rules! tally {
    ($($counter:ident: $value:expr),* $(,)?) => {{
        #[allow(unused_mut, reason = "no counter may be named")]
        let mut tally = heapledger::Tally::default();
        $(tally.$counter = $value;)*
        tally
    }};
}
pub(crate) use tally;

/// Keeps the other tests of this binary waiting, for a test that reads figures of the whole process.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A snapshot that balances. The test harness has threads of its own, so a reading may be unsettled for a moment.
///
/// # Panics
/// When the law is violated, or other threads do not come to rest.
pub fn balanced() -> heapledger::Snapshot {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let snapshot = heapledger::snapshot();
        match snapshot.check() {
            Ok(()) => return snapshot,
            Err(error) if error.is_unsettled() && Instant::now() < until => std::thread::yield_now(),
            Err(error) => panic!("{error}\n{}", snapshot.report()),
        }
    }
}

/// The row of an operation that ran, from a snapshot that balances.
pub fn row(path: &str) -> heapledger::Row {
    balanced().operation(path).unwrap_or_else(|| panic!("operation {path:?} never ran"))
}

/// Is pending once: a runtime takes other tasks first, and goes on with this one on whatever thread is free.
pub async fn elsewhere() {
    let mut was_pending = false;
    let poll = |context: &mut Context<'_>| {
        if std::mem::replace(&mut was_pending, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    };
    std::future::poll_fn(poll).await;
}

const ROLE: &str = "HEAPLEDGER_TEST_ROLE";

/// Whether this process was started by [`again`] to play `role`.
pub fn plays(role: &str) -> bool {
    std::env::var(ROLE).is_ok_and(|played| played == role)
}

/// Runs the test `name` of this binary in a process of its own, in which [`plays`] says yes to `role`.
pub fn again(name: &str, role: &str) -> Output {
    let program = std::env::current_exe().expect("a running test has an executable");
    let mut command = Command::new(program);
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(ROLE, role);
    command.output().expect("the test's own executable runs")
}

/// Runs the test `name` again as `role` and passes on its verdict.
///
/// # Panics
/// When the other process fails, or ran no test.
pub fn must_pass_again(name: &str, role: &str) {
    said_and_passed(name, role);
}

/// The same. Returns what the other process said.
///
/// # Panics
/// As [`must_pass_again`].
pub fn said_and_passed(name: &str, role: &str) -> String {
    let output = again(name, role);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{said}", output.status);
    assert!(said.contains("1 passed"), "the other process ran no test:\n{said}");
    said
}

/// Runs `work`, the body of the test `name`, in a process in which no other test runs and the harness is at rest: for
/// figures of the whole process that must be exact.
///
/// # Panics
/// When the other process fails, or ran no test.
pub fn in_its_own_process(name: &str, work: impl FnOnce()) {
    if !plays(name) {
        return must_pass_again(name, name);
    }
    #[cfg(target_os = "linux")]
    while !main_thread_sleeps() {
        std::thread::yield_now();
    }
    work();
}

/// Whether the harness waits for the test: its main thread has nothing else to do then.
#[cfg(target_os = "linux")]
fn main_thread_sleeps() -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{}/stat", std::process::id()));
    let stat = stat.expect("the main thread is there while tests run");
    // The state is behind the program's name, which stands in parentheses and may hold anything.
    stat.rsplit_once(')').is_some_and(|(_, state)| state.trim_start().starts_with('S'))
}

/// Random numbers that are the same in every run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}
