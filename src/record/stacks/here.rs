//! The stack at this place, and what was recorded of it.

use std::sync::atomic::Ordering::Relaxed;

use super::bounds::StackBounds;
use super::machine::{StackInUse, WORD, registers};
use super::stack_id::{StackExtent, StackId};
use super::traces::Traces;
use crate::record::memory::{Link, linked_or_new};
use crate::record::recent::Recent;

static TRACES: Link<Traces> = Link::none();

/// Whether taking a stack may allocate.
pub(in crate::record) const MAY_ALLOCATE: bool = false;

/// Prepares for stacks to be taken from now on, if there is memory for it, and learns of libraries that were loaded
/// since the last time. Not to be called from inside the allocator.
pub(in crate::record) fn begin() {
    if let Some(traces) = linked_or_new(&TRACES) {
        traces.look_at_modules();
    }
}

/// Whether stacks can be taken, since a capture began: not in a program that was built without unwind tables.
pub(crate) fn is_possible() -> bool {
    TRACES.get().is_some_and(|traces| traces.has_rule(registers()))
}

/// Learns which modules came and went while stacks were taken, so that none means code that is not there any more. Not
/// to be called from inside the allocator, nor by two threads at once.
pub(crate) fn look_at_modules() {
    if let Some(traces) = TRACES.get() {
        traces.look_at_modules();
    }
}

/// The call stack of the function that this is inlined into, on a thread whose stack is within `bounds` and that found
/// `recent` last.
#[inline(always)]
pub(in crate::record) fn here(bounds: StackBounds, recent: &Recent) -> StackId {
    let here = registers();
    let (Some(stack), Some(traces)) = (StackInUse::new(bounds, here), TRACES.get()) else { return StackId::OTHER };
    // Frames of one function at one depth mostly come the same way.
    let Some(last) = recent.trace((here.pc ^ stack.distance()) / WORD) else { return StackId::OTHER };
    traces.recognize(last.load(Relaxed), here, stack).unwrap_or_else(|| traces.find(here, stack, last))
}

/// Calls `see` with each return address of a stack, from the innermost out, and says how much of it that is.
pub(crate) fn read(stack: StackId, see: impl FnMut(u64)) -> StackExtent {
    TRACES.get().map_or(StackExtent::Incomplete, |traces| traces.read(stack, see))
}
