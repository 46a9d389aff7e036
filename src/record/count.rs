//! The hot path: an allocation, a free or a resize, counted in the active operation's account; and the slow halves of
//! each, for a thread without a shard, a new peak, a block of another operation, and what may fail on purpose.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use super::overflow::OVERFLOW;
use super::shard::UNATTACHED;
use super::slot::{SLOT, Slot};
use crate::words::{AccountId, BUILTIN, FOREIGN, Tag};

/// How many accounts there are; a tag with a higher number is not ours.
static ISSUED: AtomicU32 = AtomicU32::new(BUILTIN as u32);

/// Says that `account`, and all with a lower number, exist.
pub(crate) fn issue(account: AccountId) {
    ISSUED.fetch_max(account.number() + 1, Relaxed);
}

/// The account that a tag names: the foreign one, if the tag is not one of ours.
fn owner_of(tag: Tag) -> AccountId {
    tag.account().filter(|account| account.number() < ISSUED.load(Relaxed)).unwrap_or(FOREIGN.account())
}

/// A block of `size` bytes was allocated: counts it if that is quick, and returns its owner's tag. If not,
/// [`allocated_slowly`] is to be called.
#[inline]
pub(super) fn allocated(size: usize) -> Option<Tag> {
    SLOT.with(|slot| {
        if !slot.hot.get().level.rise(size) {
            return None;
        }
        let account = slot.account.get();
        account.counters.allocated(size);
        Some(account.tag())
    })
}

/// A block of `size` bytes that carried `tag` is about to be freed: counts it if that is quick. If not,
/// [`freed_slowly`] is to be called.
#[inline]
#[must_use]
pub(super) fn freed(tag: Tag, size: usize) -> bool {
    SLOT.with(|slot| {
        let account = slot.account.get();
        if account.tag() != tag || !slot.hot.get().level.fall(size as i64) {
            return false;
        }
        account.counters.freed(size);
        true
    })
}

/// A block that carried `tag` was resized: counts it, and returns its new owner's tag.
#[inline]
pub(super) fn resized(tag: Tag, old: usize, new: usize) -> Tag {
    SLOT.with(|slot| {
        let account = slot.account.get();
        if !slot.hot.get().level.fall((old as i64).wrapping_sub(new as i64)) || account.tag() != tag {
            return resized_slowly(slot, tag, old, new);
        }
        account.counters.resized(old, new);
        tag
    })
}

/// Whether [`fails_now`] may say yes: only where every call takes the slow path.
#[inline]
pub(super) fn may_fail() -> bool {
    SLOT.with(|slot| std::ptr::eq(slot.hot.get(), &UNATTACHED))
}

/// Whether the allocation or resize that is asked for now is to fail on purpose: then it counts as failed.
pub(super) fn fails_now() -> bool {
    SLOT.with(Slot::fails_now)
}

/// Counts an allocation that [`allocated`] did not: one past the peak, or on a thread without a shard, or that is
/// watched and did not fail on purpose.
pub(super) fn allocated_slowly(size: usize) -> Tag {
    SLOT.with(|slot| slot.allocated_slowly(size))
}

/// Counts a free that [`freed`] did not: of another operation's block, or one that moves the level far.
pub(super) fn freed_slowly(tag: Tag, size: usize) {
    SLOT.with(|slot| slot.freed_slowly(tag, size));
}

impl Slot {
    #[inline(never)]
    fn allocated_slowly(&self, size: usize) -> Tag {
        let Some(shard) = self.attached(|shard| shard.level.rise(size)) else {
            let account = self.base.get().account();
            OVERFLOW.allocated(account, size);
            return Tag::of(account);
        };
        shard.level.settle();
        let account = self.account.get();
        account.counters.allocated(size);
        account.tag()
    }

    #[inline(never)]
    fn freed_slowly(&self, tag: Tag, size: usize) {
        let own = self.account.get().tag() == tag;
        // Of its own block the level has moved already, the shard's or a stand-in's; of another one it moves now.
        let settled = !own && self.hot.get().level.fall(size as i64);
        if !settled {
            let Some(shard) = self.attached(|shard| shard.level.fall(size as i64)) else {
                return OVERFLOW.freed(self.base.get().account(), owner_of(tag), size);
            };
            shard.level.settle();
        }
        let account = self.account.get();
        if account.tag() == tag {
            return account.counters.freed(size);
        }
        account.counters.freed_for_other(size);
        let owner = owner_of(tag);
        match self.shard.get().accounts.of(owner) {
            Some(account) => account.counters.freed_elsewhere(size),
            None => OVERFLOW.freed_elsewhere(owner, size),
        }
    }

    /// Whether what is asked for now is to fail on purpose.
    #[cold]
    #[inline(never)]
    fn fails_now(&self) -> bool {
        let shard = self.shard.get();
        // What the ledger does for itself is nobody's plan.
        if !self.is_watched() || shard.level.is_quiet() {
            return false;
        }
        let innermost = shard.stack.innermost();
        let fails = innermost.fails_now();
        self.watch(innermost);
        fails
    }
}

#[cold]
#[inline(never)]
fn resized_slowly(slot: &Slot, tag: Tag, old: usize, new: usize) -> Tag {
    let Some(shard) = slot.attached(|shard| shard.level.fall((old as i64).wrapping_sub(new as i64))) else {
        let account = slot.base.get().account();
        OVERFLOW.resized(account, owner_of(tag), old, new);
        return Tag::of(account);
    };
    shard.level.settle();
    let account = slot.account.get();
    if account.tag() == tag {
        account.counters.resized(old, new);
        return tag;
    }
    account.counters.took_over(old, new);
    let owner = owner_of(tag);
    match shard.accounts.of(owner) {
        Some(account) => account.counters.gave_away(old),
        None => OVERFLOW.gave_away(owner, old),
    }
    account.tag()
}

/// Shows `see` what this thread did for each account.
pub(crate) fn for_each_account_here(see: impl FnMut(AccountId, super::account::AccountReading)) {
    SLOT.with(|slot| slot.shard.get().for_each_account(see));
}
