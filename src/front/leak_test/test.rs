//! The leak test: runs a closure over and over, reads the ledger in between, and hands the readings to the judge.
//!
//! Here is what users call, and what a run keeps. `run` runs and reads, `keepers` finds who owns what the operation's own
//! figures do not show, `leftovers` counts threads and files.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::Location;
use std::time::{Duration, Instant};

use super::keepers::Accounts;
use super::leftovers::{Asked, Files, Progress};
use super::report::LeakReport;
use crate::front::future::Tracked;
use crate::front::process;
use crate::front::scope::Scope;
use crate::judging::leak::{Series, Verdict};
use crate::reading::{Snapshot, Watch};
use crate::record::Own;
use crate::words::{Node, Tid};

/// Iterations after which a test that says nothing else is over, if its time is not.
pub(super) const ENOUGH: u64 = 4_000;
/// The most iterations a test ever runs.
pub(super) const MOST: u64 = 1 << 20;
/// A leak goes on until here, if there is time: a cache of 5,000 entries looks the same for 5,000 iterations, and only
/// tests that fail pay for it.
pub(super) const CONFIRMED: u64 = 1 << 16;
/// Unless it has taken so much by then.
pub(super) const PLENTY: i64 = 64 << 20;
/// How many times the planned time an undecided test may take.
pub(super) const PATIENCE: u32 = 10;
/// Further windows for an undecided verdict.
pub(super) const EXTENSIONS: usize = 3;
/// Readings of a long window.
pub(super) const READINGS: u64 = 64;
/// How long to wait until the operation rests.
pub(super) const REST: Duration = Duration::from_secs(1);
/// How long the operation must have rested before growth is believed at the end of a window: other threads that are to
/// free it may not have had their turn on the processor.
pub(super) const CALM: Duration = Duration::from_millis(20);
/// How long to wait for the first thread that does not end.
pub(super) const PATIENCE_FOR_THREADS: Duration = Duration::from_millis(300);
/// How long threads may take to end before they are called a leak.
pub(super) const LINGERING: Duration = Duration::from_secs(2);
/// Threads or files that iterations left behind so far: enough to judge them, before the system runs out.
pub(super) const ENOUGH_LEFT: usize = 200;

/// A test that a closure gives back what it takes.
///
/// Runs the closure in windows of iterations, each twice as long as the one before, reads between iterations what the
/// operation owns, and judges growth by the doubling test: [`Verdict`]. By default until some 4,000 iterations or one
/// second, at least three windows. What grows goes on: a leak until some 65,000 iterations while there is time, so that
/// a cache that fills is told from it; growth that has not stopped, or that contradicts itself, while there is time and
/// three windows more. Never more than some ten times the planned time, or 1,048,576 iterations.
///
/// Works in plain `#[test]` functions beside other tests: only the operation of this test is judged, on every thread
/// that it is carried to, and other tests are other operations. Files are the process's: when their number grows, a
/// window more compares what stays open over iterations with what does over as much time without. The report says what
/// could still hide.
///
/// A thread that a closure starts works for that test all its life. A pool that several tests share (rayon's global
/// one) charges what it does for one of them to the one that started it: start it before them.
///
/// ```should_panic
/// use std::sync::Mutex;
///
/// #[global_allocator]
/// static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
///
/// static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
///
/// # fn main() {
/// heapledger::LeakTest::new("search").assert(|i| {
///     SEEN.lock().unwrap().push(format!("query {i}")); // panics: it leaks
/// });
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a leak test does nothing until `run` or `assert`"]
pub struct LeakTest {
    pub(super) name: String,
    pub(super) warmup: u64,
    pub(super) first: u64,
    pub(super) time: Option<Duration>,
    pub(super) threads: bool,
    pub(super) whole_process: bool,
    pub(super) allowed_warm_up: Option<u64>,
    pub(super) bounded: Option<u64>,
}

