//! What the two kinds of files have in common: TOML that is read with the place of everything in it, and messages that
//! name the nearest valid key. What the keys mean is for `policy` and `figures`.

use toml::Spanned;
use toml::de::{DeInteger, DeTable};

use super::duplicate;
use super::lines::Lines;
use super::problem::{self, Problem};
use crate::words::{Cause, Error, printable};

/// What could be read, and what is wrong with the rest.
pub(super) type Recovered<'a> = (Spanned<DeTable<'a>>, Vec<Problem>);

/// How alike two names are at least, from 0 to 1, if one is likely to be a misspelling of the other.
pub(super) const ALIKE: f64 = 0.8;
/// So much of a name is compared, in characters: comparing takes time in proportion to the length of both.
pub(super) const COMPARED: usize = 64;
/// The deepest nesting of brackets that is read: deeper than in any sensible file, and far from using up a stack.
const DEEPEST: usize = 64;

/// Reads a TOML document of at most `largest` bytes, and says all that is wrong with it.
pub(super) fn table<'a>(file: &str, text: &'a str, largest: usize) -> Result<Spanned<DeTable<'a>>, Error> {
    let (table, problems) = recovered(file, text, largest)?;
    if problems.is_empty() { Ok(table) } else { Err(problem::error(file, text, problems)) }
}

/// Reads as much of a TOML document as can be read, so that what is wrong in the rest of it can be said as well.
///
/// # Errors
/// Where it makes no sense to read on.
pub(super) fn recovered<'a>(file: &str, text: &'a str, largest: usize) -> Result<Recovered<'a>, Error> {
    if text.len() > largest {
        let what = format!("{file}: {} bytes are more than {largest}: this is no such file", text.len());
        return Err(Error(Cause::Unreadable { what }));
    }
    let stop = |at: usize, what: String| Err(problem::error(file, text, vec![Problem { at, what }]));
    if let Some(at) = find_conflict(text) {
        return stop(at, "a merge conflict stands here: take either side; figures can be recorded anew".into());
    }
    if let Some(at) = find_too_deep(text) {
        return stop(at, format!("brackets are nested deeper than {DEEPEST}"));
    }
    let (table, mut errors) = DeTable::parse_recoverable(text);
    let place_in_text = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    errors.sort_by_key(place_in_text);
    let lines = Lines::of(text);
    let mut problems: Vec<Problem> = Vec::new();
    // One more, so that it is seen that there are more.
    for error in errors.iter().take(problem::MOST + 1) {
        let span = error.span().unwrap_or_default();
        let said = printable(error.message().lines().next().unwrap_or("not TOML"));
        let what = match duplicate::first(text, &span).filter(|_| said == "duplicate key") {
            None => said,
            Some((key, first)) => format!("duplicate key `{key}`: it stands at {} already", lines.place(file, first)),
        };
        problems.push(Problem { at: span.start, what });
    }
    Ok((table, problems))
}

/// Where git left a conflict to be resolved.
fn find_conflict(text: &str) -> Option<usize> {
    let begins = "<<<<<<< ";
    if text.starts_with(begins) { Some(0) } else { text.find("\n<<<<<<< ").map(|at| at + 1) }
}

/// Where brackets nest too deep. Brackets in strings and comments do not count.
fn find_too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(&byte) = text.as_bytes().get(at) {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Some(at);
        }
        at += match byte {
            b'#' => text[at..].find('\n').unwrap_or(text.len() - at),
            b'"' | b'\'' => length_of_string(&text[at..]),
            _ => 1,
        };
    }
    None
}

/// The length of the string at the start of `text`, up to the end of its line if it is not closed there.
fn length_of_string(text: &str) -> usize {
    let quote = &text[..1];
    let long = quote.repeat(3);
    let (close, more_lines) = if text.starts_with(&long) { (long.as_str(), true) } else { (quote, false) };
    let mut at = close.len();
    while let Some(&byte) = text.as_bytes().get(at) {
        match byte {
            b'\n' if !more_lines => return at,
            b'\\' if quote == "\"" && text.as_bytes().get(at + 1) != Some(&b'\n') => at += 2,
            _ if text.as_bytes()[at..].starts_with(close.as_bytes()) => return at + close.len(),
            _ => at += 1,
        }
    }
    text.len()
}

/// The integer, if it fits.
pub(super) fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// What to say of a schema that is not the one of this version.
pub(super) fn other_schema(found: Option<i64>, ours: i64) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match found {
        Some(found) if found > ours => format!(
            "schema {found} is newer than this heapledger ({version}), which reads schema {ours}: update heapledger"
        ),
        Some(found) => format!("schema {found} never was: write `schema = {ours}`"),
        None => format!("this schema is no number of ours: write `schema = {ours}`"),
    }
}

/// ``did you mean `peak_bytes`?``, or which keys there are.
pub(crate) fn nearest(key: &str, valid: &[&str]) -> String {
    let key: String = key.chars().take(COMPARED).collect();
    let near = valid.iter().map(|valid| (strsim::jaro_winkler(&key, valid), valid));
    match near.max_by(|(one, _), (other, _)| one.total_cmp(other)) {
        Some((likeness, valid)) if likeness >= ALIKE => format!("did you mean `{valid}`?"),
        _ => format!("valid are {}", valid.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ")),
    }
}
