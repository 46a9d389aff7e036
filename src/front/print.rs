//! Reports on the terminal and as text. This file asks a terminal how wide it is and whether it takes colours;
//! `render::report` says what a report looks like.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal};

use crate::reading::Report;
use crate::record::{Own, terminal_width};
use crate::render::{DEFAULT_WIDTH, Look};

/// `{}` is 100 columns wide and `{:120}` is 120; `{:#}` shows exact bytes. Never in colour: that is `print`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().fmt(f)
    }
}

impl Report {
    /// Prints the report to standard output: as wide as the terminal, in colour if it is one (and `NO_COLOR` is not
    /// set).
    ///
    /// # Errors
    /// When standard output cannot be written to.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// # fn main() -> std::io::Result<()> {
    /// heapledger::report().print()?;
    /// # Ok(()) }
    /// ```
    pub fn print(&self) -> io::Result<()> {
        let out = io::stdout();
        let text = self.for_terminal(out.is_terminal(), terminal_width(&out));
        writeln(&mut out.lock(), &text)
    }

    /// Prints the report to standard error, as [`print`](Self::print) does.
    ///
    /// # Errors
    /// When standard error cannot be written to.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// # fn main() -> std::io::Result<()> {
    /// heapledger::report().eprint()?;
    /// # Ok(()) }
    /// ```
    pub fn eprint(&self) -> io::Result<()> {
        let out = io::stderr();
        let text = self.for_terminal(out.is_terminal(), terminal_width(&out));
        writeln(&mut out.lock(), &text)
    }

    fn for_terminal(&self, terminal: bool, width: Option<usize>) -> Own<String> {
        let colour = wants_colours(terminal);
        let width = width.unwrap_or(DEFAULT_WIDTH);
        self.table().rendered(&Look { width, colour, ..Look::PLAIN })
    }
}

/// Whether to print in colour, unless the user says otherwise: on a terminal, unless `NO_COLOR` is set.
pub(crate) fn wants_colours(terminal: bool) -> bool {
    terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn writeln(out: &mut impl io::Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")
}
