//! The operation stack of a thread: one frame for each open scope.
//!
//! Scopes may end in any order. What a scope did is what the whole thread did since it began, so a frame only notes
//! where the thread stood. Its peak needs more: a frame holds the highest level while it was the innermost, and gives
//! it to the frame below when it is removed, so that every enclosing scope still sees every peak inside it. Only the
//! owning thread writes; `version` tells readers of running scopes when they read a torn stack.

use super::account::{Account, Alone, Peak};
use super::atomic::Ordering::{Acquire, Relaxed, Release};
use super::atomic::{AtomicBool, AtomicU32, fence};
use super::denial::Denial;
use super::frame::{Frame, ScopeReading};
use super::level::Level;
use super::memory::{Link, linked_or_new, zeroed};
use super::plan::Stance;
use super::shared_level::SharedLevel;
use super::strangers;
use crate::words::{Activity, LEDGER, Node, Register};

#[derive(Debug)]
pub(super) struct Stack {
    /// Odd while the stack changes, so that a reader of running scopes knows a torn reading.
    version: AtomicU32,
    /// The thread's number, unique while the program runs (it wraps after 2^32 threads).
    thread: AtomicU32,
    /// It has worked for a test, or for the ledger. Only the thread itself looks.
    engaged: AtomicBool,
    /// The bottom: the thread's base operation.
    base: Frame,
    /// The innermost open scope, or the base.
    top: Link<Frame>,
    /// Unused frames, kept for later scopes.
    spare: Link<Frame>,
    /// What the thread did in all, less what its active account says: one addition gives the whole.
    pub(super) elsewhere: Activity<Alone>,
    /// Scopes that ended while one begun after them was open.
    misnested: Alone,
    /// The number of the latest scope. It goes on from thread to thread, as frames do: so a number and a frame name one
    /// scope for ever, also for a thread that has lost the stack.
    serial: Alone,
}

zeroed!(Stack { version, thread, engaged, base, top, spare, elsewhere, misnested, serial });

/// A scope that still runs: its operation, and the highest net so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) node: &'static Node,
    pub(crate) peak: Peak,
}

/// The scope that is the innermost once one inside it has ended, or the base.
pub(super) struct Resumed {
    pub(super) frame: &'static Frame,
    pub(super) node: &'static Node,
    pub(super) account: &'static Account,
}

impl Resumed {
    #[inline(always)]
    fn of(frame: &'static Frame) -> Option<Self> {
        Some(Self { frame, node: frame.node()?, account: frame.account()? })
    }
}

/// How often a reader of a stack that changes tries again.
const READINGS: usize = if cfg!(heapledger_loom) { 1 } else { 64 };
/// The most frames that a reader follows. The links of a torn reading may form a circle; the version shows afterwards
/// that it was torn.
const LONGEST: usize = 1 << 20;

impl Stack {
    pub(super) const fn new() -> Self {
        Self {
            version: AtomicU32::new(0),
            thread: AtomicU32::new(0),
            engaged: AtomicBool::new(false),
            base: Frame::new(),
            top: Link::none(),
            spare: Link::none(),
            elsewhere: Activity::ZERO,
            misnested: Alone::ZERO,
            serial: Alone::ZERO,
        }
    }

    /// Empties the stack and makes `node` its base. The account of `node` counts the thread.
    pub(super) fn begin(&'static self, node: &'static Node, account: &'static Account, level: i64) {
        self.elsewhere.set(Activity::default().minus(account.activity()));
        self.change(|| {
            self.base.before().set(Activity::default());
            self.base.begin(0, node, account, level);
            self.top.set(Some(&self.base));
        });
        self.visit(node, account);
    }

    /// A thread has the stack from now on, and gets its number. Release: whoever sees the number sees that it has.
    pub(super) fn number(&self) {
        self.thread.store(strangers::number(), Release);
        self.engaged.store(false, Relaxed);
    }

    /// The number of the thread that had it last.
    pub(super) fn thread(&self) -> u32 {
        self.thread.load(Acquire)
    }

    /// Whether `account`, which is in use, counts the thread already.
    #[inline(always)]
    pub(super) fn visits(&self, account: &Account) -> bool {
        account.counts_last(self.thread.load(Relaxed))
    }

    /// The thread is in `node`, whose account counts it.
    pub(super) fn visit(&self, node: &Node, account: &Account) {
        let new = account.visited(self.thread.load(Relaxed));
        if new && (node.private || node.id == LEDGER.id) {
            self.engage();
        }
    }

