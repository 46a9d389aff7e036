//! What the two kinds of files have in common: TOML that is read with the place of everything in it, and messages that
//! name the nearest valid key. What the keys mean is for `policy` and `figures`.

use toml_spanner::{Arena, ErrorKind, Span, Table};

use super::lines::Lines;
use super::problem::{self, Problem};
use crate::words::{ALIKE, COMPARED, Cause, Error, printable};

/// What could be read, and what is wrong with the rest.
pub(super) type Recovered<'a> = (Table<'a>, Vec<Problem>);

/// Reads a TOML document of at most `largest` bytes, and says all that is wrong with it.
pub(super) fn table<'a>(file: &str, text: &'a str, largest: usize, arena: &'a Arena) -> Result<Table<'a>, Error> {
    let (table, problems) = recovered(file, text, largest, arena)?;
    if problems.is_empty() { Ok(table) } else { Err(problem::error(file, text, problems)) }
}

/// Reads as much of a TOML document as can be read, so that what is wrong in the rest of it can be said as well.
///
/// # Errors
/// Where it makes no sense to read on.
pub(super) fn recovered<'a>(
    file: &str,
    text: &'a str,
    largest: usize,
    arena: &'a Arena,
) -> Result<Recovered<'a>, Error> {
    if text.len() > largest {
        let what = format!("{file}: {} bytes are more than {largest}: this is no such file", text.len());
        return Err(Error(Cause::Unreadable { what }));
    }
    let stop = |at: usize, what: String| Err(problem::error(file, text, vec![Problem { at, what }]));
    if let Some(at) = find_conflict(text) {
        return stop(at, "a merge conflict stands here: take either side; figures can be recorded anew".into());
    }
    let document = toml_spanner::parse_recoverable(text, arena);
    let lines = Lines::of(text);
    let duplicate = |again: Span, first: Span| {
        let key = printable(text.get(again.range()).unwrap_or(""));
        let what = format!("duplicate key `{key}`: it stands at {} already", lines.place(file, start(first)));
        Problem { at: start(again), what }
    };
    let said = |error: &toml_spanner::Error, what: &str| Problem { at: start(error.span()), what: printable(what) };
    let problem = |error: &toml_spanner::Error| match error.kind() {
        ErrorKind::DuplicateKey { first } => duplicate(error.span(), first),
        ErrorKind::DuplicateTable { name, first } => duplicate(name, first),
        ErrorKind::OutOfRange { .. } => said(error, "brackets are nested too deep: no such file has as many"),
        ErrorKind::Unexpected('\n' | '\r') => said(error, "no value stands here: write one behind the `=`"),
        _ => said(error, &error.to_string()),
    };
    let problems = document.errors().iter().map(problem).collect();
    Ok((document.into_table(), problems))
}

/// Where git left a conflict to be resolved.
fn find_conflict(text: &str) -> Option<usize> {
    let begins = "<<<<<<< ";
    if text.starts_with(begins) { Some(0) } else { text.find("\n<<<<<<< ").map(|at| at + 1) }
}

/// The byte at which something begins.
pub(super) fn start(span: Span) -> usize {
    span.range().start
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
