//! `deny_alloc`: an operation that must not allocate, and the panic when it does. The recorder takes down what happens
//! in it; this file has it judged when the scope ends. `render` writes the message.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::thread::panicking;

use super::name::Name;
use super::scope::{Scope, track};
use super::{found, process};
use crate::judging::budget::Denied;
use crate::judging::{FirstOffender, Offences, Violation, worst_first};
use crate::reading::{CallStackKind, addresses_of};
use crate::record::{self, Denial, Offence, Own, StackId};
use crate::registry::{self, Gated};
use crate::render;
use crate::symbols::{CallFrame, own_line, symbolize};
use crate::words::{Cause, Counts, Error, Node, OTHER, OperationId, Tally};

/// Enters the operation `name` within the active one, and denies it allocations until the guard is dropped. Dropping
/// the guard panics if this thread allocated or resized a block meanwhile, in the operation or in any scope begun
/// inside it.
///
/// The panic comes when the scope has ended, so that no work is cut short. Its message says how much, which operations
/// did it, and the line of the first one, taken as it happened. Frees are allowed, unless [`frees`](DenyAlloc::frees)
/// denies them too. So is what [`permit`](crate::permit) runs, and what other threads do. A guard that is dropped while
/// its thread panics stays silent.
///
/// It panics, too, where a block came back on this thread meanwhile without a valid owner tag: memory was corrupted,
/// and no check passes then.
///
/// Entering costs some hundred nanoseconds, and some microseconds on a thread's first time; inside, an allocation or a
/// free costs some nanoseconds more. Lines are looked up when the guard panics: some tenths of a second, once for each
/// call stack.
///
/// What the optimizer removes is not allocated: release builds may pass where debug builds do not.
///
/// # Panics
/// Here, where heapledger is not the global allocator: a check that cannot see must not pass.
///
/// ```
/// // Nothing is installed in this program:
/// let denied = std::panic::catch_unwind(|| drop(heapledger::deny_alloc("encode")));
/// let said = denied.unwrap_err().downcast::<String>().unwrap();
/// assert!(said.contains("heapledger is not the global allocator"));
/// ```
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let mut buffer = Vec::with_capacity(64);
/// {
///     let _none = heapledger::deny_alloc("encode");
///     buffer.extend_from_slice(b"fits into what was reserved");
/// }
/// let denied = std::panic::catch_unwind(|| {
///     let _none = heapledger::deny_alloc("encode");
///     vec![0u8; 1_000]
/// });
/// let said = denied.unwrap_err().downcast::<String>().unwrap();
/// assert!(said.contains("): 1 allocation of 1000 B, where none may be\n  first    1 allocation of 1000 B in encode"));
/// ```
#[track_caller]
pub fn deny_alloc(name: impl Name) -> DenyAlloc {
    process::must_see();
    let has_stacks = registry::prepare_stacks();
    let scope = track(name);
    let denies = scope.opened.is_some_and(record::Opened::deny);
    assert!(denies, "no memory is left to see allocations with");
    let node = record::active();
    found::denies(node);
    let (strays, caller) = (record::strays(), Location::caller());
    DenyAlloc { scope: Some(scope), node, allowed: 0, denies_frees: false, has_stacks, strays, caller }
}

/// An operation that must not allocate, active on this thread until this is dropped. Made by [`deny_alloc`].
///
/// Belongs to its thread, as every [`Scope`] does: it can neither be sent to another one nor be shared with it.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let guard: heapledger::DenyAlloc = heapledger::deny_alloc("encode");
/// # drop(guard);
/// ```
#[must_use = "allocations are denied until the guard is dropped: bind it, `let _none = deny_alloc(..)`"]
#[derive(Debug)]
pub struct DenyAlloc {
    /// `None` when it has been judged.
    scope: Option<Scope>,
    node: &'static Node,
    allowed: u64,
    denies_frees: bool,
    /// Whether call stacks can be taken.
    has_stacks: bool,
    /// How many blocks without a valid owner tag the thread had met when it began.
    strays: u64,
    caller: &'static Location<'static>,
}

impl DenyAlloc {
    /// Permits up to `calls` allocations and resizes, and frees where they are denied, counted together.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let _one = heapledger::deny_alloc("parse").allowing(1);
    /// let numbers = vec![1, 2, 3];
    /// # drop(numbers);
    /// ```
    pub fn allowing(mut self, calls: u64) -> Self {
        self.allowed = calls;
        if let Some(denial) = self.denial() {
            denial.allow(calls);
        }
        self
    }

    /// Denies frees too, from now on: for code that must not wait for an allocator at all, as on a real-time thread.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let spent = vec![0u8; 512];
    /// let denied = std::panic::catch_unwind(|| {
    ///     let _none = heapledger::deny_alloc("mix").frees();
    ///     drop(spent);
    /// });
    /// let said = denied.unwrap_err().downcast::<String>().unwrap();
    /// assert!(said.contains("): 1 free of 512 B, where none may be\n"));
    /// ```
    pub fn frees(mut self) -> Self {
        self.denies_frees = true;
        if let Some(denial) = self.denial() {
            denial.deny_frees();
        }
        self
    }

