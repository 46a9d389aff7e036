//! An open scope as `front/` holds it, and the operation that is active on this thread.

use super::account::Account;
use super::atomic::AtomicU64;
use super::atomic::Ordering::Relaxed;
use super::denial::Denial;
use super::frame::{Frame, ScopeReading};
use super::known::Remembered;
use super::plan::Failures;
#[cfg(heapledger_interpose)]
use super::shard::SHARDS;
use super::shard::Shard;
#[cfg(heapledger_interpose)]
use super::shared_level::SharedLevel;
use super::slot::{Phase, SLOT, Slot};
use super::stack::Resumed;
#[cfg(heapledger_interpose)]
use super::system::gettid;
use crate::words::{FOREIGN, Node};
#[cfg(heapledger_interpose)]
use crate::words::{LEDGER, Tid, UNATTRIBUTED};

/// The operation that is active on this thread.
#[inline]
pub(crate) fn active() -> &'static Node {
    SLOT.with(|slot| slot.active.get())
}

/// Makes the operation that this thread entered lately as `name` within the active one the active one. `None` where
/// that takes a look at more: where it is not remembered, the name is long, or [`open`] has something to make.
#[inline]
pub(crate) fn open_known(name: &str) -> Option<Opened> {
    SLOT.with(|slot| slot.open_known(name))
}

/// The operation that this thread entered lately as `name` within `within`.
pub(crate) fn known(within: &'static Node, name: &str) -> Option<&'static Node> {
    SLOT.with(|slot| slot.known.find(within, name))
}

/// Remembers on this thread that `name` within `within` is `node`, and always will be.
pub(crate) fn remember(within: &'static Node, name: &str, node: &'static Node) {
    SLOT.with(|slot| slot.known.note(within, name, node));
}

/// An open scope of this thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    frame: &'static Frame,
    serial: u64,
}

/// What a scope that begins needs: its operation's account, which counts the thread, and a frame that is not used.
struct Berth {
    shard: &'static Shard,
    account: &'static Account,
    frame: &'static Frame,
    /// The thread's level now, which is near to what it told.
    level: i64,
}

/// How many scopes could not be opened, or not to all their threads.
static UNOPENED: AtomicU64 = AtomicU64::new(0);

/// How many scopes could not be opened, or not to all their threads, because the system was out of memory.
pub(crate) fn unopened() -> u64 {
    UNOPENED.load(Relaxed)
}

/// Notes one of them.
pub(crate) fn note_unopened() {
    UNOPENED.fetch_add(1, Relaxed);
}

/// Makes `node` the active operation. `None` when the system is out of memory: then the enclosing operation stays
/// active, and the scope is counted as one that could not be opened.
#[inline]
pub(crate) fn open(node: &'static Node) -> Option<Opened> {
    SLOT.with(|slot| slot.open(node))
}

/// Does the same without counting a scope; `carried` is the net that a future brings from its last poll.
#[inline]
pub(crate) fn resume(node: &'static Node, carried: i64) -> Option<Opened> {
    SLOT.with(|slot| slot.resume(node, carried))
}

/// These are functions of their own, which are given the slot: a library's code saves all registers to find it.
impl Slot {
    #[inline(never)]
    fn open_known(&self, name: &str) -> Option<Opened> {
        let remembered = self.known.find_short(self.active.get(), name)?;
        let node = remembered.node.get();
        let Some(berth) = self.berth_in(node, remembered.account.get()) else {
            self.meet(remembered);
            return None;
        };
        Some(self.open_in(berth, node, None))
    }

    /// Looks for the account of an operation that is remembered, for the next time that it is entered.
    #[cold]
    #[inline(never)]
    fn meet(&self, remembered: &Remembered) {
        if let Some(account) = self.shard.get().accounts.near(remembered.node.get().account()) {
            remembered.account.set(account);
        }
    }

    #[inline(never)]
    fn open(&self, node: &'static Node) -> Option<Opened> {
        match self.berth(node) {
            Some(berth) => Some(self.open_in(berth, node, None)),
            None => self.open_slowly(node, None),
        }
    }

    #[inline(never)]
    fn resume(&self, node: &'static Node, carried: i64) -> Option<Opened> {
        match self.berth(node) {
            Some(berth) => Some(self.open_in(berth, node, Some(carried))),
            None => self.open_slowly(node, Some(carried)),
        }
    }

    /// Makes what a scope of `node` needs, and opens it; or counts that it cannot be opened.
    #[cold]
    #[inline(never)]
    fn open_slowly(&self, node: &'static Node, carried: Option<i64>) -> Option<Opened> {
        let opened = self.open_anew(node, carried);
        if opened.is_none() {
            note_unopened();
        }
        opened
    }

