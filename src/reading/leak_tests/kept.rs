//! The leak tests of this process that ended, until it ends.

use std::process;
use std::time::Instant;

#[cfg(any(feature = "testing", test))]
use super::reported::MOST_LEAK_TESTS;
use super::reported::{LeakTests, ReportedLeakTest};
use crate::reading::snapshot::Snapshot;
use crate::registry::Gated;

/// The ledger's own memory: some 10 KiB for a test at most.
static KEPT: Gated<EndedLeakTests> = Gated::new(EndedLeakTests::of(0));

struct EndedLeakTests {
    /// A child that is forked has the parent's, and ran none of them.
    process: u32,
    tests: Vec<(Instant, ReportedLeakTest)>,
    dropped: u64,
}

/// Keeps a test that has just ended.
#[cfg(feature = "testing")]
pub(crate) fn keep_leak_test(test: ReportedLeakTest) {
    let (process, ended) = (process::id(), Instant::now());
    // What is given up is dropped without the lock.
    let _gone = KEPT.with(|kept| kept.keep(process, ended, test));
}

impl EndedLeakTests {
    const fn of(process: u32) -> Self {
        Self { process, tests: Vec::new(), dropped: 0 }
    }

    /// Keeps a test of a process, and says what is given up for it. Of too many, one that passed last is dropped.
    #[cfg(any(feature = "testing", test))]
    fn keep(&mut self, process: u32, ended: Instant, test: ReportedLeakTest) -> impl Sized + use<> {
        let parents = (self.process != process).then(|| std::mem::replace(self, Self::of(process)));
        self.tests.push((ended, test));
        let one_too_many = (self.tests.len() > MOST_LEAK_TESTS).then(|| {
            self.tests.sort_by_key(|(_, test)| test.outcome);
            self.dropped += 1;
            self.tests.pop()
        });
        (parents, one_too_many)
    }

    /// Those of a process that had ended by then.
    fn told(&self, process: u32, by: Instant) -> LeakTests {
        if self.process != process {
            return LeakTests::default();
        }
        let tests = self.tests.iter().filter(|(ended, _)| *ended <= by);
        let mut told = LeakTests { tests: tests.map(|(_, test)| test.clone()).collect(), dropped: self.dropped };
        told.arrange();
        told
    }
}

impl Snapshot {
    /// The leak tests that had ended when the snapshot was taken. A difference has none.
    pub(in crate::reading) fn leak_tests(&self) -> LeakTests {
        if self.is_difference() {
            return LeakTests::default();
        }
        KEPT.with(|kept| kept.told(process::id(), self.taken()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::reported::LeakVerdict;
    use super::*;
    use LeakVerdict::{Leak, Passed, Unstable};

    fn test(path: &str, outcome: LeakVerdict) -> ReportedLeakTest {
        let (path, program, verdict) = (path.into(), String::new(), String::new());
        ReportedLeakTest { path, program, process: 7, site: None, outcome, verdict, curve: Default::default() }
    }

    fn paths(told: &LeakTests) -> Vec<&str> {
        told.tests.iter().map(|test| &*test.path).collect()
    }

    #[test]
    fn of_too_many_those_that_passed_last_are_dropped_and_counted() {
        let (mut kept, now) = (EndedLeakTests::of(7), Instant::now());
        (0..MOST_LEAK_TESTS).for_each(|at| drop(kept.keep(7, now, test(&format!("passed {at}"), Passed))));
        assert_eq!((kept.told(7, now).tests.len(), kept.dropped), (MOST_LEAK_TESTS, 0));
        for (name, outcome) in [("too late", Passed), ("unstable", Unstable), ("leak", Leak)] {
            drop(kept.keep(7, now, test(name, outcome)));
        }
        let told = kept.told(7, now);
        assert_eq!(paths(&told)[..3], ["leak", "unstable", "passed 0"]);
        let last = format!("passed {}", MOST_LEAK_TESTS - 3);
        assert_eq!((paths(&told).last(), told.tests.len(), told.dropped), (Some(&&*last), MOST_LEAK_TESTS, 3));
    }

    #[test]
    fn the_first_told_are_those_that_leak_and_of_the_same_those_that_ended_first() {
        let (mut kept, now) = (EndedLeakTests::of(7), Instant::now());
        let all = [("one", Passed), ("two", Unstable), ("three", Leak), ("four", Passed), ("five", Leak)];
        all.into_iter().for_each(|(path, outcome)| drop(kept.keep(7, now, test(path, outcome))));
        assert_eq!(paths(&kept.told(7, now)), ["three", "five", "two", "one", "four"]);
    }

    #[test]
    fn those_that_ended_later_are_not_told_and_a_child_has_none_of_its_parents() {
        let (mut kept, early) = (EndedLeakTests::of(7), Instant::now());
        let late = early + std::time::Duration::from_nanos(1);
        drop(kept.keep(7, late, test("late", Passed)));
        drop(kept.keep(7, early, test("early", Passed)));
        assert_eq!((paths(&kept.told(7, early)), paths(&kept.told(7, late))), (vec!["early"], vec!["late", "early"]));
        assert_eq!(paths(&kept.told(8, late)), [""; 0]);
        kept.dropped = 5;
        drop(kept.keep(8, late, test("child's", Leak)));
        let told = kept.told(8, late);
        assert_eq!((paths(&told), told.dropped), (vec!["child's"], 0));
    }
}
