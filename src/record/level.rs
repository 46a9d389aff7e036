//! The level of one thread: its net bytes, the peak of its scopes, and what its shared level was told.
//!
//! `threshold - room` is the thread's net bytes, not counting the ledger's own. `room` is what the thread may still
//! allocate before its level passes `peak` or strays too far from what it last told `sink`; when it leaves its range at
//! either end, the slow path looks at the level. So the hot path pays one subtraction for the peak, the shared level
//! and the process witness together.
//!
//! `threshold` lies up to [`STEP`] above what was told, and never below: the range of `room` reaches down as far as a
//! level may stray.
//!
//! A level that climbs passes its peak without a look. Then `threshold` lies above the peak, and the thread's slot has
//! every fall looked at, however small. Up to there the level only rose, so the highest was the last.
//!
//! One thread writes a level; any thread may read it.

use super::atomic::Ordering::Relaxed;
use super::atomic::{AtomicBool, AtomicI64};
use super::memory::{Link, zeroed};
use super::shared_level::{BOUND, PROCESS, STEP, SharedLevel};

#[derive(Debug)]
#[repr(C)]
pub(super) struct Level {
    room: AtomicI64,
    threshold: AtomicI64,
    /// The highest level since the innermost scope began, or since a scope inside it ended.
    peak: AtomicI64,
    /// The level that `sink` was last told: at most `threshold`. While the level climbs, [`CLIMBING`] more, which is
    /// far from every level: so whoever begins a scope looks first.
    synced: AtomicI64,
    /// Net bytes of this thread that are in no level: those of the ledger's own operation, and those that scopes leave
    /// out.
    apart: AtomicI64,
    /// While the ledger works on this thread: the peak it had before.
    quiet_peak: AtomicI64,
    /// The shared level that this thread tells its level; none where that is `PROCESS`.
    pub(super) sink: Link<SharedLevel>,
    /// Whether the ledger works on this thread.
    quiet: AtomicBool,
}

zeroed!(Level { room, threshold, peak, synced, apart, quiet_peak, sink, quiet });

/// The most room that needs no look.
pub(super) const MOST_ROOM: u64 = BOUND;
/// Room so far below zero that every call takes the slow path.
const NO_ROOM: i64 = i64::MIN / 2;
/// More than any level.
const CLIMBING: i64 = i64::MAX / 2;

impl Level {
    const fn with_room(room: i64) -> Self {
        Self {
            room: AtomicI64::new(room),
            threshold: AtomicI64::new(0),
            peak: AtomicI64::new(0),
            synced: AtomicI64::new(0),
            apart: AtomicI64::new(0),
            quiet_peak: AtomicI64::new(0),
            sink: Link::none(),
            quiet: AtomicBool::new(false),
        }
    }

    /// A level that never has room, so that every call takes the slow path.
    pub(super) const fn without_room() -> Self {
        Self::with_room(NO_ROOM)
    }

    /// Resets a level without room, so that however much is freed, it never has room.
    pub(super) fn forget(&self) {
        self.room.store(NO_ROOM, Relaxed);
    }

    /// Prepares the level for a thread that has it from now on.
    pub(super) fn begin(&self) {
        let level = self.value();
        self.synced.store(level, Relaxed);
        self.begin_peak(level);
    }

    /// Notes that `size` bytes were allocated; `false` when the slow path must look.
    #[inline(always)]
    pub(super) fn rise(&self, size: usize) -> bool {
        let room = self.room.load(Relaxed).wrapping_sub(size as i64);
        self.room.store(room, Relaxed);
        room >= 0
    }

    /// Notes that `size` bytes were freed, or that a resize gave them back (negative when the block grew); `false` when
    /// the slow path must look.
    #[inline(always)]
    pub(super) fn fall(&self, size: i64) -> bool {
        self.fallen(size) <= MOST_ROOM
    }

    /// Does the same, and returns the room; the slow path must look where that is more than the thread's slot allows.
    #[inline(always)]
    pub(super) fn fallen(&self, size: i64) -> u64 {
        let room = self.room.load(Relaxed).wrapping_add(size);
        self.room.store(room, Relaxed);
        room as u64
    }

    /// Net bytes of this thread, without those that are kept apart.
    #[inline]
    pub(super) fn value(&self) -> i64 {
        self.threshold.load(Relaxed).wrapping_sub(self.room.load(Relaxed))
    }

    /// Net bytes of all threads that had this level, those that are kept apart included.
    pub(super) fn witness(&self) -> i64 {
        self.value().wrapping_add(self.apart.load(Relaxed))
    }

    #[inline]
    pub(super) fn peak(&self) -> i64 {
        self.peak.load(Relaxed)
    }

    /// The peak as the scopes of this thread know it, also while the ledger works on it, or while it climbs.
    pub(super) fn peak_of_scopes(&self) -> i64 {
        if self.is_quiet() {
            return self.quiet_peak.load(Relaxed);
        }
        if self.synced.load(Relaxed) >= CLIMBING / 2 { self.peak().max(self.value()) } else { self.peak() }
    }

    /// Whether it is at its peak, and was looked at just now.
    pub(super) fn is_at_peak(&self) -> bool {
        self.room.load(Relaxed) == 0
    }

    /// Lets the level, which was looked at just now, climb up to the next step.
    pub(super) fn climb(&self) {
        let (level, told) = (self.value(), self.synced.load(Relaxed));
        let threshold = told.wrapping_add(STEP);
        self.synced.store(told.wrapping_add(CLIMBING), Relaxed);
        self.threshold.store(threshold, Relaxed);
        self.room.store(threshold.wrapping_sub(level), Relaxed);
    }

