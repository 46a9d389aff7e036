//! The report, one output a file.

/// The tree of operations as a table.
mod table;

pub(crate) use table::table;
