//! What is said of a test that takes long: a line on a terminal that is written anew, and now and then one in a log.
//! Only people see it; nothing depends on it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::words::printable;

/// How long a test runs before the line appears on a terminal, and how often it is written anew. The first is a second
/// in all, for most tests are over by then.
const FIRST: Duration = Duration::from_millis(800);
const EVERY: Duration = Duration::from_millis(200);
/// How often there is a line in a log: often enough that nobody takes the test for hung.
const EVERY_IN_LOG: Duration = Duration::from_secs(30);

/// Lines about a test that takes longer than a second, in a log longer than half a minute.
#[derive(Debug)]
pub(super) struct Progress {
    on_terminal: bool,
    /// When a line was last written, from the start of the test; [`FIRST`] before one was, or zero in a log.
    shown: Duration,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self::on(io::stderr().is_terminal())
    }

    fn on(terminal: bool) -> Self {
        Self { on_terminal: terminal, shown: if terminal { FIRST } else { Duration::ZERO } }
    }

    pub(super) fn show(&mut self, name: &str, iterations: u64, window: usize, elapsed: Duration) {
        if let Some(line) = self.line(name, iterations, window, elapsed) {
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }

    /// What to write now, if it is time.
    fn line(&mut self, name: &str, iterations: u64, window: usize, elapsed: Duration) -> Option<String> {
        let every = if self.on_terminal { EVERY } else { EVERY_IN_LOG };
        if elapsed <= self.shown + every {
            return None;
        }
        self.shown = elapsed;
        let (before, after) = if self.on_terminal { ("\r\x1b[2K", "") } else { ("", "\n") };
        let name = printable(name);
        Some(format!("{before}{name}: window {window}, {iterations} iterations, {elapsed:.1?}{after}"))
    }

    /// Takes the line away, if there is one.
    pub(super) fn clear(&mut self) {
        if self.on_terminal && self.shown > FIRST + EVERY {
            let _ = io::stderr().write_all(b"\r\x1b[2K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When there is a line, of times in milliseconds.
    fn lines(terminal: bool, times: &[u64]) -> Vec<String> {
        let mut progress = Progress::on(terminal);
        times.iter().filter_map(|at| progress.line("a\n", 7, 2, Duration::from_millis(*at))).collect()
    }

    #[test]
    fn a_line_on_a_terminal_is_written_anew_and_a_log_gets_one_every_half_minute() {
        let terminal = lines(true, &[0, 1000, 1001, 1201, 1202]);
        let expected = ["1.0s", "1.2s"].map(|at| format!("\r\x1b[2Ka\\n: window 2, 7 iterations, {at}"));
        assert_eq!(terminal, expected);
        let log = lines(false, &[1001, 30_000, 30_001, 60_001, 60_002]);
        assert_eq!(log, ["30.0s", "60.0s"].map(|at| format!("a\\n: window 2, 7 iterations, {at}\n")));
    }
}
