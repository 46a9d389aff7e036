//! The operation stack of a thread: one frame per open scope.
//!
//! Scopes may end in any order. What a scope did is what the whole thread did since it began, so a frame only notes
//! where the thread stood. Its peak needs more: a frame holds the highest level while it was the innermost, and gives
//! it to the frame below when it is removed, so that every enclosing scope still sees every peak inside it. Only the
//! owning thread writes; `Shard::version` tells readers of running scopes when they read a torn stack.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI64, AtomicU64, fence};

use super::level::{BOUND, SharedLevel};
use super::memory::{Link, Zeroed, place};
use super::plan::{Failures, Plan};
use super::shard::{Account, Shard};
use crate::words::Counts;
#[cfg(heapledger_interpose)]
use crate::words::LEDGER;
use crate::words::Node;

/// What is counted while a scope is open.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Activity {
    allocs: u64,
    allocated_bytes: u64,
    frees: u64,
    freed_bytes: u64,
    reallocs: u64,
}

impl Activity {
    #[inline]
    fn of(account: &Account) -> Self {
        let counts = &account.counts;
        Self {
            allocs: counts.allocs.load(Relaxed),
            allocated_bytes: counts.allocated_bytes.load(Relaxed),
            frees: counts.frees.load(Relaxed),
            freed_bytes: counts.freed_bytes.load(Relaxed),
            reallocs: counts.reallocs.load(Relaxed),
        }
    }

    #[inline]
    fn plus(self, other: Self) -> Self {
        Self {
            allocs: self.allocs.wrapping_add(other.allocs),
            allocated_bytes: self.allocated_bytes.wrapping_add(other.allocated_bytes),
            frees: self.frees.wrapping_add(other.frees),
            freed_bytes: self.freed_bytes.wrapping_add(other.freed_bytes),
            reallocs: self.reallocs.wrapping_add(other.reallocs),
        }
    }

    #[inline]
    fn minus(self, other: Self) -> Self {
        Self {
            allocs: self.allocs.wrapping_sub(other.allocs),
            allocated_bytes: self.allocated_bytes.wrapping_sub(other.allocated_bytes),
            frees: self.frees.wrapping_sub(other.frees),
            freed_bytes: self.freed_bytes.wrapping_sub(other.freed_bytes),
            reallocs: self.reallocs.wrapping_sub(other.reallocs),
        }
    }
}

impl Activity {
    pub(crate) fn counts(self) -> Counts {
        let Self { allocs, allocated_bytes, frees, freed_bytes, reallocs } = self;
        Counts { allocs, allocated_bytes, frees, freed_bytes, reallocs, ..Counts::default() }
    }
}

/// One open scope.
#[derive(Debug)]
pub(crate) struct Frame {
    serial: AtomicU64,
    node: Link<Node>,
    account: Link<Account>,
    /// The thread's level when the scope began, less what a future carried in.
    start: AtomicI64,
    /// The highest level while this frame was the innermost and is so no more.
    high: AtomicI64,
    /// What the thread had done when the scope began.
    before: Done,
    /// The level it shares with the threads spawned in it.
    shared: Link<SharedLevel>,
    /// What is to fail in it while it is the innermost.
    plan: Plan,
    /// The frame around it; of an unused frame, the next unused one; of the base, nothing.
    below: Link<Frame>,
}

/// An [`Activity`] as its thread keeps it.
#[derive(Debug)]
pub(super) struct Done([AtomicU64; 5]);

impl Done {
    pub(super) const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; 5])
    }

    #[inline]
    fn get(&self) -> Activity {
        let [allocs, allocated_bytes, frees, freed_bytes, reallocs] = &self.0;
        Activity {
            allocs: allocs.load(Relaxed),
            allocated_bytes: allocated_bytes.load(Relaxed),
            frees: frees.load(Relaxed),
            freed_bytes: freed_bytes.load(Relaxed),
            reallocs: reallocs.load(Relaxed),
        }
    }

    #[inline]
    fn set(&self, to: Activity) {
        let [allocs, allocated_bytes, frees, freed_bytes, reallocs] = &self.0;
        allocs.store(to.allocs, Relaxed);
        allocated_bytes.store(to.allocated_bytes, Relaxed);
        frees.store(to.frees, Relaxed);
        freed_bytes.store(to.freed_bytes, Relaxed);
        reallocs.store(to.reallocs, Relaxed);
    }
}

