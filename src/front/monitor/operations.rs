//! The operations that were started under a monitor: their runs, and what they still own when none is under way. Users
//! decide what to do about it.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use super::lines::note_lines;
use super::report::MemorySnapshot;
use crate::reading::{Family, Snapshot, totals};
use crate::record::Own;
use crate::registry::Gated;
use crate::words::{Node, OperationId};

#[derive(Default)]
pub(super) struct Operations(Gated<Started>);

#[derive(Default)]
struct Started {
    family: Family,
    /// All operations that were started at least once, by id.
    watched: HashMap<OperationId, Watched>,
}

/// An operation that was started at least once.
struct Watched {
    node: &'static Node,
    /// The runs under way, by number: what the operation had allocated when each began, in bytes.
    running: BTreeMap<u64, u64>,
    /// How many runs began so far.
    begun: u64,
    last: LastRun,
}

impl Watched {
    fn now(&self) -> WatchedNow {
        let Self { node, ref running, begun, last } = *self;
        WatchedNow { node, running: running.len(), begun, oldest: running.values().next().copied(), last }
    }
}

/// How an operation stands that was started at least once.
struct WatchedNow {
    node: &'static Node,
    /// How many runs are under way.
    running: usize,
    begun: u64,
    /// What it had allocated when the oldest run under way began, in bytes.
    oldest: Option<u64>,
    last: LastRun,
}

/// The run that ended last.
#[derive(Clone, Copy)]
struct LastRun {
    start_memory: u64,
    ended: SystemTime,
    completed: bool,
}

/// A run that has begun, as its guard keeps it.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    node: &'static Node,
    /// Of all runs of the operation.
    number: u64,
    /// What the operation owned when the run began, in bytes.
    start_memory: u64,
}

/// How the operations stand at one moment.
pub(super) struct Standing {
    /// Runs under way.
    pub(super) running: usize,
    /// Operations of which a run has ended.
    pub(super) finished: u64,
    /// Those of them that own more than they may, the largest first.
    pub(super) leaks: Vec<MemorySnapshot>,
}

impl Operations {
    /// Notes a run that begins now.
    pub(super) fn begin(&self, node: &'static Node) -> Begun {
        self.0.with(|Started { family, watched }| {
            let before = family.read(node);
            let start_memory = before.live_bytes().max(0) as u64;
            let last = LastRun { start_memory, ended: SystemTime::now(), completed: false };
            let watched =
                watched.entry(node.id).or_insert_with(|| Watched { node, running: BTreeMap::new(), begun: 0, last });
            watched.begun += 1;
            watched.running.insert(watched.begun, before.allocated_bytes);
            Begun { node, number: watched.begun, start_memory }
        })
    }

    /// Notes a run that ends now.
    pub(super) fn end(&self, Begun { node, number, start_memory }: Begun, completed: bool) {
        self.0.with(|started| {
            if let Some(watched) = started.watched.get_mut(&node.id) {
                watched.running.remove(&number);
                watched.last = LastRun { start_memory, ended: SystemTime::now(), completed };
            }
        });
    }

    /// How they stand: what runs, what has finished, and what of it owns more than `threshold_bytes`.
    pub(super) fn stand(&self, now: &Snapshot, threshold_bytes: u64) -> Standing {
        let mut leaks: Vec<MemorySnapshot> = Vec::new();
        let (mut running, mut finished) = (0, 0);
        let totals = Own::new(|| totals(now));
        let all = Own::new(|| self.0.with(|started| Vec::from_iter(started.watched.values().map(Watched::now))));
        for watched in all.iter() {
            running += watched.running;
            if watched.begun == watched.running as u64 {
                continue;
            }
            finished += 1;
            let total = totals.get(watched.node.id.index()).copied().unwrap_or_default();
            // What was allocated since the oldest run under way began may be that run's, which may still free it.
            let uncertain = watched.oldest.map_or(0, |before| total.allocated_bytes.saturating_sub(before));
            let certain = total.live_bytes.saturating_sub_unsigned(uncertain).max(0) as u64;
            if certain > threshold_bytes {
                leaks.push(MemorySnapshot {
                    operation: watched.node.path(),
                    start_memory: watched.last.start_memory,
                    peak_memory: total.peak_bytes.unwrap_or(0),
                    timestamp: watched.last.ended,
                    expected_cleanup: watched.last.completed,
                    live_bytes: certain,
                    lines: Vec::new(),
                });
            }
        }
        leaks.sort_by(|one, other| (other.live_bytes, &one.operation).cmp(&(one.live_bytes, &other.operation)));
        note_lines(&mut leaks, now);
        Standing { running, finished, leaks }
    }
}
