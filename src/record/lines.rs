//! Accounts of operation, call stack and class of sizes, for operations that are captured: which account such a line
//! has, and which line an account is for. An account is issued once and stays; nothing here locks.

use super::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use super::atomic::{AtomicU32, AtomicU64};
use super::memory::{Link, linked_or_new, zeroed};
use super::stacks::StackId;
use crate::words::{AccountId, BUILTIN, ClassId, ID_BITS, MAX_OPERATIONS, OperationId, SPREAD};

/// The first account that belongs to a line: those below are the operations' own.
const FIRST: u32 = BUILTIN as u32 + MAX_OPERATIONS;
/// The most such accounts.
const MOST: usize = 1 << 17;
/// Places of the table of lines: at most half of them are taken.
const PLACES: usize = 2 * MOST;
/// Places where a line may stand.
const PROBES: usize = 64;
/// Accounts whose lines stand together.
const CHUNK: usize = 1 << 10;
/// In a word, the stack stands above the operation, then the class, then whether it was sampled; in a place, the
/// account's number above all of them.
const STACK: u32 = 17;
const CLASS: u32 = STACK + StackId::BITS;
const SAMPLED: u32 = CLASS + ClassId::BITS;
const NUMBER: u32 = SAMPLED + 1;
/// Accounts that are kept for what has no stack of its own.
const KEPT_BACK: usize = 1 << 13;

const _: () = assert!(FIRST <= 1 << STACK && FIRST as usize + MOST <= 1 << ID_BITS);
const _: () = assert!(MOST <= 1 << (u64::BITS - NUMBER));

/// What blocks that are captured are charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineKey {
    pub(crate) operation: OperationId,
    pub(crate) stack: StackId,
    pub(crate) class: ClassId,
    /// Whether not all stacks were taken. [`StackId::NOT_SAMPLED`] has those that were not.
    pub(crate) sampled: bool,
}

/// A line in one word.
#[derive(Clone, Copy)]
struct LineWord(u64);

impl LineWord {
    #[inline(always)]
    fn of(LineKey { operation, stack, class, sampled }: LineKey) -> Self {
        let [operation, stack, class] = [operation.number(), stack.number(), class.number()].map(u64::from);
        Self(operation | stack << STACK | class << CLASS | u64::from(sampled) << SAMPLED)
    }

    fn line(self) -> LineKey {
        let bits = |from: u32, to: u32| (self.0 >> from & ((1 << (to - from)) - 1)) as u32;
        LineKey {
            operation: OperationId::new(bits(0, STACK)),
            stack: StackId::new(bits(STACK, CLASS)),
            class: ClassId::new(bits(CLASS, SAMPLED)),
            sampled: bits(SAMPLED, NUMBER) != 0,
        }
    }

    /// The first place where it may stand.
    #[inline(always)]
    fn place(self) -> usize {
        (self.0.wrapping_mul(SPREAD) >> (u64::BITS - PLACES.trailing_zeros())) as usize
    }

    /// What stands in a place: the line, and which of the accounts it has.
    fn with(self, number: u64) -> u64 {
        number << NUMBER | self.0
    }

    /// The account in `word`, if that is in a place of this line. No line is zero, as no class is.
    #[inline(always)]
    fn account_in(self, word: u64) -> Option<AccountId> {
        let is_it = (word ^ self.0) << (u64::BITS - NUMBER) == 0;
        is_it.then_some(AccountId::new(FIRST + (word >> NUMBER) as u32))
    }
}

#[derive(Debug)]
struct LineTable {
    /// Lines and their accounts; zero where there is none.
    places: [AtomicU64; PLACES],
}

#[derive(Debug)]
struct Issue {
    /// The line of each account, plus one; zero where it was not issued. Whoever found the account sees it.
    lines: [AtomicU64; CHUNK],
}

zeroed!(LineTable { places });
zeroed!(Issue { lines });

static LINES: Link<LineTable> = Link::none();
static ISSUES: [Link<Issue>; MOST / CHUNK] = [const { Link::none() }; MOST / CHUNK];
static ISSUED: AtomicU32 = AtomicU32::new(0);

/// Makes room for accounts. `false` when the system is out of memory.
pub(super) fn begin() -> bool {
    linked_or_new(&LINES).is_some()
}

/// The account of a line, issued first if it has none. Where there can be no more, it is that of the operation's other
/// stacks; at the very end, `None`.
#[inline(always)]
pub(super) fn account_of(line: LineKey) -> Option<AccountId> {
    let places = &LINES.get()?.places;
    let word = LineWord::of(line);
    match word.account_in(places.get(word.place())?.load(Acquire)) {
        None => account_slowly(places, word),
        known => known,
    }
}

#[cold]
#[inline(never)]
fn account_slowly(places: &[AtomicU64; PLACES], word: LineWord) -> Option<AccountId> {
    let line = word.line();
    find_or_issue(places, line).or_else(|| find_or_issue(places, LineKey { stack: StackId::OTHER, ..line }))
}

