//! What things are called, in code and in every output: plain values, and how they are written.

/// Numbers that must not be mixed up: accounts, tags, and the system's threads.
mod account;
/// What an environment variable asks to capture.
#[cfg(feature = "lines")]
mod capture_request;
/// What somebody asked to be captured.
mod capture_rule;
/// What can go wrong, and the messages that people get.
mod error;
/// How a struct is written as a JSON object and read back.
#[cfg(feature = "json")]
mod json;
/// Writes values as JSON.
#[cfg(feature = "json")]
mod json_writer;
/// Names as users give them.
mod name;
/// What an operation is, and how many there can be.
mod operation;
/// Globs: which paths of operations a pattern reaches.
#[cfg(feature = "lines")]
mod pattern;
/// Places in source code.
mod site;
/// Sizes and counts as people read them.
mod size;
/// Classes of sizes of blocks.
mod size_class;
/// Spans of time as people write them.
mod span;
/// The number by which what is looked up in a table is spread over it.
mod spread;
/// Which operation somebody may have meant.
#[cfg(feature = "testing")]
mod suggest;
/// The one list of counters, the events that move them, and all that derives from both.
mod tally;
/// What was counted, in one line.
mod tally_text;
/// Text that is safe to show.
mod text;

pub use error::Error;
pub use site::Site;
pub use tally::Tally;

pub(crate) use account::{AccountId, ID_BITS, Tag, Tid};
#[cfg(feature = "lines")]
pub(crate) use capture_request::{CaptureRequest, capture_requests};
pub(crate) use capture_rule::CaptureRule;
pub(crate) use error::Cause;
#[cfg(feature = "json")]
pub(crate) use json::{json_object, json_text, json_word};
pub(crate) use name::{MAX_NAME, Written, segments};
pub(crate) use operation::{
    BUILTIN, BUILTINS, EXCLUDED, FOREIGN, LEDGER, MAX_DEPTH, MAX_OPERATIONS, Node, OTHER, OperationId, UNATTRIBUTED,
};
#[cfg(feature = "lines")]
pub(crate) use pattern::glob;
#[cfg(feature = "testing")]
pub(crate) use pattern::{Glob, Reach, literal, normalized};
#[cfg(test)]
pub(crate) use pattern::{LONGEST_GLOB, MOST_SEGMENTS};
pub(crate) use size::{Bytes, Count, counted, exact};
pub(crate) use size_class::ClassId;
pub(crate) use span::span;
pub(crate) use spread::SPREAD;
#[cfg(feature = "testing")]
pub(crate) use suggest::{ALIKE, COMPARED, suggestion};
pub(crate) use tally::{Activity, Counters, Counts, Register};
pub(crate) use text::{printable, quoted, short};
