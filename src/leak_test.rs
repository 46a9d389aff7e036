//! The leak test: runs a closure over and over, reads the ledger in between, and hands the readings to the judge.

use std::collections::BTreeSet;
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::panic::Location;
use std::time::{Duration, Instant};
use std::{fs, thread as std_thread};

use crate::error::{Error, Kind};
use crate::future::Tracked;
use crate::leak_report::{Findings, Growth, LeakReport};
use crate::operation::{LEDGER, Node, UNATTRIBUTED};
use crate::record::thread;
use crate::registry;
use crate::scope::Scope;
use crate::snapshot::{Own, Row, Snapshot, Watch, snapshot};
use crate::tally::Counts;
use crate::verdict::{FEWEST_WINDOWS, Judged, Live, Series, Verdict, Window, judge};

/// Iterations after which a test that says nothing else is over, if its time is not.
const ENOUGH: u64 = 4_000;
/// The most iterations a test ever runs.
const MOST: u64 = 1 << 20;
/// How many times the planned time an undecided test may take.
const PATIENCE: u32 = 10;
/// Further windows for an undecided verdict.
const EXTENSIONS: usize = 3;
/// Readings of a long window.
const READINGS: u64 = 64;
/// How long to wait until the operation rests.
const REST: Duration = Duration::from_millis(300);
/// Threads or files that iterations left behind so far: enough to judge them, before the system runs out.
const ENOUGH_LEFT: usize = 200;

/// A test that a closure gives back what it takes.
///
/// Runs the closure in windows of iterations, each twice as long as the one before, reads between iterations what the
/// operation owns, and judges growth by the doubling test: [`Verdict`]. By default until some 4,000 iterations or one
/// second, at least three windows; up to three windows more when the last ones contradict each other, never more than
/// ten times the planned time or 1,048,576 iterations.
///
/// Works in plain `#[test]` functions beside other tests: only the operation of this test is judged, on every thread
/// that it is carried to, and other tests are other operations. The report says what could still hide.
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
    name: String,
    warmup: u64,
    first: u64,
    time: Duration,
    threads: bool,
    whole_process: bool,
    allowed_warm_up: Option<u64>,
    bounded: Option<u64>,
}

impl LeakTest {
    /// A leak test, as operation `name`; where the name is taken by another test, as `name (2)`, and so on.
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
            time: Duration::from_secs(1),
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

