//! Variables of the environment by which somebody asks for something: whether one is set, and what is said of it.

use std::env;
use std::io::{self, Write as _};

use super::found;

/// Whether a variable is there, and not empty.
pub(super) fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Says what is wrong with what a variable asks for, to people and to the command.
pub(super) fn refuse(variable: &str, what: &str) {
    found::unmet(variable, what);
    complain(variable, what);
}

/// Says on standard error what is wrong with something.
pub(super) fn complain(about: &str, what: &str) {
    // Standard error may be closed.
    let _ = writeln!(io::stderr(), "heapledger: {about}: {what}");
}
