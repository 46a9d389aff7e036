//! What people wrote, as a message can bear it. What is wrong with it is for others to say.

use crate::words::printable;

/// As much of what people wrote as a message can bear, and nothing that a terminal obeys.
pub(super) fn short(text: &str) -> String {
    /// In characters: what remains of a line of a terminal beside the rest of the message.
    const LONGEST: usize = 60;
    let mut short = printable(&text.chars().take(LONGEST).collect::<String>());
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

/// As `short`, in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", short(text))
}
