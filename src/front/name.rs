//! Names of operations as callers write them: strings, and names that are formatted in the call.

use std::fmt;
use std::fmt::Write as _;

use crate::words::{MAX_NAME, Written};

/// Names of operations: strings, and `format_args!(..)` for names that are formatted in the call.
///
/// ```
/// let id = 7;
/// let _op = heapledger::track(format_args!("query:{id}")); // allocates no String
/// ```
pub trait Name: sealed::Sealed {}

pub(crate) mod sealed {
    pub trait Sealed {
        /// Whether the name stays with the caller, so that nothing is freed once it was seen.
        const IS_LENT: bool;

        fn with<R>(self, see: impl FnOnce(&str) -> R) -> R;
    }
}
use sealed::Sealed;

impl<T: AsRef<str> + ?Sized> Name for &T {}
impl<T: AsRef<str> + ?Sized> Sealed for &T {
    const IS_LENT: bool = true;

    #[inline]
    fn with<R>(self, see: impl FnOnce(&str) -> R) -> R {
        let name = self.as_ref();
        if name.len() <= MAX_NAME { see(name) } else { with_written(format_args!("{name}"), see) }
    }
}

impl Name for String {}
impl Sealed for String {
    const IS_LENT: bool = false;

    #[inline]
    fn with<R>(self, see: impl FnOnce(&str) -> R) -> R {
        self.as_str().with(see)
    }
}

impl Name for fmt::Arguments<'_> {}
impl Sealed for fmt::Arguments<'_> {
    const IS_LENT: bool = true;

    #[inline]
    fn with<R>(self, see: impl FnOnce(&str) -> R) -> R {
        match self.as_str() {
            Some(name) => name.with(see),
            None => with_written(self, see),
        }
    }
}

/// Calls `see` with a name that has to be written down first.
fn with_written<R>(name: fmt::Arguments<'_>, see: impl FnOnce(&str) -> R) -> R {
    let mut written = Written::new();
    // Where `Display` fails, the name is what it wrote before.
    let _ = written.write_fmt(name);
    see(written.as_str())
}
