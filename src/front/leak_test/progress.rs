//! The line of progress on a terminal. Only people see it; nothing depends on it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::words::printable;

/// How long a test runs before the line appears, and how often the line is written anew. The first is a second in all,
/// for most tests are over by then.
const FIRST: Duration = Duration::from_millis(800);
const EVERY: Duration = Duration::from_millis(200);

/// A line on the terminal, for tests that take longer than a second.
#[derive(Debug)]
pub(super) struct Progress {
    on_terminal: bool,
    /// When the line was last written, from the start of the test; [`FIRST`] before it was.
    shown: Duration,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { on_terminal: io::stderr().is_terminal(), shown: FIRST }
    }

    pub(super) fn show(&mut self, name: &str, iterations: u64, window: usize, elapsed: Duration) {
        if self.on_terminal && elapsed > self.shown + EVERY {
            self.shown = elapsed;
            let name = printable(name);
            let line = format!("\r\x1b[2K{name}: window {window}, {iterations} iterations, {elapsed:.1?}");
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }

    /// Takes the line away, if there is one.
    pub(super) fn clear(&mut self) {
        if self.on_terminal && self.shown > FIRST + EVERY {
            let _ = io::stderr().write_all(b"\r\x1b[2K");
        }
    }
}
