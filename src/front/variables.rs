//! Variables of the environment by which somebody asks for something: whether one is set, and what is said of it.

use std::env;
use std::io::{self, Write as _};

/// Whether a variable is there, and not empty.
pub(super) fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Says on standard error what is wrong with what a variable asks for, or somebody else.
pub(super) fn complain(about: &str, what: &str) {
    // Standard error may be closed.
    let _ = writeln!(io::stderr(), "heapledger: {about}: {what}");
}
