//! The accounts of one shard, or of the overflow, found by id.

use super::account::Account;
use super::memory::{Link, Zeroed, linked_or_new, zeroed};
use crate::words::{AccountId, ID_BITS, Register, Tag};

/// How many accounts with neighbouring ids a leaf has: they are made at once.
const LEAF: usize = 16;
/// How many leaves a branch links to.
const BRANCH: usize = 128;
/// How many branches the root links to: enough for every id.
const ROOT: usize = 2048;
/// An id that is shifted right by so many bits is the number of its branch.
const ABOVE_BRANCH: u32 = (LEAF * BRANCH).trailing_zeros();
/// An id that is shifted right by so many bits is the number of its leaf.
const ABOVE_LEAF: u32 = LEAF.trailing_zeros();

const _: () = assert!(LEAF * BRANCH * ROOT == 1 << ID_BITS);

#[derive(Debug)]
struct Leaf<C: 'static> {
    accounts: [Account<C>; LEAF],
}

#[derive(Debug)]
struct Branch<C: 'static> {
    leaves: [Link<Leaf<C>>; BRANCH],
}

#[derive(Debug)]
struct Root<C: 'static> {
    branches: [Link<Branch<C>>; ROOT],
}

zeroed!(for C, Leaf { accounts });
zeroed!(for C, Branch { leaves });
zeroed!(for C, Root { branches });
zeroed!(for C, Accounts { first, root });

/// Accounts by id: three steps at most, made when first touched. The first branch, which is all that most programs
/// need, is part of it.
#[derive(Debug)]
pub(crate) struct Accounts<C: 'static> {
    first: Branch<C>,
    root: Link<Root<C>>,
}

impl<C: Zeroed + Register> Accounts<C> {
    pub(super) const fn new() -> Self {
        Self { first: Branch { leaves: [const { Link::none() }; BRANCH] }, root: Link::none() }
    }

    /// The account `id`, made if it is new; `None` when the system is out of memory.
    #[inline]
    pub(super) fn of(&self, id: AccountId) -> Option<&'static Account<C>> {
        self.near(id).filter(|account| account.is_used()).or_else(|| self.make(id))
    }

    /// The place of account `id`, which may be unused yet, if it is in the first branch and was made.
    #[inline(always)]
    pub(super) fn near(&self, id: AccountId) -> Option<&'static Account<C>> {
        let number = id.number() as usize;
        let leaf = self.first.leaves.get(number >> ABOVE_LEAF)?.get()?;
        leaf.accounts.get(number % LEAF)
    }

    /// The account that carries `tag`, if it is in the first branch and was made.
    #[inline(always)]
    pub(super) fn carrying(&self, tag: Tag) -> Option<&'static Account<C>> {
        self.near(tag.candidate()?).filter(|account| account.tag() == tag)
    }

    #[cold]
    #[inline(never)]
    fn make(&self, id: AccountId) -> Option<&'static Account<C>> {
        let number = id.number() as usize;
        let branch = match number >> ABOVE_BRANCH {
            0 => &self.first,
            far => linked_or_new(linked_or_new(&self.root)?.branches.get(far)?)?,
        };
        let leaf = linked_or_new(branch.leaves.get(number >> ABOVE_LEAF & (BRANCH - 1))?)?;
        let account = leaf.accounts.get(number % LEAF)?;
        if !account.is_used() {
            account.begin(id);
        }
        Some(account)
    }

    /// The account `id`, if it was made.
    pub(super) fn find(&self, id: AccountId) -> Option<&'static Account<C>> {
        let number = id.number() as usize;
        let branch = match number >> ABOVE_BRANCH {
            0 => &self.first,
            far => self.root.get()?.branches.get(far)?.get()?,
        };
        let leaf = branch.leaves.get(number >> ABOVE_LEAF & (BRANCH - 1))?.get()?;
        leaf.accounts.get(number % LEAF).filter(|account| account.is_used())
    }

    pub(crate) fn for_each(&self, mut see: impl FnMut(AccountId, &Account<C>)) {
        let mut see_branch = |branch: &Branch<C>| {
            for leaf in branch.leaves.iter().filter_map(Link::get) {
                for account in &leaf.accounts {
                    if let Some(id) = account.id() {
                        see(id, account);
                    }
                }
            }
        };
        see_branch(&self.first);
        if let Some(root) = self.root.get() {
            root.branches.iter().filter_map(Link::get).for_each(&mut see_branch);
        }
    }
}