impl Frame {
    pub(super) const fn new() -> Self {
        Self {
            serial: AtomicU64::new(0),
            node: Link::none(),
            account: Link::none(),
            start: AtomicI64::new(0),
            high: AtomicI64::new(0),
            before: Done::new(),
            shared: Link::none(),
            plan: Plan::none(),
            below: Link::none(),
        }
    }

    #[inline]
    pub(super) fn node(&self) -> Option<&'static Node> {
        self.node.get()
    }

    #[inline]
    pub(super) fn account(&self) -> Option<&'static Account> {
        self.account.get()
    }

    #[inline]
    fn begin(&self, serial: u64, node: &'static Node, account: &'static Account, start: i64, before: Activity) {
        self.serial.store(serial, Relaxed);
        self.node.set(Some(node));
        self.account.set(Some(account));
        self.start.store(start, Relaxed);
        self.high.store(start, Relaxed);
        self.before.set(before);
        self.shared.set(None);
        self.plan.clear();
    }

    /// Whether an allocation may fail on purpose while it is the innermost.
    #[inline]
    pub(super) fn is_armed(&self) -> bool {
        self.plan.is_armed()
    }

    /// An allocation is asked for while it is the innermost: whether that is to fail.
    pub(super) fn refuses(&self) -> bool {
        self.plan.refuses()
    }

    /// Has allocations fail in the scope, if it has not ended.
    pub(super) fn plan(&self, serial: u64, failures: Failures) {
        if self.serial.load(Relaxed) == serial {
            self.plan.set(failures);
        }
    }

    /// How many were refused; nothing if the scope has ended.
    pub(super) fn refused(&self, serial: u64) -> Option<u64> {
        (self.serial.load(Relaxed) == serial).then(|| self.plan.refused())
    }

    #[inline]
    fn raise(&self, to: i64) {
        if to > self.high.load(Relaxed) {
            self.high.store(to, Relaxed);
        }
    }

    /// The scope's peak, if the highest level in it was `high`.
    #[inline]
    fn peak(&self, high: i64) -> u64 {
        (high - self.start.load(Relaxed)).max(0) as u64
    }
}

// SAFETY: integers and links, of which zero is a value.
unsafe impl Zeroed for Frame {}

/// What a scope did so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoFar {
    pub(crate) activity: Activity,
    pub(crate) peak: u64,
    /// The thread's level now, less that at the start.
    pub(crate) net: i64,
}

/// A scope that still runs: its operation, and the highest net so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) node: &'static Node,
    pub(crate) peak: u64,
}

/// How often a reader of a stack that changes tries again.
const READINGS: usize = 64;

impl Shard {
    /// Begins the stack anew, in `node`, which counts the thread.
    pub(super) fn begin_stack(&'static self, node: &'static Node, account: &'static Account) {
        self.elsewhere.set(Activity::default().minus(Activity::of(account)));
        self.change(|| {
            self.base.begin(0, node, account, self.level(), Activity::default());
            self.top.set(Some(&self.base));
        });
        account.visited(self.thread.load(Relaxed));
    }

