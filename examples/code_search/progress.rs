//! How far the work is, on standard error: a bar on a terminal, a few plain lines elsewhere.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use heapledger::{Operation, current, track};
use indicatif::{ProgressBar, ProgressStyle};

/// Says how far the work is.
pub struct Progress {
    /// The bar allocates, in the middle of everybody's work: it does so in an operation of its own.
    bar: Option<(ProgressBar, Operation)>,
}

impl Progress {
    pub fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let _op = track("progress");
            let style = ProgressStyle::with_template("{msg:32} {wide_bar} {percent:>3} %");
            let bar = ProgressBar::no_length().with_style(style.expect("the template is right"));
            (bar, current())
        });
        Self { bar }
    }

    /// So much is done.
    pub fn at(&self, done: u64, all: u64) {
        self.show(|bar| {
            bar.set_length(all);
            bar.set_position(done);
        });
    }

    /// Something is reached.
    pub fn reached(&self, what: fmt::Arguments<'_>) {
        match self.bar {
            Some(_) => self.show(|bar| bar.set_message(what.to_string())),
            None => say(what),
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.show(ProgressBar::finish_and_clear);
    }

    fn show(&self, change: impl FnOnce(&ProgressBar)) {
        if let Some((bar, op)) = &self.bar {
            op.run(|| change(bar));
        }
    }
}

/// A line on standard error. Where nobody listens any more, the work goes on.
pub fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Text that cannot do anything to a terminal: control characters, but for ends of lines, are shown as escapes.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '\n' => shown.push(one),
            _ if one.is_control() => shown.extend(one.escape_default()),
            _ => shown.push(one),
        }
    }
    shown
}
