//! What people wrote, made short and harmless for messages. What is wrong with it is for others to say.

use crate::words::printable;

/// The start of what people wrote, without anything that a terminal obeys.
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
