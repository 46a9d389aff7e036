//! What the public types promise of threads. The compiler checks it; nothing here runs.

use super::budget::Budget;
use super::capture::Capture;
use super::deny::DenyAlloc;
use super::future::Tracked;
use super::leak_test::{LeakReport, LeakTest};
use super::monitor::{Limit, MemoryMonitor, MemoryOperationGuard, MemoryReport, Pressure};
use super::operation::Operation;
use super::sampling::Timeline;
use super::scope::Scope;
use crate::judging::leak::Verdict;
use crate::reading::{CallStack, CallStackKind, Report, Row, SizeClass, Snapshot};
use crate::record::Allocator;
use crate::words::{Error, Site, Tally};

/// Values that may be sent to any thread and shared with it.
const _: () = {
    const fn are_send_and_sync<T: Send + Sync>() {}
    are_send_and_sync::<Allocator>();
    are_send_and_sync::<CallStack>();
    are_send_and_sync::<CallStackKind>();
    are_send_and_sync::<Capture>();
    are_send_and_sync::<Error>();
    are_send_and_sync::<LeakReport>();
    are_send_and_sync::<LeakTest>();
    are_send_and_sync::<Limit>();
    are_send_and_sync::<MemoryMonitor>();
    are_send_and_sync::<MemoryReport>();
    are_send_and_sync::<Operation>();
    are_send_and_sync::<Pressure>();
    are_send_and_sync::<Report>();
    are_send_and_sync::<Row>();
    are_send_and_sync::<Site>();
    are_send_and_sync::<SizeClass>();
    are_send_and_sync::<Snapshot>();
    are_send_and_sync::<Tally>();
    are_send_and_sync::<Timeline>();
    are_send_and_sync::<Tracked<u8>>();
    are_send_and_sync::<Verdict>();
};

/// Guards that stay on the thread that made them: `keep` is ambiguous, and does not compile, for a type that does not.
macro_rules! stay_on_their_thread {
    ($($guard:ty),+) => {
        stay_on_their_thread!(@ Send, $($guard),+);
        stay_on_their_thread!(@ Sync, $($guard),+);
    };
    (@ $leaves:ident, $($guard:ty),+) => { $(
        const _: fn() = || {
            trait Stays<Way> {
                fn keep() {}
            }
            impl<T: ?Sized> Stays<()> for T {}
            impl<T: ?Sized + $leaves> Stays<u8> for T {}
            let _ = <$guard as Stays<_>>::keep;
        };
    )+ };
}

stay_on_their_thread!(Budget, DenyAlloc, MemoryOperationGuard, Scope);
