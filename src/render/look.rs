//! How tables and messages look: width, colour, and texts that fit.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

/// How the table is to look.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) width: usize,
    pub(crate) colour: bool,
    pub(crate) exact: bool,
}

impl Look {
    pub(super) fn paint(self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.into() }
    }
}

/// The width where nobody says another one.
pub(crate) const DEFAULT_WIDTH: usize = 100;

pub(crate) const HEADER: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Cut or filled to `width` columns. A text is not always as wide as its characters one by one.
pub(crate) fn padded(text: &str, width: usize) -> String {
    let mut padded = text.to_string();
    if padded.width() > width {
        while padded.width() >= width.max(1) {
            padded.pop();
        }
        padded.push('…');
    }
    padded.extend(std::iter::repeat_n(' ', width.saturating_sub(padded.width())));
    padded
}
