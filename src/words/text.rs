//! Text that is safe to show: whatever a name holds, it cannot control a terminal, a page or a log.

/// `name` with control characters, and those that reorder or hide text, shown as escapes.
pub(crate) fn printable(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for one in name.chars() {
        // In Unicode: soft hyphens, marks and isolates of writing direction, invisible characters and joiners, fillers
        // of Hangul, selectors of variations, line and paragraph separators, interlinear annotations, and tags.
        let hides = matches!(one,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
        );
        if one.is_control() || hides {
            shown.extend(one.escape_default());
        } else {
            shown.push(one);
        }
    }
    shown
}

/// The start of what people wrote, without anything that a terminal obeys.
pub(crate) fn short(text: &str) -> String {
    /// In characters: what remains of a line of a terminal beside the rest of the message.
    const LONGEST: usize = 60;
    let mut short = printable(&text.chars().take(LONGEST).collect::<String>());
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

/// As `short`, in quotes.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", short(text))
}
