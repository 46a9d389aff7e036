//! What a leak test found, as values, and what follows from the verdict. Nothing is measured or shown here.

use std::panic::Location;
use std::time::Duration;

use super::curve::Live;
use super::evidence::{Evidence, is_within};
use super::outside::grown_outside;
use super::verdict::Verdict;
use crate::words::{OperationId, Tally, UNATTRIBUTED};

/// One operation, and what of its bytes and blocks came to stay in the last window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Growth {
    pub(crate) path: String,
    pub(crate) live: Live,
}

/// An operation outside the test that grows in proportion to its iterations.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OutsideLeak {
    pub(crate) path: String,
    /// Where it was first entered.
    pub(crate) site: Option<&'static Location<'static>>,
    /// What came in the last window.
    pub(crate) live: Live,
    pub(crate) bytes_per_iteration: f64,
    pub(crate) blocks_per_iteration: f64,
}

/// What leaks outside the test, the largest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutsideLeaks {
    pub(crate) leaks: Vec<OutsideLeak>,
    /// The figures of the verdict are theirs: the test's own operations do not leak.
    pub(crate) are_the_verdict: bool,
}

/// Something that the verdict does not rest on and that a user must know all the same. Said when a test passes, too;
/// under `strict` it fails the test.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Warning {
    /// An operation outside the test grew in step with its iterations, while other tests ran in the process.
    OutsideInStep { path: String, per_iteration: Live },
    /// Threads began in the process during the test whose memory is not counted for it.
    UnseenThreads { count: u64 },
    /// The number of files of these names grew, and nobody could be asked who opens them.
    UnknownFiles { names: Vec<String> },
}

/// What a leak test found.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    pub(crate) name: String,
    pub(crate) place: &'static Location<'static>,
    pub(crate) verdict: Verdict,
    pub(crate) iterations: u64,
    pub(crate) windows: usize,
    /// Iterations of the last window, to which the figures below refer.
    pub(crate) last_window: u64,
    pub(crate) elapsed: Duration,
    /// How often something grew in the last two windows, if a limit ended the run before a leak was confirmed.
    pub(crate) rests_on: Option<u64>,
    /// What the iterations before the first window kept.
    pub(crate) warm_up: Live,
    /// Operations that grew, the largest first.
    pub(crate) growing: Vec<Growth>,
    pub(crate) outside: OutsideLeaks,
    /// Bytes of its blocks that others freed.
    pub(crate) handed_over: u64,
    /// Bytes of its blocks that others took over by resize.
    pub(crate) given_away: u64,
    /// Bytes of others' blocks that it took over by resize.
    pub(crate) taken_over: u64,
    /// Other operations that freed others' blocks, and how many bytes.
    pub(crate) freed_by: Vec<(String, u64)>,
    pub(crate) unattributed: Live,
    /// Threads that began in the test and have not ended, by name.
    pub(crate) threads: Vec<String>,
    /// Files that were opened meanwhile and are open.
    pub(crate) files: Vec<String>,
    pub(crate) counts_threads: bool,
    pub(crate) allowed_warmup: Option<u64>,
    pub(crate) bounded: Option<u64>,
    pub(crate) warnings: Vec<Warning>,
    /// A warning fails the test.
    pub(crate) strict: bool,
}

impl Findings {
    /// Whether the test passes: it keeps nothing, or no more than was allowed.
    pub(crate) fn passes(&self) -> bool {
        let within = |bytes: i64, allowed: Option<u64>| allowed.is_none_or(|allowed| is_within(bytes, allowed));
        if self.strict && !self.warnings.is_empty() {
            return false;
        }
        match self.verdict {
            Verdict::Clean => true,
            Verdict::WarmUp { bytes, .. } => within(bytes, self.allowed_warmup),
            Verdict::Bounded { bytes, .. } => within(bytes, self.bounded),
            Verdict::Leak { .. }
            | Verdict::Unstable { .. }
            | Verdict::Undecided { .. }
            | Verdict::Violated { .. }
            | Verdict::Unsettled { .. } => false,
        }
    }

    /// Takes note of what each operation did in the last window: its id, its path, and its counters of that window.
    pub(crate) fn note_last_window(
        &mut self,
        evidence: &Evidence,
        operations: impl Iterator<Item = (OperationId, String, Tally)>,
    ) {
        for (operation, path, did) in operations {
            let inside = evidence.is_inside(operation);
            let live = Live::from(&did);
            if operation == UNATTRIBUTED.id {
                self.unattributed = live;
            }
            if (inside || evidence.whole_process) && (live.bytes > 0 || live.blocks > 0) {
                self.growing.push(Growth { path, live });
            }
            if inside {
                self.handed_over += did.freed_elsewhere_bytes;
                self.given_away += did.given_away_bytes;
                self.taken_over += did.taken_over_bytes;
            }
        }
        self.growing.sort_by_key(|growth| std::cmp::Reverse(growth.live.bytes));
    }
}

/// The verdict for a test that expects a cache: growth within it is no leak, however it goes. Threads and files are one
/// in any case.
pub(crate) fn as_expected(evidence: &Evidence, verdict: Verdict) -> Verdict {
    let memory_alone = match verdict {
        Verdict::Leak { threads_per_iteration, files_per_iteration, .. } => {
            threads_per_iteration == 0.0 && files_per_iteration == 0.0
        }
        Verdict::Unstable { .. } => true,
        _ => false,
    };
    let outside = evidence.ends.last().map_or(Live::default(), |end| grown_outside(evidence, end));
    let Live { bytes, blocks } = evidence.growth().plus(outside);
    match evidence.bounded {
        Some(allowed) if memory_alone && is_within(bytes, allowed) => Verdict::Bounded { bytes, blocks },
        _ => verdict,
    }
}

#[cfg(test)]
mod tests;