    /// The level, which climbed, goes on as others do. It `fell` just now, or rose where that is negative.
    pub(super) fn end_climb(&self, fell: i64) {
        let before = self.value().wrapping_add(fell);
        if before > self.peak() {
            self.peak.store(before, Relaxed);
        }
        self.synced.store(self.synced.load(Relaxed).wrapping_sub(CLIMBING), Relaxed);
        self.settle(fell);
    }

    /// Whether `level`, which is the level now, is too far from what the sink was last told for a peak to begin there.
    #[inline(always)]
    pub(super) fn is_far(&self, level: i64) -> bool {
        level.wrapping_sub(self.synced.load(Relaxed)) as u64 > STEP as u64
    }

    /// Tells the sink if the level is far. One that fell may go on falling for half a step. A peak is to begin.
    pub(super) fn tell_if_far(&self) {
        let level = self.value();
        if self.is_far(level) {
            let fell = level < self.synced.load(Relaxed);
            self.tell(if fell { level.wrapping_sub(STEP / 2) } else { level });
        }
    }

    /// Begins a new peak at `level`, which is the thread's level now. It [is not far](Self::is_far): `room` counts from
    /// there on, and moves of which the sink was not told must not add up from scope to scope.
    #[inline]
    pub(super) fn begin_peak(&self, level: i64) {
        self.peak.store(level, Relaxed);
        self.threshold.store(level, Relaxed);
        self.room.store(0, Relaxed);
    }

    /// Raises the peak to `to`. `room` may be smaller than it could be until the slow path looks.
    #[inline]
    pub(super) fn raise_peak(&self, to: i64) {
        self.peak.store(to, Relaxed);
    }

    /// Called when `room` left its range: moves the peak, tells the sink, and makes room again. Where the level `fell`
    /// by a large block, there is room for it to come back.
    pub(super) fn settle(&self, fell: i64) {
        let room = if (STEP..=BOUND as i64).contains(&fell) { fell } else { STEP };
        if !self.settle_untold(room) {
            let level = self.value();
            let top = self.peak().min(level.wrapping_add(room));
            self.tell(level.max(top.wrapping_sub(STEP)));
            self.threshold.store(top, Relaxed);
            self.room.store(top.wrapping_sub(level), Relaxed);
        }
    }

    /// Makes up to so much room, if nothing is to be told. Else `false`: then only the peak was moved.
    #[inline(always)]
    fn settle_untold(&self, room: i64) -> bool {
        let level = self.value();
        if level > self.peak() {
            self.peak.store(level, Relaxed);
        }
        let told = self.synced.load(Relaxed);
        let threshold = self.peak().min(level.wrapping_add(room)).min(told.wrapping_add(STEP));
        let is_near = threshold >= level.max(told);
        if is_near {
            self.threshold.store(threshold, Relaxed);
            self.room.store(threshold.wrapping_sub(level), Relaxed);
        }
        is_near
    }

    /// Settles a level that rose, if nothing is to be told.
    #[inline(always)]
    pub(super) fn settle_risen(&self) -> bool {
        self.settle_untold(STEP)
    }

    /// Tells the sink exactly how far the level moved since it was last told.
    pub(super) fn sync(&self) {
        self.tell(self.value());
        self.settle(0);
    }

    /// Tells the sink that the level is `level`. It is a function of its own, so that callers keep registers.
    #[cold]
    #[inline(never)]
    fn tell(&self, level: i64) {
        let moved = level.wrapping_sub(self.synced.load(Relaxed));
        self.synced.store(level, Relaxed);
        // The ledger's own bytes are the process's, and in no scope's level.
        let sink = if self.is_quiet() { None } else { self.sink.get() };
        sink.unwrap_or(&PROCESS).add(moved);
    }

    fn keep_apart(&self, net: i64) {
        self.apart.store(self.apart.load(Relaxed).wrapping_add(net), Relaxed);
    }

    /// Goes back to `start`. How far it moved since is told, kept apart, and returned.
    pub(super) fn leave_out(&self, start: i64) -> i64 {
        self.tell(self.value());
        let moved = self.value() - start;
        self.keep_apart(moved);
        self.synced.store(start, Relaxed);
        self.begin_peak(start);
        moved
    }

    /// Whether the ledger works on this thread.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet.load(Relaxed)
    }

    /// The ledger begins to work on this thread. Returns what [`end_quiet`](Self::end_quiet) needs.
    pub(super) fn begin_quiet(&self) -> BeforeQuiet {
        let synced = self.synced.load(Relaxed);
        let before = BeforeQuiet { level: self.value(), peak: self.peak(), synced, quiet: self.is_quiet() };
        if !before.quiet {
            self.quiet_peak.store(before.peak, Relaxed);
            self.quiet.store(true, Relaxed);
        }
        before
    }

    /// The ledger has done its work: its own net bytes since then are kept apart, so that they are in no scope's peak.
    pub(super) fn end_quiet(&self, before: BeforeQuiet) {
        let BeforeQuiet { level, peak, synced, quiet } = before;
        let own = self.value() - level;
        self.keep_apart(own);
        // A part may have been told meanwhile. Of what the thread itself has yet to tell, the sink was told nothing.
        PROCESS.add(own - (self.synced.load(Relaxed) - synced));
        self.synced.store(synced, Relaxed);
        self.threshold.store(level, Relaxed);
        self.room.store(0, Relaxed);
        self.peak.store(peak, Relaxed);
        self.quiet.store(quiet, Relaxed);
        self.settle(0);
    }
}

/// Where a level stood when the ledger began to work.
#[derive(Clone, Copy)]
pub(super) struct BeforeQuiet {
    level: i64,
    peak: i64,
    /// What the sink had been told.
    synced: i64,
    quiet: bool,
}

#[cfg(all(test, not(heapledger_loom)))]
mod tests;
