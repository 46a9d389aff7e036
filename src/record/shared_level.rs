//! Levels that many threads share: the process's, and one for every open `with_threads()` scope.
//!
//! Threads tell a level how far they moved in steps, so that nothing shared is written on the hot path. A level is
//! off by at most [`BOUND`] per thread that tells it, in either direction, and so is its peak.

use super::atomic::Ordering::{AcqRel, Relaxed};
use super::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize};
use super::memory::{Link, Listed, zeroed};
#[cfg(heapledger_interpose)]
use super::memory::{List, new_permanent};
use crate::words::Node;

/// How many bytes a thread's level may rise above what the thread last told. It may fall by more, so that large blocks
/// come and go without being told.
pub(crate) const STEP: i64 = 20 << 10;
/// How many bytes a level may be off for each thread that tells it: so far a thread's level may fall below what the
/// thread last told.
pub(crate) const BOUND: u64 = 64 << 10;

const _: () = assert!(STEP as u64 <= BOUND);

/// A level that many threads add to.
#[derive(Debug)]
pub(crate) struct SharedLevel {
    value: AtomicI64,
    peak: AtomicI64,
    /// The level of the scope around it, which is told everything that this one is told, unless that is left out.
    outer: Link<SharedLevel>,
    /// Whether the levels around it, but for the process's, are told nothing.
    left_out: AtomicBool,
    /// The operation in which threads spawned in the scope start.
    node: Link<Node>,
    /// How many use it: the scope, the threads that began in it, and the levels inside it. At zero it may be used
    /// again.
    users: AtomicUsize,
    /// Threads that began in it, or in a level inside it, and still run.
    threads: AtomicU64,
    /// The most of them at once. A thread that ends tells all its bytes, so it adds no error after its end.
    most: AtomicU64,
    /// Whether the scope has ended: then no new thread starts in it.
    ended: AtomicBool,
    next: Link<SharedLevel>,
}

zeroed!(SharedLevel { value, peak, outer, left_out, node, users, threads, most, ended, next });

impl Listed for SharedLevel {
    fn next(&self) -> &Link<Self> {
        &self.next
    }
}

/// The level of the whole process.
pub(crate) static PROCESS: SharedLevel = SharedLevel {
    value: AtomicI64::new(0),
    peak: AtomicI64::new(0),
    outer: Link::none(),
    left_out: AtomicBool::new(false),
    node: Link::none(),
    users: AtomicUsize::new(1),
    threads: AtomicU64::new(0),
    most: AtomicU64::new(0),
    ended: AtomicBool::new(false),
    next: Link::none(),
};

#[cfg(heapledger_interpose)]
static LEVELS: List<SharedLevel> = List::new();

/// Only `with_threads()` opens levels and lets threads begin in them.
#[cfg(heapledger_interpose)]
impl SharedLevel {
    /// A level for a scope of `node` within `outer`, which is told nothing if that is to be `left_out`. `None` when the
    /// system is out of memory.
    pub(super) fn begin(node: &'static Node, outer: Option<&'static Self>, left_out: bool) -> Option<&'static Self> {
        let unused = LEVELS.iter().find(|level| level.users.compare_exchange(0, 1, AcqRel, Relaxed).is_ok());
        let level = match unused {
            Some(level) => level,
            None => {
                let level: &'static Self = new_permanent()?;
                level.users.store(1, Relaxed);
                LEVELS.push(level);
                level
            }
        };
        level.value.store(0, Relaxed);
        level.peak.store(0, Relaxed);
        level.threads.store(0, Relaxed);
        level.most.store(0, Relaxed);
        level.node.set(Some(node));
        level.outer.set(outer);
        level.left_out.store(left_out, Relaxed);
        if let Some(outer) = outer {
            outer.users.fetch_add(1, Relaxed);
        }
        level.ended.store(false, Relaxed);
        Some(level)
    }

    pub(super) fn is_open(&self) -> bool {
        !self.ended.load(Relaxed)
    }

    /// Whether it is `level`, or inside it.
    pub(super) fn is_within(&self, level: &Self) -> bool {
        std::ptr::eq(self, level) || self.outer.get().is_some_and(|outer| outer.is_within(level))
    }

    /// Counts a thread that is about to begin in it.
    pub(super) fn join(&self) {
        self.users.fetch_add(1, Relaxed);
    }

    /// Notes that a thread which has joined begins to run.
    pub(super) fn arrive(&self) {
        let mut level = Some(self);
        while let Some(here) = level {
            here.most.fetch_max(here.threads.fetch_add(1, Relaxed) + 1, Relaxed);
            level = here.told_too();
        }
    }

    pub(super) fn outer(&self) -> Option<&'static Self> {
        self.outer.get()
    }

    pub(super) fn node(&self) -> Option<&'static Node> {
        self.node.get()
    }
}

impl SharedLevel {
    /// Notes that the scope has ended. Threads that still run in it keep telling it, and the levels around it.
    pub(super) fn end(&self) {
        self.ended.store(true, Relaxed);
        self.release();
    }

    /// Notes that a thread which began in it has ended.
    pub(super) fn leave(&self) {
        let mut level = Some(self);
        while let Some(here) = level {
            here.threads.fetch_sub(1, Relaxed);
            level = here.told_too();
        }
        self.release();
    }

    /// The level around it that is told what this one is told.
    fn told_too(&self) -> Option<&'static Self> {
        self.outer.get().filter(|_| !self.left_out.load(Relaxed))
    }

    /// Removes one user: a thread that has ended or could not be spawned, the scope, or a level inside it.
    pub(super) fn release(&self) {
        let outer = self.outer.get();
        if self.users.fetch_sub(1, AcqRel) == 1
            && let Some(outer) = outer
        {
            outer.release();
        }
    }

    /// The most threads that told it at once: those that began in it, and the one that opened it.
    pub(super) fn tellers(&self) -> u64 {
        self.most.load(Relaxed) + 1
    }

    pub(crate) fn value(&self) -> i64 {
        self.value.load(Relaxed)
    }

    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Relaxed).max(0) as u64
    }

    pub(super) fn add(&self, moved: i64) {
        let mut level = self;
        while !std::ptr::eq(level, &PROCESS) {
            level.add_here(moved);
            level = level.told_too().unwrap_or(&PROCESS);
        }
        PROCESS.add_here(moved);
    }

    #[inline]
    fn add_here(&self, moved: i64) {
        let now = self.value.fetch_add(moved, Relaxed).wrapping_add(moved);
        if now > self.peak.load(Relaxed) {
            self.peak.fetch_max(now, Relaxed);
        }
    }
}
