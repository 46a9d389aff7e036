//! The counters of all operations at one moment, and the difference of two.
//!
//! A pass walks every thread's shard while the threads go on. A pass that does not balance, or in which an operation
//! owns less than zero, is made again. Either another thread moved between two reads: then two passes differ. Or it
//! stands still in the middle of recording: then its own shard does not balance. Or the ledger is wrong. Snapshots are
//! the ledger's own memory, also when they are dropped.

use std::ops::Sub;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::by_line::{by_class, by_stack, size_classes};
use super::call_stack::CallStack;
use super::pass::{Pass, SPARE_ROOM, foreign_blocks};
use super::row::{OperationRow, Row};
use super::size_class::SizeClass;
use super::sums::{LineReading, LineSums, Sums};
use crate::record::{self, Own, TAKEN};
use crate::registry;
use crate::words::{Cause, Counts, Error, FOREIGN, Node, OperationId, Tally};

/// How often a reading that does not balance is taken again.
const READINGS: u32 = 12;
/// After so many readings the thread waits; before, it only yields.
const WITHOUT_WAIT: u32 = 3;
/// The first wait. It doubles before every further reading, to some 25 ms in all.
const WAIT: Duration = Duration::from_micros(50);

/// The counters of every operation at one moment, or between two.
///
/// Made by [`snapshot`]; `later - earlier` is what happened in between. A plain value: `Send`, `Sync`, and the ledger's
/// own memory, so that taking, keeping and dropping it shows in no operation but `(heapledger)`.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// # fn main() -> Result<(), heapledger::Error> {
/// let before = heapledger::snapshot();
/// let kept = {
///     let _op = heapledger::track("index_build");
///     vec![0u8; 4096]
/// };
/// let diff = heapledger::snapshot() - before;
/// let row = diff.operation("index_build").expect("it ran");
/// assert_eq!((row.own.allocs, row.own.live_bytes), (1, 4096));
/// diff.check()?;
/// # drop(kept);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Snapshot(Own<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    taken: Instant,
    nodes: Vec<&'static Node>,
    pass: Pass,
    /// Of a difference: what had been charged to lines until the earlier snapshot.
    lines_before: Vec<LineSums>,
    law: Result<(), Cause>,
    difference: bool,
    /// Scopes that could not be counted apart.
    overflowed: u64,
    /// Bytes of shards.
    outside: u64,
}

/// Reads the counters of every operation.
///
/// Costs time proportional to the accounts in use (operations x threads that touched them), stops no thread, and takes
/// the reading up to twelve times, within some 25 ms, while other threads make it inconsistent. Never fails:
/// [`Snapshot::check`] says whether the reading can be trusted.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// assert!(heapledger::snapshot().total().live_bytes > 0);
/// ```
pub fn snapshot() -> Snapshot {
    let installed = record::installed();
    Snapshot(Own::new(|| {
        let mut running = Vec::with_capacity(SPARE_ROOM);
        let operations = registry::all().len();
        let mut last = Pass::with_room(operations);
        let mut pass = Pass::with_room(operations);
        let mut readings = 0;
        loop {
            pass.take(&mut running);
            readings += 1;
            let nodes = registry::all();
            let law = pass.check(&nodes, false);
            // Two equal passes are believed, whether they balance or not, unless a thread stands in the middle of
            // recording.
            let stands = law.is_ok() || (readings > 1 && !pass.torn && pass.agrees(&last));
            if stands || readings == READINGS {
                let law = match law {
                    _ if !installed => Err(Cause::NotInstalled),
                    Err(_) if !stands => Err(Cause::Unsettled { readings }),
                    law => law,
                };
                let (overflowed, outside) = (registry::overflowed(), TAKEN.load(Relaxed));
                let (taken, lines_before) = (Instant::now(), Vec::new());
                return Inner { taken, nodes, pass, lines_before, law, difference: false, overflowed, outside };
            }
            std::mem::swap(&mut last, &mut pass);
            match readings.checked_sub(WITHOUT_WAIT) {
                None => std::thread::yield_now(),
                Some(doublings) => std::thread::sleep(WAIT * (1 << doublings)),
            }
        }
    }))
}

impl Snapshot {
    /// Checks the conservation law: sum of net == sum of live == live bytes of the process, counted three ways. Also
    /// checks that no block came back without a valid tag and, unless the snapshot is a difference, that no operation
    /// owns less than zero.
    ///
    /// # Errors
    /// [`Error::is_not_installed`], [`Error::is_unsettled`] (other threads moved memory during every reading), or
    /// [`Error::is_violated`].
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// # fn main() -> Result<(), heapledger::Error> {
    /// heapledger::snapshot().check()?;
    /// # Ok(()) }
    /// ```
    pub fn check(&self) -> Result<(), Error> {
        self.0.law.clone().map_err(Error)
    }