    #[cold]
    fn engage(&self) {
        if !self.engaged.load(Relaxed) {
            self.engaged.store(true, Relaxed);
            strangers::engaged(self.thread.load(Relaxed));
        }
    }

    #[inline]
    pub(super) fn innermost(&'static self) -> &'static Frame {
        self.top.get().unwrap_or(&self.base)
    }

    #[inline]
    pub(super) fn is_innermost(&'static self, frame: &'static Frame) -> bool {
        self.top.get().is_some_and(|innermost| std::ptr::eq(innermost, frame))
    }

    /// Whether no scope is open.
    #[inline]
    pub(super) fn is_bare(&'static self) -> bool {
        std::ptr::eq(self.innermost(), &self.base)
    }

    /// Runs `change` on the stack or its level, with a new `version`, so that a reader notices.
    #[inline(always)]
    pub(super) fn change<R>(&self, change: impl FnOnce() -> R) -> R {
        // Twice in place, which takes no register.
        self.version.store(self.version.load(Relaxed).wrapping_add(1), Relaxed);
        fence(Release);
        let changed = change();
        self.version.store(self.version.load(Relaxed).wrapping_add(1), Release);
        changed
    }

    /// What the thread did in all, if `active` is its active account.
    #[inline]
    fn done(&self, active: &Account) -> Activity<u64> {
        self.elsewhere.read().plus(active.activity())
    }

    /// A frame that is not used, if there is one.
    #[inline(always)]
    pub(super) fn spare(&self) -> Option<&'static Frame> {
        self.spare.get()
    }

