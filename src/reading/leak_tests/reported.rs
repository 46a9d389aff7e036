//! Leak tests as reports tell them: plain values, read from files and joined where reports are merged.

use super::curve::LeakCurve;
use crate::words::Site;

/// So many leak tests are kept, of one process and where reports are merged.
pub(super) const MOST_LEAK_TESTS: usize = 256;

/// A [`LeakTest`](crate::LeakTest) that ended: its verdict, and the curve that was judged.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// heapledger::LeakTest::new("format").assert(|i| format!("{i}"));
/// let report = heapledger::report();
/// let [test] = report.leak_tests() else { panic!("one ended") };
/// assert!(test.passes() && !test.is_leak() && test.path == "format");
/// assert!(test.verdict.starts_with("clean: "), "{}", test.verdict);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportedLeakTest {
    /// The names of its operation from the outermost in, joined by `/`.
    pub path: String,
    /// The name of the program's file; empty where it is not known.
    pub program: String,
    /// The process's id.
    pub process: u32,
    /// Where it was run.
    pub site: Option<Site>,
    pub(crate) outcome: LeakVerdict,
    /// The verdict in one sentence, as in the test's own report. It may tell of more than the curve shows: of threads,
    /// of files, and of what grows outside the test's operations.
    pub verdict: String,
    /// What was judged.
    pub curve: LeakCurve,
}

impl ReportedLeakTest {
    /// Whether it passed.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::LeakTest::new("nothing").assert(|_| ());
    /// assert!(heapledger::report().leak_tests()[0].passes());
    /// ```
    pub fn passes(&self) -> bool {
        self.outcome == LeakVerdict::Passed
    }

    /// Whether it leaks, or kept more than was allowed. A test that neither passes nor leaks has no verdict.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::LeakTest::new("box").run(|_| Box::leak(Box::new(7u64))).passes();
    /// assert!(heapledger::report().leak_tests()[0].is_leak());
    /// ```
    pub fn is_leak(&self) -> bool {
        self.outcome == LeakVerdict::Leak
    }
}

/// How a leak test ended; what a reader looks for first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LeakVerdict {
    /// It leaks, or kept more than was allowed.
    Leak,
    /// Unstable, undecided or unsettled, or it panicked: no verdict.
    Unstable,
    Passed,
}

/// Leak tests in the order in which people read them, and how many more there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeakTests {
    /// Those that leak first, those that passed last; among the same, in the order in which they ended.
    pub(crate) tests: Vec<ReportedLeakTest>,
    /// Those for which there was no room.
    pub(crate) dropped: u64,
}

impl LeakTests {
    /// Beside each other. Of too many, those that passed last are dropped.
    pub(in crate::reading) fn plus(mut self, other: Self) -> Self {
        self.tests.extend(other.tests);
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.arrange();
        self
    }

    pub(super) fn arrange(&mut self) {
        self.tests.sort_by_key(|test| test.outcome);
        self.dropped = self.dropped.saturating_add(self.tests.len().saturating_sub(MOST_LEAK_TESTS) as u64);
        self.tests.truncate(MOST_LEAK_TESTS);
    }

    /// What no ledger wrote, if it is that; what is well is arranged.
    #[cfg(feature = "from-json")]
    pub(in crate::reading) fn are_wrong(&mut self) -> Option<&'static str> {
        let wrong = match self.tests.len() {
            ..=MOST_LEAK_TESTS => self.tests.iter().find_map(|test| test.curve.is_wrong()),
            _ => Some("is one of more than there can be"),
        };
        self.arrange();
        wrong
    }
}
