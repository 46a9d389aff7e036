//! A report: what a snapshot says, arranged for people and for files. Plain values; rendering is elsewhere.

use std::collections::BTreeSet;

#[cfg(doc)]
use super::call_stack::CallStackKind;
use super::charged::sum_small;
use super::leak_tests::{LeakTests, ReportedLeakTest};
use super::process::Program;
use super::row::Row;
use super::rows::Rows;
use super::size_class::SizeClass;
use super::snapshot::{Snapshot, snapshot};
use super::stacks::{ReportedStack, Stacks};
use super::timeline::ReportedTimeline;
use crate::record::{BOUND, Own, quietly};
use crate::registry;
#[cfg(feature = "views")]
use crate::symbols::CallFrame;
use crate::words::{CaptureRule, Cause, Error, Node, Tally};

/// So many call stacks have their functions looked up, those that have the most.
const LOOKED_UP: usize = 4096;

/// The counters of all operations, in the order in which people read them.
///
/// [`Display`](std::fmt::Display) gives a table, as wide as `{:120}` says (100 by default), with exact bytes for
/// `{:#}`; [`Report::print`] fits it to the terminal, in colour if it is one. With the feature `json`, `to_json` and
/// `from_json` store it and read it back. What each line means: `docs/reading-a-report.md`.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let (kept, _) = heapledger::measure("index_build", || vec![0u8; 5 << 20]);
/// let text = heapledger::report().to_string();
/// assert!(text.contains("index_build") && text.contains("5.00 MiB") && text.contains("(unattributed)"));
/// # drop(kept);
/// ```
#[derive(Clone, Debug)]
pub struct Report(pub(crate) Own<Data>);

/// What a report says. In a file its stacks have another form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Data<S = Stacks> {
    /// How many processes it covers.
    pub(crate) processes: u64,
    /// That of all processes; `None` where they are of several, or it is not known.
    pub(crate) program: Option<Program>,
    pub(crate) difference: bool,
    /// Live bytes of the process, as its threads counted them.
    pub(crate) process_bytes: i64,
    pub(crate) process_peak_bytes: Option<u64>,
    pub(crate) process_peak_error: u64,
    /// Why the reading is not to be trusted; `None` if it can be.
    pub(crate) problem: Option<String>,
    /// The problem is only that threads moved during every reading. A report that does not say so has a worse one.
    pub(crate) unsettled: bool,
    pub(crate) misnested: u64,
    /// Scopes that could not be counted apart.
    pub(crate) overflowed: u64,
    pub(crate) foreign: u64,
    /// Shards, and their bytes: the ledger's memory outside the heap it counts.
    pub(crate) shards: u64,
    pub(crate) shard_bytes: u64,
    pub(crate) rows: Rows,
    /// Of operations that were captured.
    pub(crate) stacks: S,
    /// What was asked to be captured when the report was made.
    pub(crate) captures: Vec<CaptureRule>,
    /// One for each process that has any.
    pub(crate) timelines: Vec<ReportedTimeline>,
    /// Of all processes.
    pub(crate) leak_tests: LeakTests,
}

/// Reads the counters of every operation and arranges them: `snapshot().report()`.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// println!("{}", heapledger::report());
/// ```
pub fn report() -> Report {
    snapshot().report()
}

impl Snapshot {
    /// Arranges the snapshot to be read, stored or merged. Of operations that did nothing, only `(unattributed)` and
    /// `(heapledger)` stay.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let before = heapledger::snapshot();
    /// heapledger::measure("search", || drop(vec![0u8; 64]));
    /// println!("{}", (heapledger::snapshot() - before).report());
    /// ```
    pub fn report(&self) -> Report {
        self.report_of(|_| true)
    }

    /// The report of the operations that are `wanted`.
    pub(crate) fn report_of(&self, wanted: impl Fn(&Node) -> bool) -> Report {
        Report(Own::new(|| {
            let rows = self.rows_of(&wanted);
            let problem = self.check().err();
            let mut charged = self.charged(&wanted);
            sum_small(&mut charged, LOOKED_UP);
            let stacks = Stacks::of(charged, &Vec::from_iter(sources_of(&rows)));
            Data {
                processes: 1,
                program: Program::this(),
                difference: self.is_difference(),
                process_bytes: self.process(),
                process_peak_bytes: self.total().peak_bytes,
                process_peak_error: self.shards() * BOUND,
                problem: problem.as_ref().map(Error::to_string),
                unsettled: problem.is_some_and(|error| error.is_unsettled()),
                misnested: self.misnested(),
                overflowed: self.overflowed(),
                foreign: self.foreign(),
                shards: self.shards(),
                shard_bytes: self.outside(),
                rows,
                stacks,
                captures: registry::capture_rules(),
                timelines: self.timelines(&wanted),
                leak_tests: self.leak_tests(),
            }
        }))
    }
}

