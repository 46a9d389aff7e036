//! `measure_async`: a future that is an operation, and what all of its polls did together.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::future::{Track as _, Tracked};
use super::name::Name;
use crate::words::{Node, Tally};

/// Has `future` be operation `name` within the one that is active now, and says what it did: all polls together, on
/// whatever threads, and the drop of the future when it is ready.
///
/// The counters are the sums of all polls. `live_*` is the change in live bytes and blocks over them, whoever owns the
/// blocks; `peak_bytes` is the highest net of the whole future, which goes from poll to poll, exactly. What happens
/// between polls is none of it, and neither are tasks and threads that the future spawns: those want `tracked` or
/// [`Operation::run`](crate::Operation::run), and stand in the operation's [`Row`](crate::Row), not in this tally. Each
/// poll costs what [`tracked`](crate::Track::tracked) does, and some thirty nanoseconds to read. All zero where
/// heapledger is not the global allocator.
///
/// # Panics
/// When the future does.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let search = heapledger::measure_async("search", async { vec![1u32, 2, 3] });
/// # let mut search = std::pin::pin!(search);
/// # use std::future::Future as _;
/// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// # let std::task::Poll::Ready((hits, tally)) = search.as_mut().poll(&mut context) else { unreachable!() };
/// // let (hits, tally) = search.await;
/// assert_eq!((hits.len(), tally.allocated_bytes, tally.peak_bytes), (3, 12, Some(12)));
/// ```
#[track_caller]
pub fn measure_async<F: Future>(name: impl Name, future: F) -> MeasuredFuture<F> {
    MeasuredFuture { tracked: future.tracked(name), tally: Tally::default() }
}

pin_project! {
    /// A future that is an operation and says what it did. Made by [`measure_async`].
    ///
    /// ```
    /// let task: heapledger::MeasuredFuture<_> = heapledger::measure_async("search", async {});
    /// ```
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct MeasuredFuture<F> {
        #[pin]
        tracked: Tracked<F>,
        // Of all polls so far.
        tally: Tally,
    }
}

impl<F> MeasuredFuture<F> {
    pub(super) fn within(future: F, node: &'static Node) -> Self {
        Self { tracked: Tracked::within(future, node), tally: Tally::default() }
    }
}

impl<F: Future> Future for MeasuredFuture<F> {
    type Output = (F::Output, Tally);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (polled, did) = this.tracked.poll_and_read(context);
        if let Some(did) = did {
            let tally = did.activity.counts().tally(Some(did.peak.bytes));
            *this.tally = this.tally.plus(&tally).unwrap_or(*this.tally);
        }
        polled.map(|out| (out, *this.tally))
    }
}