    /// A frame that is not used; `None` when the system is out of memory.
    pub(super) fn spare_or_new(&self) -> Option<&'static Frame> {
        linked_or_new(&self.spare)
    }

    /// Opens a scope of `node`, whose account counts the thread, inside the one of `active`. Its frame is the first
    /// unused one; `carried` is the net that a future brings from its last poll. `level` is at `here`. Returns the
    /// scope's number.
    #[inline(always)]
    pub(super) fn open(
        &'static self,
        frame: &'static Frame,
        active: &'static Account,
        (node, account): (&'static Node, &'static Account),
        carried: Option<i64>,
        (level, here): (&Level, i64),
    ) -> u64 {
        self.spare.set(frame.below.get());
        let serial = self.serial.get() + 1;
        self.serial.set(serial);
        let outer = self.innermost();
        self.elsewhere.move_on(&active.counters.activity, &account.counters.activity, Some(frame.before()));
        self.change(|| {
            outer.raise(level.peak());
            frame.begin(serial, node, account, here - carried.unwrap_or(0));
            frame.below.set(Some(outer));
            self.top.set(Some(frame));
            level.begin_peak(here);
        });
        if carried.is_none() {
            account.entered();
        }
        serial
    }

    /// What the scope of `frame`, which is open, did so far: all that was done in it and in the scopes begun in it, but
    /// for those that are left out.
    pub(super) fn read_scope(
        &'static self,
        active: &'static Account,
        frame: &'static Frame,
        level: &Level,
    ) -> Option<ScopeReading> {
        let (mut done, mut here, mut high) = (self.done(active), level.value(), level.peak());
        let mut inner = self.innermost();
        while !std::ptr::eq(inner, frame) {
            if inner.excludes() {
                (done, here) = inner.beginning();
                high = here;
            }
            inner = inner.below.get()?;
            high = high.max(inner.high());
        }
        Some(frame.read(done, here, high))
    }

    /// Ends what the scope of `frame`, which is open, leaves out: the thread goes on as if it had not been. Scopes that
    /// were begun in it and are still open keep what they did.
    #[cold]
    pub(super) fn leave_out(&'static self, active: &'static Account, frame: &'static Frame, level: &Level) {
        let Some(did) = self.read_scope(active, frame, level) else { return };
        if let Some(account) = frame.account() {
            account.peaked_about(did.peak);
        }
        let (done, start) = frame.beginning();
        let mut high = level.peak();
        self.elsewhere.set(done.minus(active.activity()));
        self.change(|| {
            let moved = level.leave_out(start);
            for inner in self.frames().take_while(|inner| !std::ptr::eq(*inner, frame)) {
                high = high.max(inner.high());
                if let Some(account) = inner.account() {
                    account.peaked_about(inner.peak(high));
                }
                inner.outlive(did.activity, moved, high, start);
            }
            frame.lower(start);
        });
    }

    /// Ends the innermost scope, which no other thread shares. Returns what is the innermost then.
    #[inline(always)]
    pub(super) fn close_innermost(
        &'static self,
        active: &'static Account,
        frame: &'static Frame,
        level: &Level,
    ) -> Option<Resumed> {
        let resumed = Resumed::of(frame.below.get()?)?;
        let high = level.peak();
        active.peaked(frame.own_peak(high));
        self.change(|| self.pop(active, frame, &resumed, high, level));
        Some(resumed)
    }

    /// Ends the scope of `frame`, wherever in the stack it is. Returns what is the innermost then.
    pub(super) fn close_anywhere(
        &'static self,
        active: &'static Account,
        frame: &'static Frame,
        level: &Level,
    ) -> Option<Resumed> {
        let below = frame.below.get()?;
        let peak = self.read_scope(active, frame, level)?.peak;
        if let Some(account) = frame.account() {
            account.peaked_about(peak);
        }
        let mut inside = self.innermost();
        if std::ptr::eq(inside, frame) {
            let resumed = Resumed::of(below)?;
            self.change(|| self.pop(active, frame, &resumed, level.peak(), level));
        } else {
            while let Some(next) = inside.below.get()
                && !std::ptr::eq(next, frame)
            {
                inside = next;
            }
            self.change(|| {
                below.raise(frame.high());
                inside.below.set(Some(below));
                self.keep_spare(frame);
            });
            self.misnested.add(1);
        }
        Resumed::of(self.innermost())
    }

    /// Removes the innermost frame. The highest level in it was `high`.
    #[inline(always)]
    fn pop(&'static self, active: &Account, frame: &'static Frame, resumed: &Resumed, high: i64, level: &Level) {
        let below = resumed.frame;
        self.elsewhere.move_on(&active.counters.activity, &resumed.account.counters.activity, None);
        self.top.set(Some(below));
        level.raise_peak(high.max(below.high()));
        self.keep_spare(frame);
    }

    /// Ends a frame and keeps it for a later scope.
    #[inline]
    fn keep_spare(&self, frame: &'static Frame) {
        frame.end();
        frame.below.set(self.spare.get());
        self.spare.set(Some(frame));
    }

    /// Its frames, from the innermost down to the base. Only the thread itself looks.
    fn frames(&'static self) -> impl Iterator<Item = &'static Frame> {
        std::iter::successors(Some(self.innermost()), |frame| frame.below.get())
    }

    /// The level of the innermost scope that shares one, or none where a scope inside it leaves out what is done;
    /// `None` where no scope decides that.
    pub(super) fn innermost_shared(&'static self) -> Option<Option<&'static SharedLevel>> {
        let decides = |frame: &'static Frame| frame.shared().map(Some).or(frame.excludes().then_some(None));
        self.frames().find_map(decides)
    }

    /// What denies what happens now: the scopes that deny allocations, from the innermost out, as far as none permits
    /// them.
    pub(super) fn denials(&'static self) -> impl Iterator<Item = &'static Denial> {
        self.frames().filter_map(Frame::stance).map_while(|stance| match stance {
            Stance::Denies(denial) => Some(denial),
            Stance::Permits => None,
        })
    }

    /// Makes `node` the thread's base operation; `active` is what its innermost one is then.
    pub(super) fn rebase(&'static self, active: &'static Account, node: &'static Node, account: &'static Account) {
        if self.is_bare() {
            self.elsewhere.move_on(&active.counters.activity, &account.counters.activity, None);
        }
        self.change(|| self.base.rebase(node, account));
        self.visit(node, account);
    }

    pub(super) fn misnested(&self) -> u64 {
        self.misnested.get()
    }

    /// Adds the scopes that run, innermost first. Any thread may call it. `false` when the stack changed during every
    /// reading.
    pub(super) fn read_running(&'static self, level: &Level, into: &mut Vec<Running>) -> bool {
        let known = into.len();
        for _ in 0..READINGS {
            let version = self.version.load(Acquire);
            if version & 1 == 0 {
                self.follow_frames(level.peak_of_scopes(), |running| into.push(running));
                fence(Acquire);
                if self.version.load(Relaxed) == version {
                    return true;
                }
                into.truncate(known);
            }
            std::hint::spin_loop();
        }
        false
    }

    fn follow_frames(&'static self, mut high: i64, mut see: impl FnMut(Running)) {
        let mut frame = self.innermost();
        for _ in 0..LONGEST {
            let Some(below) = frame.below.get() else { return };
            if let Some(node) = frame.node() {
                high = high.max(frame.high());
                see(Running { node, peak: frame.peak(high) });
            }
            if frame.excludes() {
                high = i64::MIN;
            }
            frame = below;
        }
    }
}
