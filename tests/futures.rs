//! Futures: the operation of a tracked future is active on each of its polls, on whatever thread, and when it is
//! dropped. Futures are written by hand and polled by hand, so that every step is known.

mod common;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use common::{alone, balanced, row, tally};
use heapledger::{Track as _, current, measure, report, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Runs one step at each poll, until it has none.
struct Steps<R> {
    steps: std::vec::IntoIter<fn(&mut Vec<Vec<u8>>)>,
    held: Vec<Vec<u8>>,
    out: Option<R>,
}

impl<R: Unpin> Future for Steps<R> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R> {
        let this = &mut *self;
        match this.steps.next() {
            Some(step) => {
                step(&mut this.held);
                Poll::Pending
            }
            None => Poll::Ready(this.out.take().expect("it is ready once")),
        }
    }
}

/// With room for what the steps hold, so that only the steps allocate.
fn steps<R>(steps: Vec<fn(&mut Vec<Vec<u8>>)>, out: R) -> Steps<R> {
    Steps { steps: steps.into_iter(), held: Vec::with_capacity(8), out: Some(out) }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn boxed<F: Future>(future: F) -> Pin<Box<F>> {
    Box::pin(future)
}

#[test]
fn the_operation_is_active_on_every_poll_and_nowhere_else() {
    static SEEN: Mutex<Option<heapledger::Operation>> = Mutex::new(None);
    let _alone = alone();
    let mut future = boxed(
        steps(
            vec![|held| held.push(vec![0; 100]), |held| held.push(vec![0; 50]), |_| {
                *SEEN.lock().unwrap() = Some(current());
            }],
            5,
        )
        .tracked("every poll"),
    );
    assert_eq!(current().path(), "(unattributed)");
    for polls in 1..=3 {
        assert!(poll(future.as_mut()).is_pending());
        assert_eq!(current().path(), "(unattributed)");
        assert_eq!(row("every poll").scopes, 1, "after {polls} polls");
        // Other work between the polls is none of its business.
        let other = measure("between polls", || vec![0u8; 10_000]).0;
        drop(other);
    }
    assert_eq!(poll(future.as_mut()), Poll::Ready(5));
    drop(future);
    let row = row("every poll");
    assert_eq!(SEEN.lock().unwrap().map(|active| active.path()).as_deref(), Some("every poll"));
    let own = row.own;
    assert_eq!((own.allocs, own.allocated_bytes), (2, 150));
    assert_eq!((own.live_blocks, own.live_bytes, own.peak_bytes, row.scopes), (0, 0, Some(150), 1));
}

#[test]
fn a_future_polled_on_another_thread_each_time_is_one_scope_with_one_peak() {
    let _alone = alone();
    let mut future = boxed(
        steps(
            vec![
                |held| held.push(vec![0; 1_000]),
                |held| {
                    held.push(vec![0; 500]);
                    held.push(vec![0; 4]);
                    drop(held.pop());
                },
                |held| drop(held.remove(0)),
                |held| held.push(vec![0; 900]),
            ],
            "done",
        )
        .tracked("wanders"),
    );
    for _ in 0..4 {
        let thread = std::thread::spawn(move || {
            assert!(poll(future.as_mut()).is_pending());
            future
        });
        future = thread.join().unwrap();
    }
    let own = row("wanders").own;
    let so_far = tally! {
        allocs: 4, allocated_bytes: 2_404, frees: 2, freed_bytes: 1_004, live_blocks: 2, live_bytes: 1_400,
        peak_bytes: Some(1_504),
    };
    // Single polls never rose above 1,000: the net goes along from poll to poll.
    assert_eq!(own, so_far);
    let last = std::thread::spawn(move || {
        assert_eq!(poll(future.as_mut()), Poll::Ready("done"));
        future
    });
    drop(last.join().unwrap());
    let row = row("wanders");
    assert_eq!((row.scopes, row.threads, row.own.live_blocks, row.own.live_bytes), (1, 5, 0, 0));
    assert_eq!(row.own.peak_bytes, Some(1_504));
}

#[test]
fn a_future_dropped_before_it_is_ready_frees_inside_its_operation() {
    let _alone = alone();
    let mut future =
        boxed(steps(vec![|held| held.push(vec![0; 700]), |held| held.push(vec![0; 7])], ()).tracked("dropped"));
    assert!(poll(future.as_mut()).is_pending());
    std::thread::spawn(move || {
        let _op = track("drops it");
        drop(future);
    })
    .join()
    .unwrap();
    let own = row("dropped").own;
    assert_eq!((own.allocs, own.allocated_bytes, own.live_blocks, own.live_bytes), (1, 700, 0, 0));
    // The block of the poll, and the lists that were made before it: all freed by the future itself.
    assert_eq!((own.frees, own.others_frees, own.freed_elsewhere_blocks), (3, 2, 0));
    assert_eq!((row("dropped").scopes, own.peak_bytes), (1, Some(700)));
    // Outside is only the box.
    assert_eq!(row("drops it").own.frees, 1);
}

#[test]
fn a_future_dropped_before_its_first_poll_is_one_scope_and_did_nothing_but_free() {
    let _alone = alone();
    static SEEN: Mutex<Option<heapledger::Operation>> = Mutex::new(None);
    struct Says(Vec<u8>);
    impl Drop for Says {
        fn drop(&mut self) {
            *SEEN.lock().unwrap() = Some(current());
        }
    }
    let says = Says(vec![0; 40]);
    let future = async move { says.0.len() }.tracked("never polled");
    assert!(balanced().operation("never polled").is_none_or(|row| row.scopes == 0));
    drop(future);
    let row = row("never polled");
    assert_eq!(SEEN.lock().unwrap().map(|active| active.path()).as_deref(), Some("never polled"));
    assert_eq!((row.scopes, row.own.allocs, row.own.frees, row.own.others_freed_bytes), (1, 0, 1, 40));
    assert_eq!(row.own.live_blocks, 0);
}

#[test]
fn a_future_is_nested_in_the_operation_that_made_it_not_in_the_one_that_polls_it() {
    let _alone = alone();
    let scope = track("maker");
    let mut future = boxed(async { vec![1u8; 60] }.tracked("made"));
    drop(scope);
    let scope = track("poller");
    let polled = poll(future.as_mut());
    let path = current().path();
    drop(scope);
    assert_eq!((polled, path.as_str()), (Poll::Ready(vec![1u8; 60]), "poller"));
    assert_eq!(row("maker/made").own.allocated_bytes, 60);
    assert!(balanced().operation("poller/made").is_none());
}

#[test]
fn outputs_and_errors_pass_through_and_a_panic_ends_the_operation() {
    let _alone = alone();
    let mut fails = pin!(std::future::ready(Err::<u8, _>("no such index")).tracked("fails"));
    assert_eq!(poll(fails.as_mut()), Poll::Ready(Err("no such index")));

    let mut panics = boxed(async { std::panic::resume_unwind(Box::new("in a poll")) as u8 }.tracked("panics"));
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(panics.as_mut())));
    assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&"in a poll"));
    assert_eq!(current().path(), "(unattributed)");
    drop(panics);
    assert_eq!(current().path(), "(unattributed)");
    assert_eq!(row("panics").own.live_blocks, 0);
}

