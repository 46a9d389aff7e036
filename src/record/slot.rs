//! The thread's place in the ledger: which shard it writes, and which operation is active.
//!
//! Two thread-locals: [`SLOT`] is const-initialized and has no destructor, so it can be read at any time, also in
//! late destructors; [`RETIRE`] has a destructor and nothing else, which gives the shard back. After that, and while a
//! shard is being attached, the thread has none.

use std::cell::Cell;

use super::account::{Account, UNUSED};
use super::frame::Frame;
use super::known::Known;
use super::level::{Level, MOST_ROOM};
use super::memory::linked_or_new;
use super::shard::{Shard, UNATTACHED};
use super::stacks::{StackBounds, bounds_of_this_thread};
use crate::words::{Node, Tag, UNATTRIBUTED};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was recorded yet.
    New,
    /// A shard is being attached; what happens meanwhile goes to the overflow shard.
    Attaching,
    Attached,
    /// As `Attached`, but the level climbs: whatever looks at the shard ends that first.
    Climbing,
    /// The shard was given back; only a new scope takes one again, until it ends.
    Retired,
    /// The thread has a shard again, after it had given its own back, but only as long as scopes are open.
    Late,
    /// The probe is finding out whether the ledger serves `std::alloc`.
    Probing,
    /// The probe's allocation came here, so the ledger does.
    Served,
}

/// In this order, so that what the hot path reads is near.
#[repr(C)]
pub(super) struct Slot {
    /// What the hot path writes: the shard's level; or one that never has room, where every call is to take the slow
    /// path: that of [`UNATTACHED`] where something may fail on purpose or is denied, else the shard's own.
    pub(super) hot: Cell<&'static Level>,
    /// What `hot` is where the innermost scope and its operation ask for nothing: the shard's level; that of
    /// [`UNATTACHED`] where a scope denies allocations.
    pub(super) usual: Cell<&'static Level>,
    /// The active operation's account in that shard.
    account: Cell<&'static Account>,
    /// Its tag, so that a free compares with what is the thread's own.
    tag: Cell<Tag>,
    /// The most room after a fall that needs no look: none while the level climbs.
    pub(super) limit: Cell<u64>,
    /// The thread's shard; [`UNATTACHED`] where it has none.
    pub(super) shard: Cell<&'static Shard>,
    /// How much the active account had freed at the last peak that an allocation set, and how many such peaks before it
    /// were set in a row.
    pub(super) peaks: Cell<(u64, u32)>,
    /// The active operation.
    pub(super) active: Cell<&'static Node>,
    pub(super) phase: Cell<Phase>,
    /// The thread's base operation: active when no scope is, also while there is no shard.
    pub(super) base: Cell<&'static Node>,
    /// Where the thread's stack is, once a captured operation was entered.
    pub(super) bounds: Cell<StackBounds>,
    /// The operations that it entered last by name.
    pub(super) known: Known,
}

const UNUSED_TAG: Tag = Tag::from_bits(0);

thread_local! {
    pub(super) static SLOT: Slot = const {
        Slot {
            hot: Cell::new(&UNATTACHED.level),
            usual: Cell::new(&UNATTACHED.level),
            account: Cell::new(&UNUSED),
            tag: Cell::new(UNUSED_TAG),
            limit: Cell::new(MOST_ROOM),
            shard: Cell::new(&UNATTACHED),
            peaks: Cell::new((0, 0)),
            active: Cell::new(&UNATTRIBUTED),
            phase: Cell::new(Phase::New),
            base: Cell::new(&UNATTRIBUTED),
            bounds: Cell::new(StackBounds::UNKNOWN),
            known: Known::nothing(),
        }
    };
    static RETIRE: Retire = const { Retire };
}

/// Its destructor gives the thread's shard back.
struct Retire;

impl Drop for Retire {
    fn drop(&mut self) {
        SLOT.with(Slot::retire);
    }
}

