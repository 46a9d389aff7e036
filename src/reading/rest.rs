//! Whether an operation is at rest. It only reads; the caller decides which operations to use again.

use super::sweep::sweep;
use super::watch::Watch;
use crate::words::Node;

/// Whether the operation's counters cannot change any more: it owns no block that could be freed, and no thread is in
/// it. A thread that began in it and still runs shows by a block that the operation owns: the one that the `JoinHandle`
/// waits for.
pub(crate) fn is_at_rest(node: &'static Node) -> bool {
    let owns = Watch::new(node, false).read().tally(None);
    let mut running = Vec::new();
    let nobody_is_in = sweep().all(|writer| {
        running.clear();
        writer.read_running(&mut running) && !running.iter().any(|scope| scope.node.is_within(node))
    });
    owns.live_blocks == 0 && owns.live_bytes == 0 && nobody_is_in
}
