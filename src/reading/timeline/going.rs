//! The timeline of this process: one at a time, which stays when it is over, until the next one begins. Whoever touches
//! it reads the ledger before.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::live_reader::LiveReader;
use super::recording::Recording;
use super::reported::{ReportedTimeline, told};
use crate::reading::process::program;
use crate::reading::snapshot::Snapshot;
use crate::registry::Gated;
use crate::words::Node;

/// Names one of the timelines that this process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimelineId(u64);

static CURRENT: Gated<Option<Current>> = Gated::new(None);

struct Current {
    id: TimelineId,
    /// A child that is forked has the parent's, and nobody who goes on with it.
    process: u32,
    /// How many hold on to it; it is over when nobody does.
    guards: usize,
    began: Instant,
    recording: Recording,
    problem: Option<String>,
}

impl Current {
    fn goes_on(&self, process: u32) -> bool {
        self.guards > 0 && self.process == process
    }
}

/// Works on a timeline, unless it is over.
fn with<R>(id: TimelineId, work: impl FnOnce(&mut Current) -> R) -> Option<R> {
    let process = process::id();
    CURRENT.with(|current| current.as_mut().filter(|current| current.id == id && current.goes_on(process)).map(work))
}

/// Begins a timeline, and whether it is a new one: otherwise another one went on, and is held on to once more.
pub(crate) fn begin_timeline(every: Duration) -> (TimelineId, bool) {
    static BEGUN: AtomicU64 = AtomicU64::new(0);
    let id = TimelineId(BEGUN.fetch_add(1, Relaxed));
    let (process, began) = (process::id(), Instant::now());
    let next = Current { id, process, guards: 1, began, recording: Recording::new(every), problem: None };
    // What is given up is dropped without the lock.
    let (joined, _gone) = CURRENT.with(|current| match current {
        Some(current) if current.goes_on(process) => {
            current.guards += 1;
            (Some(current.id), Some(next))
        }
        _ => (None, current.replace(next)),
    });
    (joined.unwrap_or(id), joined.is_none())
}

/// Adds a point, and says how long to wait for the next one; `None` where the timeline is over.
pub(crate) fn sample_timeline(id: TimelineId, reader: &mut LiveReader) -> Option<Duration> {
    let (settled, live) = reader.read();
    with(id, |current| {
        let elapsed = current.began.elapsed();
        current.recording.push(elapsed, settled, live);
        until_next(elapsed, current.recording.every)
    })
}

/// Points lie at multiples of their distance; those that were missed are passed over.
fn until_next(elapsed: Duration, every: Duration) -> Duration {
    let past = elapsed.as_nanos() % every.as_nanos().max(1);
    every.saturating_sub(Duration::from_nanos(u64::try_from(past).unwrap_or(0)))
}

/// Lets go of a timeline, and whether it is over now: then this took its last point.
pub(crate) fn end_timeline(id: TimelineId, reader: &mut LiveReader) -> bool {
    if with(id, |current| current.guards) == Some(1) {
        sample_timeline(id, reader);
    }
    let guards = with(id, |current| {
        current.guards -= 1;
        current.guards
    });
    guards == Some(0)
}

/// Notes why there are no more points of a timeline.
pub(crate) fn timeline_has_problem(id: TimelineId, problem: String) {
    with(id, |current| current.problem = Some(problem));
}

impl Snapshot {
    /// The timeline until the snapshot was taken, which is its last point if it went on then. What is not `wanted` is
    /// among the others.
    pub(in crate::reading) fn timelines(&self, wanted: impl Fn(&Node) -> bool) -> Vec<ReportedTimeline> {
        if self.is_difference() {
            return Vec::new();
        }
        let process = process::id();
        let read = CURRENT.with(|current| {
            let current = current.as_ref().filter(|current| current.process == process)?;
            let until = self.taken().checked_duration_since(current.began)?;
            let recording = current.recording.until(until);
            Some((recording, current.goes_on(process).then_some(until), current.problem.clone()))
        });
        let Some((mut recording, now, problem)) = read else { return Vec::new() };
        if let Some(now) = now {
            let live = self.sums().map(|(node, sums)| (node.id, sums.counts.live_bytes()));
            let live = Vec::from_iter(live.filter(|(_, live)| *live != 0));
            let moved = self.check().is_err_and(|error| error.is_unsettled());
            recording.push(now, !moved, &live);
        }
        let path = |operation| self.node(operation).filter(|node| wanted(node)).map(Node::path);
        vec![ReportedTimeline { program: program().unwrap_or_default(), process, problem, ..told(&recording, path) }]
    }
}
