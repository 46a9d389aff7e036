//! Texts that go on in the next line where a terminal ends. What they say is for others to know.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The lines of `text`, none of which is wider than `width` columns: broken between words, and within a word that is
/// wider.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    // The widest character takes two columns.
    let width = width.max(2);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one from the start");
        if line.is_empty() || line.width() + 1 + word.width() <= width {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        } else {
            lines.push(word.into());
        }
        while let Some(rest) = lines.last_mut().and_then(|line| split_off_beyond(line, width)) {
            lines.push(rest);
        }
    }
    lines
}

/// Takes away what does not fit into `width` columns, if there is any.
fn split_off_beyond(line: &mut String, width: usize) -> Option<String> {
    if line.width() <= width {
        return None;
    }
    let mut taken = 0;
    let beyond = line.char_indices().find(|(_, one)| {
        taken += one.width().unwrap_or(0);
        taken > width
    });
    // A text may be narrower than its characters together, and is wider here.
    beyond.map(|(at, _)| line.split_off(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_within_those_that_are_too_wide() {
        let cases = [
            ("", 9, vec![""]),
            ("one two", 7, vec!["one two"]),
            ("one two", 6, vec!["one", "two"]),
            ("one two three", 7, vec!["one two", "three"]),
            ("tests/figures/linux.toml:14", 10, vec!["tests/figu", "res/linux.", "toml:14"]),
            ("日本語", 5, vec!["日本", "語"]),
            ("日本", 0, vec!["日", "本"]),
        ];
        for (text, width, lines) in cases {
            assert_eq!(wrapped(text, width), lines, "{text}");
        }
    }
}
