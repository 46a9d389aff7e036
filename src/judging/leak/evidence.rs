//! Everything that a leak test saw, as plain values: what the judges look at, and all that they look at. The run of a
//! test fills it in. Nothing in here reads the ledger, waits, or asks the system.

use std::collections::{BTreeMap, BTreeSet};

use super::curve::{Live, Series, Window};
use crate::reading::Moves;
use crate::words::{Node, OperationId};

/// How many files are open of each name.
pub(crate) type FileCounts = BTreeMap<String, usize>;

/// What C's heap had in use at one moment, and what of it is Rust's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CHeapRead {
    /// Bytes in use, the overhead of every chunk included.
    pub(crate) in_use: i64,
    /// Chunks that are mappings of their own.
    pub(crate) mapped: i64,
    /// Rust's blocks, and their bytes.
    pub(crate) rust: Live,
}

/// What was read before the first window, and again at the end of every window.
#[derive(Clone, Debug, Default)]
pub(crate) struct WindowEnd {
    /// What the operations of the test own together.
    pub(crate) live: Live,
    /// Blocks of others that the operations of the test ever resized, and the bytes these had before.
    pub(crate) taken_over: Live,
    /// What is owned by `(unattributed)`.
    pub(crate) unattributed: Live,
    /// What every other operation outside the test owns, but the ledger's own, and but those of tests beside it.
    pub(crate) outside: BTreeMap<OperationId, Live>,
    /// Threads that began in the test and run; where all that happens is its doing, also those that it does not count.
    pub(crate) threads: usize,
    /// Threads that began in the process since the test began and have worked for no test, by now. Fewer where threads
    /// of before came to work for one.
    pub(crate) strangers: i64,
    /// All threads of the process; zero where the system does not tell.
    pub(crate) process_threads: usize,
    /// Files that the process has open.
    pub(crate) files: FileCounts,
    /// No other file could be opened.
    pub(crate) has_no_more_files: bool,
    /// C's heap; `None` where it cannot be read, or does not hold Rust's blocks.
    pub(crate) c_heap: Option<CHeapRead>,
    /// What every operation did on every thread since the test began.
    pub(crate) moves: Moves,
}

impl WindowEnd {
    /// What was done after `then`.
    pub(super) fn moves_since(&self, then: &Self) -> Moves {
        self.moves.since(&then.moves)
    }
}

/// What every operation of the test and `(unattributed)` owned after so many iterations of a window.
pub(crate) type PartsRead = (u64, BTreeMap<OperationId, Live>);

/// Names of files about which the test has asked who opens them.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileOwners {
    /// The test does, and leaves so many open with every iteration.
    pub(crate) test: BTreeMap<String, f64>,
    /// Others in the process do.
    pub(crate) others: BTreeSet<String>,
}

/// Everything that a leak test saw, and what it was told to expect.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// What is judged, between iterations.
    pub(crate) series: Series,
    /// Before the first window, and at the end of every window.
    pub(crate) ends: Vec<WindowEnd>,
    /// The readings of the latest windows, the last one last, operation by operation.
    pub(crate) parts: Vec<Vec<PartsRead>>,
    /// The ids of the test's operation and of all operations below it.
    pub(crate) inside: BTreeSet<OperationId>,
    /// All operations by id, for verdicts that name some.
    pub(crate) nodes: Vec<&'static Node>,
    /// What every operation had done on every thread when the test began.
    pub(crate) moves_before: Moves,
    /// No other test runs in the process meanwhile.
    pub(crate) is_alone: bool,
    /// The test judges everything in the process, not its own operations alone.
    pub(crate) whole_process: bool,
    /// Threads that the closure spawns are counted.
    pub(crate) counts_threads: bool,
    /// Threads that were there before the test and had not recorded anything: they seem to begin in it.
    pub(crate) late_threads: u64,
    pub(crate) file_owners: FileOwners,
    /// The most bytes that the first iterations may keep.
    pub(crate) allowed_warmup: Option<u64>,
    /// The most bytes of the cache that is expected.
    pub(crate) bounded: Option<u64>,
    /// How many threads and files more than at the start are expected at most.
    pub(crate) bounded_threads: Option<u64>,
    pub(crate) bounded_files: Option<u64>,
    /// Growth of C's heap outside the Rust heap is a leak, not a warning.
    pub(crate) judges_c_heap: bool,
}

/// Whether so many bytes are no more than what is allowed, which may be more than anybody can have.
pub(super) fn is_within(bytes: i64, allowed: u64) -> bool {
    bytes.max(0).unsigned_abs() <= allowed
}

/// Figures per iteration are taken from the last three windows at most.
const MOST_WINDOWS_OF_PARTS: usize = 3;

impl Evidence {
    /// Whether an operation belongs to the test.
    pub(super) fn is_inside(&self, operation: OperationId) -> bool {
        self.inside.contains(&operation)
    }

    /// A series with one reading for each window: what `read` finds at its end.
    pub(super) fn series_of_ends(&self, read: impl Fn(&WindowEnd) -> Live) -> Series {
        let mut readings = self.ends.iter().map(read);
        let start = readings.next().unwrap_or_default();
        let windows = self.series.windows.iter().zip(readings);
        let windows = windows
            .map(|(window, live)| Window { iterations: window.iterations, readings: vec![(window.iterations, live)] });
        Series { before: start, start, windows: windows.collect() }
    }

    /// What one operation owned in the latest windows; `None` where it was not read.
    pub(super) fn series_of(&self, operation: OperationId) -> Option<Series> {
        let all = &self.series.windows;
        let latest = &all[all.len().checked_sub(self.parts.len())?..];
        let live = |parts: &BTreeMap<OperationId, Live>| parts.get(&operation).copied().unwrap_or_default();
        let windows = latest.iter().zip(&self.parts).map(|(window, parts)| Window {
            iterations: window.iterations,
            readings: parts.iter().map(|(at, parts)| (*at, live(parts))).collect(),
        });
        let windows: Vec<Window> = windows.collect();
        (windows.len() >= 2).then(|| Series { windows, ..Series::default() })
    }

    /// Begins to take down the parts of another window, and forgets windows that no figure is taken from.
    pub(crate) fn begin_parts(&mut self) {
        if self.parts.len() == MOST_WINDOWS_OF_PARTS {
            self.parts.remove(0);
        }
        self.parts.push(Vec::new());
    }

    /// What is live above what was before the first iteration.
    pub(crate) fn growth(&self) -> Live {
        let last = self.series.windows.last().and_then(|window| window.readings.last());
        last.map_or(Live::default(), |(_, live)| live.minus(self.series.before))
    }
}
