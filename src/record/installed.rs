//! Whether the ledger serves `std::alloc` in this program: asked once, and kept here alone.

use std::alloc::Layout;
use std::hint::black_box;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

use super::shard::UNATTACHED;
use super::slot::{Phase, SLOT};
use crate::words::LEDGER;

const UNKNOWN: u8 = 0;
const ABSENT: u8 = 1;
/// It is absent, and the work that must come before the first operation has been done.
const BEGUN_WITHOUT: u8 = 2;
const INSTALLED: u8 = 3;
/// It is installed, and that work has been done.
const BEGUN: u8 = 4;

static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Whether the ledger serves `std::alloc` in this program.
#[inline]
pub(crate) fn installed() -> bool {
    match STATE.load(Relaxed) {
        UNKNOWN => probe(),
        state => state >= INSTALLED,
    }
}

/// Whether the ledger serves `std::alloc`, for code that enters operations or judges. Before this returns, `first` has
/// run at least once.
#[inline]
pub(crate) fn installed_after(first: fn()) -> bool {
    begun().unwrap_or_else(|| begin(first))
}

/// What [`installed_after`] said, where it was asked and could say.
#[inline]
pub(crate) fn begun() -> Option<bool> {
    match STATE.load(Relaxed) {
        BEGUN => Some(true),
        BEGUN_WITHOUT => Some(false),
        _ => None,
    }
}

#[cold]
#[inline(never)]
fn begin(first: fn()) -> bool {
    first();
    let installed = installed();
    if installed {
        STATE.store(BEGUN, Relaxed);
    } else {
        // Unless nobody could say so far.
        let _ = STATE.compare_exchange(ABSENT, BEGUN_WITHOUT, Relaxed, Relaxed);
    }
    installed
}

/// Allocates through `std::alloc`, and looks whether the recorder saw it.
#[cold]
fn probe() -> bool {
    let served = SLOT.with(|slot| {
        let (phase, shard, hot) = (slot.phase.get(), slot.shard.get(), slot.hot.get());
        if phase == Phase::Attaching {
            return None;
        }
        let base = slot.base.replace(&LEDGER);
        slot.move_to(&UNATTACHED);
        slot.phase.set(Phase::Probing);
        drop(black_box(Box::new(black_box(Layout::new::<u8>()))));
        let served = slot.phase.get() == Phase::Served;
        slot.phase.set(phase);
        slot.move_to(shard);
        slot.hot.set(hot);
        slot.base.set(base);
        Some(served)
    });
    if let Some(served) = served {
        let known = if served { INSTALLED } else { ABSENT };
        // Another thread may have stored the answer already, or `BEGUN`.
        let _ = STATE.compare_exchange(UNKNOWN, known, Relaxed, Relaxed);
    }
    served == Some(true)
}
