//! Lets other tasks have a turn before something is read: what a future woke up, and what that woke up in turn. Waits
//! for nobody.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// How many turns other tasks have.
const TURNS: usize = 4;

/// Lets other tasks have a few turns.
pub(super) async fn turns() {
    for _ in 0..TURNS {
        Turn(false).await;
    }
}

/// Lets other tasks have a turn. Holds whether they had it.
struct Turn(bool);

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
