//! The hot path: an allocation, a free or a resize, counted in the active operation's account; and the slow halves of
//! each, for a thread without a shard, a new peak, a block of another operation, and what may fail on purpose or is
//! denied.

use super::account::Account;
use super::denial::Offence;
use super::overflow::OVERFLOW;
use super::owners::own_account_in;
use super::slot::{Phase, SLOT, Slot};
use super::stacks::StackId;
use crate::words::{Register, Tag};

/// After so many peaks in a row, one that follows is climbed past.
const MANY_PEAKS: u32 = 2;

/// Counts a block of `size` bytes that was allocated, if that is quick, and returns its owner's tag. After `None` the
/// caller must call [`allocated_slowly`].
#[inline]
pub(super) fn allocated(size: usize) -> Option<Tag> {
    SLOT.with(|slot| {
        if !slot.hot.get().rise(size) {
            return None;
        }
        slot.account().counters.activity.allocated(size);
        Some(slot.tag())
    })
}

/// Counts a block of `size` bytes that carried `tag` and is about to be freed, if that is quick. After `false` the
/// caller must call [`freed_slowly`].
#[inline]
#[must_use]
pub(super) fn freed(tag: Tag, size: usize) -> bool {
    SLOT.with(|slot| {
        if slot.tag() != tag || !slot.fall(size as i64) {
            return false;
        }
        slot.account().counters.activity.freed(size);
        true
    })
}

/// Counts the resize of a block that carried `tag`, and returns its new owner's tag.
#[inline]
pub(super) fn resized(tag: Tag, old: usize, new: usize) -> Tag {
    SLOT.with(|slot| {
        if !slot.fall((old as i64).wrapping_sub(new as i64)) || slot.tag() != tag {
            return resized_slowly(slot, tag, old, new);
        }
        slot.account().counters.activity.resized(old, new);
        tag
    })
}

/// Whether [`fails_now`] may return `true`, or [`noticed`] have something to do: only where every call takes the slow
/// path.
#[inline]
pub(super) fn looks_closely() -> bool {
    SLOT.with(Slot::looks_closely)
}

/// Whether the allocation or resize that is asked for now is to fail on purpose. If so, counts it as failed.
pub(super) fn fails_now() -> bool {
    SLOT.with(Slot::fails_now)
}

/// Takes down what happened, where a scope denies it.
pub(super) fn noticed(offence: Offence) {
    SLOT.with(|slot| slot.noticed(offence));
}

/// Counts an allocation that [`allocated`] did not: one past the peak, one on a thread without a shard, or one that was
/// to be looked at and does not fail on purpose.
#[inline]
pub(super) fn allocated_slowly(size: usize) -> Tag {
    SLOT.with(|slot| slot.allocated_slowly(size))
}

/// Counts a free that [`freed`] did not: of another operation's block, or one that moves the level far.
#[inline]
pub(super) fn freed_slowly(tag: Tag, size: usize) {
    SLOT.with(|slot| slot.freed_slowly(tag, size));
}

impl Slot {
    #[inline(never)]
    fn allocated_slowly(&self, size: usize) -> Tag {
        if !self.is_watched() {
            return self.allocated_unwatched(size);
        }
        if let Some(tag) = self.allocated_unsampled(size) {
            return tag;
        }
        match self.captures() {
            0 => self.allocated_uncaptured(size),
            every => self.allocated_captured(size, every),
        }
    }

    /// Whatever it calls comes last, so that it needs to keep nothing.
    #[inline(never)]
    fn allocated_unwatched(&self, size: usize) -> Tag {
        if self.phase.get() != Phase::Attached {
            return self.allocated_anew(size);
        }
        let (shard, account) = (self.shard.get(), self.account());
        account.counters.activity.allocated(size);
        if !shard.level.settle_risen() || self.active.get().is_captured() {
            return self.settled_closely(account);
        }
        if shard.level.is_at_peak() && self.rises(account) { self.climb(shard, account) } else { account.tag() }
    }

    /// Settles the level, which rose, where something is to be told or noticed. The block was counted in `account`.
    #[cold]
    #[inline(never)]
    fn settled_closely(&self, account: &Account) -> Tag {
        self.settled(0, 0);
        account.tag()
    }

    /// Counts an allocation on a thread without a shard, or whose level climbs.
    #[cold]
    #[inline(never)]
    fn allocated_anew(&self, size: usize) -> Tag {
        if self.settled((size as i64).wrapping_neg(), 0).is_none() {
            let account = self.base.get().account();
            OVERFLOW.allocated(account, size);
            return Tag::of(account);
        }
        let account = self.account();
        account.counters.activity.allocated(size);
        account.tag()
    }