    fn open_anew(&self, node: &'static Node, carried: Option<i64>) -> Option<Opened> {
        let shard = self.shard_for_scope()?;
        let account = shard.accounts.of(node.account())?;
        shard.stack.visit(node, account);
        let frame = shard.stack.spare_or_new()?;
        shard.level.tell_if_far();
        let berth = Berth { shard, account, frame, level: shard.level.value() };
        let opened = self.open_in(berth, node, carried);
        if node.is_captured() {
            self.watch_captured();
        }
        Some(opened)
    }

    /// Where a scope of `node` finds all that it needs; `None` where something has to be made or watched first.
    #[inline(always)]
    fn berth(&self, node: &'static Node) -> Option<Berth> {
        self.berth_in(node, self.shard.get().accounts.near(node.account())?)
    }

    /// The same, where `account` is one of `node`, of a shard that the thread has or had.
    #[inline(always)]
    fn berth_in(&self, node: &'static Node, account: &'static Account) -> Option<Berth> {
        let shard = self.shard.get();
        // No account of another shard counts the thread that has this one; where it has none, no frame is there.
        if !shard.stack.visits(account) || node.is_captured() {
            return None;
        }
        let level = shard.level.value();
        if shard.level.is_far(level) {
            return None;
        }
        Some(Berth { shard, account, frame: shard.stack.spare()?, level })
    }

    #[inline(always)]
    fn open_in(&self, berth: Berth, node: &'static Node, carried: Option<i64>) -> Opened {
        let Berth { shard, account, frame, level } = berth;
        let serial = shard.stack.open(frame, self.account(), (node, account), carried, (&shard.level, level));
        self.count_in(account);
        self.active.set(node);
        self.hot.set(self.usual.get());
        Opened { frame, serial }
    }

    #[inline(never)]
    fn close(&self, opened: Opened) {
        // On a thread that has not lost its shard, no scope has ended by itself.
        if self.phase.get() == Phase::Attached
            && let Some(resumed) = self.shard.get().close_innermost(self.account(), opened.frame)
        {
            return self.resume_in(resumed);
        }
        self.close_slowly(opened);
    }

    /// Ends a scope that is not the innermost, that other threads share, that ended already, or whose thread ends.
    #[cold]
    #[inline(never)]
    fn close_slowly(&self, Opened { frame, serial }: Opened) {
        if let Some(shard) = self.shard_now()
            && let Some(resumed) = shard.close(self.account(), frame, serial)
        {
            self.resume_in(resumed);
        }
        if self.phase.get() == Phase::Late {
            self.retire_if_bare();
        }
    }

    #[inline(always)]
    fn resume_in(&self, Resumed { frame, node, account }: Resumed) {
        self.count_in(account);
        self.active.set(node);
        self.watch(frame, node);
    }
}

impl Opened {
    /// Ends the scope, unless it has ended already with its thread's shard.
    #[inline]
    pub(crate) fn close(self) {
        SLOT.with(|slot| slot.close(self));
    }

    /// What the scope did so far; `None` if it has ended.
    pub(crate) fn read(self) -> Option<ScopeReading> {
        SLOT.with(|slot| slot.shard_now()?.read_scope(slot.account(), self.frame, self.serial))
    }

    /// Makes allocations fail, as `failures` says, while the scope is the innermost.
    pub(crate) fn fail(self, failures: Failures) {
        self.frame.plan(self.serial, failures);
        look_again();
    }

    /// Takes down what is allocated in the scope from now on, and where that begins. `false` when the system is out of
    /// memory. When the scope has ended, [`look_again`] is to be called.
    pub(crate) fn deny(self) -> bool {
        let denies = self.frame.deny();
        SLOT.with(Slot::prepare_stacks);
        look_again();
        denies
    }

