//! Whether an operation is at rest. It reads and changes nothing; which operations to use again is for whoever asks.

use super::sweep::sweep;
use super::watch::Watch;
use crate::words::Node;

/// Whether the operation's counters can no longer change: it owns no block that somebody may free, and no thread is in
/// it. A thread that began in it and still runs is seen by what it owns: the block that its `JoinHandle` waits for.
pub(crate) fn is_at_rest(node: &'static Node) -> bool {
    let owns = Watch::new(node, false).read().tally(None);
    let mut running = Vec::new();
    let nobody_is_in = sweep().all(|writer| {
        running.clear();
        writer.read_running(&mut running) && !running.iter().any(|scope| scope.node.is_within(node))
    });
    owns.live_blocks == 0 && owns.live_bytes == 0 && nobody_is_in
}
