//! What a leak test found, as values, and what follows from the verdict. Nothing is measured or shown here.

use std::panic::Location;
use std::time::Duration;

use super::beyond::Beyond;
use super::c_heap::c_heap_growth;
use super::curve::Live;
use super::evidence::{Evidence, is_within};
use super::outside::grown_outside;
use super::slope::{Pace, Rate};
use super::stack_growth::LeakLines;
use super::verdict::Verdict;
use crate::reading::{LeakCurve, LeakVerdict};
use crate::words::{Node, OperationId, Site, Tally, UNATTRIBUTED};

/// An operation, and where it was first entered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placed {
    pub(crate) path: String,
    pub(crate) site: Option<Site>,
}

impl Placed {
    pub(crate) fn of(node: &Node) -> Self {
        Self { path: node.path(), site: node.site.map(Site::from) }
    }
}

/// One operation, and what of its bytes and blocks came to stay.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Growth {
    pub(crate) operation: Placed,
    /// In the last window.
    pub(crate) live: Live,
    /// With every iteration, by the definition by which the verdict has its figures.
    pub(crate) rate: Rate,
}

/// What leaks outside the test, the largest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutsideLeaks {
    pub(crate) leaks: Vec<Growth>,
    /// The figures of the verdict are theirs: the test's own operations do not leak.
    pub(crate) are_the_verdict: bool,
}

/// Something that the verdict does not rest on and that a user must know all the same. Said when a test passes, too;
/// under `strict` it fails the test.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Warning {
    /// An operation outside the test grew in step with its iterations, while other tests ran in the process.
    OutsideInStep { operation: Placed, per_iteration: Live },
    /// An operation outside grew while the test was alone, in too few blocks or too unevenly to judge.
    OutsideUnsure { operation: Placed, last_window: Live },
    /// Threads began in the process during the test whose memory is not counted for it.
    UnseenThreads { count: u64 },
    /// The number of files of these names grew, and nobody could be asked who opens them.
    UnknownFiles { names: Vec<String> },
    /// The process could open no more files: what would have been opened is not seen.
    NoMoreFiles,
    /// C code keeps this much in C's heap.
    CHeap { bytes_per_iteration: f64 },
}

/// What a leak test found.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    pub(crate) name: String,
    pub(crate) place: &'static Location<'static>,
    pub(crate) verdict: Verdict,
    pub(crate) iterations: u64,
    pub(crate) windows: usize,
    /// What was judged, of windows that are whole.
    pub(crate) curve: LeakCurve,
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
    pub(crate) freed_by: Vec<(Placed, u64)>,
    /// What `(unattributed)` came to own in the last window, and with every iteration.
    pub(crate) unattributed: Live,
    pub(crate) unattributed_rate: Rate,
    /// What the verdict's figures have beyond those of all operations of the test together.
    pub(crate) left_over: Rate,
    /// How many threads fewer the process had at the end of the last window.
    pub(crate) ended_threads: u64,
    /// The operation outside that gave back most in the last window, and how much.
    pub(crate) gave_back: Option<(Placed, Live)>,
    /// Threads that began in the test and have not ended, by name.
    pub(crate) threads: Vec<String>,
    /// Files that were opened meanwhile and are open.
    pub(crate) files: Vec<String>,
    pub(crate) counts_threads: bool,
    pub(crate) allowed_warmup: Option<u64>,
    pub(crate) bounded: Option<u64>,
    /// Threads and files beyond what is expected.
    pub(crate) beyond: Beyond,
    /// What of the verdict's bytes per iteration lies in C's heap, outside the Rust heap.
    pub(crate) c_heap: f64,
    /// Which lines leave what, if further iterations were to tell.
    pub(crate) lines: Option<LeakLines>,
    pub(crate) warnings: Vec<Warning>,
    /// A warning fails the test.
    pub(crate) strict: bool,
}

impl Findings {
    /// What was found of a test of which nothing but the verdict is known.
    pub(crate) fn new(name: String, place: &'static Location<'static>, verdict: Verdict) -> Self {
        Self {
            name,
            place,
            verdict,
            iterations: 0,
            windows: 0,
            curve: LeakCurve::default(),
            last_window: 0,
            elapsed: Duration::ZERO,
            rests_on: None,
            warm_up: Live::default(),
            growing: Vec::new(),
            outside: OutsideLeaks::default(),
            handed_over: 0,
            given_away: 0,
            taken_over: 0,
            freed_by: Vec::new(),
            unattributed: Live::default(),
            unattributed_rate: Rate::default(),
            left_over: Rate::default(),
            ended_threads: 0,
            gave_back: None,
            threads: Vec::new(),
            files: Vec::new(),
            counts_threads: false,
            allowed_warmup: None,
            bounded: None,
            beyond: Beyond::default(),
            c_heap: 0.0,
            lines: None,
            warnings: Vec::new(),
            strict: false,
        }
    }

