//! Which lines leak: further iterations of a test that failed, with call stacks captured. What the test found does not
//! change any more. It judges nothing.

use std::time::{Duration, Instant};

use crate::front::capture::Capture;
use crate::judging::leak::{Findings, LeakLines, Live, SizeGrowth, StackGrowth, Verdict};
use crate::reading::{CallStack, Snapshot, snapshot};
use crate::symbols::symbolize;
use crate::words::{LEDGER, Node, OperationId};

/// The time for which the first window goes on at most, and its fewest iterations.
const TIME: Duration = Duration::from_secs(1);
const FEWEST: u64 = 2;
/// Iterations of a window where every one leaves the same: enough for caches that are as large to be full.
const ENOUGH_IF_EXACT: u64 = 256;
/// What a window may leave behind, in bytes, and in threads or files.
const MOST_BYTES: f64 = (32 << 20) as f64;
const MOST_OPEN: f64 = 16.0;
/// So many stacks have their functions looked up: those that left the most.
const LOOKED_UP: usize = 64;

/// Whose memory is to be told by line.
#[derive(Clone, Debug)]
pub(super) struct Covered {
    pub(super) root: &'static Node,
    pub(super) everything: bool,
    /// Operations outside the test that leak.
    pub(super) outside: Vec<OperationId>,
}

impl Covered {
    fn covers(&self, node: &Node) -> bool {
        let all = self.everything && node.id != LEDGER.id;
        all || node.is_within(self.root) || self.outside.contains(&node.id)
    }
}

/// Iterations with call stacks captured, in two windows: in the first whatever comes and goes is captured once, so that
/// in the second what is freed has been captured, too.
#[derive(Debug)]
pub(super) struct LinesPass {
    covered: Covered,
    capture: Capture,
    /// Iterations of the first window, if there is time.
    planned: u64,
    /// How many times as long the second one is.
    times: u64,
    began: Instant,
    /// Iterations of the window under way.
    done: u64,
    /// The second window: how many iterations it has, and the ledger when it began.
    second: Option<(u64, Snapshot)>,
}

/// Whether lines would tell more of what was found.
pub(super) fn are_worth_it(found: &Findings) -> bool {
    let grows = match found.verdict {
        Verdict::Leak { bytes_per_iteration, blocks_per_iteration, .. }
        | Verdict::Undecided { bytes_per_iteration, blocks_per_iteration, .. } => {
            bytes_per_iteration > 0.0 || blocks_per_iteration > 0.0
        }
        Verdict::Unstable { .. } => true,
        _ => false,
    };
    grows && !found.passes()
}

impl LinesPass {
    /// Begins them; `None` where nothing can be captured.
    pub(super) fn begin(found: &Findings, covered: Covered) -> Option<Self> {
        let captured = covered.clone();
        let capture = Capture::of(move |node| captured.covers(node));
        let (planned, times) = (first_window(found), times(found));
        let began = Instant::now();
        capture.is_begun().then(|| Self { covered, capture, planned, times, began, done: 0, second: None })
    }

    /// Whether another iteration is to be run.
    pub(super) fn goes_on(&self) -> bool {
        self.second.as_ref().is_none_or(|(iterations, _)| self.done < *iterations)
    }

    /// An iteration is over. `settle` waits until the operation rests.
    pub(super) fn iterated(&mut self, settle: impl FnOnce()) {
        self.done += 1;
        let is_over = self.done >= self.planned || self.done >= FEWEST && self.began.elapsed() >= TIME;
        if self.second.is_none() && is_over {
            settle();
            self.second = Some((self.done * self.times, snapshot()));
            self.done = 0;
        }
    }

    /// What the second window left, if it was run; the operation rests. `sources` are files of the workspace.
    pub(super) fn end(self, sources: &[&str]) -> Option<LeakLines> {
        let (iterations, before) = self.second?;
        let left = snapshot() - before;
        let sizes = left.size_classes_of(|node| self.covered.covers(node));
        let sizes = sizes.iter().map(|class| SizeGrowth {
            min_size: class.min_size,
            live: Live { bytes: class.live_bytes, blocks: class.live_blocks },
        });
        let stacks = left.stacks_of(|node| self.covered.covers(node));
        let are_known = self.capture.is_possible();
        Some(lines(stacks, are_known, sizes.collect(), iterations, sources))
    }
}

/// How many times as long a window is as the one before: a container that doubles does so once in windows that double.
fn times(found: &Findings) -> u64 {
    if matches!(found.verdict, Verdict::Leak { exact: true, .. }) { 1 } else { 2 }
}

/// How many iterations the first window has: a few where all leave the same, else twice as many as the last one of the
/// test; fewer if they would leave too much behind.
fn first_window(found: &Findings) -> u64 {
    let Verdict::Leak { bytes_per_iteration, exact, threads_per_iteration, files_per_iteration, .. } = found.verdict
    else {
        return found.last_window * times(found);
    };
    let open = threads_per_iteration.max(files_per_iteration);
    let most = (MOST_BYTES / bytes_per_iteration.max(1.0)).min(MOST_OPEN / open.max(f64::MIN_POSITIVE));
    let most = if exact { most.min(ENOUGH_IF_EXACT as f64) } else { most };
    (found.last_window * times(found)).min(most as u64).max(FEWEST)
}

/// What stacks, if they are known, and sizes left over so many iterations; the largest stacks with their functions.
/// `sources` are files of the workspace.
fn lines(
    left: Vec<CallStack>,
    are_known: bool,
    sizes: Vec<SizeGrowth>,
    iterations: u64,
    sources: &[&str],
) -> LeakLines {
    let live = |stack: &CallStack| Live { bytes: stack.live_bytes, blocks: stack.live_blocks };
    let total = left.iter().map(live).fold(Live::default(), Live::plus);
    let moved: Vec<CallStack> = left.into_iter().filter(|stack| live(stack) != Live::default()).collect();
    let shown = &moved[..moved.len().min(LOOKED_UP)];
    let frames = symbolize(&Vec::from_iter(shown.iter().map(CallStack::addresses)), sources).take().unwrap_or_default();
    let stacks = shown.iter().zip(frames);
    let stacks = stacks.map(|(stack, frames)| StackGrowth { frames, kind: stack.kind, live: live(stack) }).collect();
    let rest = &moved[shown.len()..];
    let others = rest.iter().map(live).fold(Live::default(), Live::plus);
    LeakLines::Found { stacks: are_known.then_some(stacks), others: (rest.len(), others), sizes, total, iterations }
}
