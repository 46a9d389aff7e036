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

mod allocator;
pub(crate) mod exit;
pub(crate) mod fork;
#[cfg(heapledger_interpose)]
pub(crate) mod interpose;
pub(crate) mod level;
pub(crate) mod memory;
pub(crate) mod plan;
pub(crate) mod shard;
pub(crate) mod stack;
mod tag;
pub(crate) mod thread;

pub use allocator::Allocator;
pub(crate) use allocator::allocator_name;
