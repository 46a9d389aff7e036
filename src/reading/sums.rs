//! What the accounts of one operation, or of one line, add up to.

use crate::record::{AccountReading, LineKey, Peak};
use crate::words::{Counts, Tally};

/// What the accounts of one line add up to, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LineSums {
    pub(super) allocs: u64,
    pub(super) allocated_bytes: u64,
    pub(super) reallocs: u64,
    /// Including blocks that came from other accounts of the same operation.
    pub(super) live_blocks: i64,
    pub(super) live_bytes: i64,
}

impl LineSums {
    /// Adds the figures of one account.
    pub(super) fn add(&mut self, account: &AccountReading) {
        let moved = Self { live_blocks: account.moved_blocks, live_bytes: account.moved_bytes, ..Self::default() };
        *self = self.plus(&Self::of(&account.counts)).plus(&moved);
    }

    /// The figures of a whole operation: within it, what moved cancels out.
    pub(super) fn of(counts: &Counts) -> Self {
        Self::of_tally(&counts.tally(None))
    }

    pub(super) fn of_tally(tally: &Tally) -> Self {
        let Tally { allocs, allocated_bytes, reallocs, live_blocks, live_bytes, .. } = *tally;
        Self { allocs, allocated_bytes, reallocs, live_blocks, live_bytes }
    }

    /// Whether it says anything.
    pub(super) fn moved(&self) -> bool {
        Self { reallocs: 0, ..*self } != Self::default()
    }

    /// The sum; `None` where it overflows.
    pub(super) fn checked_plus(&self, other: &Self) -> Option<Self> {
        Some(Self {
            allocs: self.allocs.checked_add(other.allocs)?,
            allocated_bytes: self.allocated_bytes.checked_add(other.allocated_bytes)?,
            reallocs: self.reallocs.checked_add(other.reallocs)?,
            live_blocks: self.live_blocks.checked_add(other.live_blocks)?,
            live_bytes: self.live_bytes.checked_add(other.live_bytes)?,
        })
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            allocs: self.allocs.wrapping_add(other.allocs),
            allocated_bytes: self.allocated_bytes.wrapping_add(other.allocated_bytes),
            reallocs: self.reallocs.wrapping_add(other.reallocs),
            live_blocks: self.live_blocks.wrapping_add(other.live_blocks),
            live_bytes: self.live_bytes.wrapping_add(other.live_bytes),
        }
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        Self {
            allocs: self.allocs.wrapping_sub(other.allocs),
            allocated_bytes: self.allocated_bytes.wrapping_sub(other.allocated_bytes),
            reallocs: self.reallocs.wrapping_sub(other.reallocs),
            live_blocks: self.live_blocks.wrapping_sub(other.live_blocks),
            live_bytes: self.live_bytes.wrapping_sub(other.live_bytes),
        }
    }
}

/// What was charged to one line.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineReading {
    pub(super) key: LineKey,
    /// Where its operation is sampled: how many bytes lie between two samples on average.
    pub(super) every: u64,
    /// Until the earlier one of two snapshots; nothing where there is one.
    pub(super) before: LineSums,
    /// Since then.
    pub(super) since: LineSums,
}

/// What one operation's accounts add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) counts: Counts,
    pub(super) scopes: u64,
    pub(super) threads: u64,
    pub(super) peak: Option<u64>,
    /// How far the peak may be off.
    pub(super) peak_error: u64,
}

impl Sums {
    /// Adds the figures of one account.
    pub(super) fn add(&mut self, account: &AccountReading) {
        self.counts.add(&account.counts);
        self.scopes += account.scopes;
        self.threads += account.threads;
        self.peak = self.peak.max(account.peak);
        self.peak_error = self.peak_error.max(account.peak_error);
    }

    /// Adds the peak so far of a scope that still runs.
    pub(super) fn add_peak_so_far(&mut self, peak: Peak) {
        self.peak = self.peak.max(Some(peak.bytes));
        self.peak_error = self.peak_error.max(peak.error);
    }

    /// Adds what another operation at the same path did.
    pub(super) fn plus(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.scopes += other.scopes;
        self.threads += other.threads;
        self.peak = self.peak.max(other.peak);
        self.peak_error = self.peak_error.max(other.peak_error);
    }

    pub(super) fn since(&self, earlier: &Self) -> Option<Self> {
        Some(Self {
            counts: self.counts.since(&earlier.counts)?,
            scopes: self.scopes.checked_sub(earlier.scopes)?,
            threads: self.threads.checked_sub(earlier.threads)?,
            // A high-water mark says nothing about a span in which it did not rise.
            peak: self.peak.filter(|peak| Some(*peak) > earlier.peak),
            peak_error: self.peak_error,
        })
    }

    pub(super) fn tally(&self) -> Tally {
        self.counts.tally(self.peak)
    }
}
