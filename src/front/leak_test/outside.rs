//! Names for what grows outside a test. Whether it does is judged elsewhere.

use crate::judging::leak::{Evidence, Growth, OutsideLeaks, Placed, leaks_inside, leaks_outside};
use crate::registry;
use crate::words::OperationId;

/// What leaks outside the test, by name and place.
pub(super) fn outside_leaks(evidence: &Evidence) -> OutsideLeaks {
    let leaks = leaks_outside(evidence).into_iter().filter_map(|growth| {
        Some(Growth { operation: placed(growth.operation)?, live: growth.last_window, rate: growth.rate })
    });
    OutsideLeaks { leaks: leaks.collect(), are_the_verdict: !leaks_inside(evidence) }
}

/// What an operation is called, and where it was first entered.
pub(super) fn placed(operation: OperationId) -> Option<Placed> {
    registry::find_by_id(operation).map(Placed::of)
}
