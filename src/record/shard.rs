//! Where counts live: a shard per thread, in it an account per operation that the thread touched.
//!
//! One thread writes a shard, everybody may read it: every field is an atomic that is loaded and stored relaxed,
//! never read-modify-written. A dead thread's shard is claimed by the next new thread, so counts are never lost and
//! memory is bounded by the most threads that ever lived at once. What happens on threads without a shard (while
//! attaching, after retirement) is added to [`OVERFLOW`], with real atomic additions.
//!
//! Orderings: a shard changes hands with release/acquire on `claimed`; counts themselves are relaxed. A reader that
//! joined a thread sees all its counts, because joining synchronizes.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize};

use super::level::{PROCESS, STEP, SharedLevel};
use super::memory::{Link, List, Listed, Zeroed, place};
use super::stack::{Done, Frame};
use super::tag;
use crate::words::{Counters, Node};

/// What one thread recorded for one operation.
#[derive(Debug)]
pub(crate) struct Account {
    /// The operation's tag; zero while unused.
    tag: AtomicU32,
    /// The last thread that entered the operation with this shard, so that `threads` counts each once.
    visitor: AtomicU32,
    pub(crate) counts: Counters,
    /// Scopes begun.
    pub(crate) scopes: AtomicU64,
    /// Threads that entered the operation, or began in it.
    pub(crate) threads: AtomicU64,
    /// The highest net of a scope that has ended, plus one; zero when none has.
    peak: AtomicU64,
}

/// Load and store: right for the one thread that writes, and no read-modify-write.
#[inline(always)]
fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
}

impl Account {
    pub(super) const fn unused() -> Self {
        Self {
            tag: AtomicU32::new(0),
            visitor: AtomicU32::new(0),
            counts: Counters::new(),
            scopes: AtomicU64::new(0),
            threads: AtomicU64::new(0),
            peak: AtomicU64::new(0),
        }
    }

    #[inline(always)]
    pub(super) fn tag(&self) -> u32 {
        self.tag.load(Relaxed)
    }

    #[inline(always)]
    pub(super) fn allocated(&self, size: usize) {
        bump(&self.counts.allocs, 1);
        bump(&self.counts.allocated_bytes, size as u64);
    }

    /// A block of its own was freed.
    #[inline(always)]
    pub(super) fn freed(&self, size: usize) {
        bump(&self.counts.frees, 1);
        bump(&self.counts.freed_bytes, size as u64);
    }

    /// A block of its own was resized.
    #[inline(always)]
    pub(super) fn resized(&self, old: usize, new: usize) {
        bump(&self.counts.reallocs, 1);
        bump(&self.counts.freed_bytes, old as u64);
        bump(&self.counts.allocated_bytes, new as u64);
    }

    /// A block of another operation was freed while this one was active.
    pub(super) fn freed_for_other(&self, size: usize) {
        self.freed(size);
        bump(&self.counts.others_frees, 1);
        bump(&self.counts.others_freed_bytes, size as u64);
    }

    /// The owner's side of it.
    pub(super) fn freed_elsewhere(&self, size: usize) {
        bump(&self.counts.freed_elsewhere_blocks, 1);
        bump(&self.counts.freed_elsewhere_bytes, size as u64);
    }

    /// A block of another operation was resized while this one was active, and is its own since.
    pub(super) fn took_over(&self, old: usize, new: usize) {
        self.resized(old, new);
        bump(&self.counts.taken_over_blocks, 1);
        bump(&self.counts.taken_over_bytes, old as u64);
    }

    /// The former owner's side of it.
    pub(super) fn gave_away(&self, old: usize) {
        bump(&self.counts.given_away_blocks, 1);
        bump(&self.counts.given_away_bytes, old as u64);
    }

    /// A scope begins.
    #[inline]
    pub(super) fn entered(&self) {
        bump(&self.scopes, 1);
    }

    /// A thread is here; `thread` is its number.
    #[inline]
    pub(super) fn visited(&self, thread: u32) {
        if self.visitor.load(Relaxed) != thread {
            self.visitor.store(thread, Relaxed);
            bump(&self.threads, 1);
        }
    }

    #[inline]
    pub(super) fn peaked(&self, at: u64) {
        if at >= self.peak.load(Relaxed) {
            self.peak.store(at + 1, Relaxed);
        }
    }

    pub(crate) fn peak(&self) -> Option<u64> {
        self.peak.load(Relaxed).checked_sub(1)
    }
}

/// Sixteen accounts with neighbouring ids.
#[derive(Debug)]
pub(super) struct Leaf([Account; 16]);
/// 128 leaves: 2,048 ids.
#[derive(Debug)]
pub(super) struct Branch([Link<Leaf>; 128]);
/// 2,048 branches: all 2^22 ids that a tag can hold.
#[derive(Debug)]
pub(super) struct Root([Link<Branch>; 2048]);

