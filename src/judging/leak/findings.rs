//! What a leak test found, as values.

use std::panic::Location;
use std::time::Duration;

use super::verdict::{Live, Verdict};

/// One operation, and what of its bytes and blocks came to stay in the last window.
#[derive(Clone, Debug)]
pub(crate) struct Growth {
    pub(crate) path: String,
    pub(crate) live: Live,
}

#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) name: String,
    pub(crate) place: &'static Location<'static>,
    pub(crate) verdict: Verdict,
    pub(crate) iterations: u64,
    pub(crate) windows: usize,
    /// Iterations of the last window, to which the figures below refer.
    pub(crate) last_window: u64,
    pub(crate) elapsed: Duration,
    /// What the iterations before the first window kept.
    pub(crate) warm_up: Live,
    /// Operations that grew, the largest first.
    pub(crate) growing: Vec<Growth>,
    /// Bytes of its blocks that others freed, took over by resize, or that it took over.
    pub(crate) handed_over: u64,
    pub(crate) given_away: u64,
    pub(crate) taken_over: u64,
    /// Other operations that freed others' blocks, and how many bytes.
    pub(crate) freed_by: Vec<(String, u64)>,
    pub(crate) unattributed: Live,
    /// Threads that began in the test and have not ended, by name.
    pub(crate) threads: Vec<String>,
    /// Files that were opened meanwhile and are open.
    pub(crate) files: Vec<String>,
    pub(crate) counts_threads: bool,
    pub(crate) allowed_warm_up: Option<u64>,
    pub(crate) bounded: Option<u64>,
}

impl Findings {
    pub(crate) fn passes(&self) -> bool {
        let within = |bytes: i64, allowed: Option<u64>| allowed.is_none_or(|allowed| bytes <= allowed as i64);
        match self.verdict {
            Verdict::Clean => true,
            Verdict::WarmUp { bytes, .. } => within(bytes, self.allowed_warm_up),
            Verdict::Bounded { bytes, .. } => within(bytes, self.bounded),
            Verdict::Leak { .. } | Verdict::Unstable { .. } | Verdict::Unsettled { .. } => false,
        }
    }
}
