//! Futures: an operation that is active whenever its future is polled, and when it is dropped.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::name::Name;
use super::operation::current;
use super::process;
use super::scope::Scope;
use crate::record::ScopeReading;
use crate::words::Node;
use crate::{record, registry};

/// Adds `.tracked(..)` to every future.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// use heapledger::Track as _;
///
/// let search = async { String::from("found") }.tracked("search");
/// # let mut search = std::pin::pin!(search);
/// # let waker = std::task::Waker::noop();
/// # assert!(search.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_ready());
/// # use std::future::Future as _;
/// ```
pub trait Track: Future + Sized {
    /// The operation `name` within the one that is active now is active on every poll of this future, on whatever
    /// thread, and when it is dropped. The peak is carried from poll to poll: it is that of the whole future. Each poll
    /// costs what entering a scope costs.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// # use heapledger::Track as _;
    /// async fn search() -> usize { vec![0u8; 100].len() }
    ///
    /// let mut task = std::pin::pin!(search().tracked("search"));
    /// # use std::future::Future as _;
    /// # let waker = std::task::Waker::noop();
    /// # assert!(task.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_ready());
    /// assert_eq!(heapledger::snapshot().operation("search").unwrap().own.allocated_bytes, 100);
    /// ```
    #[track_caller]
    fn tracked(self, name: impl Name) -> Tracked<Self> {
        let place = Some(Location::caller());
        let node = if process::announced_and_installed() {
            name.with(|name| registry::operation(record::active(), name, place))
        } else {
            current().0
        };
        Tracked::within(self, node)
    }
}

impl<F: Future> Track for F {}

pin_project! {
    /// A future that is an operation. Made by [`Track::tracked`].
    ///
    /// ```
    /// # use heapledger::Track as _;
    /// let task: heapledger::Tracked<_> = async {}.tracked("search");
    /// ```
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Tracked<F> {
        // Taken out to be dropped inside the operation.
        #[pin]
        future: Option<F>,
        node: &'static Node,
        // The net of all polls so far; `None` before the first.
        carried: Option<i64>,
    }

    impl<F> PinnedDrop for Tracked<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let _scope = enter(this.node, *this.carried);
                this.future.set(None);
            }
        }
    }
}

impl<F> Tracked<F> {
    pub(crate) fn within(future: F, node: &'static Node) -> Self {
        Self { future: Some(future), node, carried: None }
    }
}

fn enter(node: &'static Node, carried: Option<i64>) -> Option<Scope> {
    record::installed().then(|| match carried {
        None => Scope::enter(node),
        Some(net) => Scope::resume(node, net),
    })
}

impl<F: Future> Tracked<F> {
    /// Polls it, and says what this poll did.
    pub(super) fn poll_and_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> (Poll<F::Output>, Option<ScopeReading>) {
        let mut this = self.project();
        let scope = enter(this.node, *this.carried);
        let future = this.future.as_mut().as_pin_mut().expect("a future is not polled after it is ready");
        let polled = future.poll(context);
        if polled.is_ready() {
            this.future.set(None);
        }
        let did = scope.and_then(|scope| scope.so_far());
        if let Some(did) = &did {
            *this.carried = Some(did.net);
        }
        (polled, did)
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.poll_and_read(context).0
    }
}
