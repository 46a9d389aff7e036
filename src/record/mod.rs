//! The recording layer: from the allocator's four methods to counters that anybody may read.
//!
//! In the order in which a block passes through: `allocator` (forward and tag), `tag` (who owns the block), `thread`
//! (which shard and operation this thread writes), `stack` (open scopes), `level` (what threads share), `shard` (the
//! counters), `memory` (where the recorder's own memory comes from). `interpose` starts spawned threads in the right
//! operation; `plan` says what fails on purpose; `fork` is the one lock, for the registry; `exit` does work when the
//! process ends.
//!
//! Invariants: nothing in here allocates through the ledger, locks, logs, formats, indexes or unwinds. All unsafe code
//! of the crate is in here.

#![allow(unsafe_code, reason = "the one layer that handles raw blocks")]

/// Forwards to the inner allocator, writes the owner's tag, and tells the recorder.
mod allocator;
/// Work that is done when the process ends.
mod exit;
/// A lock that no fork finds held.
mod fork;
/// `pthread_create`, interposed.
#[cfg(heapledger_interpose)]
mod interpose;
/// Levels that many threads share.
mod level;
/// Where the recorder's own memory comes from.
mod memory;
/// Values that are the ledger's own memory.
mod own;
/// What is to fail on purpose.
mod plan;
/// Where counts live.
mod shard;
/// The open scopes of a thread.
mod stack;
/// Four bytes behind a block that say who owns it.
mod tag;
/// The thread's place in the ledger.
mod thread;

pub use allocator::Allocator;

pub(crate) use allocator::allocator_name;
pub(crate) use exit::at_exit;
pub(crate) use fork::alone;
#[cfg(heapledger_interpose)]
pub(crate) use interpose::active as interposes;
pub(crate) use level::{BOUND, PROCESS};
pub(crate) use memory::{Link, List, Listed, TAKEN, trim};
pub(crate) use own::Own;
pub(crate) use plan::{Failures, WHOLE};
pub(crate) use shard::{Account, OVERFLOW, SHARDS, Shard};
pub(crate) use stack::{Running, SoFar};
pub(crate) use thread::{Opened, accounts, active, adopt, installed, is_mine, issue, open, quiet, quietly};
