//! What is printed, and how: on standard output for the results, on standard error for complaints, in colour where that
//! is wanted. The only file of the command that prints.

use std::io::{ErrorKind, IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::github::{on_github, without_commands};
use crate::front::wants_colours;
use crate::record::terminal_width;
use crate::render::Look;
use crate::words::printable;

/// The width of a table that no terminal shows, such as one in a log of CI: few names have to be cut.
const WIDTH_ELSEWHERE: usize = 120;
/// So often in a second a bar is drawn at most.
const BAR_HZ: u8 = 10;
/// So often a bar shows that the command goes on, whether or not a step was made.
const BAR_TICK: Duration = Duration::from_millis(200);

/// When to colour what is printed.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(super) enum When {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl When {
    /// Whether standard output is to be in colour.
    pub(super) fn colours(self) -> bool {
        match self {
            Self::Auto => wants_colours(std::io::stdout().is_terminal()),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// How tables are to look here.
pub(super) fn look(colour: bool) -> Look {
    let known = terminal_width(std::io::stdout());
    Look { width: known.unwrap_or(WIDTH_ELSEWHERE), wraps: known.is_some(), colour, exact: false }
}

/// Prints to standard output what may hold names: GitHub is told to take no command from it.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    match on_github() {
        true => print_verbatim(&without_commands(text)),
        false => print_verbatim(text),
    }
}

/// Prints to standard output. Whoever reads it may have gone: neither the verdict nor what else is written depends on
/// them.
pub(super) fn print_verbatim(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("standard output cannot be written"),
        _ => Ok(()),
    }
}

/// Prints to standard error, if that is there.
pub(super) fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// A message as it may stand in a terminal: lines stay lines.
pub(super) fn printable_lines(message: &str) -> String {
    message.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// A bar on a terminal, for what takes longer than people like to wait.
pub(super) fn progress(what: &'static str, steps: usize) -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr_with_hz(BAR_HZ),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(Some(steps as u64), target).with_message(what);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
    bar.set_style(style.expect("the template is well-formed"));
    bar.enable_steady_tick(BAR_TICK);
    bar
}
