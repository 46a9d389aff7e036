//! Budgets in tests: an assertion runs what it measures as an operation of its own, and compares the figures with the
//! policy and with what was recorded.
//!
//! This file has what users call; `assertion` runs and reads.

use std::fmt;
use std::future::Future;
use std::panic::Location;

use super::assertion::{Assertion, StartedRun};
use crate::front::name::Name;
use crate::front::process;
use crate::words::Tally;

/// Runs `work` as operation `name`, and panics where a figure exceeds what `heapledger.toml` allows it.
///
/// The policy stands beside the `Cargo.toml` of the package that is tested, or above it in the workspace; figures that
/// were recorded stand where it says. `docs/ci-budgets.md` is the manual. Improvements, and figures that are not
/// recorded yet, give a warning on standard error, or a panic where the policy is strict.
///
/// Runs `work` three times, or as often as the policy says (`runs`; where `live_bytes_per_iteration` is limited, at
/// least three times), and a few times more while counts differ. Of `allocs`, `allocated_bytes` and `peak_bytes` the
/// least counts, because disturbances only add to them; of `net_bytes` and `live_bytes` the most counts, after a first
/// run that may warm up. What `work` returns is still alive when it is measured, and counts as kept. Afterwards it is
/// dropped, except what the last run returns, which the caller gets.
///
/// Where `allocs`, `allocated_bytes` or `live_bytes` exceeds its limit, `work` runs once more with call stacks
/// captured, and the message says which lines that figure comes from (feature `lines`).
///
/// The figures are exact beside other tests: the assertion is an operation of its own, even if others use the name.
/// Threads that `work` starts count where the feature `threads` can see them; otherwise carry the operation to them
/// ([`crate::current`]). With them `peak_bytes` is off by at most 64 KiB for each, and no two runs agree on it: give it
/// a ceiling or a tolerance.
///
/// ```no_run
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// # fn search(_: &str) -> Vec<u32> { Vec::new() }
/// let hits = heapledger::assert_budget("search", || search("rust"));
/// ```
///
/// # Panics
/// When a limit is exceeded, with the figures, the lines that limit them, and what grew; when no limit applies, when
/// the policy cannot be read, and when heapledger is not the global allocator: a check that cannot see must not pass.
/// And when `work` does.
#[track_caller]
pub fn assert_budget<R>(name: impl Name, mut work: impl FnMut() -> R) -> R {
    let caller = Location::caller();
    let mut assertion = begin(name, caller);
    loop {
        let run = assertion.start();
        let out = work();
        assertion.stop(run);
        if !assertion.runs_again() {
            let judged = assertion.judge();
            let lines = assertion.figure_with_lines(&judged).and_then(|figure| assertion.lines(figure, &mut work));
            assertion.end(judged, lines);
            return out;
        }
        assertion.give_back(out);
    }
}

/// As [`assert_budget`], of the futures that `work` makes: each is the operation whenever it is polled and when it is
/// dropped, on whatever thread, and `work` is called inside it. The same policy, figures and number of runs; between
/// runs other tasks have a turn.
///
/// Nothing that happens between polls is counted. Neither are tasks and threads that a future spawns, whether the
/// feature `threads` is on or not, unless the operation is carried to them ([`tracked`](crate::Track::tracked),
/// [`crate::current`]): then their counts are the operation's, but `peak_bytes` is that of the future alone. Between
/// runs the calling thread waits, half a second at most, until the operation rests: join what you spawn.
///
/// What is returned is `Send` if `work`, its futures and what they return are.
///
/// ```no_run
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// # async fn search(_: &str) -> Vec<u32> { Vec::new() }
/// # async fn test() {
/// let hits = heapledger::assert_budget_async("search", || search("rust")).await;
/// # }
/// ```
///
/// # Panics
/// As [`assert_budget`]: where no limit applies, the policy cannot be read, or heapledger is not the global allocator
/// when it is called, and else when the future is polled. Such a panic names the place of this call, and happens inside
/// heapledger.
#[track_caller]
pub fn assert_budget_async<R, F: Future<Output = R>>(
    name: impl Name,
    mut work: impl FnMut() -> F,
) -> impl Future<Output = R> {
    let caller = Location::caller();
    let mut assertion = begin(name, caller);
    async move {
        loop {
            let out = assertion.run_future(async { work().await }).await;
            if !assertion.runs_again() {
                let judged = assertion.judge();
                let lines = match assertion.figure_with_lines(&judged) {
                    Some(figure) => assertion.lines_of_future(figure, async { work().await }).await,
                    None => None,
                };
                assertion.end(judged, lines);
                return out;
            }
            assertion.give_back(out);
        }
    }
}

/// Begins to measure operation `name`; when the guard is dropped, panics where a figure exceeds what `heapledger.toml`
/// allows it. As [`assert_budget`], for code that is no closure, and runs once.
///
/// ```no_run
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let budget = heapledger::budget("index_build");
/// let index = vec![0u8; 1 << 20]; // ..
/// let tally = budget.finish(); // or drop it
/// # drop(index);
/// ```
///
/// # Panics
/// When no limit applies, the policy cannot be read, or heapledger is not the global allocator.
#[track_caller]
pub fn budget(name: impl Name) -> Budget {
    let caller = Location::caller();
    let assertion = begin(name, caller);
    let run = assertion.start();
    Budget(Some((run, assertion)))
}

/// Begins an assertion. Where it cannot begin, the panic names the caller of the caller.
#[track_caller]
fn begin(name: impl Name, caller: &'static Location<'static>) -> Assertion {
    process::must_see();
    match name.with(|name| Assertion::begin(name, caller)) {
        Ok(assertion) => assertion,
        Err(why) => panic!("{}", *why),
    }
}

/// An operation that is measured until this is dropped, and judged then. Made by [`budget`].
///
/// While a panic unwinds it judges nothing. It belongs to its thread: it can neither be sent to another one nor be
/// shared with it.
///
/// ```no_run
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let _budget = heapledger::budget("search");
/// ```
#[must_use = "a budget is judged when it is dropped: bind it, `let _budget = budget(..)`"]
pub struct Budget(Option<(StartedRun, Assertion)>);

impl Budget {
    /// Ends the operation, judges it, and says what this thread did in it.
    ///
    /// # Panics
    /// As [`assert_budget`].
    ///
    /// ```no_run
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let tally = heapledger::budget("search").finish();
    /// ```
    #[track_caller]
    pub fn finish(mut self) -> Tally {
        match self.0.take() {
            Some(measured) => Self::judge(measured),
            None => Tally::default(),
        }
    }

    #[track_caller]
    fn judge((run, mut assertion): (StartedRun, Assertion)) -> Tally {
        let tally = assertion.stop(run);
        let judged = assertion.judge();
        assertion.end(judged, None);
        tally
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        if let Some(measured) = self.0.take().filter(|_| !std::thread::panicking()) {
            Self::judge(measured);
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").finish_non_exhaustive()
    }
}

/// What `assert_budget_async` promises, checked by the compiler.
#[expect(dead_code, reason = "that it compiles is all that is wanted")]
const _: () = {
    fn is_send(_: impl Send) {}
    fn sends<R: Send, F: Future<Output = R> + Send>(work: impl FnMut() -> F + Send) {
        is_send(assert_budget_async("sends", work));
    }
};