// SAFETY: integers and links, of which zero is a value.
unsafe impl Zeroed for Leaf {}
// SAFETY: as above.
unsafe impl Zeroed for Branch {}
// SAFETY: as above.
unsafe impl Zeroed for Root {}

/// The accounts of a shard, found by id: three steps at most, made when first touched.
#[derive(Debug)]
pub(crate) struct Accounts {
    first: Branch,
    root: Link<Root>,
}

const _: () = assert!(16 * 128 * 2048 == 1 << tag::ID_BITS);

impl Accounts {
    const fn new() -> Self {
        Self { first: Branch([const { Link::none() }; 128]), root: Link::none() }
    }

    /// The account of operation `id`, made if need be; `None` when the system is out of memory.
    #[inline]
    pub(super) fn of(&self, id: u32) -> Option<&'static Account> {
        if id >> 11 == 0
            && let Some(leaf) = self.first.0.get(id as usize >> 4).and_then(Link::get)
            && let Some(account) = leaf.0.get(id as usize & 15)
            && account.tag() != 0
        {
            return Some(account);
        }
        self.make(id)
    }

    #[cold]
    #[inline(never)]
    fn make(&self, id: u32) -> Option<&'static Account> {
        let branch = match id >> 11 {
            0 => &self.first,
            far => made(made(&self.root)?.0.get(far as usize)?)?,
        };
        let leaf = made(branch.0.get(id as usize >> 4 & 127)?)?;
        let account = leaf.0.get(id as usize & 15)?;
        if account.tag() == 0 {
            account.tag.store(tag::of(id), Relaxed);
        }
        Some(account)
    }

    pub(crate) fn for_each(&self, mut see: impl FnMut(u32, &Account)) {
        let mut see_branch = |branch: &Branch| {
            for leaf in branch.0.iter().filter_map(Link::get) {
                for account in &leaf.0 {
                    if let Some(id) = tag::id(account.tag()) {
                        see(id, account);
                    }
                }
            }
        };
        see_branch(&self.first);
        if let Some(root) = self.root.get() {
            root.0.iter().filter_map(Link::get).for_each(&mut see_branch);
        }
    }
}

/// What is linked, placed first if nothing is. Two threads may race in [`OVERFLOW`]; the loser's memory stays unused.
fn made<T: Zeroed>(link: &Link<T>) -> Option<&'static T> {
    link.get().or_else(|| {
        let placed = place()?;
        Some(match link.swap(None, placed) {
            Ok(()) => placed,
            Err(winner) => winner?,
        })
    })
}

/// What one thread records.
///
/// Levels: `threshold - room` is the thread's net bytes, not counting the ledger's own (`aside`). `room` is what the
/// thread may still allocate before its level passes `peak` or strays too far from what it last told `sink`; past
/// either end the slow path looks at it. So the hot path pays one subtraction for the peak, the shared level and the
/// process witness together.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Shard {
    room: AtomicI64,
    threshold: AtomicI64,
    /// The highest level since the innermost scope began, or since a scope inside it ended.
    peak: AtomicI64,
    /// The level that `sink` knows.
    synced: AtomicI64,
    /// Net bytes of the ledger's own operation on this thread.
    aside: AtomicI64,
    /// While the ledger works on this thread: the peak it had before, plus its level then; else zero, zero.
    pub(super) held_peak: AtomicI64,
    pub(super) held: AtomicBool,
    claimed: AtomicBool,
    /// Odd while the stack changes, so that a reader of running scopes knows a torn reading.
    pub(super) version: AtomicU32,
    /// This thread's number, unique while the program runs (it wraps after 2^32 threads).
    pub(super) thread: AtomicU32,
    /// The bottom of the stack: the thread's base operation.
    pub(super) base: Frame,
    /// The innermost open scope, or the base.
    pub(super) top: Link<Frame>,
    /// Frames for scopes to come.
    pub(super) spare: Link<Frame>,
    /// What the thread did in all, less what its active account says: one addition tells the whole.
    pub(super) elsewhere: Done,
    /// Where the level is added up across threads.
    pub(super) sink: Link<SharedLevel>,
    /// The shared level this thread began in, if it was spawned within a `with_threads()` scope.
    pub(super) crew: Link<SharedLevel>,
    /// The system's number of the thread, where it began in a `with_threads()` scope.
    pub(crate) tid: AtomicU32,
    /// Scopes ended while one begun after them was open.
    pub(crate) misnested: AtomicU64,
    pub(crate) accounts: Accounts,
    next: Link<Shard>,
}

// SAFETY: integers, booleans and links, of which zero is a value.
unsafe impl Zeroed for Shard {}

impl Listed for Shard {
    fn next(&self) -> &Link<Self> {
        &self.next
    }
}

