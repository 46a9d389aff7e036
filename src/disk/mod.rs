//! The only place of the library that opens files, but for what Linux tells of a process in `/proc`.

/// Where the policy and the recorded figures are.
mod book;
/// What the command and the test processes agree on: variables, and names of files.
mod protocol;
/// Files are read whole, and no more than is sensible.
mod read;
/// Files are written whole or not at all.
#[cfg(feature = "cli")]
mod write;

pub(crate) use book::{Book, POLICY};
#[cfg(feature = "cli")]
pub(crate) use protocol::POLICY_AT;
#[cfg(feature = "serde")]
pub(crate) use protocol::REPORT;
#[cfg(any(feature = "cli", not(feature = "serde")))]
pub(crate) use protocol::UNABLE;
pub(crate) use protocol::{BEGUN, FOLDER, RECORDING};
#[cfg(feature = "cli")]
pub(crate) use read::read;
pub(crate) use read::shown;
#[cfg(feature = "cli")]
pub(crate) use write::write_whole;
