//! What a captured operation allocates is charged to an account of its line: the operation, the call stack, and the
//! class of its size. Here are the slow halves of each call while that goes on, and of frees and resizes of such blocks
//! ever after. All accounts of an operation are the operation: what moves between them is no transfer.

use super::account::Account;
use super::level::Level;
use super::lines::{self, LineKey, operation_of};
use super::overflow::OVERFLOW;
use super::owners::owner_of;
use super::quiet::quiet;
use super::recent::Recent;
use super::shard::Shard;
use super::slot::Slot;
use super::stacks::{self, StackId};
use crate::words::{AccountId, ClassId, Tag};

/// Prepares for call stacks to be taken from now on. `false` where none can be. Not to be called from inside the
/// allocator.
pub(crate) fn prepare_stacks() -> bool {
    stacks::begin();
    stacks::is_possible()
}

/// Prepares for what is allocated to be captured from now on. `false` where nothing can be: the system is out of
/// memory. Not to be called from inside the allocator.
pub(crate) fn prepare_capture() -> bool {
    // Without stacks, classes of sizes are still counted.
    stacks::begin();
    lines::begin()
}

impl Slot {
    /// Where what happens now is charged to lines, how many bytes lie between two samples on average: one if it is
    /// captured whole. Else zero: the ledger's own work never is captured.
    #[inline(always)]
    pub(super) fn captures(&self) -> u64 {
        if self.is_watched() && !self.shard.get().level.is_quiet() { self.active.get().every() } else { 0 }
    }

    /// Counts an allocation where `every` bytes lie between two stacks that are taken, on average.
    #[inline(never)]
    pub(super) fn allocated_captured(&self, size: usize, every: u64) -> Tag {
        let shard = self.shard.get();
        if !shard.level.rise(size) {
            settle(&shard.level);
        }
        let Some(account) = self.account_here(shard, size, every) else {
            let own = self.account();
            own.counters.activity.allocated(size);
            return own.tag();
        };
        account.counters.activity.allocated(size);
        shard.stack.elsewhere.allocated(size);
        account.tag()
    }

    /// Counts an allocation that is no sample, where every call takes the slow path. `None` where that is not seen at
    /// once: then nothing was counted.
    #[inline(always)]
    pub(super) fn allocated_unsampled(&self, size: usize) -> Option<Tag> {
        let shard = self.shard.get();
        let recent = shard.recent.get()?;
        // While the ledger works, its own account is the active one, and never captured.
        let account = recent.unsampled(ClassId::of(size), self.account().tag())?;
        if !recent.sampler.passes(size, self.active.get().every()) {
            return None;
        }
        let has_room = shard.level.rise(size);
        account.counters.activity.allocated(size);
        shard.stack.elsewhere.allocated(size);
        Some(if has_room { account.tag() } else { settled(&shard.level, account) })
    }

    /// Counts a resize of a block that carried `tag`, where `every` bytes lie between two stacks that are taken, on
    /// average. It is as good a sample as a new block.
    #[inline(never)]
    pub(super) fn resized_captured(&self, tag: Tag, old: usize, new: usize, every: u64) -> Tag {
        let shard = self.shard.get();
        if !shard.level.fall((old as i64).wrapping_sub(new as i64)) {
            settle(&shard.level);
        }
        let account = self.account_here(shard, new, every);
        if account.is_some() {
            shard.stack.elsewhere.resized(old, new);
        }
        self.resized_into(account.unwrap_or(self.account()), tag, old, new)
    }

    /// Counts a resize of a block of an operation and a stack, where stacks are not captured (any more). The level has
    /// been moved.
    #[cold]
    #[inline(never)]
    pub(super) fn resized_line(&self, tag: Tag, old: usize, new: usize) -> Tag {
        self.resized_into(self.account(), tag, old, new)
    }

    /// Charges a block that carried `tag` and was resized to `account`, which belongs to the active operation.
    fn resized_into(&self, account: &Account, tag: Tag, old: usize, new: usize) -> Tag {
        if account.tag() == tag {
            account.counters.activity.resized(old, new);
            return tag;
        }
        let accounts = &self.shard.get().accounts;
        let owner = owner_of(tag);
        if self.is_own(owner) {
            account.counters.activity.resized(old, new);
            account.moved_in(old);
            match accounts.of(owner) {
                Some(owner) => owner.moved_out(old),
                None => OVERFLOW.moved_out(owner, old),
            }
        } else {
            account.counters.took_over(old, new);
            match accounts.of(owner) {
                Some(owner) => owner.counters.ownership.gave_away(old),
                None => OVERFLOW.gave_away(owner, old),
            }
        }
        account.tag()
    }

