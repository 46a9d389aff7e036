//! What a scope that denies allocations saw of them, each as it happened. Only the scope's own thread writes and reads
//! it, and it never allocates. What may not be is for `judging` to say.

use super::account::Alone;
use super::atomic::Ordering::Relaxed;
use super::atomic::{AtomicBool, AtomicU32, AtomicU64};
use super::memory::zeroed;
use super::stacks::StackId;
use crate::words::{Activity, Counts, OTHER, OperationId};

/// Something that may be denied, with the block's size in bytes; of a resize, the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offence {
    Alloc(usize),
    Resize(usize),
    Free(usize),
}

/// The first offence past those that are allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstOffence {
    pub(crate) offence: Offence,
    pub(crate) operation: OperationId,
    pub(crate) stack: StackId,
}

/// So many operations are told apart. What others do counts as that of [`OTHER`].
const MOST: usize = 64;

/// What a scope denies, and what happened although it does.
#[derive(Debug)]
pub(crate) struct Denial {
    /// Whether frees are denied too.
    frees: AtomicBool,
    /// How many offences are allowed, and how many there were.
    allowed: AtomicU64,
    seen: AtomicU64,
    /// Of those, how many there were while the thread panicked.
    seen_in_panic: AtomicU64,
    first: First,
    /// How many of the offenders are in use.
    known: AtomicU32,
    offenders: [Offender; MOST],
}

/// The first offence.
#[derive(Debug)]
struct First {
    /// Which one it is, counted from one; zero where there is none.
    kind: AtomicU32,
    size: AtomicU64,
    operation: AtomicU32,
    stack: AtomicU32,
}

/// What one operation did.
#[derive(Debug)]
struct Offender {
    operation: AtomicU32,
    did: Activity<Alone>,
    /// Of that, what it did while the thread panicked.
    did_in_panic: Activity<Alone>,
}

zeroed!(First { kind, size, operation, stack });
zeroed!(Offender { operation, did, did_in_panic });
zeroed!(Denial { frees, allowed, seen, seen_in_panic, first, known, offenders });

impl Denial {
    /// Denies every allocation and resize from now on, for a scope that begins to.
    pub(super) fn begin(&self) {
        self.frees.store(false, Relaxed);
        self.allowed.store(0, Relaxed);
        self.seen.store(0, Relaxed);
        self.seen_in_panic.store(0, Relaxed);
        self.first.kind.store(0, Relaxed);
        self.known.store(0, Relaxed);
    }

    /// Denies frees too.
    pub(crate) fn deny_frees(&self) {
        self.frees.store(true, Relaxed);
    }

    /// Allows so many offences.
    pub(crate) fn allow(&self, offences: u64) {
        self.allowed.store(offences, Relaxed);
    }

    /// Takes an offence of `operation` down, if it is one here. `stack` tells where it happens.
    pub(super) fn note(&self, offence: Offence, operation: OperationId, stack: impl FnOnce() -> StackId) {
        if matches!(offence, Offence::Free(_)) && !self.frees.load(Relaxed) {
            return;
        }
        let seen = self.seen.load(Relaxed);
        self.seen.store(seen + 1, Relaxed);
        let in_panic = std::thread::panicking();
        self.seen_in_panic.store(self.seen_in_panic() + u64::from(in_panic), Relaxed);
        if seen >= self.allowed.load(Relaxed) && self.first().is_none() {
            self.first.set(FirstOffence { offence, operation, stack: stack() });
        }
        let Some(offender) = self.offender(operation) else { return };
        for did in [Some(&offender.did), in_panic.then_some(&offender.did_in_panic)].into_iter().flatten() {
            match offence {
                Offence::Alloc(size) => did.allocated(size),
                // What it was before belongs to no free.
                Offence::Resize(size) => did.resized(0, size),
                Offence::Free(size) => did.freed(size),
            }
        }
    }

    /// Where `operation` is taken down, or all others together.
    fn offender(&self, operation: OperationId) -> Option<&Offender> {
        let known = self.known.load(Relaxed) as usize;
        let is_it = |offender: &&Offender| offender.operation.load(Relaxed) == operation.number();
        if let Some(offender) = self.offenders.iter().take(known).find(is_it) {
            return Some(offender);
        }
        if known == MOST {
            return self.offenders.last();
        }
        let new = self.offenders.get(known)?;
        let name = if known + 1 == MOST { OTHER.id } else { operation };
        new.operation.store(name.number(), Relaxed);
        new.did.set(Activity::default());
        new.did_in_panic.set(Activity::default());
        self.known.store(known as u32 + 1, Relaxed);
        Some(new)
    }

    /// How many offences there were.
    pub(crate) fn seen(&self) -> u64 {
        self.seen.load(Relaxed)
    }

    /// How many of them there were while the thread panicked: a panic allocates its message, and runs destructors.
    pub(crate) fn seen_in_panic(&self) -> u64 {
        self.seen_in_panic.load(Relaxed)
    }

    /// The first offence past those that were allowed when it happened.
    pub(crate) fn first(&self) -> Option<FirstOffence> {
        self.first.get()
    }

    /// Calls `see` with what each operation did, `but_in_panic` without what it did while the thread panicked.
    pub(crate) fn for_each(&self, but_in_panic: bool, mut see: impl FnMut(OperationId, Counts)) {
        for offender in self.offenders.iter().take(self.known.load(Relaxed) as usize) {
            let (all, in_panic) = (offender.did.read(), offender.did_in_panic.read());
            let did = if but_in_panic { all.minus(in_panic) } else { all };
            see(OperationId::new(offender.operation.load(Relaxed)), did.counts());
        }
    }
}

impl First {
    fn set(&self, FirstOffence { offence, operation, stack }: FirstOffence) {
        let (kind, size) = match offence {
            Offence::Alloc(size) => (1, size),
            Offence::Resize(size) => (2, size),
            Offence::Free(size) => (3, size),
        };
        self.kind.store(kind, Relaxed);
        self.size.store(size as u64, Relaxed);
        self.operation.store(operation.number(), Relaxed);
        self.stack.store(stack.number(), Relaxed);
    }

    fn get(&self) -> Option<FirstOffence> {
        let size = self.size.load(Relaxed) as usize;
        let offence = match self.kind.load(Relaxed) {
            0 => return None,
            1 => Offence::Alloc(size),
            2 => Offence::Resize(size),
            _ => Offence::Free(size),
        };
        let operation = OperationId::new(self.operation.load(Relaxed));
        Some(FirstOffence { offence, operation, stack: StackId::new(self.stack.load(Relaxed)) })
    }
}
