//! What a block's owner tag names: an account. Accounts, tags and the system's threads are numbers that must not be
//! mixed up, so each has a type of its own.
//!
//! An account is what blocks are charged to. Every operation has one of its own, and where its call stacks are captured
//! one for each stack as well. So no code above `record/` treats an account as an operation or indexes by its number:
//! the registry alone says which operation an account belongs to.

use std::fmt;

use super::spread::SPREAD;

/// Names an account. Below `1 << ID_BITS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AccountId(u32);

/// Bits of a tag that hold the account's id.
pub(crate) const ID_BITS: u32 = 22;

/// The upper bits of every tag: zero, small integers, small negative ones and text do not have them, so they are never
/// valid tags. Where several copies of this library are in one process, as in a program and a plug-in that brings its
/// own allocator, each has another mark, but for one pair in 511: the mark comes from where this copy was loaded.
#[inline]
fn mark() -> u32 {
    static HERE: u8 = 0;
    let page = (&raw const HERE).addr() >> 12;
    let spread = ((page as u64).wrapping_mul(SPREAD) >> (u64::BITS - MARK_BITS)) as u32;
    spread.min(ALL_BUT_ONE) << ID_BITS | 1 << (u32::BITS - 1)
}

/// Bits of a mark that differ from copy to copy. One more is always set.
const MARK_BITS: u32 = u32::BITS - 1 - ID_BITS;
/// The highest mark: if all bits were set, small negative integers had it.
const ALL_BUT_ONE: u32 = (1 << MARK_BITS) - 2;
/// The bits of a tag that hold the account's id.
const ID: u32 = (1 << ID_BITS) - 1;

impl AccountId {
    /// The account with this number, which is below `1 << ID_BITS`.
    #[inline]
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    #[inline]
    pub(crate) const fn number(self) -> u32 {
        self.0
    }
}

/// The four bytes behind a block: an account's id with a mark, or anything else that was written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag(u32);

impl Tag {
    #[inline]
    pub(crate) fn of(account: AccountId) -> Self {
        Self(mark() | account.0)
    }

    /// The tag of `account`, where `self` is that of another one: quicker than [`of`](Self::of).
    #[inline(always)]
    pub(crate) const fn beside(self, account: AccountId) -> Self {
        Self(self.0 & !ID | account.0)
    }

    /// The tag that these four bytes make, valid or not.
    #[inline]
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    #[inline]
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// The account that it names; `None` if it does not carry the mark.
    #[inline]
    pub(crate) fn account(self) -> Option<AccountId> {
        let id = self.0 ^ mark();
        if id >> ID_BITS == 0 { Some(AccountId(id)) } else { None }
    }

    /// The only account of which this may be the tag, or none, if it is no tag: whoever asks compares the account's.
    #[inline(always)]
    pub(crate) const fn candidate(self) -> Option<AccountId> {
        // Zero stands for no tag.
        if self.0 != 0 { Some(AccountId(self.0 & ID)) } else { None }
    }

    /// The account that it names, if the account's number is below `end`, which is an account's.
    #[inline]
    pub(crate) fn account_below(self, end: u32) -> Option<AccountId> {
        // Without the mark, it is above all accounts.
        let id = self.0 ^ mark();
        if id < end { Some(AccountId(id)) } else { None }
    }
}

/// The number that the operating system gives a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tid(pub(crate) u32);

impl fmt::Display for Tid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_carries_the_mark_is_a_tag() {
        let last = (1 << ID_BITS) - 1;
        for number in [0, 1, 4, last] {
            assert_eq!(Tag::of(AccountId::new(number)).account(), Some(AccountId::new(number)));
        }
        let tag = Tag::of(AccountId::new(7)).bits();
        for bit in ID_BITS..u32::BITS {
            assert_eq!(Tag::from_bits(tag ^ 1 << bit).account(), None, "bit {bit}");
        }
        let issued = |tag: u32| Tag::from_bits(tag).account_below(7);
        assert_eq!((issued(tag - 1), issued(tag)), (Some(AccountId::new(6)), None), "below seven");
        for foreign in [0, 1, last, u32::MAX, u32::from_le_bytes(*b"text")] {
            assert_eq!(Tag::from_bits(foreign).account(), None, "{foreign:#x}");
        }
    }
}
