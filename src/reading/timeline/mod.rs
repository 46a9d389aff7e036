//! What operations own over time: sampled while a program runs, kept in bounded memory, and told in reports.

/// The timeline of this process: begun, sampled, over.
mod going;
/// What every operation owns at this moment.
mod live_reader;
/// Samples in bounded memory.
mod recording;
/// Timelines as reports tell them.
mod reported;

pub use reported::{OperationTimeline, ReportedTimeline};

pub(crate) use going::{TimelineId, begin_timeline, end_timeline, sample_timeline, timeline_has_problem};
pub(crate) use live_reader::LiveReader;
pub(super) use reported::joined;
#[cfg(feature = "from-json")]
pub(super) use reported::wrong_with;