    /// What it saw of what it denies; `None` if the scope has ended.
    pub(crate) fn denial(self) -> Option<&'static Denial> {
        let is_open = SLOT.with(|slot| slot.shard_now().is_some()) && self.frame.is_open(self.serial);
        self.frame.denial().filter(|_| is_open)
    }

    /// Lets scopes around it, which has just begun, see nothing of what is allocated in it. When it has ended,
    /// [`look_again`] is to be called.
    pub(crate) fn permit(self) {
        self.frame.permit();
        look_again();
    }

    /// Leaves what is done in it, which has just begun, out of what scopes around it tell. It is to be ended with
    /// [`close_excluded`](Self::close_excluded).
    pub(crate) fn exclude(self) {
        SLOT.with(|slot| {
            if let Some(shard) = slot.shard_now() {
                shard.exclude(self.frame, self.serial);
            }
        });
    }

    /// Ends a scope that is left out.
    pub(crate) fn close_excluded(self) {
        SLOT.with(|slot| {
            if let Some(shard) = slot.shard_now() {
                shard.leave_out(slot.account(), self.frame, self.serial);
            }
            slot.close(self);
            if let Some(shard) = slot.shard_now() {
                shard.tell_innermost();
            }
        });
    }

    /// How many allocations failed on purpose in it; `None` if the scope has ended.
    pub(crate) fn failed(self) -> Option<u64> {
        self.frame.failed(self.serial)
    }

    /// Lets threads spawned while the scope lasts start in its operation. `false` when the scope has ended or the
    /// system is out of memory.
    #[cfg(heapledger_interpose)]
    pub(crate) fn share(self) -> bool {
        SLOT.with(|slot| slot.shard_now().is_some_and(|shard| shard.share(self.frame, self.serial)))
    }

    /// The threads that began in the scope, or in one inside it, and have not ended.
    #[cfg(heapledger_interpose)]
    pub(crate) fn threads(self) -> impl Iterator<Item = Tid> {
        let level = self.frame.shared_in(self.serial);
        level.into_iter().flat_map(|level| SHARDS.iter().filter_map(|shard| shard.tid_within(level)))
    }
}

/// Makes `node` the operation that is active on this thread outside every scope, from now on.
pub(crate) fn adopt(node: &'static Node) {
    SLOT.with(|slot| {
        slot.base.set(node);
        if slot.shard_now().is_none() {
            slot.active.set(node);
        }
        // It may come to be captured while the thread works for it.
        slot.learn_bounds();
        let attached = slot.attached(0);
        if let Some(shard) = attached
            && let Some(account) = shard.accounts.of(node.account())
        {
            shard.stack.rebase(slot.account(), node, account);
            if shard.stack.is_bare() {
                slot.count_in(account);
                slot.active.set(node);
                slot.watch(shard.stack.innermost(), node);
            }
        }
    });
}

/// Whether a scope of this thread denies what happens now.
pub(crate) fn is_denied() -> bool {
    SLOT.with(|slot| slot.shard_now().is_some_and(|shard| shard.stack.denials().next().is_some()))
}

/// How many blocks without a valid owner tag have come back on this thread, and on those that had its shard before:
/// only differences say something.
pub(crate) fn strays() -> u64 {
    let met = |slot: &Slot| Some(slot.shard_now()?.accounts.find(FOREIGN.account())?.read().counts.lost_blocks());
    SLOT.with(met).unwrap_or(0)
}

/// Looks whether the operation that is active on this thread is captured, whether something may fail, and whether
/// anything is denied: it may have changed. Not to be called from inside the allocator.
pub(crate) fn look_again() {
    SLOT.with(Slot::watch_anew);
}

/// The shared level in which a thread spawned now by this one starts; `None` where no open scope asked for that.
#[cfg(heapledger_interpose)]
pub(super) fn inheritance() -> Option<&'static SharedLevel> {
    SLOT.with(|slot| slot.shard_now()?.inheritance())
}

/// Makes this thread, which is new, start in the operation of `level`, which it has joined.
#[cfg(heapledger_interpose)]
pub(super) fn start_in(level: &'static SharedLevel) {
    SLOT.with(|slot| {
        let node = level.node().unwrap_or(&UNATTRIBUTED);
        slot.base.set(node);
        slot.active.set(node);
        match slot.attached(0) {
            Some(shard) => {
                // It may come to be captured while it runs.
                slot.learn_bounds();
                shard.begin_in(level, gettid());
                slot.watch(shard.stack.innermost(), node);
            }
            None => {
                level.release();
                note_unopened();
            }
        }
    });
}

/// Looks whether the operation in which this thread, which is new, starts is captured.
#[cfg(heapledger_interpose)]
pub(super) fn start_watched() {
    SLOT.with(|slot| {
        if let Some(shard) = slot.attached(0) {
            slot.watch(shard.stack.innermost(), slot.active.get());
        }
    });
}

/// Whether this thread, which is new, started in the ledger's own operation, be there a shard for it or not.
#[cfg(heapledger_interpose)]
pub(super) fn started_for_ledger() -> bool {
    SLOT.with(|slot| slot.base.get().id == LEDGER.id)
}
