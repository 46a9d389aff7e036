//! Recorded figures: from the text of an environment's file to what operations measured before. Opening the file is for
//! `disk`.

use std::collections::BTreeMap;

use toml_spanner::{Arena, Table, Value};

use crate::judging::budget::figure::Figure;
use crate::judging::budget::lines::Lines;
use crate::judging::budget::measured::ByLine;
use crate::judging::budget::place::Place;
use crate::judging::budget::syntax::{self, start};
use crate::reading::Environment;
use crate::words::{Cause, Error};

/// Raised when a reader of the old form would misread the new one.
pub(crate) const SCHEMA: i64 = 1;
/// No file of figures is as large, in bytes.
const LARGEST: usize = 64 << 20;

/// The recorded figures of one environment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figures {
    /// The file, as it is shown to people.
    pub(crate) file: String,
    /// The environment they say they are of.
    pub(crate) environment: Environment,
    /// By operation and figure: what was recorded, and on which line.
    pub(crate) values: BTreeMap<(String, Figure), (i64, Place)>,
    /// Why a figure may be more than the one before it was, where somebody said so: what its comment says.
    #[cfg(feature = "cli")]
    pub(crate) reasons: BTreeMap<(String, Figure), String>,
    /// What lines had of it, where they were recorded with it.
    pub(crate) lines: BTreeMap<(String, Figure), ByLine>,
}

impl Figures {
    /// What was recorded of one figure, and where.
    pub(crate) fn of(&self, path: &str, figure: Figure) -> Option<(i64, &Place)> {
        let (value, place) = self.values.get(&(path.to_string(), figure))?;
        Some((*value, place))
    }

    /// Reads a file of figures.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let arena = Arena::new();
        let table = syntax::table(file, text, LARGEST, &arena)?;
        let lines = Lines::of(text);
        let place = |at| lines.place(file, at);
        let unreadable = |at: usize, what: String| Error(Cause::Unreadable { what: format!("{}: {what}", place(at)) });
        let mut values = BTreeMap::new();
        #[cfg(feature = "cli")]
        let mut reasons = BTreeMap::new();
        let mut lines_of = BTreeMap::new();
        let mut schema = None;
        let mut environment = Environment::default();
        for (key, value) in &table {
            let at = start(value.span());
            match (key.name, value.value()) {
                ("schema", Value::Integer(number)) => schema = Some((at, number.as_i64())),
                ("target", Value::String(named)) => environment.target = named.to_string(),
                ("profile", Value::String(named)) => environment.profile = named.to_string(),
                ("allocator", Value::String(named)) => environment.allocator = named.to_string(),
                ("rustc", Value::String(named)) => environment.rustc = named.to_string(),
                ("figures", Value::Table(operations)) => {
                    read_operations(operations, &mut values, &place, &unreadable)?;
                    #[cfg(feature = "cli")]
                    reasons.extend(super::reason::reasons(operations, text));
                }
                ("lines", Value::Table(operations)) => read_lines(operations, &mut lines_of, &unreadable)?,
                (other, _) => {
                    let valid = ["schema", "target", "profile", "allocator", "rustc", "figures", "lines"];
                    let what = format!("unexpected `{}` ({})", other.escape_debug(), syntax::nearest(other, &valid));
                    return Err(unreadable(start(key.span), what));
                }
            }
        }
        match schema {
            Some((_, Some(SCHEMA))) => Ok(Self {
                file: file.into(),
                environment,
                values,
                #[cfg(feature = "cli")]
                reasons,
                lines: lines_of,
            }),
            Some((at, found)) => Err(unreadable(at, syntax::other_schema(found, SCHEMA))),
            None => Err(unreadable(0, "no `schema` stands here: this is no file of figures, or it was cut off".into())),
        }
    }
}

