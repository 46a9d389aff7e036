//! The ledger's own work. While it lasts, its memory is the operation `(heapledger)`'s, and no scope hears of it. Never
//! called from inside the allocator.

use std::marker::PhantomData;
use std::ops::Deref;

use super::account::Account;
use super::level::BeforeQuiet;
use super::slot::SLOT;
use crate::words::{LEDGER, Node};

/// While it lives, this thread works for the ledger: its memory is the ledger's own, and no scope hears of it.
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
    /// The thread has no shard: its base operation is another one meanwhile.
    Bare(&'static Node),
}

/// Begins work for the ledger.
pub(crate) fn quiet() -> Quiet {
    let before = SLOT.with(|slot| {
        let attached = slot.attached(|_| true);
        let own = attached.and_then(|shard| Some((shard, shard.accounts.of(LEDGER.account())?)));
        match own {
            Some((shard, account)) => {
                let level = shard.level.begin_quiet();
                Before::Attached { account: slot.account.replace(account), level }
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
                slot.shard.get().level.end_quiet(level);
                slot.account.set(account);
            }
            Before::Bare(base) => slot.base.set(base),
        });
    }
}

/// Runs `work` for the ledger.
pub(crate) fn quietly<R>(work: impl FnOnce() -> R) -> R {
    let _quiet = quiet();
    work()
}

/// A value that is the ledger's own memory until the end.
#[derive(Debug)]
pub(crate) struct Own<T>(Option<T>);

impl<T> Own<T> {
    pub(crate) fn new(make: impl FnOnce() -> T) -> Self {
        Self(Some(quietly(make)))
    }

    /// Takes the value out to be worked on by the ledger, and put back.
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
