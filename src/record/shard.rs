//! Where a thread records: its level, its open scopes, and an account for every operation that it touched.
//!
//! One thread writes a shard, any thread may read it: every field is an atomic that is loaded and stored relaxed, never
//! read-modify-written. A dead thread's shard is claimed by the next new thread, so counts are never lost and memory is
//! bounded by the most threads that ever lived at once.
//!
//! Orderings: a shard changes hands with release and acquire on `claimed`; counts themselves are relaxed. A reader that
//! joined a thread sees all its counts, because joining synchronizes. `docs/correctness.md` argues why that is enough.

use super::account::{Account, AccountReading, Alone};
use super::accounts::Accounts;
use super::atomic::Ordering::{Acquire, Relaxed, Release};
use super::atomic::{AtomicBool, AtomicU32, AtomicUsize, fence};
use super::frame::{Frame, ScopeReading};
use super::level::Level;
use super::memory::{Link, List, Listed, new_permanent, zeroed};
use super::recent::Recent;
use super::shared_level::SharedLevel;
use super::stack::{Resumed, Running, Stack};
use crate::words::{AccountId, Node};
#[cfg(heapledger_interpose)]
use crate::words::{LEDGER, Tid};

/// What one thread records. The level comes first: the hot path writes it at every call.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Shard {
    pub(super) level: Level,
    /// Never has room: what the hot path writes where every call is to take the slow path, but none may fail.
    pub(super) blocked: Level,
    pub(super) stack: Stack,
    claimed: AtomicBool,
    /// The shared level that this thread began in, if it was spawned within a `with_threads()` scope.
    pub(super) spawned_in: Link<SharedLevel>,
    /// The system's number of the thread, where it was spawned within a `with_threads()` scope.
    tid: AtomicU32,
    pub(super) accounts: Accounts<Alone>,
    /// What was found last where stacks are captured; none before.
    pub(super) recent: Link<Recent>,
    next: Link<Shard>,
}

zeroed!(Shard { level, blocked, stack, claimed, spawned_in, tid, accounts, recent, next });

impl Listed for Shard {
    fn next(&self) -> &Link<Self> {
        &self.next
    }
}

/// All shards there ever were.
pub(crate) static SHARDS: List<Shard> = List::new();
/// How many of them no thread has.
static IDLE: AtomicUsize = AtomicUsize::new(0);

/// Stands for the shard of a thread that has none, or whose calls must all take the slow path: it never has room.
pub(super) static UNATTACHED: Shard = Shard::unattached();

/// Claiming a shard and giving it back.
impl Shard {
    const fn unattached() -> Self {
        Self {
            level: Level::without_room(),
            blocked: Level::without_room(),
            stack: Stack::new(),
            claimed: AtomicBool::new(false),
            spawned_in: Link::none(),
            tid: AtomicU32::new(0),
            accounts: Accounts::new(),
            recent: Link::none(),
            next: Link::none(),
        }
    }

    /// A dead thread's shard, or a new one; `None` when the system is out of memory.
    pub(super) fn claim() -> Option<&'static Self> {
        let idle = if IDLE.load(Relaxed) == 0 {
            None
        } else {
            SHARDS.iter().find(|shard| {
                !shard.claimed.load(Relaxed) && shard.claimed.compare_exchange(false, true, Acquire, Relaxed).is_ok()
            })
        };
        let shard = match idle {
            Some(shard) => {
                IDLE.fetch_sub(1, Relaxed);
                shard
            }
            None => {
                let shard: &'static Self = new_permanent()?;
                shard.claimed.store(true, Relaxed);
                SHARDS.push(shard);
                shard
            }
        };
        shard.stack.number();
        // Whoever sees a count of this thread can see its number.
        fence(Release);
        shard.level.begin();
        Some(shard)
    }

    pub(super) fn release(&self) {
        self.claimed.store(false, Release);
        IDLE.fetch_add(1, Relaxed);
    }

    /// Ends the thread's recording: its scopes end, and its shared level is told the rest.
    pub(super) fn end(&'static self) {
        self.end_stack();
        self.level.sync();
        if let Some(level) = self.spawned_in.get() {
            self.spawned_in.set(None);
            level.leave();
        }
        self.level.sink.set(None);
    }
}

/// The stack of open scopes, which needs the level at every step.
impl Shard {
    /// Empties the stack and makes `node` its base. The account of `node` counts the thread.
    pub(super) fn begin_stack(&'static self, node: &'static Node, account: &'static Account) {
        self.stack.begin(node, account, self.level.value());
    }

    /// Ends the scope of `frame`, which has not ended, if it is the innermost and other threads do not share it.
    /// Returns what is the innermost then; `None` where it did not end.
    #[inline(always)]
    pub(super) fn close_innermost(&'static self, active: &'static Account, frame: &'static Frame) -> Option<Resumed> {
        let is_plain = self.stack.is_innermost(frame) && frame.shared().is_none();
        if is_plain { self.stack.close_innermost(active, frame, &self.level) } else { None }
    }

    /// Ends the scope of `frame`, wherever in the stack it is. Returns what is the innermost then; `None` if the scope
    /// has ended already.
    pub(super) fn close(
        &'static self,
        active: &'static Account,
        frame: &'static Frame,
        serial: u64,
    ) -> Option<Resumed> {
        if !frame.is_open(serial) {
            return None;
        }
        let shared = frame.shared();
        if shared.is_some() {
            self.level.sync();
        }
        let resumed = self.stack.close_anywhere(active, frame, &self.level)?;
        if let Some(shared) = shared {
            shared.end();
            self.tell_innermost();
        }
        Some(resumed)
    }