/// All shards there ever were.
pub(crate) static SHARDS: List<Shard> = List::new();
/// How many of them no thread has.
static IDLE: AtomicUsize = AtomicUsize::new(0);
/// How many threads have been numbered.
static THREADS: AtomicU32 = AtomicU32::new(0);

/// Room so far below zero that every call takes the slow path.
const NO_ROOM: i64 = i64::MIN / 2;

/// Stands for the shard of a thread that has none, or that must look at every call: it never has room.
pub(super) static UNATTACHED: Shard = Shard::new(NO_ROOM);

impl Shard {
    const fn new(room: i64) -> Self {
        Self {
            room: AtomicI64::new(room),
            threshold: AtomicI64::new(0),
            peak: AtomicI64::new(0),
            synced: AtomicI64::new(0),
            aside: AtomicI64::new(0),
            held_peak: AtomicI64::new(0),
            held: AtomicBool::new(false),
            claimed: AtomicBool::new(false),
            version: AtomicU32::new(0),
            thread: AtomicU32::new(0),
            base: Frame::new(),
            top: Link::none(),
            spare: Link::none(),
            elsewhere: Done::new(),
            sink: Link::none(),
            crew: Link::none(),
            tid: AtomicU32::new(0),
            misnested: AtomicU64::new(0),
            accounts: Accounts::new(),
            next: Link::none(),
        }
    }

    /// A dead thread's shard, or a new one; `None` when the system is out of memory.
    pub(super) fn claim() -> Option<&'static Self> {
        let idle = if IDLE.load(Acquire) == 0 {
            None
        } else {
            SHARDS.iter().find(|shard| {
                !shard.claimed.load(Relaxed) && shard.claimed.compare_exchange(false, true, Acquire, Relaxed).is_ok()
            })
        };
        let shard = match idle {
            Some(shard) => {
                IDLE.fetch_sub(1, AcqRel);
                shard
            }
            None => {
                let shard: &'static Self = place()?;
                shard.claimed.store(true, Relaxed);
                SHARDS.push(shard);
                shard
            }
        };
        shard.thread.store(THREADS.fetch_add(1, Relaxed).wrapping_add(1), Relaxed);
        shard.synced.store(shard.level(), Relaxed);
        shard.begin_peak(shard.level());
        Some(shard)
    }

    /// Whether a thread has it now.
    pub(crate) fn is_claimed(&self) -> bool {
        self.claimed.load(Relaxed)
    }

    /// Whether a thread that began in `level`, or in a level inside it, has this shard now.
    #[cfg(heapledger_interpose)]
    pub(crate) fn serves(&self, level: &SharedLevel) -> bool {
        self.claimed.load(Relaxed) && self.crew.get().is_some_and(|crew| crew.is_within(level))
    }

    pub(super) fn release(&self) {
        self.claimed.store(false, Release);
        IDLE.fetch_add(1, AcqRel);
    }

    /// Forgets what a stand-in was told, so that however much it is, it never makes room.
    pub(super) fn forget(&self) {
        self.room.store(NO_ROOM, Relaxed);
    }

    /// Takes note of bytes allocated; false when the slow path must look.
    #[inline(always)]
    pub(super) fn rise(&self, size: usize) -> bool {
        let room = self.room.load(Relaxed).wrapping_sub(size as i64);
        self.room.store(room, Relaxed);
        room >= 0
    }

    /// Takes note of bytes freed, or of a resize that gives `size` back (negative when it grew).
    #[inline(always)]
    pub(super) fn fall(&self, size: i64) -> bool {
        let room = self.room.load(Relaxed).wrapping_add(size);
        self.room.store(room, Relaxed);
        room as u64 <= 2 * STEP as u64
    }

    /// Net bytes of this thread, the ledger's own memory apart.
    #[inline]
    pub(super) fn level(&self) -> i64 {
        self.threshold.load(Relaxed).wrapping_sub(self.room.load(Relaxed))
    }

    /// Net bytes of all threads that had this shard, the ledger's own included.
    pub(crate) fn witness(&self) -> i64 {
        self.level().wrapping_add(self.aside.load(Relaxed))
    }

    #[inline]
    pub(super) fn peak(&self) -> i64 {
        self.peak.load(Relaxed)
    }

    /// The peak begins anew at `level`, which is the thread's.
    #[inline]
    pub(super) fn begin_peak(&self, level: i64) {
        // Room counts from here on: what the thread has not told must not add up from scope to scope.
        if level.wrapping_sub(self.synced.load(Relaxed)).unsigned_abs() >= STEP as u64 {
            self.sync();
        }
        self.peak.store(level, Relaxed);
        self.threshold.store(level, Relaxed);
        self.room.store(0, Relaxed);
    }

    /// The peak is at least `to`. `room` may be less than could be had, until the slow path looks.
    #[inline]
    pub(super) fn raise_peak(&self, to: i64) {
        self.peak.store(to, Relaxed);
    }

    /// Called when `room` left its range: moves the peak, tells the sink, and makes room again.
    pub(super) fn settle(&self) {
        let level = self.level();
        if level > self.peak() {
            self.peak.store(level, Relaxed);
        }
        if (level - self.synced.load(Relaxed)).abs() >= STEP {
            self.sync();
        }
        self.settle_at(level);
    }

    /// Sets the level, and the room up to the nearer of the peak and the next step.
    #[inline]
    fn settle_at(&self, level: i64) {
        let next_step = self.synced.load(Relaxed).saturating_add(STEP);
        let threshold = self.peak().min(next_step).max(level);
        self.threshold.store(threshold, Relaxed);
        self.room.store(threshold - level, Relaxed);
    }

    /// Tells the sink by how much the level moved since it was last told.
    pub(super) fn sync(&self) {
        let level = self.level();
        let moved = level - self.synced.load(Relaxed);
        self.synced.store(level, Relaxed);
        self.sink.get().unwrap_or(&PROCESS).add(moved);
    }

    /// Puts the ledger's own net bytes since the level was `level` aside, so that no scope's peak knows them.
    pub(super) fn put_aside(&self, level: i64, peak: i64) {
        let own = self.level() - level;
        self.aside.store(self.aside.load(Relaxed).wrapping_add(own), Relaxed);
        PROCESS.add(own);
        self.threshold.store(level, Relaxed);
        self.room.store(0, Relaxed);
        self.peak.store(peak, Relaxed);
        self.settle();
    }
}