/// Files of the workspace, as rustc names them.
pub(super) fn sources_of(rows: &Rows) -> BTreeSet<&str> {
    BTreeSet::from_iter(rows.iter().filter_map(|row| Some(&*row.site.as_ref()?.file)))
}

impl Report {
    /// The operations, each after the one it is nested in; siblings by live bytes, then by bytes allocated; the
    /// ledger's own (`(unattributed)`, ..) last. Their paths are made when it is first called, and kept.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let report = heapledger::report();
    /// assert_eq!(report.rows().last().unwrap().path, "(heapledger)");
    /// ```
    pub fn rows(&self) -> &[Row] {
        self.0.rows.listed()
    }

    /// The row at `path`.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::report().operation("(unattributed)").is_some());
    /// ```
    pub fn operation(&self, path: &str) -> Option<&Row> {
        self.0.rows.find(path).map(|at| &self.0.rows.listed()[at])
    }

    /// Which call stacks allocated what the operations at and below `path` own and have allocated, with their functions
    /// and lines; those that own the most first. Adds up exactly to [`Row::total`] of that path.
    ///
    /// Stacks are known of what was allocated or resized while a [`capture`](crate::capture) went on; the rest is one
    /// entry of the kind [`NotCaptured`](CallStackKind::NotCaptured). Functions are looked up when the report is made,
    /// once for the whole of it, and for the 4,096 largest stacks: 2,048 by live bytes, the others by bytes allocated.
    /// All smaller ones are one entry of the kind [`Other`](CallStackKind::Other).
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let _capture = heapledger::capture("index_build");
    /// let (kept, _) = heapledger::measure("index_build", || [vec![0u8; 4096], vec![0u8; 64]]);
    /// let report = heapledger::report();
    /// let stacks = report.stacks("index_build");
    /// assert_eq!(stacks.iter().map(|stack| stack.live_bytes).sum::<i64>(), 4096 + 64);
    /// # drop(kept);
    /// ```
    pub fn stacks(&self, path: &str) -> Vec<ReportedStack<'_>> {
        self.0.stacks(path)
    }

    /// How large the blocks are that the operations at and below `path` own and have allocated, as
    /// [`Snapshot::size_classes`] tells: exact, and known of what was allocated or resized while a
    /// [`capture`](crate::capture) went on.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let _capture = heapledger::capture("index_build");
    /// let (kept, _) = heapledger::measure("index_build", || vec![0u8; 5000]);
    /// let sizes = heapledger::report().size_classes("index_build");
    /// assert_eq!((sizes[0].min_size, sizes[0].live_blocks), (4096, 1));
    /// # drop(kept);
    /// ```
    pub fn size_classes(&self, path: &str) -> Vec<SizeClass> {
        self.0.size_classes(path)
    }

    /// What operations owned over time, where [`timeline`](crate::timeline) recorded it; of merged reports one for each
    /// process, the 16 with the highest points at most. Empty in a difference.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::report().timelines().is_empty());
    /// ```
    pub fn timelines(&self) -> &[ReportedTimeline] {
        &self.0.timelines
    }

    /// The leak tests that have ended, in whatever way they were run: those that leak first, those that passed last. Of
    /// more than 256, in one process or where reports are merged, some that passed are left out. Empty in a difference.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::LeakTest::new("format").assert(|i| format!("{i}"));
    /// heapledger::LeakTest::new("box").run(|_| Box::leak(Box::new(7u64))).passes();
    /// let report = heapledger::report();
    /// let tests: Vec<_> = report.leak_tests().iter().map(|test| (&*test.path, test.passes())).collect();
    /// assert_eq!(tests, [("box", false), ("format", true)]);
    /// ```
    pub fn leak_tests(&self) -> &[ReportedLeakTest] {
        &self.0.leak_tests.tests
    }

    /// The sum of all operations; its peak is the process's own.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let total = heapledger::report().total();
    /// assert_eq!(total.net_bytes(), total.live_bytes);
    /// ```
    pub fn total(&self) -> Tally {
        let sum = self.0.rows.iter().try_fold(Tally::default(), |sum, row| sum.plus(&row.own));
        Tally { peak_bytes: self.0.process_peak_bytes, ..sum.unwrap_or_default() }
    }

    /// Live bytes of the process, counted by its threads and not by operations.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let report = heapledger::report();
    /// assert_eq!(report.process_bytes(), report.total().live_bytes);
    /// ```
    pub fn process_bytes(&self) -> i64 {
        self.0.process_bytes
    }

    /// How far the process's peak may be off either way, in bytes: 64 KiB for each thread that lived at once.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::report().process_peak_error() >= 64 << 10);
    /// ```
    pub fn process_peak_error(&self) -> u64 {
        self.0.process_peak_error
    }

    /// Bytes of shards: memory of the ledger that is outside the heap it counts. The rest of its footprint is the
    /// operation `(heapledger)`.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::report().shard_bytes() > 0);
    /// ```
    pub fn shard_bytes(&self) -> u64 {
        self.0.shard_bytes
    }

    /// Scopes that ended while one begun after them was open. Where this is not zero, the program held a scope across
    /// `.await` or dropped scopes out of order, and figures of the operations involved may be charged to each other.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert_eq!(heapledger::report().misnested(), 0);
    /// ```
    pub fn misnested(&self) -> u64 {
        self.0.misnested
    }

    /// Why the figures are not to be trusted: the allocator is not installed, other threads moved, or the law broke.
    /// `None` if they can be.
    ///
    /// ```
    /// assert!(heapledger::report().problem().unwrap().contains("not the global allocator"));
    /// ```
    pub fn problem(&self) -> Option<&str> {
        self.0.problem.as_deref()
    }

    /// Adds the figures of `other`, so that the reports of many processes read as one. Counters add up; of peaks the
    /// highest stays, for processes do not peak together.
    ///
    /// # Errors
    /// When a counter would overflow; then `self` stays as it is.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// # fn main() -> Result<(), heapledger::Error> {
    /// let (first, second) = (heapledger::report(), heapledger::report());
    /// let mut both = first.clone();
    /// both.merge(&second)?;
    /// assert_eq!(both.process_bytes(), first.process_bytes() + second.process_bytes());
    /// # Ok(()) }
    /// ```
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        let merged = quietly(|| self.0.plus(&other.0));
        let merged = merged.ok_or(Error(Cause::Overflow))?;
        self.0 = Own::new(|| merged);
        Ok(())
    }
}

