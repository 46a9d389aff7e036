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

    /// Counts an allocation where every stack is taken.
    #[inline(never)]
    pub(super) fn allocated_captured(&self, size: usize) -> Tag {
        let shard = self.shard.get();
        if !shard.level.rise(size) {
            settle(&shard.level);
        }
        let own = self.account.get();
        let Some(account) = self.account_here(shard, size, false) else {
            own.counters.activity.allocated(size);
            return own.tag();
        };
        account.counters.activity.allocated(size);
        shard.stack.elsewhere.allocated(size);
        account.tag()
    }

    /// Counts an allocation where `every` bytes lie between two stacks that are taken, on average.
    #[inline(never)]
    pub(super) fn allocated_sampled(&self, size: usize, every: u64) -> Tag {
        let shard = self.shard.get();
        if !shard.level.rise(size) {
            settle(&shard.level);
        }
        let own = self.account.get();
        let Some(account) = self.sampled_account(shard, size, every) else {
            own.counters.activity.allocated(size);
            return own.tag();
        };
        account.counters.activity.allocated(size);
        shard.stack.elsewhere.allocated(size);
        account.tag()
    }

    /// Counts a resize of a block that carried `tag`, where every stack is taken.
    #[inline(never)]
    pub(super) fn resized_captured(&self, tag: Tag, old: usize, new: usize) -> Tag {
        let shard = self.shard.get();
        if !shard.level.fall((old as i64).wrapping_sub(new as i64)) {
            settle(&shard.level);
        }
        let account = self.account_here(shard, new, false);
        if account.is_some() {
            shard.stack.elsewhere.resized(old, new);
        }
        self.resized_into(account.unwrap_or(self.account.get()), tag, old, new)
    }

    /// Counts a resize of a block that carried `tag`, where `every` bytes lie between two stacks that are taken, on
    /// average. It is as good a sample as a new block.
    #[inline(never)]
    pub(super) fn resized_sampled(&self, tag: Tag, old: usize, new: usize, every: u64) -> Tag {
        let shard = self.shard.get();
        if !shard.level.fall((old as i64).wrapping_sub(new as i64)) {
            settle(&shard.level);
        }
        let account = self.sampled_account(shard, new, every);
        if account.is_some() {
            shard.stack.elsewhere.resized(old, new);
        }
        self.resized_into(account.unwrap_or(self.account.get()), tag, old, new)
    }

    /// Counts a resize of a block of an operation and a stack, where stacks are not captured (any more). The level has
    /// been moved.
    #[cold]
    #[inline(never)]
    pub(super) fn resized_line(&self, tag: Tag, old: usize, new: usize) -> Tag {
        self.resized_into(self.account.get(), tag, old, new)
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

    /// Counts the free of a block that carried `tag`, if that is an account of the active operation which was used
    /// lately. The level has been moved.
    #[inline(always)]
    pub(super) fn freed_of_recent(&self, shard: &'static Shard, tag: Tag, size: usize) -> bool {
        let own = self.account.get().tag();
        let account = shard.recent.get().and_then(|recent| recent.account(tag, own));
        if let Some(account) = account {
            account.counters.activity.freed(size);
            shard.stack.elsewhere.freed(size);
        }
        account.is_some()
    }

    /// Counts the free of a block of an operation and a stack, or of one without a valid tag. The level has been moved.
    #[cold]
    #[inline(never)]
    pub(super) fn freed_of_line(&self, tag: Tag, size: usize) {
        let shard = self.shard.get();
        if self.freed_of_recent(shard, tag, size) {
            return;
        }
        let own = self.account.get();
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

    /// The account of the active operation, the call stack of the function that this is inlined into, and the class of
    /// `size`; `None` where there can be none.
    #[inline(always)]
    fn account_here(&self, shard: &'static Shard, size: usize, sampled: bool) -> Option<&'static Account> {
        let recent = shard.recent.get()?;
        let operation = self.active.get();
        let stack = self.stack_here(recent);
        let id = lines::account_of(LineKey { operation: operation.id, stack, class: ClassId::of(size), sampled })?;
        let own = Tag::of(operation.account());
        recent.account(Tag::of(id), own).or_else(|| {
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

    /// The same where samples are taken: of what is none, without the stack.
    #[inline(always)]
    fn sampled_account(&self, shard: &'static Shard, size: usize, every: u64) -> Option<&'static Account> {
        let recent = shard.recent.get()?;
        if recent.sampler.takes(size, every) {
            return self.sample_here(shard, size);
        }
        let class = ClassId::of(size);
        recent.unsampled(class, self.active.get().account()).or_else(|| self.unsampled(shard, recent, class))
    }

    #[cold]
    #[inline(never)]
    fn sample_here(&self, shard: &'static Shard, size: usize) -> Option<&'static Account> {
        self.account_here(shard, size, true)
    }

    #[cold]
    #[inline(never)]
    fn unsampled(&self, shard: &'static Shard, recent: &Recent, class: ClassId) -> Option<&'static Account> {
        let operation = self.active.get();
        let line = LineKey { operation: operation.id, stack: StackId::NOT_SAMPLED, class, sampled: true };
        let account = shard.accounts.of(lines::account_of(line)?)?;
        recent.note_unsampled(class, operation.account(), account);
        Some(account)
    }

    /// Whether `owner` is an account of the operation that counts now.
    fn is_own(&self, owner: AccountId) -> bool {
        self.account.get().tag() == Tag::of(AccountId::new(operation_of(owner).number()))
    }
}

/// Settles a level: not inlined, as four functions would each have it.
#[cold]
#[inline(never)]
fn settle(level: &Level) {
    level.settle();
}
