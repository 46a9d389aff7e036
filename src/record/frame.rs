//! One open scope. It only notes where its thread stood when it began, and the highest level while it was the
//! innermost.

use super::account::{Account, Alone, Peak};
use super::atomic::Ordering::Relaxed;
use super::atomic::{AtomicI64, AtomicU64};
use super::denial::Denial;
use super::memory::{Link, zeroed};
use super::plan::{Failures, Plan, Stance};
use super::shared_level::{BOUND, SharedLevel};
use crate::words::{Activity, Node};

/// One open scope, or the bottom of a stack. A frame has no destructor and is never freed, so a reader may follow any
/// link that it sees.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The number of the scope; zero when it has ended.
    serial: AtomicU64,
    node: Link<Node>,
    account: Link<Account>,
    /// The thread's level when the scope began, less what a future carried in.
    start: AtomicI64,
    /// The highest level in the scope until a scope directly inside it last began or ended.
    high: AtomicI64,
    /// The highest net of scope `outlived`, which was begun in a piece that is left out, until that ended.
    earlier: AtomicI64,
    outlived: AtomicU64,
    /// What the thread had done when the scope began.
    before: Activity<Alone>,
    /// The level it shares with the threads spawned in it.
    shared: Link<SharedLevel>,
    /// Which allocations are to fail while it is the innermost, or whether it denies them or leaves them out.
    plan: Plan,
    /// The frame around it; of an unused frame, the next unused one; of the base, none.
    pub(super) below: Link<Frame>,
}

zeroed!(Frame { serial, node, account, start, high, earlier, outlived, before, shared, plan, below });

/// What a scope did so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScopeReading {
    pub(crate) activity: Activity<u64>,
    pub(crate) peak: Peak,
    /// The thread's level now, less that at the start.
    pub(crate) net: i64,
}

impl Frame {
    pub(super) const fn new() -> Self {
        Self {
            serial: AtomicU64::new(0),
            node: Link::none(),
            account: Link::none(),
            start: AtomicI64::new(0),
            high: AtomicI64::new(0),
            earlier: AtomicI64::new(0),
            outlived: AtomicU64::new(0),
            before: Activity::ZERO,
            shared: Link::none(),
            plan: Plan::none(),
            below: Link::none(),
        }
    }

    /// Whether it is the frame of scope `serial`, and that has not ended.
    #[inline]
    pub(super) fn is_open(&self, serial: u64) -> bool {
        self.serial.load(Relaxed) == serial
    }

    pub(super) fn serial(&self) -> u64 {
        self.serial.load(Relaxed)
    }

