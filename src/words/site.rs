//! Places in source code.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;

#[cfg(feature = "json")]
use super::json::json_object;

/// A place in source code: where an operation was first entered.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// heapledger::measure("search", || ());
/// let site = heapledger::snapshot().operation("search").unwrap().site.unwrap();
/// assert!(site.file.ends_with(".rs") && site.line > 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Site {
    /// The path that rustc got: relative to the workspace, for a package in that workspace.
    pub file: Cow<'static, str>,
    /// Counted from one.
    pub line: u32,
    /// In characters, counted from one.
    pub column: u32,
}

#[cfg(feature = "json")]
json_object!(Site { file, line, column });

impl From<&'static Location<'static>> for Site {
    fn from(place: &'static Location<'static>) -> Self {
        Self { file: Cow::Borrowed(place.file()), line: place.line(), column: place.column() }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