    #[inline]
    pub(super) fn innermost(&'static self) -> &'static Frame {
        self.top.get().unwrap_or(&self.base)
    }

    /// Whether no scope is open.
    #[inline]
    pub(super) fn is_bare(&'static self) -> bool {
        std::ptr::eq(self.innermost(), &self.base)
    }

    /// Runs `change` on the stack, so that a reader can tell.
    #[inline(always)]
    fn change(&self, change: impl FnOnce()) {
        let version = self.version.load(Relaxed);
        self.version.store(version.wrapping_add(1), Relaxed);
        fence(Release);
        change();
        self.version.store(version.wrapping_add(2), Release);
    }

    /// What the thread did in all, as `active` is its active account.
    #[inline]
    fn done(&self, active: &Account) -> Activity {
        self.elsewhere.get().plus(Activity::of(active))
    }

    /// Opens a scope of `node` inside the one of `active`; `carried` is the net that a future brings from its last
    /// poll. `None` when the system is out of memory: then the enclosing operation stays the active one.
    #[inline]
    pub(super) fn open(
        &'static self,
        active: &'static Account,
        serial: u64,
        node: &'static Node,
        carried: Option<i64>,
    ) -> Option<(&'static Frame, &'static Account)> {
        let account = self.accounts.of(node.id)?;
        let frame = match self.spare.get() {
            Some(spare) => {
                self.spare.set(spare.below.get());
                spare
            }
            None => place()?,
        };
        let (level, outer, done) = (self.level(), self.innermost(), self.done(active));
        self.elsewhere.set(done.minus(Activity::of(account)));
        self.change(|| {
            outer.raise(self.peak());
            frame.begin(serial, node, account, level - carried.unwrap_or(0), done);
            frame.below.set(Some(outer));
            self.top.set(Some(frame));
            self.begin_peak(level);
        });
        if carried.is_none() {
            account.entered();
        }
        account.visited(self.thread.load(Relaxed));
        Some((frame, account))
    }

    /// What the scope of `frame` did so far, everything inside it included. `None` if it has ended.
    pub(super) fn so_far(&'static self, active: &'static Account, frame: &'static Frame, serial: u64) -> Option<SoFar> {
        if frame.serial.load(Relaxed) != serial {
            return None;
        }
        Some(SoFar {
            activity: self.done(active).minus(frame.before.get()),
            peak: self.peak_of(frame, frame.peak(self.high_of(frame)?)),
            net: self.level() - frame.start.load(Relaxed),
        })
    }

    /// The highest level since `frame` began: its own, and that of the scopes begun in it.
    fn high_of(&'static self, frame: &'static Frame) -> Option<i64> {
        let mut high = self.peak();
        let mut inner = self.innermost();
        while !std::ptr::eq(inner, frame) {
            inner = inner.below.get()?;
            high = high.max(inner.high.load(Relaxed));
        }
        Some(high)
    }

    /// Ends the scope of `frame`, wherever in the stack it is. Returns the frame that is the innermost then, or nothing
    /// if the scope has ended before.
    #[inline]
    pub(super) fn close(
        &'static self,
        active: &'static Account,
        frame: &'static Frame,
        serial: u64,
    ) -> Option<&'static Frame> {
        if frame.serial.load(Relaxed) != serial {
            return None;
        }
        let below = frame.below.get()?;
        if !std::ptr::eq(self.innermost(), frame) || frame.shared.get().is_some() {
            return self.close_slowly(active, frame, below);
        }
        active.peaked(frame.peak(self.peak()));
        self.change(|| self.pop(active, frame, below));
        Some(below)
    }

    /// Removes the innermost frame.
    #[inline]
    fn pop(&'static self, active: &'static Account, frame: &'static Frame, below: &'static Frame) {
        if let Some(resumed) = below.account() {
            self.elsewhere.set(self.done(active).minus(Activity::of(resumed)));
        }
        below.raise(self.peak());
        self.top.set(Some(below));
        self.raise_peak(below.high.load(Relaxed));
        self.put_by(frame);
    }

    /// Keeps a frame for a scope to come.
    #[inline]
    fn put_by(&self, frame: &'static Frame) {
        frame.serial.store(0, Relaxed);
        frame.below.set(self.spare.get());
        self.spare.set(Some(frame));
    }

