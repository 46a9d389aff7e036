//! The atomics that threads of the recorder share: std's. In models, which are a package of their own, those of `loom`
//! stand in for them, so that every order in which they may be seen is explored (`docs/correctness.md`).

#[cfg(heapledger_loom)]
pub(in crate::record) use model::{AtomicBool, AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence};
pub(in crate::record) use std::sync::atomic::Ordering;
#[cfg(not(heapledger_loom))]
pub(in crate::record) use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence,
};