    /// When to plan no further window, if there are three. Default one second.
    ///
    /// ```
    /// let long = heapledger::LeakTest::new("search").time(std::time::Duration::from_secs(30));
    /// ```
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
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
        let mut run = Run::begin(self);
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
    pub async fn run_async<R, F: Future<Output = R>>(mut self, mut closure: impl FnMut(usize) -> F) -> LeakReport {
        // A scope that shares its threads belongs to one thread; a task may move.
        self.threads = false;
        let mut run = Run::begin(self);
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

/// A leak test under way.
struct Run {
    node: &'static Node,
    test: LeakTest,
    state: Own<State>,
    /// Threads spawned while it is open start in the operation.
    crew: Option<Scope>,
    place: &'static Location<'static>,
}

/// Everything a run keeps: the ledger's own memory.
struct State {
    watch: Watch,
    began: Instant,
    /// Iterations run, of all and of the window under way.
    done: u64,
    done_in_window: u64,
    series: Series,
    /// At the start, and at the end of every window.
    ends: Vec<End>,
    extensions: usize,
    /// Threads that were waited for in vain: nobody waits for them again.
    staying: BTreeSet<u32>,
    /// How long to wait for new ones; less each time in vain.
    patience: Duration,
    unsettled: Vec<String>,
    judged: Verdict,
    progress: Progress,
    files_before: BTreeSet<(u32, String)>,
}

struct End {
    snapshot: Snapshot,
    threads: usize,
    files: usize,
}

impl Run {
    #[track_caller]
    fn begin(test: LeakTest) -> Self {
        let place = Location::caller();
        if !thread::installed() {
            panic!("{}", Error(Kind::NotInstalled));
        }
        let node = unused_operation(&test.name);
        let mut crew = None;
        #[cfg(heapledger_interpose)]
        if test.threads {
            crew = Some(Scope::enter(node).with_threads());
        }
        let _ = &mut crew;
        let whole_process = test.whole_process;
        let state = Own::new(|| State {
            watch: Watch::new(node, whole_process),
            began: Instant::now(),
            done: 0,
            done_in_window: 0,
            series: Series::default(),
            ends: Vec::new(),
            extensions: 0,
            staying: BTreeSet::new(),
            patience: REST,
            unsettled: Vec::new(),
            judged: Verdict::Clean,
            progress: Progress::new(),
            files_before: open_files(),
        });
        let mut run = Self { node, test, state, crew, place };
        run.quietly(|run, state| {
            let before = run.settle(state);
            state.series.before = before;
        });
        run
    }

    /// Works on the state for the ledger.
    fn quietly<R>(&mut self, work: impl FnOnce(&Self, &mut State) -> R) -> R {
        let _quiet = thread::quiet();
        let mut state = self.state.take().expect("it is put back below");
        let out = work(self, &mut state);
        self.state.put(state);
        out
    }

    /// The number of the next iteration, or nothing when the verdict is clear.
    fn next(&mut self) -> Option<usize> {
        self.quietly(|run, state| {
            if state.done < run.test.warmup {
                return Some(state.done as usize);
            }
            if state.ends.is_empty() {
                let live = run.settle(state);
                state.series.start = live;
                run.end_window(state);
                state.series.windows.push(Window { iterations: run.test.first, readings: Vec::new() });
            }
            let window = state.series.windows.last()?.iterations;
            if state.done_in_window == window {
                run.end_window(state);
                if !run.goes_on(state) {
                    return None;
                }
                state.done_in_window = 0;
                state.series.windows.push(Window { iterations: window * 2, readings: Vec::new() });
            }
            Some(state.done as usize)
        })
    }

    fn iterated(&mut self) {
        self.quietly(|run, state| {
            state.done += 1;
            if state.done <= run.test.warmup {
                return;
            }
            state.done_in_window += 1;
            let at = state.done_in_window;
            let window = state.series.windows.last().map_or(1, |window| window.iterations);
            let every = (window / READINGS).max(1);
            if at.is_multiple_of(every) || at == window {
                let live = run.settle(state);
                if let Some(window) = state.series.windows.last_mut() {
                    window.readings.push((at, live));
                }
                state.progress.show(&run.test.name, state.done, state.series.windows.len(), state.began.elapsed());
            }
        });
    }

    fn end_window(&self, state: &mut State) {
        let threads = self.threads().len();
        state.ends.push(End { snapshot: snapshot(), threads, files: open_files().len() });
    }

    fn threads(&self) -> Vec<u32> {
        self.crew.as_ref().map(Scope::threads).unwrap_or_default()
    }

    /// Whether another window is worth its time.
    fn goes_on(&self, state: &mut State) -> bool {
        if !state.unsettled.is_empty() {
            return false;
        }
        let windows = state.series.windows.len();
        let next = state.series.windows.last().map_or(1, |window| window.iterations * 2);
        let elapsed = state.began.elapsed();
        if windows < FEWEST_WINDOWS {
            return state.done + next <= MOST;
        }
        let left = state.ends.last().zip(state.ends.first());
        let left = left.map_or(0, |(now, then)| (now.threads + now.files).saturating_sub(then.threads + then.files));
        let planned = state.done < ENOUGH && elapsed < self.test.time && left < ENOUGH_LEFT;
        let judged = verdict_of(&self.test, state, self.node);
        let undecided = matches!(judged, Judged::Undecided(_));
        let (Judged::Decided(verdict) | Judged::Undecided(verdict)) = judged;
        // A cache that is expected may take its time to fill.
        let filling = verdict.is_leak() && self.test.bounded.is_some_and(|bytes| grown(state).bytes <= bytes as i64);
        state.judged = verdict;
        if planned && state.done + next <= MOST {
            return true;
        }
        let more = (undecided || filling)
            && left < ENOUGH_LEFT
            && state.extensions < EXTENSIONS
            && state.done + next <= MOST
            && elapsed * 2 < self.test.time * PATIENCE;
        state.extensions += usize::from(more);
        more
    }

    /// Waits until the operation rests: two equal readings, and every thread that began in it since has ended. Bounded:
    /// threads that do not end are taken to stay, and a test whose figures do not come to rest is unsettled.
    fn settle(&self, state: &mut State) -> Live {
        let mut last = state.watch.read();
        let mut wait = Duration::from_micros(1);
        let mut waited = Duration::ZERO;
        loop {
            let running = self.threads();
            let newcomers = running.iter().any(|thread| !state.staying.contains(thread));
            let now = state.watch.read();
            if now == last && !newcomers {
                break;
            }
            if now == last && waited > state.patience {
                state.staying = running.into_iter().collect();
                state.patience = (state.patience / 2).max(Duration::from_millis(1));
                break;
            }
            if waited > REST {
                state.unsettled = self.moving(state);
                break;
            }
            last = now;
            std_thread::sleep(wait);
            waited += wait;
            wait = (wait * 2).min(Duration::from_millis(100));
        }
        live_of(&last)
    }

    /// Who moves: operations whose counters change, and the threads of this test.
    fn moving(&self, state: &State) -> Vec<String> {
        let before = snapshot();
        std_thread::sleep(Duration::from_millis(20));
        let moved = &snapshot() - &before;
        let judged = |path: &str| registry::known(path).is_some_and(|node| state.watch.is_inside(node));
        let operations = moved.rows().into_iter().filter(|row| row.own.allocs + row.own.frees + row.own.reallocs > 0);
        let operations = operations.filter(|row| judged(&row.path)).map(|row| format!("operation {}", row.path));
        let threads = self.threads().into_iter().map(|thread| format!("thread {}", name_of(thread)));
        let mut moving: Vec<String> = operations.chain(threads).collect();
        if moving.is_empty() {
            moving.push(format!("operation {}", self.node.path()));
        }
        moving
    }

    fn end(mut self) -> LeakReport {
        let report = self.quietly(|run, state| {
            state.progress.clear();
            let report = run.report(state);
            Own::new(|| report)
        });
        drop(self.crew.take());
        LeakReport(report)
    }

    fn report(&self, state: &mut State) -> Findings {
        let verdict = match std::mem::take(&mut state.unsettled) {
            by if by.is_empty() => state.judged.clone(),
            by => Verdict::Unsettled { by },
        };
        let mut findings = Findings {
            name: self.node.path(),
            place: self.place,
            verdict: self.as_expected(state, verdict),
            iterations: state.done,
            windows: state.series.windows.len(),
            last_window: state.series.windows.last().map_or(0, |window| window.iterations),
            elapsed: state.began.elapsed(),
            warm_up: state.series.start.minus(state.series.before),
            growing: Vec::new(),
            handed_over: 0,
            given_away: 0,
            taken_over: 0,
            freed_by: Vec::new(),
            unattributed: Live::default(),
            threads: self.threads().into_iter().map(name_of).collect(),
            files: open_files().difference(&state.files_before).map(|(_, target)| target.clone()).collect(),
            counts_threads: self.crew.is_some(),
            allowed_warm_up: self.test.allowed_warm_up,
            bounded: self.test.bounded,
        };
        if let [.., before, last] = state.ends.as_slice() {
            for row in (&last.snapshot - &before.snapshot).rows().iter().filter(|row| row.path != LEDGER.name) {
                self.note(row, &mut findings);
            }
            findings.growing.sort_by_key(|growth| std::cmp::Reverse(growth.live.bytes));
            findings.freed_by.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        }
        findings
    }

    /// Growth within the cache that was expected is no leak.
    fn as_expected(&self, state: &State, verdict: Verdict) -> Verdict {
        let left_open = |threads: f64, files: f64| threads > 0.0 || files > 0.0;
        match (self.test.bounded, &verdict) {
            (Some(bytes), Verdict::Leak { threads_per_iteration, files_per_iteration, .. })
                if grown(state).bytes <= bytes as i64 && !left_open(*threads_per_iteration, *files_per_iteration) =>
            {
                let Live { bytes, blocks } = grown(state);
                Verdict::Bounded { bytes, blocks }
            }
            _ => verdict,
        }
    }

    /// Takes note of what one operation did in the last window.
    fn note(&self, row: &Row, findings: &mut Findings) {
        let inside = registry::known(&row.path).is_some_and(|node| node.is_within(self.node));
        let live = Live { bytes: row.own.live_bytes, blocks: row.own.live_blocks };
        if row.path == UNATTRIBUTED.name {
            findings.unattributed = live;
        }
        if (inside || self.test.whole_process) && (live.bytes > 0 || live.blocks > 0) {
            findings.growing.push(Growth { path: row.path.clone(), live });
        }
        if inside {
            findings.handed_over += row.own.freed_elsewhere_bytes;
            findings.given_away += row.own.given_away_bytes;
            findings.taken_over += row.own.taken_over_bytes;
        } else if row.own.others_freed_bytes > 0 {
            findings.freed_by.push((row.path.clone(), row.own.others_freed_bytes));
        }
    }
}

/// An operation for this test alone.
fn unused_operation(name: &str) -> &'static Node {
    let within = thread::active();
    let mut node = registry::operation(within, name);
    let mut number = 2;
    let used = |node: &Node| snapshot().total_of(node).allocs > 0 || !claim(node.id);
    while used(node) && number < 1000 {
        node = registry::operation(within, thread::quietly(|| format!("{name} ({number})")).as_str());
        number += 1;
    }
    node
}

/// Whether no leak test has this operation yet; it has now.
fn claim(id: u32) -> bool {
    static CLAIMED: std::sync::Mutex<BTreeSet<u32>> = std::sync::Mutex::new(BTreeSet::new());
    thread::quietly(|| CLAIMED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(id))
}

impl Live {
    fn minus(self, other: Self) -> Self {
        Self { bytes: self.bytes - other.bytes, blocks: self.blocks - other.blocks }
    }
}

fn live_of(counts: &Counts) -> Live {
    let tally = counts.tally(None);
    Live { bytes: tally.live_bytes, blocks: tally.live_blocks }
}

/// What is live above the start.
fn grown(state: &State) -> Live {
    let last = state.series.windows.last().and_then(|window| window.readings.last());
    last.map_or(Live::default(), |(_, live)| live.minus(state.series.before))
}

/// Judges what the operation owns; then what it gave away by resize, and the unattributed; with them threads and files.
fn verdict_of(test: &LeakTest, state: &State, node: &'static Node) -> Judged {
    let left = left_open(state);
    let judged = match judge(&state.series) {
        Judged::Decided(leak) if leak.is_leak() => {
            Judged::Decided(explained_by_taking_over(state, node).unwrap_or(leak))
        }
        Judged::Decided(other) => Judged::Decided(kept_elsewhere(test, state, node).unwrap_or(other)),
        undecided => undecided,
    };
    match (judged, left) {
        (
            Judged::Decided(Verdict::Leak { bytes_per_iteration, blocks_per_iteration, exact, .. }),
            Some((threads, files)),
        ) => Judged::Decided(Verdict::Leak {
            bytes_per_iteration,
            blocks_per_iteration,
            exact,
            threads_per_iteration: threads,
            files_per_iteration: files,
        }),
        (_, Some((threads, files))) => Judged::Decided(Verdict::Leak {
            bytes_per_iteration: 0.0,
            blocks_per_iteration: 0.0,
            exact: true,
            threads_per_iteration: threads,
            files_per_iteration: files,
        }),
        (judged, None) => judged,
    }
}

/// Threads and files that every iteration leaves, if their number grows in proportion: a few that others open
/// meanwhile do not.
fn left_open(state: &State) -> Option<(f64, f64)> {
    let rate_of = |count: fn(&End) -> usize| {
        let series = ends(state, |end| Live { bytes: count(end) as i64, blocks: 0 });
        match judge(&series) {
            Judged::Decided(Verdict::Leak { bytes_per_iteration, .. }) if bytes_per_iteration >= 0.05 => {
                bytes_per_iteration
            }
            _ => 0.0,
        }
    };
    let left = (rate_of(|end| end.threads), rate_of(|end| end.files));
    (left != (0.0, 0.0)).then_some(left)
}

/// A leak that somebody else owns: whoever resized the blocks of this test, and, where the test is alone in the process,
/// a pool that was there before.
fn kept_elsewhere(test: &LeakTest, state: &State, node: &'static Node) -> Option<Verdict> {
    let alone = std::env::var_os("NEXTEST").is_some() || one_test_thread();
    let pool = (alone && !test.whole_process).then_some(&UNATTRIBUTED as &'static Node);
    pool.into_iter().chain(taker(state, node)).find_map(|keeper| {
        let series = ends(state, |end| {
            let (own, kept) = (end.snapshot.total_of(node), end.snapshot.total_of(keeper));
            Live { bytes: own.live_bytes + kept.live_bytes, blocks: own.live_blocks + kept.live_blocks }
        });
        match judge(&series) {
            Judged::Decided(leak) if leak.is_leak() => Some(leak),
            _ => None,
        }
    })
}

fn one_test_thread() -> bool {
    std::env::var("RUST_TEST_THREADS").is_ok_and(|threads| threads == "1")
        || std::env::args().any(|argument| argument == "--test-threads=1")
}

/// A series of one reading for each window: its end.
fn ends(state: &State, read: impl Fn(&End) -> Live) -> Series {
    let mut reading = state.ends.iter().map(read);
    let start = reading.next().unwrap_or_default();
    let windows = state.series.windows.iter().zip(reading);
    let windows = windows
        .map(|(window, live)| Window { iterations: window.iterations, readings: vec![(window.iterations, live)] });
    Series { before: start, start, windows: windows.collect() }
}

/// The operation outside that resized blocks of this one, and owns them since, iteration after iteration.
fn taker(state: &State, node: &'static Node) -> Option<&'static Node> {
    let [.., before, last] = state.ends.as_slice() else { return None };
    let moved = &last.snapshot - &before.snapshot;
    let given = moved.total_of(node).given_away_blocks;
    let outside = moved.rows().into_iter().filter_map(|row| {
        let taker = registry::known(&row.path)?;
        (!taker.is_within(node) && given > 0 && row.own.taken_over_blocks * 2 >= given).then_some((row, taker))
    });
    outside.max_by_key(|(row, _)| row.own.taken_over_blocks).map(|(_, taker)| taker)
}

/// Growth that is no more than old blocks of others, grown a little: then what is left without them decides.
fn explained_by_taking_over(state: &State, node: &'static Node) -> Option<Verdict> {
    let [.., before, last] = state.ends.as_slice() else { return None };
    let moved = (&last.snapshot - &before.snapshot).total_of(node);
    let kept = moved.taken_over_blocks > 0
        && moved.live_bytes >= moved.taken_over_bytes as i64
        && moved.live_blocks >= moved.taken_over_blocks as i64;
    if !kept {
        return None;
    }
    let without = ends(state, |end| {
        let total = end.snapshot.total_of(node);
        Live {
            bytes: total.live_bytes - total.taken_over_bytes as i64,
            blocks: total.live_blocks - total.taken_over_blocks as i64,
        }
    });
    match judge(&without) {
        Judged::Decided(verdict) => Some(verdict),
        Judged::Undecided(_) => None,
    }
}

/// Open file descriptors and what they are, on Linux.
fn open_files() -> BTreeSet<(u32, String)> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return BTreeSet::new() };
    let file = |entry: fs::DirEntry| {
        let number = entry.file_name().to_string_lossy().parse().ok()?;
        // The descriptor that reads this very folder is gone by now.
        let target = fs::read_link(entry.path()).ok()?;
        (!target.starts_with("/proc")).then(|| (number, target.to_string_lossy().into_owned()))
    };
    entries.filter_map(Result::ok).filter_map(file).collect()
}

/// The name of a thread, on Linux.
fn name_of(thread: u32) -> String {
    let name = fs::read_to_string(format!("/proc/self/task/{thread}/comm"));
    name.map_or_else(|_| format!("{thread}"), |name| name.trim_end().to_string())
}

/// A line on the terminal, for tests that take longer than a second.
struct Progress {
    on_terminal: bool,
    shown: Duration,
}

impl Progress {
    fn new() -> Self {
        Self { on_terminal: io::stderr().is_terminal(), shown: Duration::from_millis(800) }
    }

    fn show(&mut self, name: &str, done: u64, window: usize, elapsed: Duration) {
        if self.on_terminal && elapsed > self.shown + Duration::from_millis(200) {
            self.shown = elapsed;
            let line = format!(
                "\r\x1b[2K{}: window {window}, {done} iterations, {elapsed:.1?}",
                crate::render::printable(name)
            );
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }

    fn clear(&mut self) {
        if self.on_terminal && self.shown > Duration::from_secs(1) {
            let _ = io::stderr().write_all(b"\r\x1b[2K");
        }
    }
}
