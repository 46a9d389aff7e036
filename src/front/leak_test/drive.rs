//! Drives closures and futures through a run of a leak test, iteration by iteration: every one inside the operation,
//! the readings outside. It decides nothing: what is read, and when, is the run's affair.

use std::future::Future;
use std::panic::Location;

use super::report::LeakReport;
use super::run::LeakRun;
use super::test::LeakTest;
use crate::front::future::Tracked;
use crate::front::scope::Scope;
use crate::front::turn::turns;
use crate::words::Node;

impl LeakTest {
    /// Runs the closure and judges it. What it returns is dropped inside the operation.
    ///
    /// # Panics
    /// When the closure does, when heapledger is not the global allocator or had no memory to count with, and when
    /// warm-up and three windows do not fit into the 1,048,576 iterations that a test runs at most. What the windows
    /// before a panic of the closure tell is printed to standard error before that goes on.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let outcome = heapledger::LeakTest::new("forget").run(|_| std::mem::forget(vec![0u8; 48]));
    /// println!("{outcome}");
    /// assert!(outcome.to_string().contains("exactly 48 B in 1 block per iteration"));
    /// ```
    #[track_caller]
    pub fn run<R>(self, mut closure: impl FnMut(usize) -> R) -> LeakReport {
        let mut run = LeakRun::begin(self, Location::caller(), |test, node| {
            let crew = crew(test, node);
            move || crew.as_ref().map(Scope::threads).unwrap_or_default()
        });
        while let Some(iteration) = run.next_iteration() {
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
    /// runtime: what is returned is `Send` if the closure and its futures are.
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
            let mut run = LeakRun::begin(self, place, |_, _| Vec::new);
            while let Some(iteration) = run.next_iteration() {
                let future = {
                    let _scope = Scope::enter(run.node);
                    closure(iteration)
                };
                Tracked::within(future, run.node).await;
                turns().await;
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
        report.end_assertion();
    }

    /// As [`assert`](Self::assert), of the futures that the closure makes, as in [`run_async`](Self::run_async).
    /// Threads that a future spawns are not counted, and where they begin with every iteration, or the test is alone in
    /// the process, a line on standard error says so, or `strict` fails the test.
    ///
    /// # Panics
    /// The returned future does when it is polled, with the report. The report names the place of this call; the panic
    /// itself happens inside heapledger.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let test = heapledger::LeakTest::new("task").assert_async(|_| async { vec![0u8; 10].len() });
    /// # let mut test = std::pin::pin!(test);
    /// # use std::future::Future as _;
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # while test.as_mut().poll(&mut context).is_pending() {}
    /// ```
    #[track_caller]
    pub fn assert_async<R, F: Future<Output = R>>(self, closure: impl FnMut(usize) -> F) -> impl Future<Output = ()> {
        let test = self.run_async(closure);
        async move { test.await.end_assertion() }
    }
}

/// A scope that lets threads spawned while it is open start in the operation, if the test counts them.
fn crew(test: &LeakTest, node: &'static Node) -> Option<Scope> {
    #[cfg(heapledger_interpose)]
    if test.threads {
        return Some(Scope::enter(node).with_threads());
    }
    let _ = (test, node);
    None
}

/// What `run_async` promises, checked by the compiler: its future may move to other threads if the closure and the
/// futures that it makes may, and be shared between threads if they may.
#[expect(dead_code, reason = "that it compiles is all that is wanted")]
const _: () = {
    fn is_send(_: impl Send) {}
    fn is_sync(_: impl Sync) {}
    fn sends<R, F: Future<Output = R> + Send>(test: LeakTest, closure: impl FnMut(usize) -> F + Send) {
        is_send(test.run_async(closure));
    }
    fn asserts<R, F: Future<Output = R> + Send>(test: LeakTest, closure: impl FnMut(usize) -> F + Send) {
        is_send(test.assert_async(closure));
    }
    fn shares<R, F: Future<Output = R> + Sync>(test: LeakTest, closure: impl FnMut(usize) -> F + Sync) {
        is_sync(test.run_async(closure));
    }
};
