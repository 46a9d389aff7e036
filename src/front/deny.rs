//! `deny_alloc`: an operation that must not allocate, and the panic when it does. The scope counts; here is what is
//! compared, and when it is judged.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::thread::panicking;

use super::name::Name;
use super::process;
use super::scope::{Scope, track};
use crate::judging::budget::Denied;
use crate::judging::{Allocated, Violation};
use crate::record::{self, Own};
use crate::words::{Counts, LEDGER, Node, OperationId, Tally};
use crate::{registry, render};

/// Enters the operation `name` within the active one, and denies it allocations until the guard is dropped: that panics
/// if this thread allocated or resized a block meanwhile, in the operation or in any scope begun inside it.
///
/// The panic comes when the scope has ended, so that nothing is cut short, and its message says how much, where, and
/// which operations did it. Frees are allowed, and so is what other threads do. A guard that is dropped while its thread
/// panics says nothing.
///
/// Costs what [`track`] does, and a copy of the thread's counters, at the ledger's own expense.
///
/// What the optimizer removed was not allocated: release builds may pass where debug builds do not.
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
    // Read inside: a thread that ends may have taken its shard for this scope alone.
    let before = Own::new(by_operation);
    DenyAlloc { scope: Some(scope), node: record::active(), before, allowed: 0, place: Location::caller() }
}

/// An operation that must not allocate, active on this thread until this is dropped. Made by [`deny_alloc`].
///
/// Belongs to its thread, as every [`Scope`] does.
#[must_use = "allocations are denied until the guard is dropped: bind it, `let _none = deny_alloc(..)`"]
#[derive(Debug)]
pub struct DenyAlloc {
    /// Nothing once it was judged.
    scope: Option<Scope>,
    node: &'static Node,
    /// What the thread had allocated in each operation when the scope began.
    before: Own<BTreeMap<OperationId, Allocated>>,
    allowed: u64,
    place: &'static Location<'static>,
}

impl DenyAlloc {
    /// Permits so many allocations and resizes, together; one more is one too many.
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
        let violation = self.violated();
        let tally = self.scope.take().map_or_else(Tally::default, Scope::finish);
        if let Some(violation) = violation {
            process::denied(|| told(&violation));
            if !panicking() {
                panic!("{}", *violation);
            }
        }
        tally
    }

    /// What the scope did that it must not, so far.
    fn violated(&self) -> Option<Own<Violation>> {
        let did = allocated(&self.scope.as_ref()?.so_far()?.activity.counts());
        if did.allocs + did.reallocs <= self.allowed {
            return None;
        }
        let Self { node, allowed, place, .. } = *self;
        Some(Own::new(|| Violation { path: node.path(), place, did, allowed, by: since(&self.before) }))
    }
}

/// What the process tells of it when it ends.
fn told(violation: &Violation) -> Denied {
    let Violation { path, place, did, .. } = violation;
    let allocs = did.allocs.saturating_add(did.reallocs);
    Denied { path: path.clone(), allocs, allocated_bytes: did.bytes, site: Some((*place).into()) }
}

impl Drop for DenyAlloc {
    fn drop(&mut self) {
        self.end();
    }
}

fn allocated(counts: &Counts) -> Allocated {
    Allocated { allocs: counts.allocs, reallocs: counts.reallocs, bytes: counts.allocated_bytes }
}

/// What this thread has allocated so far in each operation, by id.
fn by_operation() -> BTreeMap<OperationId, Allocated> {
    let mut all = BTreeMap::new();
    record::for_each_account_here(|account, read| {
        let id = registry::owner_of(account);
        if id != LEDGER.id {
            all.insert(id, allocated(&read.counts));
        }
    });
    all
}

/// Operations in which this thread allocated since, each alone, the largest first.
fn since(before: &BTreeMap<OperationId, Allocated>) -> Vec<(String, Allocated)> {
    let nodes = registry::all();
    let mut changed = Vec::new();
    for (id, now) in by_operation() {
        let then = before.get(&id).copied().unwrap_or_default();
        let did = Allocated {
            allocs: now.allocs.wrapping_sub(then.allocs),
            reallocs: now.reallocs.wrapping_sub(then.reallocs),
            bytes: now.bytes.wrapping_sub(then.bytes),
        };
        if did != Allocated::default()
            && let Some(node) = nodes.get(id.index())
        {
            changed.push((node.path(), did));
        }
    }
    changed.sort_by(|(one, did), (other, does)| {
        (does.allocs, does.bytes, does.reallocs)
            .cmp(&(did.allocs, did.bytes, did.reallocs))
            .then_with(|| one.cmp(other))
    });
    changed
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is written is the caller's, what it is made with the ledger's own.
        let text = Own::new(|| {
            let mut text = String::new();
            // Writing to a string does not fail.
            let _ = render::violation(self, &mut text);
            text
        });
        f.write_str(&text)
    }
}
