//! What a thread found last: traces and accounts, each in the place that its number chooses. One thread writes and
//! reads it; it only saves the longer way.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::account::Account;
use super::memory::{Link, zeroed};
use crate::words::Tag;

/// How many of each are kept.
const KEPT: usize = 64;

#[derive(Debug)]
pub(super) struct Recent {
    traces: [AtomicU32; KEPT],
    /// Accounts of an operation and a stack.
    accounts: [Link<Account>; KEPT],
    /// The tag of the operation's own account, of each.
    owners: [AtomicU32; KEPT],
}

zeroed!(Recent { traces, accounts, owners });

impl Recent {
    /// The place for the number of a trace.
    #[cfg(heapledger_lines)]
    #[inline(always)]
    pub(super) fn trace(&self, chosen_by: u64) -> Option<&AtomicU32> {
        self.traces.get(chosen_by as usize % KEPT)
    }

    /// The account that carries `tag` and belongs to the operation whose own account carries `owner`, if it was used
    /// lately.
    #[inline(always)]
    pub(super) fn account(&self, tag: Tag, owner: Tag) -> Option<&'static Account> {
        let at = tag.bits() as usize % KEPT;
        let account = self.accounts.get(at)?.get()?;
        let is_it = account.tag() == tag && self.owners.get(at)?.load(Relaxed) == owner.bits();
        is_it.then_some(account)
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
