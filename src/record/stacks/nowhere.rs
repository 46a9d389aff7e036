//! Where there are no stacks to be had: without the feature `lines`, and on targets where nothing unwinds.

use super::bounds::StackBounds;
use super::stack_id::{StackExtent, StackId};
use crate::record::recent::Recent;

/// Whether taking a stack may allocate.
pub(in crate::record) const MAY_ALLOCATE: bool = false;

/// Nobody asks.
pub(in crate::record) fn bounds_of_this_thread() -> StackBounds {
    StackBounds::UNKNOWN
}

pub(in crate::record) fn begin() {}

/// No stack can be taken.
pub(crate) fn is_possible() -> bool {
    false
}

pub(in crate::record) fn here(_: StackBounds, _: &Recent) -> StackId {
    StackId::OTHER
}

pub(crate) fn look_at_modules() {}

pub(crate) fn read(_: StackId, _: impl FnMut(u64)) -> StackExtent {
    StackExtent::Incomplete
}
