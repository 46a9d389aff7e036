//! Where threads without a shard record: while one attaches, after it gave its shard back, and when the system is out
//! of memory. Many threads write here, so every count is an atomic addition.

use super::account::{Account, AccountReading};
use super::accounts::Accounts;
use super::atomic::Ordering::Relaxed;
use super::atomic::{AtomicI64, AtomicU64};
use super::lines::operation_of;
use super::memory::zeroed;
use super::owners::owner_of;
use super::shared_level::PROCESS;
use crate::words::{AccountId, Counters, FOREIGN, Register, Tag};

/// A counter that many threads write.
#[derive(Debug)]
pub(crate) struct Contended {
    value: AtomicU64,
}

zeroed!(Contended { value });

impl Register for Contended {
    const ZERO: Self = Self { value: AtomicU64::new(0) };

    fn get(&self) -> u64 {
        self.value.load(Relaxed)
    }

    fn set(&self, to: u64) {
        self.value.store(to, Relaxed);
    }

    fn add(&self, by: u64) {
        self.value.fetch_add(by, Relaxed);
    }
}

pub(crate) static OVERFLOW: Overflow =
    Overflow { level: AtomicI64::new(0), accounts: Accounts::new(), last_resort: Account::unused() };

/// What threads without a shard did. Its recording methods are never inlined, so that the paths that call them stay
/// short.
#[derive(Debug)]
pub(crate) struct Overflow {
    level: AtomicI64,
    accounts: Accounts<Contended>,
    /// Takes the counts for which no account can be made, when the system is out of memory; they then belong to
    /// the foreign operation, and no check passes.
    last_resort: Account<Contended>,
}

impl Overflow {
    /// Net bytes recorded here.
    pub(crate) fn witness(&self) -> i64 {
        self.level.load(Relaxed)
    }

    /// Calls `see` with every account, and with what the last resort took, as the foreign account's.
    pub(crate) fn read_account(&self, id: AccountId) -> Option<AccountReading> {
        self.accounts.find(id).map(Account::read)
    }

    pub(crate) fn for_each_account(&self, mut see: impl FnMut(AccountId, AccountReading)) {
        self.accounts.for_each(|id, account| see(id, account.read()));
        see(FOREIGN.account(), self.last_resort.read());
    }

    fn account(&self, account: AccountId) -> &Account<Contended> {
        self.accounts.of(account).unwrap_or(&self.last_resort)
    }

    fn counters(&self, account: AccountId) -> &Counters<Contended> {
        &self.account(account).counters
    }

    fn shift_level(&self, by: i64) {
        self.level.fetch_add(by, Relaxed);
        PROCESS.add(by);
    }

    #[cold]
    #[inline(never)]
    pub(super) fn allocated(&self, active: AccountId, size: usize) {
        self.counters(active).activity.allocated(size);
        self.shift_level(size as i64);
    }

    #[cold]
    #[inline(never)]
    pub(super) fn freed(&self, active: AccountId, tag: Tag, size: usize) {
        let owner = owner_of(tag);
        if active.number() == operation_of(owner).number() {
            self.counters(owner).activity.freed(size);
        } else {
            self.counters(active).freed_for_other(size);
            self.freed_elsewhere(owner, size);
        }
        self.shift_level(-(size as i64));
    }

    #[cold]
    #[inline(never)]
    pub(super) fn resized(&self, active: AccountId, tag: Tag, old: usize, new: usize) {
        let owner = owner_of(tag);
        if active.number() == operation_of(owner).number() {
            self.counters(active).activity.resized(old, new);
            if active != owner {
                self.account(active).moved_in(old);
                self.account(owner).moved_out(old);
            }
        } else {
            self.counters(active).took_over(old, new);
            self.gave_away(owner, old);
        }
        self.shift_level((new as i64).wrapping_sub(old as i64));
    }

    /// Counts the owner's side of a free, also for a thread whose own shard cannot make the owner's account.
    #[cold]
    #[inline(never)]
    pub(super) fn freed_elsewhere(&self, owner: AccountId, size: usize) {
        self.counters(owner).ownership.freed_elsewhere(size);
    }

    /// Counts the free of a block by the operation that owns it, for a thread whose own shard cannot make the account.
    #[cold]
    #[inline(never)]
    pub(super) fn freed_of_own(&self, owner: AccountId, size: usize) {
        self.counters(owner).activity.freed(size);
    }

    /// Counts that a block went to another account of its operation, for a thread whose own shard cannot make the
    /// account that it came from.
    #[cold]
    #[inline(never)]
    pub(super) fn moved_out(&self, owner: AccountId, size: usize) {
        self.account(owner).moved_out(size);
    }

    /// Counts the former owner's side of a resize, also for a thread whose own shard cannot make that account.
    #[cold]
    #[inline(never)]
    pub(super) fn gave_away(&self, owner: AccountId, old: usize) {
        self.counters(owner).ownership.gave_away(old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::lines::{self, LineKey};
    use crate::record::stacks::StackId;
    use crate::words::{ClassId, Counts, OperationId};

    #[test]
    fn accounts_of_one_operation_are_the_operation_and_those_of_others_are_not() {
        let overflow = Overflow { level: AtomicI64::new(0), accounts: Accounts::new(), last_resort: Account::unused() };
        assert!(lines::begin());
        let line =
            LineKey { operation: OperationId::new(40), stack: StackId::new(9), class: ClassId::of(10), sampled: false };
        let line = lines::account_of(line).expect("there is room");
        let (own, other) = (AccountId::new(40), AccountId::new(41));
        let read = |account| overflow.account(account).read();

        overflow.resized(own, Tag::of(line), 10, 30);
        let resized = Counts { reallocs: 1, freed_bytes: 10, allocated_bytes: 30, ..Counts::default() };
        assert_eq!((read(own).counts, read(line).counts), (resized, Counts::default()), "no transfer");
        assert_eq!((read(own).moved_blocks, read(own).moved_bytes), (1, 10));
        assert_eq!((read(line).moved_blocks, read(line).moved_bytes), (-1, -10));

        overflow.freed(own, Tag::of(line), 5);
        let freed = Counts { frees: 1, freed_bytes: 5, ..Counts::default() };
        assert_eq!((read(own).counts, read(line).counts), (resized, freed));

        overflow.freed(other, Tag::of(line), 7);
        let elsewhere = Counts { freed_elsewhere_blocks: 1, freed_elsewhere_bytes: 7, ..freed };
        let for_other =
            Counts { frees: 1, freed_bytes: 7, others_frees: 1, others_freed_bytes: 7, ..Counts::default() };
        assert_eq!((read(line).counts, read(other).counts), (elsewhere, for_other));
    }
}