fn read_operations(
    operations: &Table<'_>,
    values: &mut BTreeMap<(String, Figure), (i64, Place)>,
    place: &dyn Fn(usize) -> Place,
    unreadable: &dyn Fn(usize, String) -> Error,
) -> Result<(), Error> {
    for (path, figures) in operations {
        let Value::Table(figures) = figures.value() else {
            let what = format!("`{}` is no operation: write `\"operation\".allocs = 1`", path.name.escape_debug());
            return Err(unreadable(start(path.span), what));
        };
        for (name, value) in figures {
            let figure = figure_named(name.name).map_err(|what| unreadable(start(name.span), what))?;
            let Some(number) = value.as_i64() else {
                return Err(unreadable(start(value.span()), format!("`{figure}` is an integer, in bytes or blocks")));
            };
            values.insert((path.name.to_string(), figure), (number, place(start(name.span))));
        }
    }
    Ok(())
}

fn read_lines(
    operations: &Table<'_>,
    lines: &mut BTreeMap<(String, Figure), ByLine>,
    unreadable: &dyn Fn(usize, String) -> Error,
) -> Result<(), Error> {
    let form = || "lines are written `\"operation\".allocs.\"line\" = 1`".to_string();
    for (path, figures) in operations {
        for (name, of) in figures.as_table().ok_or_else(|| unreadable(start(path.span), form()))? {
            let figure = figure_named(name.name).map_err(|what| unreadable(start(name.span), what))?;
            let mut by_line = ByLine::new();
            for (line, value) in of.as_table().ok_or_else(|| unreadable(start(name.span), form()))? {
                let number = value.as_i64().ok_or_else(|| unreadable(start(value.span()), form()))?;
                by_line.insert(line.name.to_string(), number);
            }
            lines.insert((path.name.to_string(), figure), by_line);
        }
    }
    Ok(())
}

fn figure_named(name: &str) -> Result<Figure, String> {
    Figure::named(name).ok_or_else(|| {
        let near = syntax::nearest(name, &Figure::ALL.map(Figure::name));
        format!("`{}` is no figure ({near})", name.escape_debug())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Figures, String> {
        Figures::parse("figures.toml", text).map_err(|error| error.to_string())
    }

    #[test]
    fn figures_are_read_with_their_lines() {
        let text = "schema = 1\n[figures]\n\"a\".allocs = 3\n\"a/b\".net_bytes = -5 # -5 B\n\"a\".live_bytes = 0\n";
        let figures = parsed(text).expect("it is well-formed");
        let line = |path: &str, figure| figures.of(path, figure).map(|(value, place)| (value, place.line));
        assert_eq!(line("a", Figure::Allocs), Some((3, 3)));
        assert_eq!(line("a/b", Figure::NetBytes), Some((-5, 4)));
        assert_eq!(line("a", Figure::LiveBytes), Some((0, 5)));
        assert_eq!(line("a", Figure::PeakBytes), None);
    }

    #[test]
    fn what_is_no_file_of_figures_is_refused_with_its_place() {
        let cases = [
            ("", "figures.toml:1:1: no `schema` stands here"),
            ("schema = 2\n", "figures.toml:1:10: schema 2 is newer than this heapledger"),
            (
                "schema = 1\n[figures]\n\"a\".alocs = 1\n",
                "figures.toml:3:5: `alocs` is no figure (did you mean `allocs`?)",
            ),
            ("schema = 1\n[figures]\n\"a\".allocs = 1.5\n", "figures.toml:3:14: `allocs` is an integer"),
            ("schema = 1\n[figures]\na = 1\n", "figures.toml:3:1: `a` is no operation"),
            ("schema = 1\n[lines]\na = 1\n", "figures.toml:3:1: lines are written"),
            ("schema = 1\n[lines]\na.allocs = 1\n", "figures.toml:3:3: lines are written"),
            ("schema = 1\n[lines]\na.allocs.b = 1.5\n", "figures.toml:3:14: lines are written"),
            ("schema = 1\n[lines]\na.alocs.b = 1\n", "figures.toml:3:3: `alocs` is no figure"),
            ("schema = 1\n<<<<<<< ours\n", "figures.toml:2:1: a merge conflict stands here"),
        ];
        for (text, expected) in cases {
            let said = parsed(text).expect_err(text);
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
