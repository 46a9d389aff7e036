//! The counters at one moment, as plain values.

/// Reports of many processes as one.
mod add_up;
/// Rows in the order in which people read them.
mod arrange;
/// Functions of stripped programs, looked up for a report after it was made.
#[cfg(all(feature = "cli", target_os = "linux"))]
mod by_build_id;
/// What was charged to lines, by stack and by class of sizes.
mod by_line;
/// One call stack in a snapshot.
mod call_stack;
/// What was charged to the stacks and the sizes of each operation.
mod charged;
/// Where figures were measured.
mod environment;
/// From samples to what each call stack has.
mod estimate;
/// One operation's counters, in little time.
mod family;
/// Leak tests that ended.
mod leak_tests;
/// What every operation did on every thread.
mod moves;
/// One pass over everything that is recorded, and whether it can be trusted.
mod pass;
/// What is known of the process as a whole without a reading.
mod process;
/// A snapshot arranged for people and for files.
mod report;
/// The report as JSON.
#[cfg(feature = "json")]
mod report_json;
/// A report that is read back from JSON.
#[cfg(feature = "from-json")]
mod report_read;
/// Whether an operation is at rest, so that it may be used again.
mod rest;
/// One operation in a snapshot or a report.
mod row;
/// The operations of a report.
mod rows;
/// The rows of a report as JSON, and back.
#[cfg(feature = "json")]
mod rows_json;
/// Which operations of a report are shown, and what the others come to.
mod selection;
/// One class of sizes in a snapshot.
mod size_class;
/// The counters of every operation at one moment, and the difference of two.
mod snapshot;
/// What operations side by side are sorted by.
mod sort_key;
/// The call stacks of a report.
mod stacks;
/// The call stacks of a report as JSON, and back.
#[cfg(feature = "json")]
mod stacks_json;
/// What the accounts of one operation add up to.
mod sums;
/// The walk over everything that is recorded.
mod sweep;
/// What operations own over time.
mod timeline;
/// One operation's counters, read again and again.
mod watch;

pub use call_stack::{CallStack, CallStackKind};
pub use leak_tests::{LeakCurve, LeakReading, LeakSlope, LeakWindow, ReportedLeakTest};
pub use report::{Report, report};
pub use row::Row;
pub use size_class::SizeClass;
pub use snapshot::{Snapshot, snapshot};
pub use sort_key::SortKey;
pub use stacks::ReportedStack;
pub use timeline::{OperationTimeline, ReportedTimeline};

#[cfg(all(feature = "cli", target_os = "linux"))]
pub(crate) use by_build_id::Unfound;
pub(crate) use call_stack::addresses_of;
pub(crate) use environment::Environment;
pub(crate) use family::{Family, totals};
pub(crate) use leak_tests::LeakVerdict;
#[cfg(feature = "testing")]
pub(crate) use leak_tests::{FEWEST_OF_A_SLOPE, MOST_READINGS, MOST_WINDOWS, keep_leak_test};
pub(crate) use moves::Move;
pub(crate) use moves::{Moves, moves};
#[cfg(feature = "pprof")]
pub(crate) use process::Program;
pub(crate) use process::{Strangers, live_bytes_about, program};
pub(crate) use report::Data;
#[cfg(feature = "json")]
pub(crate) use report_json::text_of;
#[cfg(feature = "cli")]
pub(crate) use report_read::{check, parsed, possible};
pub(crate) use rest::is_at_rest;
#[cfg(feature = "views")]
pub(crate) use row::OperationRow;
#[cfg(test)]
pub(crate) use rows::Rows;
pub(crate) use selection::{Hidden, Selected, SelectedRow, Selection};
pub(crate) use sweep::WriterId;
pub(crate) use timeline::{
    LiveReader, TimelineId, begin_timeline, end_timeline, sample_timeline, timeline_has_problem,
};
pub(crate) use watch::Watch;
