//! Names for what grows outside a test. Whether it does is judged elsewhere.

use crate::judging::leak::{Evidence, OutsideLeak, OutsideLeaks, leaks_inside, leaks_outside};
use crate::registry;
use crate::words::{Node, OperationId};

/// What leaks outside the test, by name and place.
pub(super) fn outside_leaks(evidence: &Evidence) -> OutsideLeaks {
    let leaks = leaks_outside(evidence).into_iter().filter_map(|growth| {
        let node = registry::find_by_id(growth.operation)?;
        Some(OutsideLeak {
            path: node.path(),
            site: node.site,
            live: growth.last_window,
            bytes_per_iteration: growth.bytes_per_iteration,
            blocks_per_iteration: growth.blocks_per_iteration,
        })
    });
    OutsideLeaks { leaks: leaks.collect(), are_the_verdict: !leaks_inside(evidence) }
}

/// What an operation is called.
pub(super) fn path_of(operation: OperationId) -> Option<String> {
    registry::find_by_id(operation).map(Node::path)
}
