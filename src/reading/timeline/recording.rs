//! Samples of what each operation owns, in bounded memory. Where another point would be one too many, every second one
//! is dropped, and points are twice as far apart from then on. Where another operation would be one too many, the one
//! whose highest point is the lowest is summed with all others. Plain values: no clock, and no ledger.

use std::cmp::Reverse;
use std::time::Duration;

use crate::words::OperationId;

/// The most points that are kept.
pub(super) const MOST_POINTS: usize = 512;
/// The most operations that are told apart.
pub(super) const MOST_OPERATIONS: usize = 64;

/// A timeline as it is recorded.
#[derive(Clone)]
pub(super) struct Recording {
    /// How far points lie apart by now.
    pub(super) every: Duration,
    pub(super) points: Vec<TimelinePoint>,
    /// In the order of their ids.
    pub(super) curves: Vec<Curved>,
    /// Operations were summed with others: of a newcomer nobody knows whether it was among them.
    is_crowded: bool,
}

/// When a sample was taken, and what is known of it beside the operations that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimelinePoint {
    /// Since the timeline began.
    pub(super) elapsed: Duration,
    /// Memory did not move while it was taken.
    pub(super) settled: bool,
    /// Live bytes of all operations that are not told apart here.
    pub(super) others: i64,
}

/// What one operation owned at each point.
#[derive(Clone, Debug)]
pub(super) struct Curved {
    pub(super) operation: OperationId,
    /// The first point of which it is known. Before, it is zero here and among the others.
    pub(super) known_from: usize,
    pub(super) live: Vec<i64>,
    /// The most at any sample, also of points that were dropped.
    highest: i64,
}

impl Recording {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, points: Vec::with_capacity(MOST_POINTS), curves: Vec::new(), is_crowded: false }
    }

    /// Adds what every operation that owns anything owns, each once.
    pub(super) fn push(&mut self, elapsed: Duration, settled: bool, live: &[(OperationId, i64)]) {
        if self.points.len() == MOST_POINTS {
            self.halve();
        }
        self.points.push(TimelinePoint { elapsed, settled, others: 0 });
        self.curves.iter_mut().for_each(|curve| curve.live.push(0));
        let mut newcomers = Vec::new();
        for &(operation, live) in live {
            match self.place_of(operation) {
                Ok(at) => self.curves[at].note(live),
                Err(_) => newcomers.push((operation, live)),
            }
        }
        newcomers.sort_by_key(|(operation, live)| (Reverse(*live), *operation));
        for (operation, live) in newcomers {
            self.admit(operation, live);
        }
    }

    /// The same without what came later.
    pub(super) fn until(&self, end: Duration) -> Self {
        let mut until = self.clone();
        until.points.truncate(self.points.partition_point(|point| point.elapsed <= end));
        for curve in &mut until.curves {
            curve.live.truncate(until.points.len());
            curve.known_from = curve.known_from.min(until.points.len());
        }
        until
    }

    fn place_of(&self, operation: OperationId) -> Result<usize, usize> {
        self.curves.binary_search_by_key(&operation, |curve| curve.operation)
    }

    /// Tells a newcomer apart from the last point on, if it has more than another one ever had.
    fn admit(&mut self, operation: OperationId, live: i64) {
        let last = self.points.len() - 1;
        if self.curves.len() == MOST_OPERATIONS {
            self.is_crowded = true;
            let lowest = self.curves.iter().enumerate().min_by_key(|(_, curve)| curve.highest);
            match lowest.map(|(at, curve)| (at, curve.highest)) {
                Some((at, highest)) if highest < live => {
                    let gone = self.curves.remove(at);
                    self.points.iter_mut().zip(gone.live).for_each(|(point, live)| point.add(live));
                }
                _ => return self.points[last].add(live),
            }
        }
        let known_from = if self.is_crowded { last } else { 0 };
        let mut curve = Curved { operation, known_from, live: Vec::with_capacity(MOST_POINTS), highest: i64::MIN };
        curve.live.resize(self.points.len(), 0);
        curve.note(live);
        if let Err(at) = self.place_of(operation) {
            self.curves.insert(at, curve);
        }
    }

    fn halve(&mut self) {
        fn every_second<T>(all: &mut Vec<T>) {
            let mut at = 0;
            all.retain(|_| {
                at += 1;
                at % 2 == 1
            });
        }
        every_second(&mut self.points);
        for curve in &mut self.curves {
            every_second(&mut curve.live);
            curve.known_from = curve.known_from.div_ceil(2);
        }
        self.every = self.every.saturating_mul(2);
    }
}

impl TimelinePoint {
    fn add(&mut self, live: i64) {
        self.others = self.others.saturating_add(live);
    }
}

impl Curved {
    /// Notes what it owns at the last point.
    fn note(&mut self, live: i64) {
        if let Some(last) = self.live.last_mut() {
            *last = live;
        }
        self.highest = self.highest.max(live);
    }
}

#[cfg(test)]
mod tests;