impl Slot {
    /// The active operation's account.
    #[inline(always)]
    pub(super) fn account(&self) -> &'static Account {
        self.account.get()
    }

    /// Its tag.
    #[inline(always)]
    pub(super) fn tag(&self) -> Tag {
        self.tag.get()
    }

    /// Has `account` counted in from now on. Returns the one before.
    #[inline(always)]
    pub(super) fn count_in(&self, account: &'static Account) -> &'static Account {
        self.tag.set(account.tag());
        self.account.replace(account)
    }

    /// Whether every call takes the slow path although the thread has a shard, because something may fail on purpose or
    /// is denied, or the active operation is captured.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        !std::ptr::eq(self.hot.get(), &self.shard.get().level)
    }

    /// Sends every call to the slow path if something may fail in `innermost` or is denied, or if `node`, its
    /// operation, is captured; and otherwise only those that must go there.
    #[inline]
    pub(super) fn watch(&self, innermost: &Frame, node: &Node) {
        self.hot.set(self.usual.get());
        if innermost.is_armed() || node.is_captured() {
            self.watch_closely(innermost, node);
        }
    }

    #[cold]
    #[inline(never)]
    fn watch_closely(&self, innermost: &Frame, node: &Node) {
        if innermost.is_armed() {
            self.hot.set(&UNATTACHED.level);
        }
        if node.is_captured() {
            self.watch_captured();
        }
    }

    /// Looks anew at all that sends calls to the slow path. Not to be called from inside the allocator.
    pub(super) fn watch_anew(&self) {
        if let Some(shard) = self.shard_now() {
            let denies = shard.stack.denials().next().is_some();
            self.usual.set(if denies { &UNATTACHED.level } else { &shard.level });
            self.watch(shard.stack.innermost(), self.active.get());
        }
    }

    /// Sends every call to the slow path, in a captured operation. Not to be called from inside the allocator.
    #[cold]
    #[inline(never)]
    pub(super) fn watch_captured(&self) {
        self.prepare_stacks();
        self.block();
    }

    /// Prepares for call stacks to be taken on this thread. Not to be called from inside the allocator.
    pub(super) fn prepare_stacks(&self) {
        self.learn_bounds();
        // Without memory for it, none is taken.
        if let Some(recent) = linked_or_new(&self.shard.get().recent) {
            recent.sampler.begin();
        }
    }

    /// Sends every call to the slow path, if it does not go there to be looked at already.
    pub(super) fn block(&self) {
        if self.looks_closely() {
            return;
        }
        let blocked = &self.shard.get().blocked;
        blocked.forget();
        self.hot.set(blocked);
    }

    /// Moves the level of the hot path: it falls by `size`, or rises where that is negative. `false` when the slow path
    /// must look.
    #[inline(always)]
    pub(super) fn fall(&self, size: i64) -> bool {
        self.hot.get().fallen(size) <= self.limit.get()
    }

    /// Whether every call is looked at, because something may fail on purpose or is denied. Also on a thread without a
    /// shard.
    #[inline]
    pub(super) fn looks_closely(&self) -> bool {
        std::ptr::eq(self.hot.get(), &UNATTACHED.level)
    }

    /// Makes `shard` the thread's own.
    pub(super) fn move_to(&self, shard: &'static Shard) {
        self.shard.set(shard);
        self.usual.set(&shard.level);
        self.hot.set(&shard.level);
    }

    /// The thread's shard, if it has one.
    pub(super) fn shard_now(&self) -> Option<&'static Shard> {
        match self.phase.get() {
            Phase::Attached | Phase::Late => Some(self.shard.get()),
            Phase::Climbing => Some(self.climbed(0)),
            _ => None,
        }
    }

    /// Lets the thread's level pass its peak without a look, but for the ledger's own work, which sets it back where it
    /// was. Returns the tag of `account`, so that its caller needs to keep nothing.
    #[cold]
    #[inline(never)]
    pub(super) fn climb(&self, shard: &'static Shard, account: &Account) -> Tag {
        if self.phase.get() == Phase::Attached && !self.is_watched() && !shard.level.is_quiet() {
            shard.stack.change(|| shard.level.climb());
            self.phase.set(Phase::Climbing);
            self.limit.set(0);
        }
        account.tag()
    }

    /// The thread's shard, whose level no longer climbs. It `fell` just now, or rose where that is negative.
    #[cold]
    #[inline(never)]
    fn climbed(&self, fell: i64) -> &'static Shard {
        let shard = self.shard.get();
        shard.stack.change(|| shard.level.end_climb(fell));
        self.phase.set(Phase::Attached);
        self.limit.set(MOST_ROOM);
        shard
    }

    /// The thread's shard, attached first if the thread is new. The level of the hot path fell by `missed`, or rose
    /// where that is negative: where the thread had no shard, that was a stand-in's, and its own is moved now.
    #[inline]
    pub(super) fn attached(&self, missed: i64) -> Option<&'static Shard> {
        if self.phase.get() == Phase::Attached { Some(self.shard.get()) } else { self.attached_first(missed) }
    }

    #[cold]
    #[inline(never)]
    fn attached_first(&self, missed: i64) -> Option<&'static Shard> {
        match self.phase.get() {
            Phase::Attached | Phase::Late => {}
            Phase::Climbing => return Some(self.climbed(missed)),
            Phase::New => {
                // Whoever missed something settles the level.
                self.attach()?.level.fall(missed);
            }
            Phase::Probing => {
                self.phase.set(Phase::Served);
                return None;
            }
            Phase::Attaching | Phase::Retired | Phase::Served => return None,
        }
        Some(self.shard.get())
    }

    /// The thread's shard, where every call takes the slow path, once its level fell by `fell`, or rose where that is
    /// negative.
    #[inline(always)]
    pub(super) fn moved_watched(&self, fell: i64) -> &'static Shard {
        // The stand-in's level may have been moved before.
        self.hot.get().forget();
        let shard = self.shard.get();
        if !shard.level.fall(fell) {
            shard.level.settle(fell);
        }
        shard
    }

    /// As [`attached`](Self::attached), where not every call takes the slow path, and the level is settled, with room
    /// for a block of so many bytes to come back.
    #[inline(always)]
    pub(super) fn settled(&self, missed: i64, back: i64) -> Option<&'static Shard> {
        let shard = self.attached(missed)?;
        shard.level.settle(back);
        if self.active.get().is_captured() {
            self.notice_capture();
        }
        Some(shard)
    }

    /// Sends every call to the slow path from now on, because the active operation came to be captured since the thread
    /// entered it. That takes knowing where the thread's stack is, which cannot be asked here.
    #[cold]
    #[inline(never)]
    fn notice_capture(&self) {
        let shard = self.shard.get();
        let is_known = self.bounds.get() != StackBounds::UNKNOWN;
        if is_known
            && !shard.level.is_quiet()
            && let Some(recent) = linked_or_new(&shard.recent)
        {
            recent.sampler.begin();
            self.block();
        }
    }

    /// Learns where the thread's stack is. Not to be called from inside the allocator.
    pub(super) fn learn_bounds(&self) {
        if self.bounds.get() == StackBounds::UNKNOWN {
            self.bounds.set(bounds_of_this_thread());
        }
    }

    /// Claims a shard and has it given back when the thread ends.
    #[cold]
    #[inline(never)]
    fn attach(&self) -> Option<&'static Shard> {
        self.phase.set(Phase::Attaching);
        if RETIRE.try_with(|_| ()).is_err() {
            // Thread-locals are being destroyed already, so the shard would never be given back.
            self.phase.set(Phase::Retired);
            return None;
        }
        let attached = self.take_shard();
        self.phase.set(if attached.is_some() { Phase::Attached } else { Phase::New });
        attached
    }

    fn take_shard(&self) -> Option<&'static Shard> {
        let shard = Shard::claim()?;
        let base = self.base.get();
        let Some(account) = shard.accounts.of(base.account()) else {
            shard.release();
            return None;
        };
        shard.begin_stack(base, account);
        self.active.set(base);
        self.count_in(account);
        self.move_to(shard);
        Some(shard)
    }

    fn retire(&self) {
        let Some(shard) = self.shard_now() else { return self.phase.set(Phase::Retired) };
        shard.end();
        self.active.set(self.base.get());
        self.count_in(&UNUSED);
        self.move_to(&UNATTACHED);
        self.phase.set(Phase::Retired);
        shard.release();
    }

    /// Called when a scope has ended on a thread that has its shard only for scopes: gives it back if no other is open.
    pub(super) fn retire_if_bare(&self) {
        if self.shard.get().stack.is_bare() {
            self.retire();
        }
    }

    /// A shard to open a scope in. A thread that retired takes one for as long as the scope lasts.
    #[inline]
    pub(super) fn shard_for_scope(&self) -> Option<&'static Shard> {
        if self.phase.get() == Phase::Attached { Some(self.shard.get()) } else { self.new_shard_for_scope() }
    }

    #[cold]
    fn new_shard_for_scope(&self) -> Option<&'static Shard> {
        match self.phase.get() {
            Phase::Attached | Phase::Late => Some(self.shard.get()),
            Phase::Climbing => Some(self.climbed(0)),
            Phase::New => self.attach(),
            Phase::Retired => {
                self.phase.set(Phase::Attaching);
                let shard = self.take_shard();
                self.phase.set(if shard.is_some() { Phase::Late } else { Phase::Retired });
                shard
            }
            Phase::Attaching | Phase::Probing | Phase::Served => None,
        }
    }
}

/// Whether `shard` is this thread's.
pub(crate) fn is_mine(shard: &Shard) -> bool {
    SLOT.with(|slot| std::ptr::eq(slot.shard.get(), shard))
}
