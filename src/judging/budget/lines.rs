//! Lines and columns of a text, found in little time. What stands there is for others to know.

use super::place::Place;

/// Where lines begin, and every so many characters of a long line, so that places are found in little time.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Byte, line and column.
    marks: Vec<(usize, usize, usize)>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        /// How many characters of a long line lie between two marks.
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
