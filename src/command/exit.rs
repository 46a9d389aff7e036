//! What the command exits with. Scripts depend on the numbers; `cargo heapledger --help` lists them.

use std::process::ExitCode;

/// What the command exits with. The first one in this order that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// The allocator was not active, or a report is missing, cannot be trusted or lacks what was asked for.
    Blind = 6,
    /// A leak test found a leak.
    Leak = 3,
    /// A figure exceeds its limit.
    Breach = 2,
    /// A figure does not repeat itself.
    Unstable = 5,
    /// Tests failed for other reasons, or a file or an argument is wrong.
    Failed = 1,
    /// Figures are to be recorded: an improvement in strict mode, or a new environment.
    ToRecord = 4,
    /// Everything is within its budget.
    Within = 0,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
