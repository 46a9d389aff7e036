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

    /// Whether another thread may be recording here at this moment. To be asked before the accounts are read, and
    /// after: threads begin and end meanwhile.
    pub(super) fn may_move(self) -> bool {
        match self {
            Self::Thread(shard) => shard.is_claimed() && !record::is_mine(shard),
            Self::Threadless => true,
        }
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
