//! How tables look: width, colour, styles, and texts that fit into columns.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use crate::words::{Bytes, Count, exact};

/// How a text is to look. The caller decides; nothing is asked of a terminal here.
pub(crate) struct Look {
    /// In columns of a terminal.
    pub(crate) width: usize,
    /// Whether a longer text goes on in a line of its own: a terminal would break it anywhere.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only tables of the command go on in the next line"))]
    pub(crate) wraps: bool,
    pub(crate) colour: bool,
    /// Exact bytes and counts, instead of three digits and a unit.
    pub(crate) exact: bool,
}

impl Look {
    /// As it is in a file.
    pub(crate) const PLAIN: Self = Self { width: DEFAULT_WIDTH, wraps: false, colour: false, exact: false };

    /// So many bytes, with a unit unless they are exact.
    pub(super) fn size(&self, bytes: i128) -> String {
        if self.exact { exact(bytes) } else { Bytes(bytes).to_string() }
    }

    pub(super) fn count(&self, count: impl Into<i128>) -> String {
        let count = count.into();
        if self.exact { exact(count) } else { Count(count).to_string() }
    }

    /// The text in that style, where colours are wanted.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.into() }
    }
}

/// The width, in columns, where the caller has no other.
pub(crate) const DEFAULT_WIDTH: usize = 100;

/// The titles of columns.
pub(super) const HEADER: Style = Style::new().bold();
/// What needs no attention.
pub(super) const FAINT: Style = Style::new().dimmed();
/// What is as it should be.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// What fails.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Cut or filled to `width` columns. A text is not always as wide as the sum of its characters.
pub(super) fn padded(text: &str, width: usize) -> String {
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
