//! What grows outside the test: every operation that is not its own, and threads that nobody counted.
//!
//! Alone in the process, or where the whole process is judged, whatever grows in proportion to the iterations is the
//! test's doing. Beside other tests nothing is judged here: `in_step` warns.

use super::curve::{FEWEST_WINDOWS, Live};
use super::evidence::{Evidence, WindowEnd};
use super::slope::Rate;
use super::verdict::{Judged, Verdict, judge};
use crate::words::{OperationId, UNATTRIBUTED};

/// So many blocks at least must have come in the last window where not every window has the same for each iteration: a
/// list that doubles, or a lazy table, brings fewer.
const FEWEST_BLOCKS: f64 = 8.0;
/// In each of so many last windows an iteration brings about as much: the slowest at least this share of the fastest.
const STEADY_WINDOWS: usize = 3;
const STEADY: f64 = 0.75;

/// One operation outside the test that grows in proportion to the iterations.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OutsideGrowth {
    pub(crate) operation: OperationId,
    pub(crate) rate: Rate,
    pub(crate) exact: bool,
    /// What came in the last window.
    pub(crate) last_window: Live,
}

/// Whether all that grows in the process must be the test's doing.
pub(super) fn judges_outside(evidence: &Evidence) -> bool {
    evidence.is_alone || evidence.whole_process
}

/// What an operation outside owned then.
pub(super) fn owned(end: &WindowEnd, operation: OperationId) -> Live {
    if operation == UNATTRIBUTED.id {
        end.unattributed
    } else {
        end.outside.get(&operation).copied().unwrap_or_default()
    }
}

/// All operations outside the test of which anything is known.
pub(super) fn operations(evidence: &Evidence) -> impl Iterator<Item = OperationId> {
    let named = evidence.ends.last().into_iter().flat_map(|end| end.outside.keys().copied());
    [UNATTRIBUTED.id].into_iter().chain(named)
}

fn in_last_window(evidence: &Evidence, operation: OperationId) -> Live {
    let [.., before, last] = evidence.ends.as_slice() else { return Live::default() };
    owned(last, operation).minus(owned(before, operation))
}

/// What the curve of one operation outside says.
enum Shape {
    Leaks(OutsideGrowth),
    /// Its last windows contradict each other, or too few blocks came: another window will tell.
    Suspicious,
    Quiet,
}

fn shape_of(evidence: &Evidence, operation: OperationId) -> Shape {
    let leak = match judge(&evidence.series_of_ends(|end| owned(end, operation))) {
        Judged::Decided(leak) if leak.is_leak() => leak,
        Judged::Undecided(Verdict::Unstable { .. } | Verdict::Undecided { .. } | Verdict::Leak { .. }) => {
            return Shape::Suspicious;
        }
        _ => return Shape::Quiet,
    };
    let Verdict::Leak { bytes_per_iteration, blocks_per_iteration, exact, .. } = leak else { return Shape::Quiet };
    let last_window = in_last_window(evidence, operation);
    let counts = |live: Live| if blocks_per_iteration > 0.0 { live.blocks } else { live.bytes };
    if bytes_per_iteration < 0.0 || !is_steady(evidence, |end| counts(owned(end, operation))) {
        return Shape::Suspicious;
    }
    if !exact && blocks_per_iteration > 0.0 && (last_window.blocks as f64) < FEWEST_BLOCKS {
        return Shape::Suspicious;
    }
    let rate = Rate { bytes: bytes_per_iteration, blocks: blocks_per_iteration };
    Shape::Leaks(OutsideGrowth { operation, rate, exact, last_window })
}

/// Whether every iteration of the last windows brought about as much. There is one reading at the end of each window,
/// so that what swings may seem to rise twice by chance, but hardly at one rate.
fn is_steady(evidence: &Evidence, count: impl Fn(&WindowEnd) -> i64) -> bool {
    let windows = evidence.series.windows.iter().zip(evidence.ends.windows(2));
    let rates = windows.map(|(window, ends)| (count(&ends[1]) - count(&ends[0])) as f64 / window.iterations as f64);
    let rates: Vec<f64> = rates.collect();
    // Of three windows the first may be warm-up.
    let last = &rates[rates.len() - STEADY_WINDOWS.min(rates.len().saturating_sub(1))..];
    let slowest = last.iter().copied().fold(f64::INFINITY, f64::min);
    let fastest = last.iter().copied().fold(0.0, f64::max);
    slowest >= STEADY * fastest
}