    /// Ends the operation and says what this thread did in it, as [`Scope::finish`] does.
    ///
    /// # Panics
    /// When more was done than is allowed, unless the thread panics already.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let text = String::from("ledger");
    /// let guard = heapledger::deny_alloc("search");
    /// assert!(text.contains("edge"));
    /// drop(text);
    /// assert_eq!(guard.finish().frees, 1);
    /// ```
    #[track_caller]
    pub fn finish(mut self) -> Tally {
        self.end()
    }

    /// Ends the scope, then judges it; once.
    #[track_caller]
    fn end(&mut self) -> Tally {
        let (violation, met) = (self.violation_so_far(), self.strays_so_far());
        let tally = self.scope.take().map_or_else(Tally::default, Scope::finish);
        record::look_again();
        if let Some(violation) = violation {
            found::denied(|| denied_of(&violation));
            if !panicking() {
                panic!("{}", *violation);
            }
        }
        if met > 0 && !panicking() {
            panic!("{}", *self.corrupted(met));
        }
        tally
    }

    /// What the scope saw; `None` if it has ended.
    fn denial(&self) -> Option<&'static Denial> {
        self.scope.as_ref()?.opened?.denial()
    }

    /// How many blocks without a valid owner tag this thread has met in the scope so far.
    fn strays_so_far(&self) -> u64 {
        // Where the scope has ended, the thread may have another shard.
        self.denial().map_or(0, |_| record::strays().saturating_sub(self.strays))
    }

    /// What is said where it met such blocks.
    fn corrupted(&self, blocks: u64) -> Own<String> {
        let Self { node, caller, .. } = *self;
        Own::new(|| render::denied_and_corrupted(&node.path(), caller, &Error(Cause::Foreign { blocks })))
    }

    /// What was done in the scope so far that must not be; `None` if no such thing was done, or nobody will be told.
    fn violation_so_far(&self) -> Option<Own<Violation>> {
        let denial = self.denial()?;
        // What the panic that ends the scope allocates is no doing of the scope's.
        let unwinds = panicking();
        let seen = denial.seen() - if unwinds { denial.seen_in_panic() } else { 0 };
        if seen <= self.allowed || unwinds && !found::is_reported() {
            return None;
        }
        let Self { node, denies_frees, allowed, has_stacks, caller, .. } = *self;
        Some(Own::new(|| {
            let mut did = Vec::new();
            denial.for_each(unwinds, |id, counts| {
                did.extend((counts != Counts::default()).then(|| (path_of(id), Offences::of(&counts))));
            });
            let first = denial.first().map(|first| FirstOffender {
                did: only(first.offence),
                path: path_of(first.operation),
                stack: has_stacks.then(|| frames_of(first.stack, caller)),
            });
            Violation { path: node.path(), caller, denies_frees, allowed, first, by: worst_first(did) }
        }))
    }
}

fn path_of(id: OperationId) -> String {
    registry::find_by_id(id).unwrap_or(&OTHER).path()
}

fn only(offence: Offence) -> Offences {
    match offence {
        Offence::Alloc(size) => Offences { allocs: 1, bytes: size as u64, ..Offences::default() },
        Offence::Resize(size) => Offences { reallocs: 1, bytes: size as u64, ..Offences::default() },
        Offence::Free(size) => Offences { frees: 1, freed_bytes: size as u64, ..Offences::default() },
    }
}

/// The functions on a call stack. They are looked up once: a loop may be denied the same a million times.
fn frames_of(stack: StackId, caller: &Location<'static>) -> (CallStackKind, Vec<CallFrame>) {
    static KNOWN: Gated<BTreeMap<StackId, Vec<CallFrame>>> = Gated::new(BTreeMap::new());
    registry::look_at_modules();
    let (kind, addresses) = addresses_of(stack);
    let found = KNOWN.with(|known| known.get(&stack).cloned());
    let frames = found.unwrap_or_else(|| {
        let frames = symbolize(&[addresses], &[caller.file()]).first().cloned().unwrap_or_default();
        KNOWN.with(|known| known.insert(stack, frames.clone()));
        frames
    });
    (kind, frames)
}

/// What the process reports of a violation when it ends.
fn denied_of(violation: &Violation) -> Denied {
    let did = violation.did();
    let stack = violation.first.as_ref().and_then(|first| first.stack.as_ref());
    Denied {
        path: violation.path.clone(),
        allocs: did.allocs + did.reallocs,
        allocated_bytes: did.bytes,
        frees: did.frees,
        freed_bytes: did.freed_bytes,
        first: violation.first.as_ref().map(render::first_offender),
        site: Some(violation.caller.into()),
        line: stack.and_then(|(_, frames)| own_line(frames)),
    }
}

impl Drop for DenyAlloc {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What the text is written to belongs to the caller; the text itself is the ledger's own memory.
        let text = Own::new(|| {
            let mut text = String::new();
            // Writing to a string does not fail.
            let _ = render::violation(self, &mut text);
            text
        });
        f.write_str(&text)
    }
}
