//! The only place of the library that opens the project's files. Beside it, `symbols/` reads machine code, and
//! what Linux shows of a process in `/proc` is read where it is asked for.

/// Where the policy and the recorded figures are.
#[cfg(feature = "testing")]
mod book;
/// Compressed files.
#[cfg(feature = "pprof")]
mod gzip;
/// What the command and the test processes agree on: variables, and the files that one writes and the other reads.
mod protocol;
/// Files are read whole, and no more than is sensible.
#[cfg(feature = "testing")]
mod read;
/// How the path of a file is shown.
mod shown;
/// The lines of source code that a report names.
#[cfg(feature = "views")]
mod sources;
/// Files are written whole or not at all.
mod write;

#[cfg(feature = "testing")]
pub(crate) use book::{Book, POLICY};
#[cfg(feature = "pprof")]
pub(crate) use gzip::gzipped;
pub(crate) use protocol::{Announced, EVERY_PROCESS, FOLDER, UNNAMED};
#[cfg(feature = "cli")]
pub(crate) use protocol::{POLICY_AT, Trace, traces_in};
#[cfg(feature = "testing")]
pub(crate) use protocol::{RECORDING, WITH_LINES};
#[cfg(feature = "cli")]
pub(crate) use read::read;
pub(crate) use shown::shown;
#[cfg(feature = "views")]
pub(crate) use sources::source_lines;
pub(crate) use write::write_whole;
