//! What is warned of. What keeps step with the iterations beside other tests: nobody can know whose doing it is, but to
//! the block it is hardly anybody else's. What grows where a test is alone, but too little to judge. And threads that
//! began in the process and that nobody counted.

use super::curve::Live;
use super::evidence::{Evidence, WindowEnd};
use super::findings::{Placed, Warning};
use super::outside::{judges_outside, operations, owned, unsure_outside};
use crate::words::OperationId;

/// The last window is at least so long where growth keeps step with it: over fewer iterations a neighbour keeps step by
/// chance.
const FEWEST_IN_STEP: u64 = 64;
/// Operations that are warned of.
const MOST_WARNED: usize = 3;
/// A thread for at least so large a share of the iterations is one for each: the latest may not have begun yet.
const NEARLY_EVERY: f64 = 0.9;

/// What is warned of: operations outside that keep step with the iterations, or may do so, and threads that nobody
/// counted.
/// `placed` names an operation.
pub(crate) fn warnings_of_outside(evidence: &Evidence, placed: impl Fn(OperationId) -> Option<Placed>) -> Vec<Warning> {
    let mut in_step: Vec<(OperationId, Live)> =
        operations(evidence).filter_map(|one| Some((one, in_step(evidence, one)?))).collect();
    in_step.sort_by_key(|(_, each)| std::cmp::Reverse(each.bytes));
    let mut unsure = unsure_outside(evidence);
    unsure.sort_by_key(|(_, live)| std::cmp::Reverse(live.bytes));
    let warnings = in_step.into_iter().take(MOST_WARNED);
    let warnings = warnings
        .filter_map(|(one, per_iteration)| Some(Warning::OutsideInStep { operation: placed(one)?, per_iteration }))
        .chain(
            unsure
                .into_iter()
                .take(MOST_WARNED)
                .filter_map(|(one, last_window)| Some(Warning::OutsideUnsure { operation: placed(one)?, last_window })),
        )
        .chain(unseen_threads(evidence).map(|count| Warning::UnseenThreads { count }));
    warnings.collect()
}

/// What an operation outside gains with every iteration, if it keeps step with them beside other tests: the same whole
/// number of blocks, one at least, for every iteration of either of the last two windows.
fn in_step(evidence: &Evidence, operation: OperationId) -> Option<Live> {
    let ([.., first, second, third], [.., before, last]) =
        (evidence.ends.as_slice(), evidence.series.windows.as_slice())
    else {
        return None;
    };
    if judges_outside(evidence) || last.iterations < FEWEST_IN_STEP {
        return None;
    }
    let of = |from: &WindowEnd, to: &WindowEnd| owned(to, operation).minus(owned(from, operation));
    let (grown_before, grown) = (of(first, second), of(second, third));
    let (iterations_before, iterations) = (before.iterations as i64, last.iterations as i64);
    let each = grown.blocks / iterations;
    let keeps_step = each >= 1
        && grown.blocks == each * iterations
        && grown_before.blocks == each * iterations_before
        && grown.bytes >= 0
        && grown_before.bytes >= 0;
    // Sizes may differ: the nearest whole number.
    let bytes = (grown.bytes as f64 / iterations as f64).round() as i64;
    keeps_step.then_some(Live { bytes, blocks: each })
}

/// How many threads began at least whose memory is not counted for the test, if they are its own: any if it is alone,
/// beside other tests only where it counts no threads, and one began for nearly every iteration of two windows.
fn unseen_threads(evidence: &Evidence) -> Option<u64> {
    if evidence.whole_process {
        return None;
    }
    let last = evidence.ends.last()?.strangers;
    // It falls where threads of before come to work for the test.
    let lowest = evidence.ends.iter().map(|end| end.strangers).fold(0, i64::min);
    let count = u64::try_from(last - lowest).unwrap_or(0).saturating_sub(evidence.late_threads);
    let of_the_test = evidence.is_alone || (!evidence.counts_threads && one_for_nearly_every_iteration(evidence));
    (count > 0 && of_the_test).then_some(count)
}

fn one_for_nearly_every_iteration(evidence: &Evidence) -> bool {
    let ([.., first, second, third], [.., before, last]) =
        (evidence.ends.as_slice(), evidence.series.windows.as_slice())
    else {
        return false;
    };
    let enough = |from: &WindowEnd, to: &WindowEnd, iterations: u64| {
        (to.strangers - from.strangers) as f64 >= NEARLY_EVERY * iterations as f64
    };
    enough(first, second, before.iterations) && enough(second, third, last.iterations)
}

#[cfg(test)]
mod tests;
