//! The recording layer: from the allocator's four methods to counters that anybody may read.
//!
//! Invariants: what runs inside the allocator never allocates through the ledger, locks, logs, formats, indexes or
//! unwinds. All unsafe code of the crate is in here, in seven files: `allocator`, `tag`, `memory`, `system`,
//! `interpose`, and of the stacks `machine` and `recognize`.

/// What is recorded for one account.
mod account;
/// The accounts of one shard, found by id.
mod accounts;
/// Forwards to the inner allocator, writes the owner's tag, and has the call counted.
mod allocator;
/// The atomics that threads share.
mod atomic;
/// C's heap as a whole.
mod c_heap;
/// What captured operations allocate and free.
mod captured;
/// The hot path: one call counted, and the slow halves.
mod count;
/// What scopes that deny allocations saw of them.
mod denial;
/// One open scope.
mod frame;
/// Whether the ledger serves `std::alloc` in this program.
mod installed;
/// `pthread_create`, interposed: spawned threads start in the right operation.
#[cfg(heapledger_interpose)]
mod interpose;
/// The operations that a thread entered last by name.
mod known;
/// The net bytes of one thread, the peak of its scopes, and what its shared level was told.
mod level;
/// Accounts of operation, call stack and class of sizes.
mod lines;
/// Where the recorder's own memory comes from, and the links in it.
mod memory;
/// Every order in which threads may see what they share.
#[cfg(all(test, heapledger_loom))]
mod models;
/// An open scope as `front/` holds it.
mod opened;
/// Where threads without a shard record.
mod overflow;
/// Which account a tag names.
mod owners;
/// Which allocations are to fail on purpose.
mod plan;
/// The ledger's own work, and values that are the ledger's own memory.
mod quiet;
/// Pseudo-random sequences.
mod random;
/// What a thread found last.
mod recent;
/// Which allocations are samples.
mod sampler;
/// Where one thread records.
mod shard;
/// Levels that many threads share.
mod shared_level;
/// The thread's two thread-locals.
mod slot;
/// The open scopes of a thread.
mod stack;
/// Call stacks: taken, recognized and kept.
mod stacks;
/// Numbers of threads, and how many work for no test.
mod strangers;
/// All that is asked of the operating system.
mod system;
/// Four bytes behind a block that say which account owns it.
mod tag;

pub use allocator::Allocator;

pub(crate) use account::{AccountReading, Peak};
pub(crate) use allocator::allocator_name;
pub(crate) use c_heap::c_heap;
pub(crate) use captured::{prepare_capture, prepare_stacks};
pub(crate) use denial::{Denial, Offence};
pub(crate) use frame::ScopeReading;
pub(crate) use installed::{begun, installed, installed_after};
#[cfg(heapledger_interpose)]
pub(crate) use interpose::is_active as interposes;
pub(crate) use lines::{
    LineKey, accounts_of as accounts_of_lines, index_of as line_index, issued as lines, line, operation_of,
};
pub(crate) use memory::{Link, List, Listed, TAKEN};
#[cfg(heapledger_interpose)]
pub(crate) use opened::note_unopened;
pub(crate) use opened::{
    Opened, active, adopt, is_denied, known, look_again, open, open_known, remember, resume, strays, unopened,
};
pub(crate) use overflow::OVERFLOW;
pub(crate) use owners::issue;
pub(crate) use plan::{Failures, WHOLE};
pub(crate) use quiet::{Own, quiet, quietly};
pub(crate) use sampler::seed_samples;
pub(crate) use shard::{SHARDS, Shard};
pub(crate) use shared_level::{BOUND, PROCESS};
pub(crate) use slot::is_mine;
pub(crate) use stack::Running;
pub(crate) use stacks::{StackExtent, StackId, is_possible as takes_stacks, look_at_modules, read as read_stack};
pub(crate) use strangers::{begin_test, strangers};
#[cfg(all(feature = "lines", any(target_os = "linux", not(heapledger_backtrace))))]
pub(crate) use system::mapped;
pub(crate) use system::{at_exit, before_main, lock_over_forks, terminal_width, trim, watch_forks};
#[cfg(all(unix, feature = "cli"))]
pub(crate) use system::{ignores, send_signal};