impl LeakTest {
    /// A leak test of operation `name`, within the active one. Others may use the same name meanwhile, in a `track` or
    /// another test: this one judges only what it runs.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::LeakTest::new("parse").assert(|_| "1 2 3".split(' ').collect::<Vec<_>>());
    /// ```
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            warmup: 2,
            first: 16,
            time: None,
            threads: cfg!(heapledger_interpose),
            whole_process: false,
            allowed_warm_up: None,
            bounded: None,
        }
    }

    /// Iterations before the first window; what they keep is warm-up. Default 2.
    ///
    /// ```
    /// let test = heapledger::LeakTest::new("search").warmup(10);
    /// ```
    pub fn warmup(mut self, iterations: u64) -> Self {
        self.warmup = iterations;
        self
    }

    /// Iterations of the first window, at least one. At least two more follow, each twice as long. Default 16.
    ///
    /// ```
    /// let slow = heapledger::LeakTest::new("index_build").iterations(4);
    /// ```
    pub fn iterations(mut self, first: u64) -> Self {
        self.first = first.clamp(1, MOST / 8);
        self
    }

    /// When to plan no further window, if there are three; however many iterations that makes, up to 1,048,576. Default
    /// one second, or 4,000 iterations.
    ///
    /// ```
    /// let long = heapledger::LeakTest::new("search").time(std::time::Duration::from_secs(30));
    /// ```
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Whether threads spawned by the closure count, as with `Scope::with_threads`. Default where the feature `threads`
    /// is on and the platform can.
    ///
    /// ```
    /// let alone = heapledger::LeakTest::new("search").threads(false);
    /// ```
    ///
    /// # Panics
    /// When asked for where it cannot be had.
    pub fn threads(mut self, count: bool) -> Self {
        assert!(
            !count || cfg!(heapledger_interpose),
            "threads cannot be counted here: that needs the feature `threads`, on Linux with a dynamic glibc",
        );
        self.threads = count;
        self
    }

    /// Judges everything that happens in the process, for code that runs on pools it did not start. Other tests must
    /// not run meanwhile.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::LeakTest::new("pool").whole_process().assert(|_| drop(vec![0u8; 10]));
    /// ```
    pub fn whole_process(mut self) -> Self {
        self.whole_process = true;
        self
    }

    /// Fails the assertion when the first iterations keep more than `bytes`. Without it any warm-up is allowed.
    ///
    /// ```
    /// let strict = heapledger::LeakTest::new("search").allow_warm_up(64 << 10);
    /// ```
    pub fn allow_warm_up(mut self, bytes: u64) -> Self {
        self.allowed_warm_up = Some(bytes);
        self
    }

    /// Expects a cache of up to `bytes`: growth below it is bounded, however long the cache takes to fill, and growth
    /// above it fails the assertion.
    ///
    /// ```
    /// let cached = heapledger::LeakTest::new("search").bounded(8 << 20);
    /// ```
    pub fn bounded(mut self, bytes: u64) -> Self {
        self.bounded = Some(bytes);
        self
    }

    /// Runs the closure and judges it. What it returns is dropped inside the operation.
    ///
    /// # Panics
    /// When the closure does, and when heapledger is not the global allocator.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let outcome = heapledger::LeakTest::new("forget").run(|_| std::mem::forget(vec![0u8; 48]));
    /// println!("{outcome}");
    /// assert!(outcome.to_string().contains("exactly 48 B in 1 block per iteration"));
    /// ```
    #[track_caller]
    pub fn run<R>(self, mut closure: impl FnMut(usize) -> R) -> LeakReport {
        let mut run = Run::begin(self, Location::caller(), |test, node| {
            let crew = crew(test, node);
            move || crew.as_ref().map(Scope::threads).unwrap_or_default()
        });
        while let Some(iteration) = run.next() {
            {
                let _scope = Scope::enter(run.node);
                closure(iteration);
            }
            run.iterated();
        }
        run.end()
    }

    /// Runs the futures that the closure makes, one after another, and judges them. Every future is the operation while
    /// it is polled and when it is dropped, on whatever thread; threads that it spawns are not counted. Works on any
    /// runtime.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let test = heapledger::LeakTest::new("task").run_async(|_| async { vec![0u8; 10].len() });
    /// # let mut test = std::pin::pin!(test);
    /// # use std::future::Future as _;
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # let outcome = loop {
    /// #     if let std::task::Poll::Ready(outcome) = test.as_mut().poll(&mut context) { break outcome }
    /// # };
    /// assert_eq!(*outcome.verdict(), heapledger::Verdict::Clean);
    /// ```
    #[track_caller]
    pub fn run_async<R, F: Future<Output = R>>(
        mut self,
        mut closure: impl FnMut(usize) -> F,
    ) -> impl Future<Output = LeakReport> {
        let place = Location::caller();
        // A scope that shares its threads belongs to one thread; a task may move.
        self.threads = false;
        async move {
            let mut run = Run::begin(self, place, |_, _| Vec::new);
            while let Some(iteration) = run.next() {
                let future = {
                    let _scope = Scope::enter(run.node);
                    closure(iteration)
                };
                Tracked::within(future, run.node).await;
                // What the task woke up has its turn before the reading.
                for _ in 0..4 {
                    Turn(false).await;
                }
                run.iterated();
            }
            run.end()
        }
    }

    /// Runs the closure, and panics with the report unless it gives everything back: when the verdict is a leak, or
    /// unstable, or unsettled, or warm-up or growth exceed what was allowed.
    ///
    /// # Panics
    /// That is what it is for; the message is the report, the place is the caller's.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::LeakTest::new("sort").assert(|_| vec![3, 1, 2].sort());
    /// ```
    #[track_caller]
    pub fn assert<R>(self, closure: impl FnMut(usize) -> R) {
        let report = self.run(closure);
        process::leak_tested(|| report.told());
        assert!(report.passes(), "{report}");
    }
}

