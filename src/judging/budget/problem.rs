//! All that is wrong with a file, told at once: each with its place, in the order of the file. What is wrong is for
//! others to find.

use super::lines::Lines;
use crate::words::{Cause, Error};

/// The most that is told of one file: whoever has more will read the file again anyway. TOML's parser tells of one
/// more.
const MOST: usize = 24;

/// One thing that is wrong with a file, and what to do.
#[derive(Debug)]
pub(super) struct Problem {
    /// The byte at which it stands.
    pub(super) at: usize,
    pub(super) what: String,
}

/// The error that tells all `problems` of a file, one a line.
pub(super) fn error(file: &str, text: &str, mut problems: Vec<Problem>) -> Error {
    problems.sort_by_key(|problem| problem.at);
    let lines = Lines::of(text);
    let told = problems.iter().take(MOST).map(|problem| format!("{}: {}", lines.place(file, problem.at), problem.what));
    let more = (problems.len() > MOST).then(|| "and more: repair these first".into());
    Error(Cause::Unreadable { what: told.chain(more).collect::<Vec<_>>().join("\n") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_told_in_the_order_of_the_file_and_the_rest_is_counted() {
        let text = "x".repeat(60);
        let problems = |count: usize| (0..count).rev().map(|at| Problem { at, what: format!("no {at}") }).collect();
        assert_eq!(error("a.toml", &text, problems(2)).to_string(), "a.toml:1:1: no 0\na.toml:1:2: no 1");
        let all = error("a.toml", &text, problems(25)).to_string();
        assert_eq!((all.lines().count(), all.lines().last()), (25, Some("and more: repair these first")));
    }
}