    /// Files with code of the user, as rustc names them.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &str> {
        let sites = self.growing.iter().filter_map(|growth| growth.operation.site.as_ref());
        [self.place.file()].into_iter().chain(sites.map(|site| &*site.file))
    }

    /// Whether the test passes: it keeps nothing, or no more than was allowed.
    pub(crate) fn passes(&self) -> bool {
        let within = |bytes: i64, allowed: Option<u64>| allowed.is_none_or(|allowed| is_within(bytes, allowed));
        if self.strict && !self.warnings.is_empty() {
            return false;
        }
        if self.beyond != Beyond::default() {
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

    /// How the test ended, in one word.
    pub(crate) fn outcome(&self) -> LeakVerdict {
        match self.verdict {
            Verdict::Unstable { .. } | Verdict::Undecided { .. } | Verdict::Unsettled { .. } => LeakVerdict::Unstable,
            _ if self.passes() => LeakVerdict::Passed,
            _ => LeakVerdict::Leak,
        }
    }

    /// Takes note of what C's heap says, as a part of the verdict or as a warning.
    pub(crate) fn note_c_heap(&mut self, evidence: &Evidence) {
        let Some(growth) = c_heap_growth(evidence) else { return };
        match evidence.judges_c_heap && self.verdict.is_leak() {
            true => self.c_heap = growth,
            false => self.warnings.push(Warning::CHeap { bytes_per_iteration: growth }),
        }
    }

    /// Takes note of what each operation did in the last window: its id, what it did alone, and what names it.
    pub(crate) fn note_last_window(
        &mut self,
        evidence: &Evidence,
        operations: impl Iterator<Item = (OperationId, Tally, impl Fn() -> Placed)>,
    ) {
        let pace = (!evidence.series.windows.is_empty()).then(|| Pace::of(&evidence.series));
        let rate = |operation, live| {
            let read = evidence.series_of(operation).zip(pace).map(|(series, pace)| pace.rate(&series));
            read.unwrap_or_else(|| Rate::of(live, self.last_window))
        };
        let (mut noted, mut outside, mut all) = (Vec::new(), Vec::new(), Rate::default());
        let (mut unattributed, mut unattributed_rate) = (self.unattributed, self.unattributed_rate);
        for (operation, did, named) in operations {
            let judged = evidence.is_inside(operation) || evidence.whole_process;
            let live = Live::from(&did);
            if operation == UNATTRIBUTED.id {
                (unattributed, unattributed_rate) = (live, rate(operation, live));
            }
            if judged {
                let rate = rate(operation, live);
                all = all.plus(rate);
                if live.bytes > 0 || live.blocks > 0 {
                    noted.push(Growth { operation: named(), live, rate });
                }
            } else if live.bytes < 0 && operation != UNATTRIBUTED.id {
                outside.push((named(), live));
            }
            if evidence.is_inside(operation) {
                self.handed_over += did.freed_elsewhere_bytes;
                self.given_away += did.given_away_bytes;
                self.taken_over += did.taken_over_bytes;
            }
        }
        (self.unattributed, self.unattributed_rate) = (unattributed, unattributed_rate);
        self.growing.append(&mut noted);
        self.growing.sort_by_key(|growth| std::cmp::Reverse(growth.live.bytes));
        if let [.., before, last] = evidence.ends.as_slice() {
            self.ended_threads = before.process_threads.saturating_sub(last.process_threads) as u64;
        }
        self.gave_back = outside.into_iter().min_by_key(|(_, live)| live.bytes);
        let is_of_outside = self.outside.are_the_verdict && !self.outside.leaks.is_empty();
        if let Verdict::Leak { bytes_per_iteration: bytes, blocks_per_iteration: blocks, .. } = self.verdict
            && (bytes > 0.0 || blocks > 0.0)
            && !is_of_outside
        {
            self.left_over = Rate { bytes: bytes - self.c_heap, blocks }.minus(all).without_noise();
        }
    }
}

/// The verdict for a test that expects a cache: growth within it is no leak, however it goes. Threads, files and
/// what C code keeps are one in any case.
pub(crate) fn as_expected(evidence: &Evidence, verdict: Verdict) -> Verdict {
    let memory_alone = match verdict {
        Verdict::Leak { threads_per_iteration, files_per_iteration, .. } => {
            threads_per_iteration == 0.0 && files_per_iteration == 0.0
        }
        Verdict::Unstable { .. } => true,
        _ => false,
    };
    let in_c = evidence.judges_c_heap && c_heap_growth(evidence).is_some();
    let outside = evidence.ends.last().map_or(Live::default(), |end| grown_outside(evidence, end));
    let Live { bytes, blocks } = evidence.growth().plus(outside);
    match evidence.bounded {
        Some(allowed) if memory_alone && !in_c && is_within(bytes, allowed) => Verdict::Bounded { bytes, blocks },
        _ => verdict,
    }
}

#[cfg(test)]
mod tests;