    /// Whether several allocations in a row set a peak each, and nothing was freed in between. Where a free comes soon,
    /// climbing costs more than it saves.
    #[inline(always)]
    fn rises(&self, account: &Account) -> bool {
        let frees = account.counters.activity.frees.get();
        let (seen, times) = self.peaks.get();
        let times = if seen == frees { times.wrapping_add(1) } else { 0 };
        self.peaks.set((frees, times));
        times >= MANY_PEAKS
    }

    /// Counts an allocation where every call takes the slow path, but no line is charged.
    #[inline(never)]
    fn allocated_uncaptured(&self, size: usize) -> Tag {
        self.moved_watched((size as i64).wrapping_neg());
        let account = self.account();
        account.counters.activity.allocated(size);
        account.tag()
    }

    #[inline(never)]
    fn freed_slowly(&self, tag: Tag, size: usize) {
        if self.is_watched() {
            if !self.freed_recent(tag, size) {
                self.freed_watched(tag, size);
            }
        } else if self.tag() != tag && self.fall(size as i64) {
            // `freed` moves the level for a block of the active account alone.
            self.freed_of_other(self.account(), tag, size);
        } else {
            self.freed_unwatched(tag, size);
        }
    }

    /// Counts a free for which there was no room. The level has been moved, if the thread had a shard.
    #[inline(never)]
    fn freed_unwatched(&self, tag: Tag, size: usize) {
        if self.settled(size as i64, size as i64).is_none() {
            return OVERFLOW.freed(self.base.get().account(), tag, size);
        }
        self.freed_of_any(tag, size);
    }

    /// Counts a free. The level has been moved.
    #[inline(always)]
    fn freed_of_any(&self, tag: Tag, size: usize) {
        let account = self.account();
        if account.tag() == tag {
            return account.counters.activity.freed(size);
        }
        self.freed_of_other(account, tag, size);
    }

    /// Counts a free, in the active `account`, of a block that another account owns. The level has been moved.
    #[inline(always)]
    fn freed_of_other(&self, account: &Account, tag: Tag, size: usize) {
        let Some(owner) = self.shard.get().accounts.carrying(tag) else { return self.freed_of_line(tag, size) };
        account.counters.freed_for_other(size);
        owner.counters.ownership.freed_elsewhere(size);
    }

    /// Counts a free where every call takes the slow path, unless [`freed_recent`](Self::freed_recent) did.
    #[inline(never)]
    fn freed_watched(&self, tag: Tag, size: usize) {
        if self.looks_closely() {
            self.noticed(Offence::Free(size));
        }
        self.moved_watched(size as i64);
        self.freed_of_any(tag, size);
    }

    /// Whether what is asked for now is to fail on purpose. If so, counts it as failed.
    #[cold]
    #[inline(never)]
    fn fails_now(&self) -> bool {
        let shard = self.shard.get();
        // The ledger's own work never fails on purpose.
        if !self.is_watched() || shard.level.is_quiet() {
            return false;
        }
        let innermost = shard.stack.innermost();
        let fails = innermost.fails_now();
        if !innermost.is_armed() {
            self.hot.set(self.usual.get());
            if self.active.get().is_captured() {
                self.block();
            }
        }
        fails
    }

    /// Takes down what happened, where a scope denies it, with the call stack of the first time.
    #[cold]
    #[inline(never)]
    fn noticed(&self, offence: Offence) {
        let shard = self.shard.get();
        // The ledger's own work is denied to nobody.
        if !self.is_watched() || shard.level.is_quiet() {
            return;
        }
        let stack = || shard.recent.get().map_or(StackId::OTHER, |recent| self.stack_here(recent));
        let operation = self.active.get().id;
        shard.stack.denials().for_each(|denial| denial.note(offence, operation, stack));
    }
}

#[cold]
#[inline(never)]
fn resized_slowly(slot: &Slot, tag: Tag, old: usize, new: usize) -> Tag {
    let fell = (old as i64).wrapping_sub(new as i64);
    let shard = if slot.is_watched() {
        let every = slot.captures();
        if every != 0 {
            return slot.resized_captured(tag, old, new, every);
        }
        Some(slot.moved_watched(fell))
    } else {
        slot.settled(fell, fell)
    };
    let Some(shard) = shard else {
        let account = slot.base.get().account();
        OVERFLOW.resized(account, tag, old, new);
        return Tag::of(account);
    };
    let account = slot.account();
    if account.tag() == tag {
        account.counters.activity.resized(old, new);
        return tag;
    }
    let Some(owner) = own_account_in(tag) else { return slot.resized_line(tag, old, new) };
    account.counters.took_over(old, new);
    match shard.accounts.of(owner) {
        Some(account) => account.counters.ownership.gave_away(old),
        None => OVERFLOW.gave_away(owner, old),
    }
    account.tag()
}