    /// Counts the free of a block that carried `tag`, where every call takes the slow path, if that is an account of
    /// the active operation which was used lately, and nobody looks at frees. Else nothing was counted.
    #[inline(always)]
    pub(super) fn freed_recent(&self, tag: Tag, size: usize) -> bool {
        let shard = self.shard.get();
        let own = self.account().tag();
        let recent = shard.recent.get().and_then(|recent| recent.account_of(own, tag));
        let account = recent.filter(|_| !self.looks_closely());
        if let Some(account) = account {
            let has_room = shard.level.fall(size as i64);
            account.counters.activity.freed(size);
            shard.stack.elsewhere.freed(size);
            if !has_room {
                settle(&shard.level);
            }
        }
        account.is_some()
    }

    /// Counts the free of a block of an operation and a stack, of one without a valid tag, or of another operation of
    /// which the thread has touched nothing yet. The level has been moved.
    #[cold]
    #[inline(never)]
    pub(super) fn freed_of_line(&self, tag: Tag, size: usize) {
        let shard = self.shard.get();
        let own = self.account();
        let owner = owner_of(tag);
        let account = shard.accounts.of(owner);
        if self.is_own(owner) {
            shard.stack.elsewhere.freed(size);
            return match account {
                Some(account) => {
                    if let Some(recent) = shard.recent.get() {
                        recent.note_account(account, own.tag());
                    }
                    account.counters.activity.freed(size);
                }
                None => OVERFLOW.freed_of_own(owner, size),
            };
        }
        own.counters.freed_for_other(size);
        match account {
            Some(account) => account.counters.ownership.freed_elsewhere(size),
            None => OVERFLOW.freed_elsewhere(owner, size),
        }
    }

    /// The account of the active operation, the class of `size`, and the call stack of the function that this is
    /// inlined into: without the stack where samples are taken and this is none. `None` where there can be no account.
    #[inline(always)]
    fn account_here(&self, shard: &'static Shard, size: usize, every: u64) -> Option<&'static Account> {
        let recent = shard.recent.get()?;
        let (sampled, class) = (every != 1, ClassId::of(size));
        if sampled && !recent.sampler.takes(size, every) {
            return self.unsampled(shard, recent, class);
        }
        let operation = self.active.get();
        let stack = self.stack_here(recent);
        let id = lines::account_of(LineKey { operation: operation.id, stack, class, sampled })?;
        // While the ledger works nothing is captured, so the active account is the operation's own.
        let own = self.account().tag();
        recent.account(own.beside(id)).or_else(|| {
            let account = shard.accounts.of(id)?;
            recent.note_account(account, own);
            Some(account)
        })
    }

    /// The call stack of the function that this is inlined into.
    #[inline(always)]
    pub(super) fn stack_here(&self, recent: &Recent) -> StackId {
        // Whatever is allocated for it is the ledger's own, and its stack is not taken.
        let _quiet = stacks::MAY_ALLOCATE.then(quiet);
        stacks::here(self.bounds.get(), recent)
    }

    #[cold]
    #[inline(never)]
    fn unsampled(&self, shard: &'static Shard, recent: &Recent, class: ClassId) -> Option<&'static Account> {
        let operation = self.active.get();
        let line = LineKey { operation: operation.id, stack: StackId::NOT_SAMPLED, class, sampled: true };
        let account = shard.accounts.of(lines::account_of(line)?)?;
        recent.note_unsampled(class, Tag::of(operation.account()), account);
        Some(account)
    }

    /// Whether `owner` is an account of the operation that counts now.
    fn is_own(&self, owner: AccountId) -> bool {
        self.account().tag() == Tag::of(AccountId::new(operation_of(owner).number()))
    }
}

/// Settles a level: not inlined, as four functions would each have it.
#[cold]
#[inline(never)]
fn settle(level: &Level) {
    level.settle(0);
}

/// Does the same where that is the last thing to do, so that the caller needs to keep nothing.
#[cold]
#[inline(never)]
fn settled(level: &Level, account: &Account) -> Tag {
    level.settle(0);
    account.tag()
}
