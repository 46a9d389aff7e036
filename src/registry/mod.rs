//! Names to operations, and back. May lock and allocate, at the ledger's expense.

/// Which operations are captured.
mod captures;
/// Values that no fork finds locked.
mod gated;
/// The captures in progress.
mod in_progress;
/// How an operation is looked up: by what it is nested in, and its name.
mod key;
/// All operations, how they are found by name, and how they are made.
mod operations;
/// Operations that belong to one test alone, so that no name finds them.
mod private;
/// What a thread entered last, found without a lock.
mod recent;

pub(crate) use captures::{begin_capture, capture_rules, end_capture, look_at_modules, prepare_stacks, sample_capture};
pub(crate) use gated::Gated;
pub(crate) use in_progress::CaptureId;
pub(crate) use operations::{all, excluded, find_by_id, find_by_path, named, overflowed, owner_of};
pub(crate) use private::{has_private, new_private};
pub(crate) use recent::operation;
