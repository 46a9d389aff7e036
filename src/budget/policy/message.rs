//! What messages are made of: places in a file, and what people wrote in it. It does not say what is wrong.

use crate::budget::Place;
use crate::operation::printable;

/// Where lines begin, and every so many characters of a long one: so that places are found in little time.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Byte, line and column.
    marks: Vec<(usize, usize, usize)>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        const APART: usize = 1024;
        // A byte order mark is no column of an editor.
        let first = if text.starts_with('\u{feff}') { 0 } else { 1 };
        let mut marks = vec![(0, 1, first)];
        let (mut line, mut column) = (1, first);
        for (at, one) in text.char_indices() {
            column += 1;
            if one == '\n' {
                (line, column) = (line + 1, 1);
            }
            if one == '\n' || column % APART == 0 {
                marks.push((at + one.len_utf8(), line, column));
            }
        }
        Self { text, marks }
    }

    pub(super) fn place(&self, file: &str, at: usize) -> Place {
        let after = self.marks.partition_point(|(mark, ..)| *mark <= at);
        let (mark, line, column) = self.marks[after.saturating_sub(1)];
        let column = column + self.text.get(mark..at).map_or(0, |between| between.chars().count());
        Place { file: file.into(), line, column: column.max(1) }
    }
}

/// Of what people wrote: as much as a message bears, and nothing that a terminal obeys.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short = printable(&text.chars().take(LONGEST).collect::<String>());
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", short(text))
}

#[cfg(test)]
mod tests {
    use crate::budget::policy::tests::{FILE, linux, parsed, place};
    use crate::budget::{Figure, Place};

    #[test]
    fn places_are_what_editors_show() {
        let text = "\u{feff}schema = 1\r\n# ä\r\n[operation.\"ö€\"]\r\nwhy = \"ü\"\nallocs = 1\n";
        let rules = parsed(text).expect("it is valid").rules("ö€", &linux());
        assert_eq!(rules.limits[&Figure::Allocs].place, place(5, 10));
        assert_eq!(parsed("\u{feff}schema = 2").expect_err("it is newer").find(":1:10: "), Some(FILE.len()));
        let long = format!("schema = 1\noperation.a = {{ why = '{}', allocs = 1 }}", "ä\u{301}".repeat(5000));
        let rules = parsed(&long).expect("it is valid").rules("a", &linux());
        assert_eq!(rules.limits[&Figure::Allocs].place, Place::of(FILE, &long, long.len() - 3));
        assert_eq!(rules.limits[&Figure::Allocs].place, place(2, 10_036));
    }
}