impl Data {
    /// The outermost operations, of those that are `wanted`, of which stacks are known, in reading order.
    pub(crate) fn outermost_captured(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
        let (outermost, places) = (self.stacks.outermost(wanted), self.rows.places());
        let mut outermost = Vec::from_iter(outermost.into_iter().map(|path| (places.find(path), path)));
        outermost.sort_unstable();
        outermost.into_iter().map(|(_, path)| path)
    }

    /// The functions on all stacks, each once.
    #[cfg(feature = "views")]
    pub(crate) fn frames(&self) -> &[CallFrame] {
        self.stacks.frames()
    }

    /// What [`Report::stacks`] says.
    pub(crate) fn stacks(&self, path: &str) -> Vec<ReportedStack<'_>> {
        let total = self.rows.find(path).map(|at| &self.rows[at].total);
        total.map(|total| self.stacks.within(total, within(path))).unwrap_or_default()
    }

    /// What [`Report::size_classes`] says.
    pub(crate) fn size_classes(&self, path: &str) -> Vec<SizeClass> {
        self.stacks.sizes_within(within(path))
    }

    /// What the operation of the row at a place itself did on each stack. Adds up exactly to its `own`.
    #[cfg(feature = "views")]
    pub(crate) fn own_stacks(&self, at: usize) -> Vec<ReportedStack<'_>> {
        self.stacks.alone(&self.rows.path(at), &self.rows[at].own)
    }

    /// How many stacks of the operations at and below a path were too small to be looked up.
    pub(crate) fn summed_stacks(&self, path: &str) -> u64 {
        self.stacks.summed_within(within(path))
    }

    /// How many bytes lie between two samples of the operations at and below a path, where they were sampled.
    pub(crate) fn sampled_every(&self, path: &str) -> BTreeSet<u64> {
        self.stacks.every_within(within(path))
    }
}

/// Whether a path is that one, or below it.
fn within(path: &str) -> impl Fn(&str) -> bool {
    move |one| one.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn telling(problem: Option<&str>, unsettled: bool, processes: u64) -> Data {
        Data { problem: problem.map(String::from), unsettled, processes, ..Data::clone(&report().0) }
    }

    #[test]
    fn of_two_problems_the_worse_one_stays_in_whatever_order() {
        let (violated, unsettled) = (telling(Some("violated"), false, 1), telling(Some("moved"), true, 1));
        let (fine, blind) = (telling(None, false, 1), telling(Some("not installed"), false, 0));
        let of = |one: &Data, other: &Data| {
            let [sum, turned] = [one.plus(other), other.plus(one)].map(|sum| sum.expect("nothing overflows"));
            assert_eq!((&sum.problem, sum.unsettled), (&turned.problem, turned.unsettled));
            (sum.problem, sum.unsettled)
        };
        assert_eq!(of(&violated, &unsettled), (Some("violated".into()), false));
        assert_eq!(of(&fine, &violated), (Some("violated".into()), false));
        assert_eq!(of(&fine, &unsettled), (Some("moved".into()), true));
        assert_eq!(of(&fine, &blind), (None, false));
        assert_eq!(of(&unsettled, &blind), (Some("moved".into()), true));
    }
}
