//! Samples in bounded memory beside a model that keeps all of them.

use std::collections::BTreeMap;

use super::*;

const EVERY: Duration = Duration::from_millis(100);

/// What is recorded, and beside it all that was ever sampled.
struct Compared {
    recording: Recording,
    all: Vec<BTreeMap<OperationId, i64>>,
    /// The most that each operation had at any sample.
    highest: BTreeMap<OperationId, i64>,
}

impl Compared {
    fn new() -> Self {
        Self { recording: Recording::new(EVERY), all: Vec::new(), highest: BTreeMap::new() }
    }

    /// A sample of every tick, of which a recording gets those that it waits for.
    fn tick(&mut self, live: BTreeMap<OperationId, i64>) {
        let elapsed = EVERY * self.all.len() as u32;
        if elapsed.as_nanos().is_multiple_of(self.recording.every.as_nanos()) {
            for (id, live) in live.iter().filter(|(_, live)| **live != 0) {
                let highest = self.highest.entry(*id).or_insert(*live);
                *highest = *live.max(highest);
            }
            let given = Vec::from_iter(live.iter().filter(|(_, live)| **live != 0).map(|(id, live)| (*id, *live)));
            self.recording.push(elapsed, !self.all.len().is_multiple_of(3), &given);
        }
        self.all.push(live);
    }

    /// The ticks that are kept: every one, or every second, fourth .. one, so that there are not too many.
    fn kept(&self) -> Vec<usize> {
        let steps = (0..).map(|doublings| 1 << doublings);
        let step = steps.into_iter().find(|step| self.all.len().div_ceil(*step) <= MOST_POINTS).expect("there is one");
        (0..self.all.len()).step_by(step).collect()
    }

    #[track_caller]
    fn agrees(&self) {
        let Recording { every, points, curves, .. } = &self.recording;
        let kept = self.kept();
        assert!(points.len() <= MOST_POINTS && curves.len() <= MOST_OPERATIONS);
        assert_eq!(
            Vec::from_iter(points.iter().map(|point| point.elapsed)),
            Vec::from_iter(kept.iter().map(|tick| EVERY * *tick as u32))
        );
        assert_eq!(*every, EVERY * kept.get(1).map_or(1, |second| *second as u32));
        for (at, (point, tick)) in points.iter().zip(&kept).enumerate() {
            assert_eq!(point.settled, !tick.is_multiple_of(3), "point {at}");
            let mut others: i64 = self.all[*tick].values().sum();
            for curve in curves {
                let live = self.all[*tick].get(&curve.operation).copied().unwrap_or(0);
                assert_eq!(curve.live[at], if at < curve.known_from { 0 } else { live }, "point {at} of {curve:?}");
                others -= curve.live[at];
            }
            assert_eq!(point.others, others, "point {at}");
        }
        let is_told = |id: &OperationId| self.recording.place_of(*id).is_ok();
        let (told, summed): (Vec<_>, Vec<_>) = self.highest.iter().partition(|(id, _)| is_told(id));
        let lowest_told = told.into_iter().map(|(_, highest)| highest).min();
        let highest_summed = summed.into_iter().map(|(_, highest)| highest).max();
        assert!(highest_summed.is_none() || highest_summed <= lowest_told, "one that had more is among the others");
    }
}

fn id(number: u32) -> OperationId {
    OperationId::new(number)
}

#[test]
fn points_lie_twice_as_far_apart_whenever_there_would_be_too_many() {
    let mut compared = Compared::new();
    for tick in 0..5_000 {
        compared.tick(BTreeMap::from([(id(3), tick), (id(9), 1 + tick % 7)]));
        if tick % 97 == 0 || (500..530).contains(&tick) || (1_020..1_030).contains(&tick) {
            compared.agrees();
        }
    }
    compared.agrees();
    let Recording { every, points, curves, .. } = &compared.recording;
    assert_eq!((points.len(), *every), (313, EVERY * 16));
    assert_eq!(Vec::from_iter(curves.iter().map(|curve| curve.known_from)), [0, 0]);
}

#[test]
fn of_many_operations_those_that_had_the_most_are_told_apart_and_all_add_up() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for operations in [10, MOST_OPERATIONS as u64, MOST_OPERATIONS as u64 + 1, 200] {
        let mut compared = Compared::new();
        for tick in 0..1_200 {
            let mut live = BTreeMap::new();
            for _ in 0..random(operations + 1) {
                // Now and then less than nothing is read, where memory moves meanwhile.
                let most = 2 << random(20);
                let size = random(most) as i64 - 2;
                live.insert(id(random(operations) as u32), size * (1 + tick / 300));
            }
            compared.tick(live);
            if tick % 31 == 0 || tick == 512 {
                compared.agrees();
            }
        }
        compared.agrees();
    }
}

#[test]
fn what_came_later_than_a_moment_is_left_out_of_it() {
    let mut recording = Recording::new(EVERY);
    for tick in 0..10 {
        recording.push(EVERY * tick, true, &[(id(1), i64::from(tick))]);
    }
    let until = |end: Duration| {
        let until = recording.until(end);
        assert_eq!(until.points.len(), until.curves[0].live.len());
        until.points.len()
    };
    assert_eq!([Duration::ZERO, EVERY * 4, EVERY * 4 - Duration::from_nanos(1), EVERY * 99].map(until), [1, 5, 4, 10]);
}

#[test]
fn where_too_many_come_at_once_the_largest_are_known_from_the_begin_and_equals_do_not_push_out() {
    let mut recording = Recording::new(EVERY);
    let first = Vec::from_iter((0..MOST_OPERATIONS as u32 + 6).map(|number| (id(number), i64::from(number) + 1)));
    recording.push(Duration::ZERO, true, &[]);
    recording.push(EVERY, true, &first);
    let told =
        |recording: &Recording| Vec::from_iter(recording.curves.iter().map(|one| (one.operation, one.known_from)));
    let largest = Vec::from_iter(first[6..].iter().map(|(id, _)| (*id, 0)));
    assert_eq!((told(&recording), recording.points[1].others), (largest.clone(), 1 + 2 + 3 + 4 + 5 + 6));
    // As much as the lowest of those that are told apart has.
    recording.push(EVERY * 2, true, &[(id(3), 7)]);
    assert_eq!((told(&recording), recording.points[2].others), (largest, 7));
}
