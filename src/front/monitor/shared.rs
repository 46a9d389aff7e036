//! What a monitor, its guards and its watching thread share. It does nothing by itself.

use super::cleanup::Cleanups;
use super::operations::Operations;
use super::pressure::Pressures;

#[derive(Default)]
pub(super) struct Shared {
    /// How many bytes a finished operation may own.
    pub(super) threshold_bytes: u64,
    pub(super) operations: Operations,
    pub(super) cleanups: Cleanups,
    pub(super) pressures: Pressures,
}
