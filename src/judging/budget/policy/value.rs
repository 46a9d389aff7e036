//! Values of one type, and what is said of others. What a key means is for `read` and `setting`.

use std::cell::RefCell;

use toml_spanner::{Item, Key, Table, Value};

use crate::judging::budget::lines::Lines;
use crate::judging::budget::place::Place;
use crate::judging::budget::problem::Problem;
use crate::judging::budget::syntax::{self, start};
use crate::words::short;

/// A policy's text while it is read, and what was found wrong with it so far. Every problem says what to do.
pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    lines: Lines<'a>,
    pub(super) problems: RefCell<Vec<Problem>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, lines: Lines::of(text), problems: RefCell::default() }
    }

    /// What was read; a problem is noted, and reading goes on.
    pub(super) fn noting<T>(&self, read: Result<T, Problem>) -> Option<T> {
        read.map_err(|problem| self.problems.borrow_mut().push(problem)).ok()
    }
}

impl Reader<'_> {
    /// The table that `value` is; `can` is what to write there instead. `name` is that of the key.
    pub(super) fn table<'v, 'i>(&self, name: &str, value: &'v Item<'i>, can: &str) -> Result<&'v Table<'i>, Problem> {
        value.as_table().ok_or_else(|| self.wrong(name, value, can))
    }

    pub(super) fn string<'v>(&self, name: &str, value: &'v Item<'_>, can: &str) -> Result<&'v str, Problem> {
        value.as_str().ok_or_else(|| self.wrong(name, value, can))
    }

    pub(super) fn boolean(&self, name: &str, value: &Item<'_>) -> Result<bool, Problem> {
        value.as_bool().ok_or_else(|| self.wrong(name, value, "`true` or `false`"))
    }

    /// The problem of a value of another type.
    pub(super) fn wrong(&self, name: &str, value: &Item<'_>, can: &str) -> Problem {
        let found = match value.value() {
            Value::String(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Boolean(_) => "a boolean",
            Value::DateTime(_) => "a date",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        };
        self.error(start(value.span()), format!("`{name}` is {found}: write {can}"))
    }

    /// The problem of a key that is none of `valid`.
    pub(super) fn unknown(&self, key: &Key<'_>, valid: &[&str]) -> Problem {
        let near = syntax::nearest(key.name, valid);
        self.error(start(key.span), format!("unknown key `{}`: {near}", short(key.name)))
    }

    pub(super) fn place(&self, at: usize) -> Place {
        self.lines.place(self.file, at)
    }

    pub(super) fn error(&self, at: usize, what: impl Into<String>) -> Problem {
        Problem { at, what: what.into() }
    }
}

#[cfg(test)]
mod tests {
    use crate::judging::budget::figure::Figure;
    use crate::judging::budget::place::Place;
    use crate::judging::budget::policy::samples::{FILE, linux, parsed, place};

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
