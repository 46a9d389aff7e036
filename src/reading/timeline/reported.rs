//! Timelines as reports tell them: plain values, read from files and joined where reports are merged.

use std::cmp::Reverse;
use std::time::Duration;

use super::recording::Recording;
#[cfg(feature = "from-json")]
use super::recording::{MOST_OPERATIONS, MOST_POINTS};
use crate::words::OperationId;

/// So many timelines are kept where reports are merged.
const MOST_TIMELINES: usize = 16;

/// What the operations of one process owned over time: [`timeline`](crate::timeline) recorded it.
///
/// Of at most 512 points and 64 operations: those that had the most at any sample. Operations and `others` add up at
/// each point to what all operations owned.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let _timeline = heapledger::timeline(std::time::Duration::from_millis(100));
/// let (kept, _) = heapledger::measure("index_build", || vec![0u8; 4 << 20]);
/// let report = heapledger::report();
/// let timeline = &report.timelines()[0];
/// // The report itself is the last point.
/// assert_eq!(timeline.totals().last(), Some(&report.process_bytes()));
/// let index = timeline.operations.iter().find(|one| one.path == "index_build").expect("it owns the most");
/// assert_eq!(index.live_bytes.last(), Some(&(4 << 20)));
/// # drop(kept);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportedTimeline {
    /// The name of the program's file; empty where it is not known.
    pub program: String,
    /// The process's id.
    pub process: u32,
    /// How far points lie apart in microseconds, the last one but one at the end: as asked for, or twice, four times ..
    /// as much since there was no room for more.
    pub every_us: u64,
    /// When each point was taken, in microseconds since the timeline began; ascending.
    pub elapsed_us: Vec<u64>,
    /// The places of points during which other threads moved memory: these are off by what moved in the meantime.
    pub unsettled: Vec<usize>,
    /// Those that are told apart, the one with the highest point first.
    pub operations: Vec<OperationTimeline>,
    /// Live bytes of all other operations at each point.
    pub others: Vec<i64>,
    /// Why points are missing; `None` if they are not.
    pub problem: Option<String>,
}

/// What one operation owned over time.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let _timeline = heapledger::timeline(std::time::Duration::from_millis(100));
/// for operation in &heapledger::report().timelines()[0].operations {
///     println!("{}: {} B at most", operation.path, operation.live_bytes.iter().max().unwrap_or(&0));
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationTimeline {
    /// Its names from the outermost in, joined by `/`.
    pub path: String,
    /// The first point of which it is known what it owned. Before, that is zero here and in `others`: there were more
    /// than 64 operations, and it was none of the largest yet.
    pub known_from: usize,
    /// What it owned at each point, without the operations below it, in bytes.
    pub live_bytes: Vec<i64>,
}

impl ReportedTimeline {
    /// What all operations owned at each point, in bytes.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let _timeline = heapledger::timeline(std::time::Duration::from_secs(1));
    /// let report = heapledger::report();
    /// assert_eq!(report.timelines()[0].totals().len(), report.timelines()[0].elapsed_us.len());
    /// ```
    pub fn totals(&self) -> Vec<i64> {
        let mut totals = self.others.clone();
        for operation in &self.operations {
            add(&mut totals, &operation.live_bytes);
        }
        totals
    }

    fn highest(&self) -> i64 {
        self.totals().into_iter().max().unwrap_or(0)
    }
}

impl OperationTimeline {
    fn highest(&self) -> i64 {
        self.live_bytes.iter().copied().max().unwrap_or(0)
    }

    /// Another operation of the same path, of which nobody may ask what it had before either is known.
    fn join(&mut self, mut other: Self, others: &mut [i64]) {
        let known_from = self.known_from.max(other.known_from);
        for one in [&mut *self, &mut other] {
            let unknown = one.live_bytes.iter_mut().zip(others.iter_mut()).take(known_from);
            unknown.for_each(|(live, others)| *others = others.saturating_add(std::mem::take(live)));
        }
        self.known_from = known_from;
        add(&mut self.live_bytes, &other.live_bytes);
    }
}

fn add(sums: &mut [i64], more: &[i64]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.saturating_add(*more));
}

/// What was recorded, by the paths of operations. Those that have none are among the others.
pub(super) fn told(recording: &Recording, path: impl Fn(OperationId) -> Option<String>) -> ReportedTimeline {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let mut others = Vec::from_iter(recording.points.iter().map(|point| point.others));
    let mut operations: Vec<OperationTimeline> = Vec::new();
    for curve in &recording.curves {
        let Some(path) = path(curve.operation) else {
            add(&mut others, &curve.live);
            continue;
        };
        let (known_from, live_bytes) = (curve.known_from, curve.live.clone());
        let one = OperationTimeline { path, known_from, live_bytes };
        match operations.iter_mut().find(|known| known.path == one.path) {
            Some(known) => known.join(one, &mut others),
            None => operations.push(one),
        }
    }
    operations.sort_by_cached_key(|one| (Reverse(one.highest()), one.path.clone()));
    let unsettled = recording.points.iter().enumerate().filter(|(_, point)| !point.settled);
    ReportedTimeline {
        program: String::new(),
        process: 0,
        every_us: micros(recording.every),
        elapsed_us: recording.points.iter().map(|point| micros(point.elapsed)).collect(),
        unsettled: unsettled.map(|(at, _)| at).collect(),
        operations,
        others,
        problem: None,
    }
}

/// The timelines of several processes beside each other: of too many those with the highest points.
pub(in crate::reading) fn joined(one: &[ReportedTimeline], other: &[ReportedTimeline]) -> Vec<ReportedTimeline> {
    let mut all = Vec::from_iter(one.iter().chain(other).cloned());
    if all.len() > MOST_TIMELINES {
        all.sort_by_cached_key(|timeline| Reverse(timeline.highest()));
        all.truncate(MOST_TIMELINES);
    }
    all
}

/// What no ledger wrote, if it is that.
#[cfg(feature = "from-json")]
pub(in crate::reading) fn wrong_with(timelines: &[ReportedTimeline]) -> Option<&'static str> {
    let wrong = |timeline: &ReportedTimeline| {
        let points = timeline.elapsed_us.len();
        let is_whole = |one: &OperationTimeline| one.live_bytes.len() == points && one.known_from <= points;
        if points > MOST_POINTS || timeline.operations.len() > MOST_OPERATIONS {
            return Some("has more points or operations than there can be");
        }
        if !timeline.elapsed_us.is_sorted() {
            return Some("goes back in time");
        }
        let all = timeline.others.len() == points && timeline.operations.iter().all(is_whole);
        let places = timeline.unsettled.iter().all(|at| *at < points);
        (!all || !places).then_some("has points that are not there")
    };
    timelines.iter().find_map(wrong)
}
