//! What is recorded for one account: by one thread, or by all threads that have no shard.

use super::atomic::Ordering::{Acquire, Relaxed, Release};
use super::atomic::{AtomicU32, AtomicU64};
use super::memory::zeroed;
use crate::words::{AccountId, Activity, Counters, Counts, Register, Tag};

/// A counter that one thread writes: loaded and stored, never read-modify-written.
#[derive(Debug)]
pub(crate) struct Alone {
    value: AtomicU64,
}

zeroed!(Alone { value });

impl Register for Alone {
    const ZERO: Self = Self { value: AtomicU64::new(0) };

    #[inline(always)]
    fn get(&self) -> u64 {
        self.value.load(Relaxed)
    }

    #[inline(always)]
    fn set(&self, to: u64) {
        self.value.store(to, Relaxed);
    }

    #[inline(always)]
    fn add(&self, by: u64) {
        self.set(self.get().wrapping_add(by));
    }
}

/// How high something rose, and how far that may be off either way, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peak {
    pub(crate) bytes: u64,
    /// Zero where the peak is exact.
    pub(crate) error: u64,
}

/// What is recorded for one account.
#[derive(Debug)]
pub(crate) struct Account<C = Alone> {
    /// The account's tag; zero while unused.
    tag: AtomicU32,
    /// The last thread that entered the operation with this shard, so that `threads` counts each once.
    visitor: AtomicU32,
    pub(super) counters: Counters<C>,
    /// Scopes begun.
    scopes: C,
    /// Threads that entered the operation, or began in it.
    threads: C,
    /// The highest net of a scope that has ended, plus one; zero when none has.
    peak: AtomicU64,
    /// The largest error of such a peak.
    peak_error: AtomicU64,
    /// Blocks that came from other accounts of the same operation, less those that went to them: no transfer. Wraps.
    moved_blocks: C,
    /// Their bytes.
    moved_bytes: C,
}

zeroed!(for C, Account { tag, visitor, counters, scopes, threads, peak, peak_error, moved_blocks, moved_bytes });

/// Stands for an account where there is none: it counts no thread.
pub(super) static UNUSED: Account = Account::unused();

/// An account as it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountReading {
    pub(crate) counts: Counts,
    pub(crate) scopes: u64,
    pub(crate) threads: u64,
    /// The highest net of a scope that has ended.
    pub(crate) peak: Option<u64>,
    pub(crate) peak_error: u64,
    /// Blocks that came from other accounts of the same operation, less those that went to them.
    pub(crate) moved_blocks: i64,
    pub(crate) moved_bytes: i64,
}

impl<C: Register> Account<C> {
    pub(super) const fn unused() -> Self {
        Self {
            tag: AtomicU32::new(0),
            visitor: AtomicU32::new(0),
            counters: Counters::ZERO,
            scopes: C::ZERO,
            threads: C::ZERO,
            peak: AtomicU64::new(0),
            peak_error: AtomicU64::new(0),
            moved_blocks: C::ZERO,
            moved_bytes: C::ZERO,
        }
    }

    #[inline(always)]
    pub(super) fn tag(&self) -> Tag {
        Tag::from_bits(self.tag.load(Relaxed))
    }

    pub(super) fn is_used(&self) -> bool {
        self.tag.load(Relaxed) != 0
    }

    /// Makes it the account with this id. Release: whoever finds the id with [`id`](Self::id) knows what it stands for.
    pub(super) fn begin(&self, id: AccountId) {
        self.tag.store(Tag::of(id).bits(), Release);
    }

    /// Which account it is, for any thread; `None` while unused.
    pub(super) fn id(&self) -> Option<AccountId> {
        Tag::from_bits(self.tag.load(Acquire)).account()
    }

    /// A block of so many bytes came from another account of the same operation.
    pub(super) fn moved_in(&self, bytes: usize) {
        self.moved_blocks.add(1);
        self.moved_bytes.add(bytes as u64);
    }

    /// A block of so many bytes went to another account of the same operation.
    pub(super) fn moved_out(&self, bytes: usize) {
        self.moved_blocks.add(1u64.wrapping_neg());
        self.moved_bytes.add((bytes as u64).wrapping_neg());
    }

    pub(crate) fn read(&self) -> AccountReading {
        AccountReading {
            counts: self.counters.read(),
            scopes: self.scopes.get(),
            threads: self.threads.get(),
            peak: self.peak.load(Relaxed).checked_sub(1),
            peak_error: self.peak_error.load(Relaxed),
            moved_blocks: self.moved_blocks.get() as i64,
            moved_bytes: self.moved_bytes.get() as i64,
        }
    }
}

impl Account {
    #[inline]
    pub(super) fn activity(&self) -> Activity<u64> {
        self.counters.activity.read()
    }

    /// Counts a scope that begins.
    #[inline]
    pub(super) fn entered(&self) {
        self.scopes.add(1);
    }

    /// Whether the thread with the number `thread` was counted last. Never in an account that is not used: there the
    /// number is zero, which no thread has.
    #[inline(always)]
    pub(super) fn counts_last(&self, thread: u32) -> bool {
        self.visitor.load(Relaxed) == thread
    }

    /// Counts the thread with the number `thread`, unless it is the one that was counted last. Whether it was not.
    #[inline]
    pub(super) fn visited(&self, thread: u32) -> bool {
        let new = !self.counts_last(thread);
        if new {
            self.visitor.store(thread, Relaxed);
            self.threads.add(1);
        }
        new
    }

    /// Notes the exact peak of a scope that has ended.
    #[inline]
    pub(super) fn peaked(&self, bytes: u64) {
        if bytes >= self.peak.load(Relaxed) {
            self.peak.store(bytes + 1, Relaxed);
        }
    }

    /// Notes the peak of a scope that has ended, where it may be off.
    pub(super) fn peaked_about(&self, peak: Peak) {
        self.peaked(peak.bytes);
        if peak.error > self.peak_error.load(Relaxed) {
            self.peak_error.store(peak.error, Relaxed);
        }
    }
}
