//! What every operation owns at this moment, read again and again into the same buffers.

use crate::reading::pass::Pass;
use crate::record::Running;
use crate::registry;
use crate::words::OperationId;

/// So many passes are made while memory moves.
const PASSES: usize = 3;

/// What it takes to read.
pub(crate) struct LiveReader {
    pass: Pass,
    running: Vec<Running>,
    live: Vec<(OperationId, i64)>,
}

impl LiveReader {
    pub(crate) fn new() -> Self {
        Self { pass: Pass::with_room(registry::all().len()), running: Vec::new(), live: Vec::new() }
    }

    /// What each operation that owns anything owns, in the order of their ids; and whether memory did not move
    /// meanwhile.
    pub(super) fn read(&mut self) -> (bool, &[(OperationId, i64)]) {
        let settled = (0..PASSES).any(|_| {
            self.pass.take(&mut self.running);
            self.pass.balances()
        });
        self.live.clear();
        self.live.extend(self.pass.live().filter(|(_, live)| *live != 0));
        (settled, &self.live)
    }
}