    /// Ends every open scope.
    fn end_stack(&'static self) {
        while !self.stack.is_bare() {
            let frame = self.stack.innermost();
            let ended = frame.account().and_then(|active| self.close(active, frame, frame.serial()));
            if ended.is_none() {
                break;
            }
        }
    }

    /// The shared level that this thread is to tell: that of the innermost scope that has one, none where what is done
    /// is left out, else the one that this thread began in.
    fn level_to_tell(&'static self) -> Option<&'static SharedLevel> {
        self.stack.innermost_shared().unwrap_or_else(|| self.spawned_in.get())
    }

    /// From now on this thread tells that one.
    pub(super) fn tell_innermost(&'static self) {
        self.level.sink.set(self.level_to_tell());
    }

    /// Leaves what is done in the scope of `frame`, which has just begun, out of what scopes around it tell.
    pub(super) fn exclude(&'static self, frame: &'static Frame, serial: u64) {
        frame.exclude();
        // Where scopes around it are told of threads, this one stands between them. It is told nothing from before.
        #[cfg(heapledger_interpose)]
        if self.level.sink.get().is_some() {
            self.share(frame, serial);
        }
        #[cfg(not(heapledger_interpose))]
        let _ = serial;
        self.tell_innermost();
    }

    /// Leaves out what was done in the scope of `frame`, if that has not ended. It is to be closed at once.
    pub(super) fn leave_out(&'static self, active: &'static Account, frame: &'static Frame, serial: u64) {
        if frame.is_open(serial) {
            self.stack.leave_out(active, frame, &self.level);
        }
    }

    /// What the scope of `frame` did so far, everything inside it included. `None` if it has ended.
    pub(super) fn read_scope(
        &'static self,
        active: &'static Account,
        frame: &'static Frame,
        serial: u64,
    ) -> Option<ScopeReading> {
        if frame.is_open(serial) { self.stack.read_scope(active, frame, &self.level) } else { None }
    }
}

/// What anybody may read.
impl Shard {
    /// Whether a thread has it now. After `false`, everything is seen that was counted before it was given back.
    pub(crate) fn is_claimed(&self) -> bool {
        self.claimed.load(Acquire)
    }

    /// The number of the thread that had it last. Whoever saw a count of a thread sees its number, or a later one; and
    /// whoever sees a number sees the claim of that thread.
    pub(crate) fn last_thread(&self) -> u32 {
        fence(Acquire);
        self.stack.thread()
    }

    /// Net bytes of all threads that had this shard, the ledger's own included.
    pub(crate) fn witness(&self) -> i64 {
        self.level.witness()
    }

    /// Scopes that ended while one begun after them was open.
    pub(crate) fn misnested(&self) -> u64 {
        self.stack.misnested()
    }

    pub(crate) fn for_each_account(&self, mut see: impl FnMut(AccountId, AccountReading)) {
        self.accounts.for_each(|id, account| see(id, account.read()));
    }

    pub(crate) fn read_account(&self, id: AccountId) -> Option<AccountReading> {
        self.accounts.find(id).map(Account::read)
    }

    /// The scopes that run on this thread, innermost first; any thread may call it. `false` when the stack changed
    /// during every reading.
    pub(crate) fn read_running(&'static self, into: &mut Vec<Running>) -> bool {
        self.stack.read_running(&self.level, into)
    }
}

/// What `with_threads()` needs.
#[cfg(heapledger_interpose)]
impl Shard {
    /// Lets threads that are spawned in the scope of `frame` start in its operation. `false` when the scope has ended
    /// or the system is out of memory.
    pub(super) fn share(&'static self, frame: &'static Frame, serial: u64) -> bool {
        let (true, Some(node)) = (frame.is_open(serial), frame.node()) else { return false };
        if frame.shared().is_some() {
            return true;
        }
        self.level.sync();
        let Some(level) = SharedLevel::begin(node, self.level.sink.get(), frame.excludes()) else { return false };
        frame.share(level);
        self.tell_innermost();
        true
    }

    /// Notes that the thread was spawned within the scope of `level`.
    pub(super) fn begin_in(&self, level: &'static SharedLevel, tid: Tid) {
        level.arrive();
        self.level.sync();
        self.tid.store(tid.0, Relaxed);
        self.spawned_in.set(Some(level));
        self.level.sink.set(Some(level));
    }

    /// The thread's number, if it has this shard now and was spawned in the scope of `level`, or in one inside it.
    pub(super) fn tid_within(&self, level: &SharedLevel) -> Option<Tid> {
        let within = self.is_claimed() && self.spawned_in.get().is_some_and(|here| here.is_within(level));
        within.then(|| Tid(self.tid.load(Relaxed)))
    }

    /// The shared level in which a thread spawned now starts; `None` where no open scope asked for that.
    pub(super) fn inheritance(&'static self) -> Option<&'static SharedLevel> {
        // A thread that the ledger spawns for itself belongs to no scope of a user.
        if self.level.is_quiet() && self.stack.innermost().node().is_none_or(|node| node.id != LEDGER.id) {
            return None;
        }
        let mut level = self.level_to_tell();
        while let Some(here) = level {
            if here.is_open() {
                return Some(here);
            }
            level = here.outer();
        }
        None
    }
}
