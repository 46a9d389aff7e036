//! What a thread found last: traces and accounts, each in the place that its number chooses, to save the longer way;
//! and how far it is from its next sample. One thread writes and reads it.

use super::account::Account;
use super::atomic::{AtomicU32, Ordering::Relaxed};
use super::memory::{Link, zeroed};
use super::sampler::Sampler;
use crate::words::{ClassId, Tag};

/// How many of each are kept.
const KEPT: usize = 64;
/// How many classes of sizes there may be.
const CLASSES: usize = 1 << ClassId::BITS;

#[derive(Debug)]
pub(super) struct Recent {
    traces: [AtomicU32; KEPT],
    /// Accounts of an operation and a stack.
    accounts: [Link<Account>; KEPT],
    /// The tag of the operation's own account, of each.
    owners: [AtomicU32; KEPT],
    /// Accounts of what is no sample, by the class of sizes.
    unsampled: [Link<Account>; CLASSES],
    /// The tag of the operation's own account, of each.
    unsampled_of: [AtomicU32; CLASSES],
    pub(super) sampler: Sampler,
}

zeroed!(Recent { traces, accounts, owners, unsampled, unsampled_of, sampler });

impl Recent {
    /// The place for the number of a trace.
    #[cfg(heapledger_lines)]
    #[inline(always)]
    pub(super) fn trace(&self, chosen_by: u64) -> Option<&AtomicU32> {
        self.traces.get(chosen_by as usize % KEPT)
    }

    /// The account that carries `tag`, if it was used lately.
    #[inline(always)]
    pub(super) fn account(&self, tag: Tag) -> Option<&'static Account> {
        let account = self.accounts.get(tag.bits() as usize % KEPT)?.get()?;
        (account.tag() == tag).then_some(account)
    }

    /// The same, if it belongs to the operation whose own account carries `owner`.
    #[inline(always)]
    pub(super) fn account_of(&self, owner: Tag, tag: Tag) -> Option<&'static Account> {
        let account = self.account(tag)?;
        (self.owners.get(tag.bits() as usize % KEPT)?.load(Relaxed) == owner.bits()).then_some(account)
    }

    /// The account of what is no sample of a class, in the operation whose own account carries `owner`, if that was
    /// noted last.
    #[inline(always)]
    pub(super) fn unsampled(&self, class: ClassId, owner: Tag) -> Option<&'static Account> {
        let at = class.number() as usize % CLASSES;
        let account = self.unsampled.get(at)?.get()?;
        (self.unsampled_of.get(at)?.load(Relaxed) == owner.bits()).then_some(account)
    }

    /// Notes such an account.
    pub(super) fn note_unsampled(&self, class: ClassId, owner: Tag, account: &'static Account) {
        let at = class.number() as usize % CLASSES;
        if let (Some(place), Some(known)) = (self.unsampled.get(at), self.unsampled_of.get(at)) {
            place.set(Some(account));
            known.store(owner.bits(), Relaxed);
        }
    }

    /// Notes an account, and the operation's own account's tag.
    pub(super) fn note_account(&self, account: &'static Account, owner: Tag) {
        let at = account.tag().bits() as usize % KEPT;
        if let (Some(place), Some(known)) = (self.accounts.get(at), self.owners.get(at)) {
            place.set(Some(account));
            known.store(owner.bits(), Relaxed);
        }
    }
}
