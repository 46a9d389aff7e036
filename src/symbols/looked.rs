//! What was looked up, as debug information has it. Whose it is and how it is shown is not known yet.

use super::call_frame::InModule;

/// A function as debug information has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Looked {
    pub(super) function: Option<String>,
    /// As the compiler saw it, whole.
    pub(super) file: Option<String>,
    pub(super) line: Option<u32>,
    pub(super) column: Option<u32>,
    pub(super) unresolved: Option<InModule>,
}