fn find_or_issue(places: &[AtomicU64; PLACES], line: LineKey) -> Option<AccountId> {
    let line_word = LineWord::of(line);
    let mut new = None;
    for place in (0..PROBES).filter_map(|probe| places.get((line_word.place() + probe) % PLACES)) {
        let mut word = place.load(Acquire);
        if word == 0 {
            let number = match new {
                Some(number) => number,
                None => issue(line_word, line.stack)?,
            };
            new = Some(number);
            match place.compare_exchange(0, line_word.with(number), AcqRel, Acquire) {
                Ok(_) => word = line_word.with(number),
                Err(winner) => word = winner,
            }
        }
        if let Some(account) = line_word.account_in(word) {
            return Some(account);
        }
    }
    None
}

/// The number of a new account for a line.
fn issue(word: LineWord, stack: StackId) -> Option<u64> {
    let is_one_of_few = matches!(stack, StackId::OTHER | StackId::NOT_SAMPLED);
    let most = if is_one_of_few { MOST } else { MOST - KEPT_BACK };
    if ISSUED.load(Relaxed) as usize >= most {
        return None;
    }
    let number = ISSUED.fetch_add(1, Relaxed) as usize;
    let issue = linked_or_new(ISSUES.get(number / CHUNK)?)?;
    issue.lines.get(number % CHUNK)?.store(word.0 + 1, Relaxed);
    Some(number as u64)
}

/// The place of an account in the order in which accounts of lines were issued; `None` for an operation's own account.
#[inline]
pub(crate) fn index_of(account: AccountId) -> Option<usize> {
    account.number().checked_sub(FIRST).map(|index| index as usize)
}

/// What an account is for, by its place; `None` where there was none issued.
#[inline]
pub(crate) fn line(number: usize) -> Option<LineKey> {
    let word = ISSUES.get(number / CHUNK)?.get()?.lines.get(number % CHUNK)?.load(Relaxed).checked_sub(1)?;
    Some(LineWord(word).line())
}

/// The accounts of lines of the operations that `covers` tells.
pub(crate) fn accounts_of(covers: impl Fn(OperationId) -> bool) -> impl Iterator<Item = AccountId> {
    let issued = (0..issued()).filter(move |number| line(*number).is_some_and(|line| covers(line.operation)));
    issued.map(|number| AccountId::new(FIRST + number as u32))
}

/// What an account is for; `None` for an operation's own account, and for one that was never issued.
#[inline]
pub(super) fn line_of(account: AccountId) -> Option<LineKey> {
    line(index_of(account)?)
}

/// The operation that an account belongs to.
#[inline]
pub(crate) fn operation_of(account: AccountId) -> OperationId {
    line_of(account).map_or(OperationId::new(account.number()), |line| line.operation)
}

/// How many accounts of lines there are by now.
pub(crate) fn issued() -> usize {
    (ISSUED.load(Relaxed) as usize).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_one_account_whoever_asks_and_where_there_are_no_more_the_other_stacks_have_one() {
        assert!(begin());
        let operation = OperationId::new(65_539);
        let line = |stack| LineKey {
            operation,
            stack: StackId::new(stack),
            class: ClassId::new(1 + stack % 47),
            sampled: stack.is_multiple_of(3),
        };
        let ask = |stacks: std::ops::Range<u32>| stacks.map(|stack| account_of(line(stack))).collect::<Vec<_>>();
        let answers = std::thread::scope(|scope| {
            let asking = [(); 2].map(|()| scope.spawn(|| ask(1..20_000)));
            asking.map(|thread| thread.join().expect("it only asks"))
        });
        assert_eq!(answers[0], answers[1]);
        let all = ask(1..140_000);
        assert_eq!(all, ask(1..140_000));
        assert_eq!(all[..answers[0].len()], answers[0]);
        let mut kept = 0;
        for (stack, account) in (1..140_000).zip(all) {
            let account = account.expect("at worst it is that of the other stacks");
            let found = line_of(account).expect("it was issued");
            if found.stack == StackId::OTHER {
                assert_eq!(found, LineKey { stack: StackId::OTHER, ..line(stack) });
            } else {
                kept += 1;
                assert_eq!(found, line(stack));
            }
        }
        // Two threads that ask for the same at once use up two.
        assert!((MOST - KEPT_BACK - 20_000..=MOST - KEPT_BACK).contains(&kept), "{kept}");
        assert_eq!(line_of(AccountId::new(7)), None);
        assert_eq!(line_of(AccountId::new((1 << ID_BITS) - 1)), None);
    }

    #[test]
    fn the_largest_parts_of_a_line_do_not_reach_into_each_other() {
        let ends = |bits: u32| [0, (1 << bits) - 1];
        for (operation, stack) in ends(STACK).into_iter().zip(ends(StackId::BITS).into_iter().rev()) {
            for class in [1, (1 << ClassId::BITS) - 1] {
                let line = LineKey {
                    operation: OperationId::new(operation),
                    stack: StackId::new(stack),
                    class: ClassId::new(class),
                    sampled: class == 1,
                };
                assert_eq!(LineWord::of(line).line(), line);
                let last = LineWord::of(line).with(MOST as u64 - 1);
                let account = AccountId::new(FIRST + MOST as u32 - 1);
                assert_eq!(LineWord::of(line).account_in(last), Some(account));
            }
        }
    }
}
