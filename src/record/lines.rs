//! Accounts of operation and call stack, for operations that are captured: which account a pair has, and which pair an
//! account belongs to. An account is issued once and stays; nothing here locks.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::memory::{Link, linked_or_new, zeroed};
use super::stacks::StackId;
use crate::words::{AccountId, BUILTIN, ID_BITS, MAX_OPERATIONS, OperationId};

/// The first account that belongs to an operation and a stack: those below are the operations' own.
const FIRST: u32 = BUILTIN as u32 + MAX_OPERATIONS;
/// The most such accounts.
const MOST: usize = 1 << 16;
/// Places of the table of pairs: at most half of them are taken.
const PLACES: usize = 2 * MOST;
/// Places where a pair may stand.
const PROBES: usize = 64;
/// Accounts whose pairs stand together.
const CHUNK: usize = 1 << 10;
/// In a pair, the stack stands above the operation; in a place, the account's number above both.
const STACK: u32 = 17;
const NUMBER: u32 = STACK + StackId::BITS;
/// 2^64 divided by the golden ratio, for multiplicative hashing.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// Accounts that are kept for the other stacks of operations.
const KEPT_BACK: usize = 1 << 10;

const _: () = assert!(FIRST <= 1 << STACK && FIRST as usize + MOST <= 1 << ID_BITS);
const _: () = assert!(NUMBER + ID_BITS <= u64::BITS);

/// An operation and a stack.
#[derive(Clone, Copy)]
struct Pair(u64);

impl Pair {
    #[inline(always)]
    fn new(operation: OperationId, stack: StackId) -> Self {
        Self(u64::from(operation.number()) | u64::from(stack.number()) << STACK)
    }

    fn parts(self) -> (OperationId, StackId) {
        (OperationId::new((self.0 % (1 << STACK)) as u32), StackId::new((self.0 >> STACK) as u32))
    }

    /// The first place where it may stand.
    #[inline(always)]
    fn place(self) -> usize {
        (self.0.wrapping_mul(SPREAD) >> (u64::BITS - PLACES.trailing_zeros())) as usize
    }

    /// What stands in a place: the pair and its account.
    fn with(self, account: AccountId) -> u64 {
        u64::from(account.number()) << NUMBER | self.0
    }

    /// The account in `word`, if that is in a place of this pair.
    #[inline(always)]
    fn account_in(self, word: u64) -> Option<AccountId> {
        // No account that is issued here has the number zero, which stands where there is none.
        let account = AccountId::new((word >> NUMBER) as u32);
        (word == self.with(account) && word != 0).then_some(account)
    }
}

#[derive(Debug)]
struct PairTable {
    /// Pairs and their accounts; zero where there is none.
    places: [AtomicU64; PLACES],
}

#[derive(Debug)]
struct Issue {
    /// The pair of each account, plus one; zero where it was not issued.
    pairs: [AtomicU64; CHUNK],
}

zeroed!(PairTable { places });
zeroed!(Issue { pairs });

static PAIRS: Link<PairTable> = Link::none();
static ISSUES: [Link<Issue>; MOST / CHUNK] = [const { Link::none() }; MOST / CHUNK];
static ISSUED: AtomicU32 = AtomicU32::new(0);

/// Makes room for accounts. `false` when the system is out of memory.
pub(super) fn begin() -> bool {
    linked_or_new(&PAIRS).is_some()
}

/// The account of an operation and a stack, issued first if they have none. Where there can be no more, it is that of
/// the operation's other stacks; at the very end, `None`.
#[inline]
pub(super) fn account_of(operation: OperationId, stack: StackId) -> Option<AccountId> {
    let places = &PAIRS.get()?.places;
    let pair = Pair::new(operation, stack);
    let known = pair.account_in(places.get(pair.place())?.load(Acquire));
    known
        .or_else(|| find_or_issue(places, operation, stack))
        .or_else(|| find_or_issue(places, operation, StackId::OTHER))
}

