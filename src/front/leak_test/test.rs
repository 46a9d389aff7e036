//! What users ask of a leak test. Sets and keeps wishes; `drive` runs the test.

use std::time::Duration;

use crate::front::name::Name;
use crate::judging::leak::MOST;

/// A test that a closure gives back what it takes.
///
/// Runs the closure in windows of iterations, each twice as long as the one before, reads between iterations what the
/// operation owns, and judges growth by the doubling test: [`Verdict`](crate::Verdict). By default until some 4,000
/// iterations or one second, at least three windows. What grows goes on: a leak until some 65,000 iterations while
/// there is time, so that a cache that fills is told from it; growth that has not stopped, or that contradicts itself,
/// while there is time and three windows more. Never more than some ten times the planned time, or 1,048,576
/// iterations.
///
/// Works in plain `#[test]` functions beside other tests: only the operation of this test is judged, on every thread
/// that it is carried to, and other tests are other operations. Files are the process's: when their number grows, the
/// test compares what stays open over some iterations with what does over rests in between, which costs 0.4 s at most;
/// of files that this does not tell it warns. The report says what could still hide.
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
    pub(super) allowed_warmup: Option<u64>,
    pub(super) bounded: Option<u64>,
    pub(super) bounded_threads: Option<u64>,
    pub(super) bounded_files: Option<u64>,
    pub(super) c_heap: bool,
    pub(super) strict: bool,
    pub(super) lines: bool,
}

/// Of the first three windows together, in the length of the first: each is twice as long as the one before.
const ITERATIONS_OF_THREE_WINDOWS: u64 = 1 + 2 + 4;

impl LeakTest {
    /// A leak test of operation `name`, within the active one. Others may use the same name meanwhile, in a `track` or
    /// another test: this one judges only what it runs.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::LeakTest::new("parse").assert(|_| "1 2 3".split(' ').collect::<Vec<_>>());
    /// for base in [2, 10] {
    ///     heapledger::LeakTest::new(format_args!("parse, base {base}")).assert(|_| u32::from_str_radix("101", base));
    /// }
    /// ```
    pub fn new(name: impl Name) -> Self {
        Self {
            name: name.with(str::to_owned),
            warmup: 2,
            first: 16,
            time: None,
            threads: cfg!(heapledger_interpose),
            whole_process: false,
            allowed_warmup: None,
            bounded: None,
            bounded_threads: None,
            bounded_files: None,
            c_heap: false,
            strict: false,
            lines: true,
        }
    }

    /// Iterations before the first window; what they keep is warm-up. Default 2. With them and three windows a test
    /// must stay within 1,048,576 iterations, or its run panics at once.
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
    /// one second, or 4,000 iterations. A test that does not pass, or is not decided yet, may take longer: up to ten
    /// times as long, and no more than nine seconds beyond.
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
    /// let strict = heapledger::LeakTest::new("search").allow_warmup(64 << 10);
    /// ```
    pub fn allow_warmup(mut self, bytes: u64) -> Self {
        self.allowed_warmup = Some(bytes);
        self
    }

    /// As [`allow_warmup`](Self::allow_warmup).
    ///
    /// ```
    /// # #![allow(deprecated)]
    /// let strict = heapledger::LeakTest::new("search").allow_warm_up(64 << 10);
    /// ```
    #[deprecated(since = "0.1.0", note = "renamed `allow_warmup`; this alias goes in 0.2")]
    pub fn allow_warm_up(self, bytes: u64) -> Self {
        self.allow_warmup(bytes)
    }

    /// Fails the assertion also where the report only warns: of what grew outside in step with the iterations, and of
    /// threads and files that the test cannot judge.
    ///
    /// ```
    /// let strict = heapledger::LeakTest::new("search").strict();
    /// ```
    pub fn strict(mut self) -> Self {
        self.strict = true;
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

    /// Whether a test that fails because memory stays runs the closure on, with call stacks captured, to say which
    /// lines leave it. On by default; the further iterations change no verdict and no figure, and take some three
    /// seconds at most. It needs the feature `lines`, which is on by default, and debug information in the program.
    /// [`capture`](crate::capture) says where call stacks can be captured.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let report = heapledger::LeakTest::new("forget").lines(false).run(|_| std::mem::forget(vec![0u8; 48]));
    /// assert!(!report.to_string().contains("  lines "));
    /// ```
    pub fn lines(mut self, show: bool) -> Self {
        self.lines = show;
        self
    }

    /// Expects a pool of up to `threads` that began in the test and stay: so many more than at the start are bounded,
    /// however long they take to begin, and more fail the assertion. A leak that stays below for the whole test passes
    /// too, so expect no more than the pool has.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::LeakTest::new("pool").bounded_threads(8).assert(|_| ());
    /// ```
    pub fn bounded_threads(mut self, threads: u64) -> Self {
        self.bounded_threads = Some(threads);
        self
    }

    /// Expects a pool of up to `files` that the test opens and keeps open, as
    /// [`bounded_threads`](Self::bounded_threads) does of threads. Files that are open when the last two windows end
    /// count, unless others are known to open them.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::LeakTest::new("segments").bounded_files(16).assert(|_| ());
    /// ```
    pub fn bounded_files(mut self, files: u64) -> Self {
        self.bounded_files = Some(files);
        self
    }

    /// Whether growth of C's heap outside the Rust heap is judged: what C code that the closure calls takes with
    /// `malloc` and keeps. By default the report only warns of it. C's heap is the process's: other tests that call C
    /// code must not run meanwhile. Costs a walk through C's free lists for each window.
    ///
    /// The figure is the least that C code can have taken, overhead of `malloc` included: a block of 32 bytes takes 48.
    /// Less than 8 bytes per iteration, or than 16 KiB over the last window, is not seen.
    ///
    /// ```
    /// let judged = heapledger::LeakTest::new("compress").c_heap(true);
    /// ```
    ///
    /// # Panics
    /// `run` does, where C's heap cannot be read: it can with glibc 2.33 or later, linked dynamically, beneath
    /// [`Allocator::system`](crate::Allocator::system).
    pub fn c_heap(mut self, judge: bool) -> Self {
        self.c_heap = judge;
        self
    }

    /// Three windows are the least that a verdict rests on.
    ///
    /// # Panics
    /// When they do not fit into the most iterations of a test.
    #[track_caller]
    pub(super) fn must_reach_a_verdict(&self) {
        let windows = self.first * ITERATIONS_OF_THREE_WINDOWS;
        assert!(
            self.warmup.saturating_add(windows) <= MOST,
            "leak test {:?} would have no verdict: its warm-up of {} iterations and three windows from {} on take more \
             than the {MOST} iterations that a test runs at most; ask for less `.warmup(..)` or `.iterations(..)`",
            self.name,
            self.warmup,
            self.first,
        );
    }
}
