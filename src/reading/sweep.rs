//! The walk over everything that is recorded: every shard there ever was, then the overflow. All readings go through
//! it, so that none of them can miss a part. It stops no thread, allocates nothing and judges nothing.

use crate::record::{self, AccountReading, OVERFLOW, Running, SHARDS, Shard};
use crate::words::AccountId;

/// Who records: the threads that have one shard after each other, or all threads that have none.
#[derive(Clone, Copy)]
pub(super) enum Writer {
    Thread(&'static Shard),
    Threadless,
}

/// Names a [`Writer`]; the same for all threads that had one shard after each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WriterId(pub(crate) usize);

/// Names a thread among those that had one shard after each other.
#[derive(Clone, Copy)]
pub(super) struct LastThread(u32);

/// All who record, or ever did.
pub(super) fn sweep() -> impl Iterator<Item = Writer> {
    SHARDS.iter().map(Writer::Thread).chain([Writer::Threadless])
}

impl Writer {
    pub(super) fn id(self) -> WriterId {
        match self {
            Self::Thread(shard) => WriterId(std::ptr::from_ref(shard).addr()),
            // No shard is at address zero.
            Self::Threadless => WriterId(0),
        }
    }

    /// The last thread that recorded here, if no other thread may be recording now. To be asked before the accounts are
    /// read.
    pub(super) fn resting(self) -> Option<LastThread> {
        let Self::Thread(shard) = self else { return None };
        // First the number: with a later one, a whole thread could hide between the two.
        let last = LastThread(shard.last_thread());
        (!shard.is_claimed() || record::is_mine(shard)).then_some(last)
    }

    /// Whether nothing that was read was of a thread that began to record here after `last`.
    pub(super) fn has_rested_since(self, last: LastThread) -> bool {
        matches!(self, Self::Thread(shard) if shard.last_thread() == last.0)
    }

    pub(super) fn for_each_account(self, see: impl FnMut(AccountId, AccountReading)) {
        match self {
            Self::Thread(shard) => shard.for_each_account(see),
            Self::Threadless => OVERFLOW.for_each_account(see),
        }
    }

    /// What was recorded for one account; `None` if nothing was.
    pub(super) fn account(self, id: AccountId) -> Option<AccountReading> {
        match self {
            Self::Thread(shard) => shard.read_account(id),
            Self::Threadless => OVERFLOW.read_account(id),
        }
    }

    /// Net bytes, which are counted apart from all accounts.
    pub(super) fn witness(self) -> i64 {
        match self {
            Self::Thread(shard) => shard.witness(),
            Self::Threadless => OVERFLOW.witness(),
        }
    }

    pub(super) fn misnested(self) -> u64 {
        match self {
            Self::Thread(shard) => shard.misnested(),
            Self::Threadless => 0,
        }
    }

    /// Adds the scopes that run. `false` when they could not be read.
    pub(super) fn read_running(self, into: &mut Vec<Running>) -> bool {
        match self {
            Self::Thread(shard) => shard.read_running(into),
            Self::Threadless => true,
        }
    }
}
