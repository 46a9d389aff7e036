//! What a monitor, its guards and its watching thread share. It does nothing by itself.

use super::cleanup::Cleanups;
use super::operations::Operations;
use super::pressure::Pressures;

#[derive(Default)]
pub(super) struct Shared {
    /// How much a finished operation may own, in bytes.
    pub(super) threshold_bytes: u64,
    pub(super) operations: Operations,
    pub(super) cleanups: Cleanups,
    pub(super) pressures: Pressures,
}