/// Where threads without a shard record.
pub(crate) static OVERFLOW: Overflow =
    Overflow { level: AtomicI64::new(0), accounts: Accounts::new(), last_resort: Account::unused() };

/// The shared shard: every count is an atomic addition.
#[derive(Debug)]
pub(crate) struct Overflow {
    level: AtomicI64,
    pub(crate) accounts: Accounts,
    /// Takes the counts for which no account can be made, when the system is out of memory; they then belong to
    /// the foreign operation, and no check passes.
    pub(crate) last_resort: Account,
}

impl Overflow {
    /// Net bytes recorded here.
    pub(crate) fn witness(&self) -> i64 {
        self.level.load(Relaxed)
    }

    fn of(&self, node: &Node) -> &Account {
        self.by_id(node.id)
    }

    fn by_id(&self, id: u32) -> &Account {
        self.accounts.of(id).unwrap_or(&self.last_resort)
    }

    fn shift(&self, by: i64) {
        self.level.fetch_add(by, Relaxed);
        PROCESS.add(by);
    }

    pub(super) fn allocated(&self, active: &Node, size: usize) {
        let counts = &self.of(active).counts;
        counts.allocs.fetch_add(1, Relaxed);
        counts.allocated_bytes.fetch_add(size as u64, Relaxed);
        self.shift(size as i64);
    }

    pub(super) fn freed(&self, active: &Node, owner: u32, size: usize) {
        let counts = &self.of(active).counts;
        counts.frees.fetch_add(1, Relaxed);
        counts.freed_bytes.fetch_add(size as u64, Relaxed);
        if active.id != owner {
            counts.others_frees.fetch_add(1, Relaxed);
            counts.others_freed_bytes.fetch_add(size as u64, Relaxed);
            self.freed_elsewhere(owner, size);
        }
        self.shift(-(size as i64));
    }

    pub(super) fn resized(&self, active: &Node, owner: u32, old: usize, new: usize) {
        let counts = &self.of(active).counts;
        counts.reallocs.fetch_add(1, Relaxed);
        counts.freed_bytes.fetch_add(old as u64, Relaxed);
        counts.allocated_bytes.fetch_add(new as u64, Relaxed);
        if active.id != owner {
            counts.taken_over_blocks.fetch_add(1, Relaxed);
            counts.taken_over_bytes.fetch_add(old as u64, Relaxed);
            self.gave_away(owner, old);
        }
        self.shift((new as i64).wrapping_sub(old as i64));
    }

    /// The owner's side of a free, also for a thread whose own shard cannot make the owner's account.
    pub(super) fn freed_elsewhere(&self, owner: u32, size: usize) {
        let counts = &self.by_id(owner).counts;
        counts.freed_elsewhere_blocks.fetch_add(1, Relaxed);
        counts.freed_elsewhere_bytes.fetch_add(size as u64, Relaxed);
    }

    /// The former owner's side of a resize.
    pub(super) fn gave_away(&self, owner: u32, old: usize) {
        let counts = &self.by_id(owner).counts;
        counts.given_away_blocks.fetch_add(1, Relaxed);
        counts.given_away_bytes.fetch_add(old as u64, Relaxed);
    }
}