    /// A scope that is not the innermost, or that other threads share.
    #[cold]
    fn close_slowly(
        &'static self,
        active: &'static Account,
        frame: &'static Frame,
        below: &'static Frame,
    ) -> Option<&'static Frame> {
        let shared = frame.shared.get();
        if shared.is_some() {
            self.sync();
        }
        let peak = self.peak_of(frame, frame.peak(self.high_of(frame)?));
        if let Some(account) = frame.account() {
            account.peaked(peak);
        }
        let mut inside = self.innermost();
        if std::ptr::eq(inside, frame) {
            self.change(|| self.pop(active, frame, below));
        } else {
            while let Some(next) = inside.below.get()
                && !std::ptr::eq(next, frame)
            {
                inside = next;
            }
            self.change(|| {
                below.raise(frame.high.load(Relaxed));
                inside.below.set(Some(below));
                self.put_by(frame);
            });
            self.misnested.store(self.misnested.load(Relaxed) + 1, Relaxed);
        }
        if let Some(shared) = shared {
            shared.end();
            self.sink.set(self.passes_on_to());
        }
        Some(self.innermost())
    }

    /// A scope that other threads began in peaks with them; any other one exactly.
    fn peak_of(&self, frame: &Frame, exact: u64) -> u64 {
        let (Some(shared), Some(node)) = (frame.shared.get(), frame.node()) else { return exact };
        if shared.tellers() == 1 {
            return exact;
        }
        node.peak_error.fetch_max(shared.tellers() * BOUND, Relaxed);
        shared.peak()
    }

    /// The level of the innermost scope that shares one, else the one this thread began in.
    fn passes_on_to(&'static self) -> Option<&'static SharedLevel> {
        let mut frame = Some(self.innermost());
        while let Some(here) = frame {
            if let Some(shared) = here.shared.get() {
                return Some(shared);
            }
            frame = here.below.get();
        }
        self.crew.get()
    }

    /// Ends every open scope, and the thread with them.
    pub(super) fn end_stack(&'static self) {
        while !self.is_bare() {
            let frame = self.innermost();
            let ended = frame.account().and_then(|active| self.close(active, frame, frame.serial.load(Relaxed)));
            if ended.is_none() {
                break;
            }
        }
    }

    /// Makes `node` the thread's base operation; `active` is what its innermost one is then.
    pub(super) fn rebase(&'static self, active: &'static Account, node: &'static Node, account: &'static Account) {
        if self.is_bare() {
            self.elsewhere.set(self.done(active).minus(Activity::of(account)));
        }
        self.change(|| {
            self.base.node.set(Some(node));
            self.base.account.set(Some(account));
        });
        account.visited(self.thread.load(Relaxed));
    }

    /// The scopes that run on this thread, innermost first; from any thread. False when the stack changed during
    /// every reading.
    pub(crate) fn running(&'static self, into: &mut Vec<Running>) -> bool {
        let known = into.len();
        for _ in 0..READINGS {
            let version = self.version.load(Acquire);
            if version & 1 == 0 {
                self.read_running(into);
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

    fn read_running(&'static self, into: &mut Vec<Running>) {
        let mut high = if self.held.load(Relaxed) { self.held_peak.load(Relaxed) } else { self.peak() };
        let mut frame = self.innermost();
        // A torn reading may run in circles; the version tells afterwards.
        for _ in 0..1 << 20 {
            let Some(below) = frame.below.get() else { return };
            if let Some(node) = frame.node() {
                high = high.max(frame.high.load(Relaxed));
                into.push(Running { node, peak: self.peak_of(frame, frame.peak(high)) });
            }
            frame = below;
        }
    }
}

/// What `with_threads()` needs.
#[cfg(heapledger_interpose)]
impl Shard {
    /// Lets threads that are spawned in the scope of `frame` start in its operation. `false` when the scope has ended
    /// or the system is out of memory.
    pub(super) fn share(&'static self, frame: &'static Frame, serial: u64) -> bool {
        let (true, Some(node)) = (frame.serial.load(Relaxed) == serial, frame.node()) else { return false };
        if frame.shared.get().is_some() {
            return true;
        }
        self.sync();
        let Some(level) = SharedLevel::begin(node, self.sink.get()) else { return false };
        frame.shared.set(Some(level));
        self.sink.set(self.passes_on_to());
        true
    }

    /// The level that threads spawned in the scope of `frame` begin in.
    pub(super) fn shared_of(frame: &'static Frame, serial: u64) -> Option<&'static SharedLevel> {
        frame.shared.get().filter(|_| frame.serial.load(Relaxed) == serial)
    }

    /// What a thread spawned now starts in.
    pub(super) fn inheritance(&'static self) -> Option<&'static SharedLevel> {
        // A thread that the ledger spawns for itself belongs to nobody's scope.
        if self.held.load(Relaxed) && self.innermost().node().is_none_or(|node| node.id != LEDGER.id) {
            return None;
        }
        let mut level = self.passes_on_to();
        while let Some(here) = level {
            if here.is_open() {
                return Some(here);
            }
            level = here.outer();
        }
        None
    }
}