/// The operations outside the test that grow in proportion to its iterations, the largest first; none where other tests
/// run in the process.
pub(crate) fn leaks_outside(evidence: &Evidence) -> Vec<OutsideGrowth> {
    if !judges_outside(evidence) || evidence.series.windows.len() < FEWEST_WINDOWS {
        return Vec::new();
    }
    let leaks = operations(evidence).filter_map(|operation| match shape_of(evidence, operation) {
        Shape::Leaks(growth) => Some(growth),
        _ => None,
    });
    let mut leaks: Vec<OutsideGrowth> = leaks.collect();
    leaks.sort_by(|one, other| other.rate.bytes.total_cmp(&one.rate.bytes));
    leaks
}

/// The operations outside the test of which nobody knows whether they grow in proportion, and how much came in the last
/// window: too few blocks, or windows that contradict each other.
pub(super) fn unsure_outside(evidence: &Evidence) -> Vec<(OperationId, Live)> {
    if !judges_outside(evidence) || evidence.series.windows.len() < FEWEST_WINDOWS {
        return Vec::new();
    }
    let unsure = operations(evidence).filter(|one| matches!(shape_of(evidence, *one), Shape::Suspicious));
    let grown = unsure.map(|one| (one, in_last_window(evidence, one)));
    grown.filter(|(_, live)| live.bytes > 0 || live.blocks > 0).collect()
}

/// Whether the test's own operations leak, whatever others do.
pub(crate) fn leaks_inside(evidence: &Evidence) -> bool {
    if evidence.series.windows.len() < FEWEST_WINDOWS {
        return false;
    }
    let judged = match evidence.whole_process {
        true => judge(&evidence.series_of_ends(|end| end.live)),
        false => judge(&evidence.series),
    };
    matches!(judged, Judged::Decided(verdict) | Judged::Undecided(verdict) if verdict.is_leak())
}

/// The verdict, with what grows outside: that is a leak too, and its figures are those of the verdict unless the test's
/// own operations leak.
pub(super) fn with_outside(evidence: &Evidence, judged: Judged) -> Judged {
    if !judges_outside(evidence) || evidence.series.windows.len() < FEWEST_WINDOWS {
        return judged;
    }
    let (Judged::Decided(verdict) | Judged::Undecided(verdict)) = &judged;
    if verdict.is_leak() && leaks_inside(evidence) {
        return judged;
    }
    let leaks = leaks_outside(evidence);
    if !leaks.is_empty() {
        let all = leaks.iter().fold(Rate::default(), |all, leak| all.plus(leak.rate));
        return Judged::Decided(Verdict::Leak {
            bytes_per_iteration: all.bytes,
            blocks_per_iteration: all.blocks,
            exact: leaks.iter().all(|leak| leak.exact),
            threads_per_iteration: 0.0,
            files_per_iteration: 0.0,
        });
    }
    let suspicious = || operations(evidence).any(|one| matches!(shape_of(evidence, one), Shape::Suspicious));
    match judged {
        Judged::Decided(verdict) if !verdict.is_leak() && suspicious() => Judged::Undecided(verdict),
        judged => judged,
    }
}

/// By how much the operations that leak outside have grown until `now`, since the first window began. Nothing where the
/// whole process is judged: what is live has it.
pub(crate) fn grown_outside(evidence: &Evidence, now: &WindowEnd) -> Live {
    let (Some(then), false) = (evidence.ends.first(), evidence.whole_process) else { return Live::default() };
    let grown = leaks_outside(evidence).into_iter().map(|leak| leak.operation);
    grown.map(|one| owned(now, one).minus(owned(then, one))).fold(Live::default(), Live::plus)
}

/// How many threads that began in the test run: those that it counts; and where all threads are its doing, all that the
/// process has more than `before`. Zero stands for a number that the system does not tell.
pub(crate) fn running_threads(evidence: &Evidence, counted: usize, before: usize, now: usize) -> usize {
    if judges_outside(evidence) && before > 0 { counted.max(now.saturating_sub(before)) } else { counted }
}

#[cfg(test)]
mod tests;
