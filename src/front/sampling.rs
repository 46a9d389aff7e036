//! A timeline while it goes on: the guard that holds it, and the thread that samples. `reading` takes samples and keeps
//! them.

use std::io;
use std::mem::forget;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::variables::complain;
use crate::reading::{LiveReader, TimelineId, begin_timeline, end_timeline, sample_timeline, timeline_has_problem};
use crate::record::{adopt, quietly};
use crate::registry::Gated;
use crate::words::LEDGER;

/// Points do not lie closer together.
const SHORTEST: Duration = Duration::from_millis(1);

/// The thread that samples.
static THREAD: Gated<Option<SamplingThread>> = Gated::new(None);

struct SamplingThread {
    timeline: TimelineId,
    /// The thread ends when nobody holds this any more.
    hold: Sender<()>,
    handle: JoinHandle<()>,
}

/// A timeline that goes on until this is dropped, on whatever thread.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let _timeline = heapledger::timeline(std::time::Duration::from_secs(1));
/// ```
#[must_use = "a timeline ends when it is dropped: bind it, `let _timeline = timeline(..)`"]
#[derive(Debug)]
pub struct Timeline(TimelineId);

/// Begins a timeline, or joins the one that goes on.
pub(super) fn begin(every: Duration) -> Timeline {
    begin_with(every, |work| Builder::new().name("heapledger-time".into()).spawn(work))
}

/// The same, with a way to start a thread.
fn begin_with(every: Duration, start: impl FnOnce(Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>) -> Timeline {
    quietly(|| {
        let (timeline, is_new) = begin_timeline(every.max(SHORTEST));
        if is_new {
            let mut reader = LiveReader::new();
            let first = sample_timeline(timeline, &mut reader);
            let (hold, hung_up) = channel();
            match start(Box::new(move || keep_sampling(timeline, reader, first, &hung_up))) {
                // A thread whose timeline is over ends by itself. That of a parent is not here.
                Ok(handle) => forget(THREAD.with(|thread| thread.replace(SamplingThread { timeline, hold, handle }))),
                Err(error) => {
                    let problem = format!("no thread could be started that samples: {error}");
                    complain("timeline", &problem);
                    timeline_has_problem(timeline, problem);
                }
            }
        }
        Timeline(timeline)
    })
}

/// What the thread does, until the timeline is over.
fn keep_sampling(timeline: TimelineId, mut reader: LiveReader, mut wait: Option<Duration>, hung_up: &Receiver<()>) {
    adopt(&LEDGER);
    while let Some(time) = wait
        && hung_up.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    {
        wait = sample_timeline(timeline, &mut reader);
    }
}

impl Drop for Timeline {
    fn drop(&mut self) {
        quietly(|| {
            if end_timeline(self.0, &mut LiveReader::new())
                && let Some(thread) = THREAD.with(|thread| thread.take_if(|thread| thread.timeline == self.0))
            {
                drop(thread.hold);
                // It has no value, and a panic was said by then.
                let _ = thread.handle.join();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report;

    #[test]
    fn a_thread_that_cannot_be_started_is_said_and_the_ends_are_there() {
        let timeline = begin_with(Duration::from_millis(1), |_| Err(io::Error::other("there are too many")));
        let kept = crate::measure("without_a_thread", || vec![0_u8; 1 << 20]).0;
        let told = report().timelines()[0].clone();
        assert_eq!(told.problem.as_deref(), Some("no thread could be started that samples: there are too many"));
        assert_eq!(told.elapsed_us.len(), 2);
        let curve = told.operations.iter().find(|one| one.path == "without_a_thread").expect("it owns the most");
        assert_eq!(curve.live_bytes, [0, 1 << 20]);
        drop(timeline);
        drop(kept);
        assert_eq!(report().timelines()[0].elapsed_us.len(), 2);
    }
}