    #[inline]
    pub(super) fn node(&self) -> Option<&'static Node> {
        self.node.get()
    }

    #[inline]
    pub(super) fn account(&self) -> Option<&'static Account> {
        self.account.get()
    }

    /// Changes the operation and its account. Only for the frame that is the base of its thread.
    pub(super) fn rebase(&self, node: &'static Node, account: &'static Account) {
        self.node.set(Some(node));
        self.account.set(Some(account));
    }

    /// Where it is noted what the thread had done when the scope began.
    #[inline]
    pub(super) fn before(&self) -> &Activity<Alone> {
        &self.before
    }

    #[inline]
    pub(super) fn begin(&self, serial: u64, node: &'static Node, account: &'static Account, start: i64) {
        self.serial.store(serial, Relaxed);
        self.node.set(Some(node));
        self.account.set(Some(account));
        self.start.store(start, Relaxed);
        self.high.store(start, Relaxed);
        self.shared.set(None);
        self.plan.clear();
    }

    #[inline]
    pub(super) fn end(&self) {
        self.serial.store(0, Relaxed);
    }

    /// What the scope did, if the whole thread has done `done`, its level is `level`, and the highest level in the
    /// scope was `high`.
    pub(super) fn read(&self, done: Activity<u64>, level: i64, high: i64) -> ScopeReading {
        let start = self.start.load(Relaxed);
        ScopeReading {
            activity: done.minus(self.before.read()),
            peak: self.peak(high.max(start + self.earlier())),
            net: level - start,
        }
    }

    /// What the whole thread had done when the scope began, and its level then.
    pub(super) fn beginning(&self) -> (Activity<u64>, i64) {
        (self.before.read(), self.start.load(Relaxed))
    }

    /// The scope outlives a piece that is left out: `done` and `moved` of what the thread did so far. The level is
    /// `here` then, and was at most `high` in the scope. The scope keeps what it did, but shows no peak of it to scopes
    /// around it.
    pub(super) fn outlive(&self, done: Activity<u64>, moved: i64, high: i64, here: i64) {
        let earlier = (high - self.start.load(Relaxed)).max(self.earlier());
        self.earlier.store(earlier, Relaxed);
        self.outlived.store(self.serial(), Relaxed);
        self.before.set(self.before.read().minus(done));
        self.start.store(self.start.load(Relaxed) - moved, Relaxed);
        self.high.store(here, Relaxed);
    }

    fn earlier(&self) -> i64 {
        if self.outlived.load(Relaxed) == self.serial() { self.earlier.load(Relaxed) } else { 0 }
    }

    #[inline]
    pub(super) fn high(&self) -> i64 {
        self.high.load(Relaxed)
    }

    #[inline]
    pub(super) fn raise(&self, to: i64) {
        if to > self.high.load(Relaxed) {
            self.high.store(to, Relaxed);
        }
    }

    /// Forgets how high the level was in the scope, but for `to`.
    pub(super) fn lower(&self, to: i64) {
        self.high.store(to, Relaxed);
    }

    /// The highest net of this thread in the scope, if the highest level in it was `high`.
    #[inline]
    pub(super) fn own_peak(&self, high: i64) -> u64 {
        (high - self.start.load(Relaxed)).max(0) as u64
    }

    /// The scope's peak: that of all its threads together if any began in it, else the exact one of this thread.
    pub(super) fn peak(&self, high: i64) -> Peak {
        match self.shared.get() {
            Some(shared) if shared.tellers() > 1 => Peak { bytes: shared.peak(), error: shared.tellers() * BOUND },
            _ => Peak { bytes: self.own_peak(high), error: 0 },
        }
    }

    #[inline]
    pub(super) fn shared(&self) -> Option<&'static SharedLevel> {
        self.shared.get()
    }

    /// The level that threads spawned in scope `serial` begin in.
    #[cfg(heapledger_interpose)]
    pub(super) fn shared_in(&self, serial: u64) -> Option<&'static SharedLevel> {
        self.shared.get().filter(|_| self.is_open(serial))
    }

    #[cfg(heapledger_interpose)]
    pub(super) fn share(&self, level: &'static SharedLevel) {
        self.shared.set(Some(level));
    }

    /// Denies allocations from now on. `false` when the system is out of memory.
    pub(super) fn deny(&self) -> bool {
        self.plan.deny()
    }

    /// What it saw of what it denies.
    pub(super) fn denial(&self) -> Option<&'static Denial> {
        self.plan.denial()
    }

    /// Permits allocations, whatever a scope around it says.
    pub(super) fn permit(&self) {
        self.plan.permit();
    }

    /// Leaves what is done in the scope out of what scopes around it tell.
    pub(super) fn exclude(&self) {
        self.plan.exclude();
    }

    pub(super) fn excludes(&self) -> bool {
        self.plan.excludes()
    }

    pub(super) fn stance(&self) -> Option<Stance> {
        self.plan.stance()
    }

    /// Whether an allocation may fail on purpose while it is the innermost.
    #[inline]
    pub(super) fn is_armed(&self) -> bool {
        self.plan.is_armed()
    }

    /// Whether the allocation that is asked for now, while it is the innermost, is to fail.
    pub(super) fn fails_now(&self) -> bool {
        self.plan.fails_now()
    }

    /// Makes allocations fail in scope `serial`, if it has not ended.
    pub(super) fn plan(&self, serial: u64, failures: Failures) {
        if self.is_open(serial) {
            self.plan.set(failures);
        }
    }

    /// How many have failed on purpose; `None` if scope `serial` has ended.
    pub(super) fn failed(&self, serial: u64) -> Option<u64> {
        self.is_open(serial).then(|| self.plan.failed())
    }
}