#[cold]
#[inline(never)]
fn find_or_issue(places: &[AtomicU64; PLACES], operation: OperationId, stack: StackId) -> Option<AccountId> {
    let pair = Pair::new(operation, stack);
    let mut new = None;
    for place in (0..PROBES).filter_map(|probe| places.get((pair.place() + probe) % PLACES)) {
        let mut word = place.load(Acquire);
        if word == 0 {
            let account = match new {
                Some(account) => account,
                None => issue(pair, stack)?,
            };
            new = Some(account);
            match place.compare_exchange(0, pair.with(account), AcqRel, Acquire) {
                Ok(_) => return Some(account),
                Err(winner) => word = winner,
            }
        }
        if let Some(account) = pair.account_in(word) {
            return Some(account);
        }
    }
    None
}

/// A new account for a pair.
fn issue(pair: Pair, stack: StackId) -> Option<AccountId> {
    let most = if stack == StackId::OTHER { MOST } else { MOST - KEPT_BACK };
    if ISSUED.load(Relaxed) as usize >= most {
        return None;
    }
    let number = ISSUED.fetch_add(1, Relaxed) as usize;
    let issue = linked_or_new(ISSUES.get(number / CHUNK)?)?;
    issue.pairs.get(number % CHUNK)?.store(pair.0 + 1, Release);
    Some(AccountId::new(FIRST + number as u32))
}

/// The place of an account in the order in which accounts of operation and stack were issued; `None` for an operation's
/// own account.
#[inline]
pub(crate) fn index_of(account: AccountId) -> Option<usize> {
    account.number().checked_sub(FIRST).map(|index| index as usize)
}

/// The operation and the stack of an account, by its place; `None` where there was none issued.
#[inline]
pub(crate) fn line(number: usize) -> Option<(OperationId, StackId)> {
    let pair = ISSUES.get(number / CHUNK)?.get()?.pairs.get(number % CHUNK)?.load(Acquire).checked_sub(1)?;
    Some(Pair(pair).parts())
}

/// The operation and the stack that an account belongs to; `None` for an operation's own account, and for one that was
/// never issued.
#[inline]
pub(super) fn line_of(account: AccountId) -> Option<(OperationId, StackId)> {
    line(index_of(account)?)
}

/// The operation that an account belongs to.
#[inline]
pub(crate) fn operation_of(account: AccountId) -> OperationId {
    line_of(account).map_or(OperationId::new(account.number()), |(operation, _)| operation)
}

/// How many accounts of operation and stack there are by now.
pub(crate) fn issued() -> usize {
    (ISSUED.load(Relaxed) as usize).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_one_account_whoever_asks_and_where_there_are_no_more_the_other_stacks_have_one() {
        assert!(begin());
        let operation = OperationId::new(65_539);
        let ask = |stacks: std::ops::Range<u32>| {
            stacks.map(|stack| account_of(operation, StackId::new(stack))).collect::<Vec<_>>()
        };
        let answers = std::thread::scope(|scope| {
            let asking = [(); 2].map(|()| scope.spawn(|| ask(1..20_000)));
            asking.map(|thread| thread.join().expect("it only asks"))
        });
        assert_eq!(answers[0], answers[1]);
        let all = ask(1..70_000);
        assert_eq!(all, ask(1..70_000));
        assert_eq!(all[..answers[0].len()], answers[0]);
        let other = account_of(operation, StackId::OTHER);
        let mut kept = 0;
        for (stack, account) in (1..70_000).zip(all) {
            let account = account.expect("at worst it is that of the other stacks");
            assert_eq!(operation_of(account), operation);
            if Some(account) != other {
                kept += 1;
                assert_eq!(line_of(account), Some((operation, StackId::new(stack))));
            }
        }
        // Two threads that ask for the same at once use up two.
        assert!((MOST - KEPT_BACK - 20_000..=MOST - KEPT_BACK).contains(&kept), "{kept}");
        assert_eq!(line_of(AccountId::new(7)), None);
        assert_eq!(line_of(AccountId::new((1 << ID_BITS) - 1)), None);
    }
}
