//! Which operations are captured: those that a capture in progress covers, also operations that are made while it
//! lasts.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::in_progress::{CaptureId, add, change, covering, remove, rules};
use super::operations::named;
use crate::record;
use crate::words::{CaptureRule, Node, OTHER, UNATTRIBUTED};

/// From now on, what the operations that `covers` tells allocate is charged to their lines. `None` where the system is
/// out of memory. Other threads notice where they next begin or end a scope. Reports tell of it by the `pattern` that
/// somebody wrote.
pub(crate) fn begin_capture(
    pattern: Option<&str>,
    covers: impl Fn(&Node) -> bool + Send + 'static,
) -> Option<CaptureId> {
    record::quietly(|| {
        record::lock_over_forks(|| {
            // One at a time: it lists the program's modules.
            if !record::prepare_capture() {
                return None;
            }
            let id = add(Box::new(covers), 1, pattern.map(String::from));
            tell_operations();
            Some(id)
        })
    })
}

/// From now on, of what a capture covers only samples are captured, `every` bytes apart on average. Their seed is
/// random.
pub(crate) fn sample_capture(id: CaptureId, every: u64) {
    record::quietly(|| {
        record::lock_over_forks(|| {
            // The hasher's keys are random.
            record::seed_samples(RandomState::new().build_hasher().finish());
            change(id, every);
            tell_operations();
        });
    });
}

/// Ends a capture.
pub(crate) fn end_capture(id: CaptureId) {
    record::quietly(|| {
        record::lock_over_forks(|| {
            remove(id);
            tell_operations();
        });
    });
}

/// Prepares for call stacks to be taken from now on. `false` where none can be.
pub(crate) fn prepare_stacks() -> bool {
    record::takes_stacks()
        || cfg!(any(heapledger_lines, heapledger_backtrace))
            && record::quietly(|| record::lock_over_forks(record::prepare_stacks))
}

/// Tells every operation whether it is captured. The ledger's own memory never is, and `(foreign)` allocates nothing.
fn tell_operations() {
    captured().for_each(|node| node.capture(covering(node)));
}

/// What can be captured.
fn captured() -> impl Iterator<Item = &'static Node> {
    named().chain([&UNATTRIBUTED, &OTHER])
}

/// What was asked to be captured and goes on.
pub(crate) fn capture_rules() -> Vec<CaptureRule> {
    record::quietly(|| record::lock_over_forks(|| rules(captured)))
}

/// Learns which modules the program unloaded, before stacks are read.
pub(crate) fn look_at_modules() {
    record::quietly(|| record::lock_over_forks(record::look_at_modules));
}
