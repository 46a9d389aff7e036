//! The operations that a thread entered last by name, found without a lock and without allocating.

use std::cell::Cell;

use super::operations::{Caller, find_all};
use crate::words::{Node, OperationId, SPREAD};

/// Names that a thread keeps: more than the names that one loop usually enters.
const RECENT: usize = 64;

thread_local! {
    /// Operations that this thread entered by name; no destructor, so that late destructors may use it.
    static RECENTLY: [Cell<Option<&'static Node>>; RECENT] = const { [const { Cell::new(None) }; RECENT] };
}

/// The operation called `name` within `within`, made for `caller` if it is new. `a/b` is `b` within `a`.
#[inline]
pub(crate) fn operation(within: &'static Node, name: &str, caller: Caller) -> &'static Node {
    let at = slot_of(within.id, name);
    match RECENTLY.with(|recently| recently[at].get()) {
        Some(node) if node.name == name && is_child(node, within) => node,
        _ => look_up(at, within, name, caller),
    }
}

#[cold]
fn look_up(at: usize, within: &'static Node, name: &str, caller: Caller) -> &'static Node {
    let node = find_all(within, name, caller);
    // Only an operation that this name alone identifies within `within` is kept: not `a/b`, and not `(other)`.
    if node.name == name && is_child(node, within) {
        RECENTLY.with(|recently| recently[at].set(Some(node)));
    }
    node
}

#[inline]
fn is_child(node: &Node, within: &Node) -> bool {
    node.within == within.id
}

/// Bits below the upper ones, which choose a place in the table.
const BELOW_SLOT: u32 = u64::BITS - RECENT.trailing_zeros();

/// Spreads names over the table by their length and their two ends.
#[inline]
fn slot_of(within: OperationId, name: &str) -> usize {
    let bytes = name.as_bytes();
    let (first, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (Some(first), Some(last)) => (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()),
            _ => (bytes.first().copied().unwrap_or(0).into(), bytes.last().copied().unwrap_or(0).into()),
        },
    };
    let within = u64::from(within.number()) << 32 | bytes.len() as u64;
    // The rotation keeps two equal ends from cancelling each other.
    let mixed = (first ^ last.rotate_left(23) ^ within).wrapping_mul(SPREAD);
    (mixed >> BELOW_SLOT) as usize % RECENT
}
