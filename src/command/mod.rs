//! The command `cargo heapledger`: runs tests, collects what their processes measured, judges it, and keeps the figures.

/// What users type, and what the command exits with.
mod cli;
/// Running tests, and what their processes left.
mod collect;
/// `cargo heapledger init`.
mod init;
/// Keeping figures.
mod keep;
/// Judging a run and showing it.
mod outcome;
/// `cargo heapledger self-test`.
mod self_test;

pub use cli::main;
