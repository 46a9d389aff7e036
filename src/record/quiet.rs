//! The ledger's own work. While it lasts, what it allocates belongs to the operation `(heapledger)`, and no scope
//! counts it. Never called from inside the allocator.

use std::marker::PhantomData;
use std::ops::Deref;

use super::account::Account;
use super::level::BeforeQuiet;
use super::slot::SLOT;
use crate::words::{LEDGER, Node};

/// While it lives, this thread works for the ledger: what it allocates is the ledger's own, and no scope counts it.
#[must_use = "it ends when dropped"]
pub(crate) struct Quiet {
    before: Before,
    _not_send: PhantomData<*const ()>,
}

enum Before {
    Attached {
        account: &'static Account,
        level: BeforeQuiet,
    },
    /// The thread has no shard. `(heapledger)` takes the place of its base operation, which is kept here.
    Bare(&'static Node),
}

/// Begins work for the ledger.
pub(crate) fn quiet() -> Quiet {
    let before = SLOT.with(|slot| {
        let attached = slot.attached(0);
        let own = attached.and_then(|shard| Some((shard, shard.accounts.of(LEDGER.account())?)));
        match own {
            Some((shard, account)) => {
                let level = shard.stack.change(|| shard.level.begin_quiet());
                Before::Attached { account: slot.count_in(account), level }
            }
            None => Before::Bare(slot.base.replace(&LEDGER)),
        }
    });
    Quiet { before, _not_send: PhantomData }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        SLOT.with(|slot| match self.before {
            Before::Attached { account, level } => {
                let shard = slot.shard.get();
                shard.stack.change(|| shard.level.end_quiet(level));
                slot.count_in(account);
            }
            Before::Bare(base) => slot.base.set(base),
        });
    }
}

/// Runs `work` as work of the ledger.
pub(crate) fn quietly<R>(work: impl FnOnce() -> R) -> R {
    let _quiet = quiet();
    work()
}

/// A value whose memory is the ledger's own until it has been dropped.
#[derive(Debug)]
pub(crate) struct Own<T>(Option<T>);

impl<T> Own<T> {
    pub(crate) fn new(make: impl FnOnce() -> T) -> Self {
        Self(Some(quietly(make)))
    }

    /// Takes the value out, so that the ledger can work on it and [put](Self::put) it back.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.0.take()
    }

    pub(crate) fn put(&mut self, value: T) {
        self.0 = Some(value);
    }
}

impl<T> Deref for Own<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("whoever takes it puts it back")
    }
}

impl<T: Clone> Clone for Own<T> {
    fn clone(&self) -> Self {
        Self::new(|| T::clone(self))
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        quietly(|| drop(value));
    }
}
