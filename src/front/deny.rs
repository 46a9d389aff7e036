//! `deny_alloc`: an operation that must not allocate, and the panic when it does. The scope counts; this file reads
//! before and after it, and has it judged when it ends. `judging` says what the readings mean, and `render` writes the
//! message.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::thread::panicking;

use super::name::Name;
use super::process;
use super::scope::{Scope, track};
use crate::judging::budget::Denied;
use crate::judging::{Allocated, Violation, allocated_between};
use crate::record::{self, Own};
use crate::words::{Counts, LEDGER, Node, OperationId, Tally};
use crate::{registry, render};

/// Enters the operation `name` within the active one, and denies it allocations until the guard is dropped. Dropping
/// the guard panics if this thread allocated or resized a block meanwhile, in the operation or in any scope begun
/// inside it.
///
/// The panic comes when the scope has ended, so that no work is cut short, and its message says how much, where, and
/// which operations did it. Frees are allowed, and so is what other threads do. A guard that is dropped while its
/// thread panics stays silent.
///
/// Costs what [`track`] does, and a copy of the thread's counters, at the ledger's own expense.
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
/// assert!(said.starts_with("deny_alloc \"encode\": 1 allocation of 1000 B, where none may be\n"), "{said}");
/// ```
#[track_caller]
pub fn deny_alloc(name: impl Name) -> DenyAlloc {
    process::must_see();
    let scope = track(name);
    assert!(scope.opened.is_some(), "no memory is left to see allocations with");
    let node = record::active();
    process::denies(node);
    // Read inside the scope, because a thread that ends may have taken its shard for this scope alone.
    let before = Own::new(allocated_by_operation);
    DenyAlloc { scope: Some(scope), node, before, allowed: 0, caller: Location::caller() }
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
    /// What the thread had allocated in each operation when the scope began.
    before: Own<BTreeMap<OperationId, Allocated>>,
    allowed: u64,
    caller: &'static Location<'static>,
}

impl DenyAlloc {
    /// Permits up to `allocs` allocations and resizes, counted together.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let _one = heapledger::deny_alloc("parse").allowing(1);
    /// let numbers = vec![1, 2, 3];
    /// # drop(numbers);
    /// ```
    pub fn allowing(mut self, allocs: u64) -> Self {
        self.allowed = allocs;
        self
    }

    /// Ends the operation and says what this thread did in it, as [`Scope::finish`] does.
    ///
    /// # Panics
    /// When more was allocated than is allowed, unless the thread panics already.
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
        let violation = self.violation_so_far();
        let tally = self.scope.take().map_or_else(Tally::default, Scope::finish);
        if let Some(violation) = violation {
            process::denied(|| denied_of(&violation));
            if !panicking() {
                panic!("{}", *violation);
            }
        }
        tally
    }

    /// What the scope did so far that it must not; `None` if it did no such thing.
    fn violation_so_far(&self) -> Option<Own<Violation>> {
        let did = Allocated::of(&self.scope.as_ref()?.so_far()?.activity.counts());
        if did.calls() <= self.allowed {
            return None;
        }
        let Self { node, allowed, caller, .. } = *self;
        Some(Own::new(|| {
            let path_of = |id: &OperationId| registry::find_by_id(*id).map(Node::path);
            let by = allocated_between(&self.before, &allocated_by_operation(), path_of);
            Violation { path: node.path(), caller, did, allowed, by }
        }))
    }
}

/// What the process reports of a violation when it ends.
fn denied_of(violation: &Violation) -> Denied {
    let Violation { path, caller, did, .. } = violation;
    Denied { path: path.clone(), allocs: did.calls(), allocated_bytes: did.bytes, site: Some((*caller).into()) }
}

impl Drop for DenyAlloc {
    fn drop(&mut self) {
        self.end();
    }
}

/// What this thread has allocated so far in each operation, by id.
fn allocated_by_operation() -> BTreeMap<OperationId, Allocated> {
    let mut all: BTreeMap<OperationId, Counts> = BTreeMap::new();
    record::for_each_account_here(|account, read| {
        let id = registry::owner_of(account);
        if id != LEDGER.id {
            all.entry(id).or_default().add(&read.counts);
        }
    });
    all.into_iter().map(|(id, counts)| (id, Allocated::of(&counts))).collect()
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
