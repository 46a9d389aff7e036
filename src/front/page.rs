//! The report as a page for browsers, with the lines of source code that this machine has.

use std::env;

use crate::disk::source_lines;
use crate::reading::{Data, Report};
use crate::render::report::{Sourced, html};

impl Report {
    /// The report as a page for browsers: one file with all that it needs, which asks the network for nothing. It has
    /// the operations as a tree to sort and search, and them and their call stacks as blocks to zoom into; if any
    /// operation was [captured](crate::Capture), also what each line and each crate allocated.
    ///
    /// Next to a line of the workspace around the current folder, or of a crate as cargo unpacked it, stands its source
    /// code, if the file can be read. What it shows: `docs/reading-a-report.md`.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// # fn main() -> std::io::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("report.html");
    /// std::fs::write(path, heapledger::report().to_html())?;
    /// # Ok(()) }
    /// ```
    pub fn to_html(&self) -> String {
        page(&self.0, None)
    }

    /// The same page, which also shows what changed since the report `before`: what grew, shrank, is new or gone.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let before = heapledger::report();
    /// let (kept, _) = heapledger::measure("index_build", || vec![0u8; 4096]);
    /// assert!(heapledger::report().to_html_since(&before).contains("index_build"));
    /// # drop(kept);
    /// ```
    pub fn to_html_since(&self, before: &Self) -> String {
        page(&self.0, Some(&before.0))
    }
}

/// The page of a report, and of what changed since an earlier one.
pub(crate) fn page(data: &Data, before: Option<&Data>) -> String {
    let within = env::current_dir().unwrap_or_default();
    let lines = |data: &Data| source_lines(data.frames(), &within);
    let (own, others) = (lines(data), before.map(lines).unwrap_or_default());
    let before = before.map(|data| Sourced { data, lines: &others });
    html(&Sourced { data, lines: &own }, before.as_ref())
}