    /// The operation at `path`, if it ran: `"index_build/commit"`.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::snapshot().operation("never/ran").is_none());
    /// ```
    pub fn operation(&self, path: &str) -> Option<Row> {
        // No name finds what is inside an operation that is private to a test.
        let private = || self.0.nodes.iter().copied().find(|node| registry::has_private() && node.is_at(path));
        let node = registry::find_by_path(path).or_else(private)?;
        // An operation made after the snapshot is not in it.
        self.0.nodes.get(node.id.index())?;
        if !registry::has_private() {
            return Some(self.row(node, &self.own(node), self.total_of(node)));
        }
        let mut own = Sums::default();
        let mut total = Counts::default();
        for (one, sums) in self.sums() {
            if one.is_at(path) {
                own.plus(&sums);
            }
            if one.is_at_or_below(path) {
                total.add(&sums.counts);
            }
        }
        Some(self.row(node, &own, total.tally(own.peak)))
    }

    pub(super) fn taken(&self) -> Instant {
        self.0.taken
    }

    /// An operation that is in it.
    pub(super) fn node(&self, operation: OperationId) -> Option<&'static Node> {
        self.0.nodes.get(operation.index()).copied()
    }

    /// Every operation that was made, alone: its total is its own. Several may have one path.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'static Node, OperationRow)> {
        self.sums().map(|(node, own)| (node, OperationRow::of(node, &own)))
    }

    fn row(&self, node: &'static Node, own: &Sums, total: Tally) -> Row {
        let row = OperationRow::of(node, own).at(node.path());
        Row { total: Tally { peak_bytes: row.own.peak_bytes, ..total }, ..row }
    }

    pub(super) fn sums(&self) -> impl Iterator<Item = (&'static Node, Sums)> {
        self.0.nodes.iter().map(|node| (*node, self.own(node)))
    }

    fn own(&self, node: &Node) -> Sums {
        self.0.pass.sums.get(node.id.index()).copied().unwrap_or_default()
    }

    pub(crate) fn total_of(&self, above: &Node) -> Tally {
        let mut counts = Counts::default();
        self.sums().filter(|(node, _)| node.is_within(above)).for_each(|(_, sums)| counts.add(&sums.counts));
        counts.tally(self.own(above).peak)
    }

    /// Which call stacks allocated what the operations at and below `path` own and have allocated, those that own the
    /// most first: each stack once, whichever of the operations it is in. Adds up exactly to
    /// [`Row::total`](crate::Row::total) of that path.
    ///
    /// Stacks are known of what was allocated or resized while a [`capture`](crate::capture) went on; the rest is one
    /// entry of the kind [`NotCaptured`](crate::CallStackKind::NotCaptured). In a difference it is what happened in
    /// between; what did not move is left out.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let _capture = heapledger::capture("index_build");
    /// let (kept, _) = heapledger::measure("index_build", || [vec![0u8; 4096], vec![0u8; 64]]);
    /// let stacks = heapledger::snapshot().stacks("index_build");
    /// assert_eq!(stacks.iter().map(|stack| stack.live_bytes).sum::<i64>(), 4096 + 64);
    /// # drop(kept);
    /// ```
    pub fn stacks(&self, path: &str) -> Vec<CallStack> {
        self.stacks_of(|node| node.is_at_or_below(path))
    }

    /// The same of the operations that are `wanted`.
    pub(crate) fn stacks_of(&self, wanted: impl Fn(&Node) -> bool) -> Vec<CallStack> {
        let own = self.0.nodes.iter().filter(|node| wanted(node)).map(|node| LineSums::of(&self.own(node).counts));
        registry::look_at_modules();
        let whole = own.fold(LineSums::default(), |sum, own| sum.plus(&own));
        by_stack(whole, self.lines_of(wanted))
    }

    /// How large the blocks are that the operations at and below `path` own and have allocated, the smallest first:
    /// each class is twice as large as the one before, and a resized block is in the class of its new size. Exact, and
    /// known of what was allocated or resized while a [`capture`](crate::capture) went on: so it adds up to what
    /// [`stacks`](Self::stacks) tells, less what was not captured. It needs no call stacks, and works on every target.
    ///
    /// In a difference it is what happened in between; classes in which nothing moved are left out.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let _capture = heapledger::capture("index_build");
    /// let before = heapledger::snapshot();
    /// let (kept, _) = heapledger::measure("index_build", || [vec![0u8; 5000], vec![0u8; 64]]);
    /// for class in (heapledger::snapshot() - before).size_classes("index_build") {
    ///     println!("{} blocks of {} to {} B", class.live_blocks, class.min_size, class.max_size);
    ///     # assert_eq!(class.live_blocks, 1);
    /// }
    /// # drop(kept);
    /// ```
    pub fn size_classes(&self, path: &str) -> Vec<SizeClass> {
        self.size_classes_of(|node| node.is_at_or_below(path))
    }

    /// The same of the operations that are `wanted`.
    pub(crate) fn size_classes_of(&self, wanted: impl Fn(&Node) -> bool) -> Vec<SizeClass> {
        size_classes(&by_class(self.lines_of(wanted)))
    }

    /// What was charged to lines of the operations that are `wanted`.
    pub(super) fn lines_of(&self, wanted: impl Fn(&Node) -> bool) -> impl Iterator<Item = LineReading> {
        let wanted = Vec::from_iter(self.0.nodes.iter().map(|node| wanted(node)));
        let lines = self.0.pass.lines.iter().enumerate().filter_map(|(at, since)| {
            let key = record::line(at)?;
            let every = self.0.nodes.get(key.operation.index())?.sampled_every.load(Relaxed);
            let before = self.0.lines_before.get(at).copied().unwrap_or_default();
            Some(LineReading { key, every, before, since: *since })
        });
        lines.filter(move |line| wanted.get(line.key.operation.index()) == Some(&true))
    }

    /// The whole process: every operation, the unattributed and the ledger's own included. Its peak is the process's
    /// own, off by at most [`Report::process_peak_error`](crate::Report::process_peak_error).
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let before = heapledger::snapshot();
    /// let kept = vec![0u8; 1000];
    /// let diff = heapledger::snapshot() - before;
    /// let (ledger, all) = (diff.operation("(heapledger)").unwrap(), diff.total());
    /// assert_eq!(all.live_bytes - ledger.own.live_bytes, 1000);
    /// # drop(kept);
    /// ```
    pub fn total(&self) -> Tally {
        let mut all = Counts::default();
        for sums in &self.0.pass.sums {
            all.add(&sums.counts);
        }
        all.tally(self.0.pass.process_peak)
    }

    /// Live bytes of the process, as the threads counted them.
    pub(crate) fn process(&self) -> i64 {
        self.0.pass.process
    }

    pub(crate) fn foreign(&self) -> u64 {
        foreign_blocks(&self.own(&FOREIGN))
    }

    pub(crate) fn misnested(&self) -> u64 {
        self.0.pass.misnested
    }

    pub(crate) fn overflowed(&self) -> u64 {
        self.0.overflowed
    }

    /// Bytes of shards: the ledger's memory that is not on the heap it counts.
    pub(crate) fn outside(&self) -> u64 {
        self.0.outside
    }

    pub(crate) fn shards(&self) -> u64 {
        self.0.pass.shards
    }

    pub(crate) fn is_difference(&self) -> bool {
        self.0.difference
    }

    /// What had been charged to lines when it was taken.
    fn lines_until_now(&self) -> Vec<LineSums> {
        let before = |at| self.0.lines_before.get(at).copied().unwrap_or_default();
        self.0.pass.lines.iter().enumerate().map(|(at, since)| since.plus(&before(at))).collect()
    }

    /// What happened since `earlier`; `None` if that is the later one.
    fn since(&self, earlier: &Self) -> Option<Inner> {
        let (now, then) = (&self.0.pass, &earlier.0.pass);
        let mut sums = Vec::with_capacity(now.sums.len());
        for (id, one) in now.sums.iter().enumerate() {
            sums.push(one.since(&then.sums.get(id).copied().unwrap_or_default())?);
        }
        let before = |at| then.lines.get(at).copied().unwrap_or_default();
        let pass = Pass {
            sums,
            lines: now.lines.iter().enumerate().map(|(at, line)| line.minus(&before(at))).collect(),
            process: now.process.wrapping_sub(then.process),
            process_peak: now.process_peak.filter(|peak| Some(*peak) > then.process_peak),
            misnested: now.misnested.checked_sub(then.misnested)?,
            shards: now.shards,
            torn: false,
        };
        let nodes = self.0.nodes.clone();
        let law = earlier.0.law.clone().and(self.0.law.clone()).and_then(|()| pass.check(&nodes, true));
        Some(Inner {
            taken: self.0.taken,
            nodes,
            pass,
            lines_before: earlier.lines_until_now(),
            law,
            difference: true,
            overflowed: self.0.overflowed.checked_sub(earlier.0.overflowed)?,
            outside: self.0.outside,
        })
    }
}

impl Sub<&Snapshot> for &Snapshot {
    type Output = Snapshot;

    /// What happened between the two.
    ///
    /// # Panics
    /// When the right one was taken later than the left one.
    fn sub(self, earlier: &Snapshot) -> Snapshot {
        let difference = record::quietly(|| self.since(earlier));
        let inner = difference.expect("the later snapshot stands on the left: `later - earlier`");
        Snapshot(Own::new(|| inner))
    }
}

impl Sub for Snapshot {
    type Output = Snapshot;

    /// What happened between the two.
    ///
    /// # Panics
    /// When the right one was taken later than the left one.
    fn sub(self, earlier: Snapshot) -> Snapshot {
        &self - &earlier
    }
}

impl Sub<&Snapshot> for Snapshot {
    type Output = Snapshot;

    /// What happened between the two.
    ///
    /// # Panics
    /// When the right one was taken later than the left one.
    fn sub(self, earlier: &Snapshot) -> Snapshot {
        &self - earlier
    }
}
