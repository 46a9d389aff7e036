//! What things are called, in code and in every output: plain values, and how they are written.

/// What can go wrong, said to people.
mod error;
/// What an operation is, and the limits on names.
mod operation;
/// Sizes and counts as people read them.
mod size;
/// The one list of counters, and all that derives from it.
mod tally;

pub use error::Error;
pub use operation::Site;
pub use tally::Tally;

pub(crate) use error::Kind;
pub(crate) use operation::{
    BUILTIN, BUILTINS, FOREIGN, LEDGER, MAX_DEPTH, MAX_NAME, MAX_OPERATIONS, Node, OTHER, UNATTRIBUTED, Written,
    printable, segments,
};
pub(crate) use size::{Bytes, Count, counted, exact};
pub(crate) use tally::{Counters, Counts};