/// Lets other tasks have a turn.
struct Turn(bool);

impl Future for Turn {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    }
}

/// Lets threads spawned while it is open start in the operation.
fn crew(test: &LeakTest, node: &'static Node) -> Option<Scope> {
    #[cfg(heapledger_interpose)]
    if test.threads {
        return Some(Scope::enter(node).with_threads());
    }
    let _ = (test, node);
    None
}

/// A leak test under way.
pub(super) struct Run<T> {
    pub(super) node: &'static Node,
    pub(super) test: LeakTest,
    pub(super) state: Own<State>,
    /// Tells which threads began in the test and run. What it holds makes a run stay on its thread, or not.
    pub(super) threads: T,
    pub(super) place: &'static Location<'static>,
}

/// Everything a run keeps: the ledger's own memory.
pub(super) struct State {
    pub(super) watch: Watch,
    pub(super) began: Instant,
    /// Iterations run, of all and of the window under way.
    pub(super) done: u64,
    pub(super) done_in_window: u64,
    pub(super) series: Series,
    /// At the start, and at the end of every window.
    pub(super) ends: Vec<End>,
    pub(super) extensions: usize,
    /// Threads that were waited for in vain: nobody waits for them again.
    pub(super) staying: BTreeSet<Tid>,
    /// How long to wait for new ones; less each time in vain.
    pub(super) patience: Duration,
    /// What files are called that the test leaves open, and how many every iteration; and that others do.
    pub(super) own_files: BTreeMap<String, f64>,
    pub(super) others_files: BTreeSet<String>,
    /// Under way in this window.
    pub(super) asked: Option<Asked>,
    pub(super) iteration_began: Instant,
    pub(super) unsettled: Vec<String>,
    pub(super) judged: Verdict,
    pub(super) progress: Progress,
    pub(super) files_before: BTreeSet<(u32, String)>,
    pub(super) accounts_before: Accounts,
}

pub(super) struct End {
    pub(super) snapshot: Snapshot,
    pub(super) threads: usize,
    pub(super) files: Files,
    /// What they did since the test began.
    pub(super) accounts: Accounts,
}