#[test]
fn futures_inside_futures_are_charged_each_to_its_own_and_peaks_are_never_summed() {
    async fn inner(size: usize) -> usize {
        let held = vec![0u8; size];
        yield_once().await;
        held.len()
    }
    async fn yield_once() {
        let mut yielded = false;
        std::future::poll_fn(
            move |_| {
                if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
            },
        )
        .await
    }
    let _alone = alone();
    let misnested = report().misnested();
    let outer = async {
        let kept = vec![0u8; 1_000];
        let sum = inner(3_000).tracked("first").await + inner(2_000).tracked("second").await;
        kept.len() + sum
    };
    let mut outer = boxed(outer.tracked("outer future"));
    // Another future of the same kind in between, as a runtime would do it.
    let mut other = boxed(inner(50_000).tracked("other future"));
    assert!(poll(outer.as_mut()).is_pending());
    assert!(poll(other.as_mut()).is_pending());
    assert!(poll(outer.as_mut()).is_pending());
    assert_eq!(poll(outer.as_mut()), Poll::Ready(6_000));
    assert_eq!(poll(other.as_mut()), Poll::Ready(50_000));
    let (outer, first, second) = (row("outer future"), row("outer future/first"), row("outer future/second"));
    assert_eq!((outer.own.allocs, outer.own.allocated_bytes, outer.total.allocs), (1, 1_000, 3));
    assert_eq!((first.own.allocated_bytes, second.own.allocated_bytes), (3_000, 2_000));
    let peaks = [&outer, &first, &second, &row("other future")].map(|row| row.own.peak_bytes);
    assert_eq!(peaks, [Some(4_000), Some(3_000), Some(2_000), Some(50_000)]);
    assert_eq!([outer.scopes, first.scopes, second.scopes], [1, 1, 1]);
    assert_eq!(report().misnested(), misnested);
}

#[test]
fn a_scope_held_across_await_outside_tracked_is_counted_as_misnested() {
    async fn careless(name: &str) {
        let _op = track(name);
        let mut yielded = false;
        std::future::poll_fn(
            move |_| {
                if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
            },
        )
        .await;
    }
    let _alone = alone();
    let misnested = report().misnested();
    let (mut one, mut other) = (pin!(careless("careless one")), pin!(careless("careless other")));
    assert!(poll(one.as_mut()).is_pending());
    assert!(poll(other.as_mut()).is_pending());
    assert!(poll(one.as_mut()).is_ready());
    assert!(poll(other.as_mut()).is_ready());
    assert_eq!(report().misnested() - misnested, 1);
    assert_eq!(current().path(), "(unattributed)");
}
