//! A report's table with what is shown of it chosen. `render::report` says what it looks like.

use std::fmt;

#[cfg(feature = "lines")]
use crate::reading::Data;
use crate::reading::{Report, Selection, SortKey};
use crate::record::{Own, quietly};
use crate::render::report::table;
use crate::render::{DEFAULT_WIDTH, Look};
#[cfg(feature = "testing")]
use crate::words::suggestion;
#[cfg(feature = "lines")]
use crate::words::{Cause, Error, glob, printable, segments, short};

/// A report as a table that shows a part of it, or more than [`Report`]'s own. Made by [`Report::table`].
///
/// Nothing is falsified by what is left out: operations that nobody asked for are one row, those below the shown ones
/// are in their figures and counted in a line, and the total and the law are those of the whole report.
///
/// [`Display`](fmt::Display) is as wide as `{:120}` says (100 by default), with exact bytes for `{:#}`.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// # #[cfg(feature = "lines")]
/// # fn main() -> Result<(), heapledger::Error> {
/// let (kept, _) = heapledger::measure("index_build/commit", || vec![0u8; 4096]);
/// heapledger::measure("search", || ());
/// let report = heapledger::report();
/// let table = report.table().operation("index_build")?.depth(1).sites();
/// let text = format!("{table:#120}");
/// assert!(text.contains("index_build") && text.contains("4,096") && !text.contains("search"));
/// assert!(text.contains("1 operation deeper than these, with 4,096 B live, is in their figures"));
/// # drop(kept);
/// # Ok(()) }
/// # #[cfg(not(feature = "lines"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is shown"]
pub struct ReportTable<'a> {
    report: &'a Report,
    selection: Own<Selection>,
}

impl Report {
    /// The report as a table of which you choose what it shows. Without a choice it is the report's own
    /// [`Display`](fmt::Display).
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let report = heapledger::report();
    /// assert_eq!(report.table().to_string(), report.to_string());
    /// println!("{}", report.table().depth(1).stacks(0));
    /// ```
    pub fn table(&self) -> ReportTable<'_> {
        ReportTable { report: self, selection: Own::new(Selection::default) }
    }
}

impl ReportTable<'_> {
    /// Shows only the operation at a path, or those that a glob matches, and all operations below them; called again,
    /// these too. `*` and `?` match within a name, `**` any names in between, as in [`capture`](crate::capture()). An
    /// operation that no shown one is around stands with its whole path. All others are one row together.
    ///
    /// # Errors
    /// When nothing in the report matches ([`Error::is_unmatched`], with what may have been meant), and when the glob
    /// is not valid ([`Error::is_unreadable`]).
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::measure("search/parse", || drop(vec![0u8; 64]));
    /// let report = heapledger::report();
    /// assert!(report.table().operation("*/parse").unwrap().to_string().contains("\nsearch/parse "));
    /// assert!(report.table().operation("serch").unwrap_err().is_unmatched());
    /// ```
    #[cfg(feature = "lines")]
    pub fn operation(mut self, path: &str) -> Result<Self, Error> {
        let found = quietly(|| matching(&self.report.0, path))?;
        self.choose(|selection| selection.operations.get_or_insert_default().extend(found));
        Ok(self)
    }

    /// Shows so many levels of operations, at least one. What is deeper is in the figures of the operations around it.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::measure("search", || heapledger::measure("parse", || drop(vec![0u8; 64])));
    /// assert!(!heapledger::report().table().depth(1).to_string().contains("parse"));
    /// ```
    pub fn depth(mut self, levels: usize) -> Self {
        self.choose(|selection| selection.depth = Some(levels.max(1)));
        self
    }

    /// Sorts operations that have the same parent by something else than what they own.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// println!("{}", heapledger::report().table().sort_by(heapledger::SortKey::Peak));
    /// ```
    pub fn sort_by(mut self, key: SortKey) -> Self {
        self.choose(|selection| selection.sort = key);
        self
    }

    /// Shows of each captured operation so many call stacks that own the most, and as many more that allocated the
    /// most: three by default, of the first eight operations. `usize::MAX` shows all, and zero none.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// println!("{}", heapledger::report().table().stacks(10));
    /// ```
    pub fn stacks(mut self, most: usize) -> Self {
        self.choose(|selection| selection.stacks = Some(most));
        self
    }

    /// Shows where each operation was first entered, as `file:line:column`, in a column that is never cut.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::measure("search", || ());
    /// assert!(heapledger::report().table().sites().to_string().contains(".rs:"));
    /// ```
    pub fn sites(mut self) -> Self {
        self.choose(|selection| selection.sites = true);
        self
    }

    fn choose(&mut self, choice: impl FnOnce(&mut Selection)) {
        quietly(|| {
            if let Some(mut selection) = self.selection.take() {
                choice(&mut selection);
                self.selection.put(selection);
            }
        });
    }

    /// The table as a text. The text is the ledger's own memory; what it is written to is the caller's.
    pub(crate) fn rendered(&self, look: &Look) -> Own<String> {
        Own::new(|| {
            let mut text = String::new();
            // Writing to a string does not fail.
            let _ = table(&self.report.0, &self.selection, look, &mut text);
            text
        })
    }
}

impl fmt::Display for ReportTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let look = Look { width: f.width().unwrap_or(DEFAULT_WIDTH), exact: f.alternate(), ..Look::PLAIN };
        f.write_str(&self.rendered(&look))
    }
}

/// The operations that a path or a glob names, and those below them: at least one.
#[cfg(feature = "lines")]
fn matching(data: &Data, path: &str) -> Result<Vec<String>, Error> {
    let glob = glob(path).map_err(|what| Error(Cause::Unreadable { what }))?;
    fn names(path: &str) -> Vec<&str> {
        segments(path).collect()
    }
    // What names nothing would be above everything.
    let places = (0..data.rows.len()).filter(|_| !names(path).is_empty());
    let found = places.map(|at| data.rows.path(at)).filter(|path| glob.covers(&names(path)));
    let found = Vec::from_iter(found);
    match found.is_empty() {
        true => Err(Error(Cause::Unmatched { what: unmatched(data, path) })),
        false => Ok(found),
    }
}

/// What is said of a path or a glob that names no operation.
#[cfg(feature = "lines")]
#[cfg_attr(not(feature = "testing"), expect(unused_variables, reason = "nothing is suggested"))]
fn unmatched(data: &Data, path: &str) -> String {
    #[cfg(feature = "testing")]
    let near = suggestion(path, data.rows.listed().iter().map(|row| row.path.as_str()));
    #[cfg(not(feature = "testing"))]
    let near: Option<String> = None;
    let near = near.map_or_else(String::new, |near| format!(": did you mean `{}`?", printable(&near)));
    format!("no operation of the report matches `{}`{near}", short(path))
}
