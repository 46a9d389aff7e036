//! What users call to have operations sampled over time.

use std::time::Duration;

use super::process::must_be_installed;
use super::sampling::{Timeline, begin};

/// Takes down what every operation owns: now, and every so often until the returned guard is dropped.
/// [`Report::timelines`](crate::Report::timelines) tells it, and so do a report's JSON and its page.
///
/// A sample is a reading of all counters by a thread of its own, named `heapledger-time`; no other thread is stopped
/// for it. Samples are not closer together than a millisecond. At most 512 points are kept: where another one would be
/// one too many, every second point is dropped, and from then on points lie twice as far apart. So a process may run
/// for weeks. The 64 operations that had the most at any sample are told apart, and all others summed, in some 300 KiB
/// that belong to the operation `(heapledger)`. A report's own figures are the last point of its timeline, if it goes
/// on.
///
/// A process has one timeline. Where one goes on, this joins it, however far its points lie apart; one that is over
/// stays in reports until the next one begins. A child that is forked has none. A thread that cannot be started is said
/// on standard error and in reports, and there are no points between the ends then.
///
/// # Panics
/// Where heapledger is not the global allocator.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let timeline = heapledger::timeline(std::time::Duration::from_millis(100));
/// heapledger::measure("index_build", || drop(vec![0u8; 4096]));
/// drop(timeline);
/// let report = heapledger::report();
/// // At the start, at the end, and every 100 ms in between.
/// assert!(report.timelines()[0].elapsed_us.len() >= 2);
/// ```
#[track_caller]
pub fn timeline(every: Duration) -> Timeline {
    must_be_installed();
    begin(every)
}
