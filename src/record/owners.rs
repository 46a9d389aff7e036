//! Which account a tag names.

use super::atomic::AtomicU32;
use super::atomic::Ordering::Relaxed;
use super::lines::line_of;
use crate::words::{AccountId, BUILTIN, FOREIGN, Tag};

/// How many accounts exist that are an operation's own. Their numbers are lower.
static ISSUED: AtomicU32 = AtomicU32::new(BUILTIN as u32);

/// Notes that `account`, an operation's own, and every account with a lower number exists.
pub(crate) fn issue(account: AccountId) {
    ISSUED.fetch_max(account.number() + 1, Relaxed);
}

/// The account that a tag names, if that is an operation's own.
#[inline]
pub(super) fn own_account_in(tag: Tag) -> Option<AccountId> {
    tag.account_below(ISSUED.load(Relaxed))
}

/// The account that a tag names; the foreign one if the tag is not the ledger's.
#[cold]
#[inline(never)]
pub(super) fn owner_of(tag: Tag) -> AccountId {
    let of_line = || tag.account().filter(|account| line_of(*account).is_some());
    own_account_in(tag).or_else(of_line).unwrap_or(FOREIGN.account())
}
