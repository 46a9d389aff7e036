//! Names to operations, and back. May lock and allocate, at the ledger's expense.

/// The operations, how they are found by name, and how they are made.
mod operations;

pub(crate) use operations::*;
