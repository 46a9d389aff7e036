//! A naive model of which rules meet which operation: of every key, the table with the highest rank that has it, asked
//! anew for each key, over policies and operations made by chance. It shares no code with the rules.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::select;

use super::samples::{environment, limit, linux, place, policy, windows};
use crate::judging::budget::figure::Figure;
use crate::judging::budget::limit::{FigureLimit, Tolerance};
use crate::judging::budget::place::Place;
use crate::reading::Environment;

/// The environments, by which targets are told.
fn environments() -> [Environment; 4] {
    [linux(), windows(), environment(&["unix", "debug_assertions"]), environment(&[])]
}

/// Targets, and in which environments they hold.
const TARGETS: [(&str, [bool; 4]); 5] = [
    ("cfg(unix)", [true, false, true, false]),
    ("cfg(windows)", [false, true, false, false]),
    ("cfg(not(unix))", [false, true, false, true]),
    ("cfg(all(unix, target_os = \"linux\"))", [true, false, false, false]),
    ("cfg(any(windows, debug_assertions))", [false, true, true, false]),
];

const SETTINGS: [Setting; 6] =
    [Setting::Exact, Setting::Ratchet, Setting::None, Setting::Share, Setting::Ceiling, Setting::Around];

/// What stands beside a figure. Numbers are those of the line, so that every limit is another one.
#[derive(Clone, Copy, Debug)]
enum Setting {
    Exact,
    Ratchet,
    None,
    Share,
    Ceiling,
    Around,
}

impl Setting {
    fn text(self, line: usize) -> String {
        match self {
            Self::Exact => line.to_string(),
            Self::Ratchet => "\"ratchet\"".into(),
            Self::None => "\"none\"".into(),
            Self::Share => format!("\"{}%\"", line % 50),
            Self::Ceiling => format!("{{ max = {line}, ratchet = true }}"),
            Self::Around => format!("{{ exact = {line}, tolerance = \"5%\", minimum = 2 }}"),
        }
    }

    fn limit(self, figure: Figure, line: usize) -> Option<FigureLimit> {
        let (number, limit) = (Some(line as i64), limit(line, figure.name().len() + " = ".len() + 1));
        let within = |percent, minimum| Tolerance { percent, minimum };
        match self {
            Self::Exact => Some(FigureLimit { exact: number, ..limit }),
            Self::Ratchet => Some(FigureLimit { ratchet: true, ..limit }),
            Self::None => None,
            Self::Share => Some(FigureLimit { ratchet: true, tolerance: within((line % 50) as f64, 0), ..limit }),
            Self::Ceiling => Some(FigureLimit { max: number, ratchet: true, ..limit }),
            Self::Around => Some(FigureLimit { exact: number, tolerance: within(5.0, 2), ..limit }),
        }
    }
}

/// A table as it is made: under which target, of which operations (`None` for `[defaults]`), and with what.
type Made = (Option<usize>, Option<Vec<&'static str>>, Vec<(Figure, Setting)>, bool, bool);

/// A table, and where everything in it stands.
#[derive(Debug)]
struct Written {
    target: Option<usize>,
    name: Option<Vec<&'static str>>,
    place: Place,
    limits: Vec<(Figure, Setting, usize)>,
    why: Option<usize>,
    runs: Option<usize>,
}

/// The text of a policy with these tables, but for what names the same operations twice.
fn written(made: &[Made]) -> (String, Vec<Written>) {
    let (mut text, mut tables, mut known) = (String::new(), Vec::new(), BTreeSet::new());
    // The first line has the schema.
    let mut line = 1;
    let mut add = |added: &str, line: &mut usize| {
        text += added;
        text.push('\n');
        *line += 1;
        *line
    };
    for (target, name, limits, has_why, has_runs) in made {
        if !known.insert((*target, name.clone())) {
            continue;
        }
        let under = target.map_or(String::new(), |at| format!("target.'{}'.", TARGETS[at].0));
        // Names are the same with more slashes.
        let key = match name {
            None => "defaults".into(),
            Some(name) if has_why == has_runs => format!("operation.\"/{}/\"", name.join("//")),
            Some(name) => format!("operation.\"{}\"", name.join("/")),
        };
        let column = under.len() + key.find('"').unwrap_or(0) + 2;
        let at = add(&format!("[{under}{key}]"), &mut line);
        tables.push(Written {
            target: *target,
            name: name.clone(),
            place: place(at, column),
            limits: limits
                .iter()
                .enumerate()
                .filter(|(at, (figure, _))| limits[..*at].iter().all(|(before, _)| before != figure))
                .map(|(_, &(figure, setting))| {
                    let at = add(&format!("{figure} = {}", setting.text(line + 1)), &mut line);
                    (figure, setting, at)
                })
                .collect(),
            why: has_why.then(|| add(&format!("why = \"line {}\"", line + 1), &mut line)),
            runs: has_runs.then(|| add(&format!("runs = {}", line + 1), &mut line)),
        });
    }
    (text, tables)
}

/// Whether a pattern of one segment matches a name, letter by letter.
fn is_like(pattern: &str, name: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return name.is_empty() };
    let after = &pattern[first.len_utf8()..];
    let rest_of_name = name.char_indices().nth(1).map_or("", |(at, _)| &name[at..]);
    match (first, name.chars().next()) {
        ('*', _) => is_like(after, name) || !name.is_empty() && is_like(pattern, rest_of_name),
        (_, None) => false,
        ('?', Some(_)) => is_like(after, rest_of_name),
        ('[', Some(letter)) => {
            let (class, after) = after.split_once(']').expect("it ends");
            let is_in = class.strip_prefix('!').map_or(class.contains(letter), |others| !others.contains(letter));
            is_in && is_like(after, rest_of_name)
        }
        (expected, Some(letter)) => expected == letter && is_like(after, rest_of_name),
    }
}

/// Whether a name of a table, a glob or not, is that of the operation.
fn names(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        // What is below, and not the operation itself.
        (["**"], path) => !path.is_empty(),
        (["**", rest @ ..], _) => (0..=path.len()).any(|skipped| names(rest, &path[skipped..])),
        ([first, pattern @ ..], [name, path @ ..]) => is_like(first, name) && names(pattern, path),
        _ => false,
    }
}

fn is_glob(name: &[&str]) -> bool {
    name.iter().any(|segment| segment.contains(['*', '?', '[']))
}

impl Written {
    fn holds_in(&self, environment: usize) -> bool {
        self.target.is_none_or(|target| TARGETS[target].1[environment])
    }

    fn applies_to(&self, path: &[&str]) -> bool {
        self.name.as_ref().is_none_or(|name| names(name, path))
    }

    /// Whether it applies to the operation, or to one that it is nested in.
    fn reaches(&self, path: &[&str]) -> bool {
        (1..=path.len()).any(|end| self.applies_to(&path[..end]))
    }

    /// The higher wins: what is named in full over globs over defaults, then what is under a target, then the later.
    fn rank(&self) -> (usize, bool, usize) {
        let kind = self.name.as_ref().map_or(0, |name| if is_glob(name) { 1 } else { 2 });
        (kind, self.target.is_some(), self.place.line)
    }
}

/// The value that the table with the highest rank has of a key.
fn of_highest<'a, T>(tables: &[&'a Written], key: impl Fn(&'a Written) -> Option<T>) -> Option<T> {
    let having = tables.iter().filter_map(|table| Some((table.rank(), key(table)?)));
    having.max_by_key(|(rank, _)| *rank).map(|(_, value)| value)
}

fn name() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(select(&["a", "b", "ab", "a", "b", "*", "**", "a*", "?b", "[ab]", "[!a]*", "[*]"][..]), 1..4)
}

fn table() -> impl Strategy<Value = Made> {
    let limits = prop::collection::vec((select(&Figure::ALL[..]), select(&SETTINGS[..])), 0..4);
    (prop::option::of(0..TARGETS.len()), prop::option::weighted(0.8, name()), limits, any::<bool>(), any::<bool>())
}

fn path() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(select(&["a", "b", "ab", "bb", "aab", "*"][..]), 1..5)
}

proptest! {
    #[test]
    fn every_key_is_that_of_the_most_specific_table_that_has_it(
        made in prop::collection::vec(table(), 0..12),
        paths in prop::collection::vec(path(), 1..6),
    ) {
        let (text, tables) = written(&made);
        let policy = policy(&text);
        for (at, environment) in environments().iter().enumerate() {
            let holding = Vec::from_iter(tables.iter().filter(|table| table.holds_in(at)));
            for path in &paths {
                let found = policy.rules(&path.join("/"), environment);
                let applying = Vec::from_iter(holding.iter().copied().filter(|table| table.applies_to(path)));
                for figure in Figure::ALL {
                    let of = |table: &Written| {
                        let named = table.limits.iter().find(|(named, ..)| *named == figure)?;
                        Some(named.1.limit(figure, named.2))
                    };
                    let expected = of_highest(&applying, of).flatten();
                    prop_assert_eq!(found.limits.get(&figure), expected.as_ref());
                }
                let why = of_highest(&applying, |table| table.why).map(|line| format!("line {line}"));
                prop_assert_eq!(&found.why, &why);
                prop_assert_eq!(found.runs, of_highest(&applying, |table| table.runs).map(|line| line as u32));
                let mut named = holding.iter().filter(|table| table.name.is_some());
                prop_assert_eq!(found.listed, named.any(|table| table.reaches(path)));
            }
        }
    }

    #[cfg(feature = "cli")]
    #[test]
    fn what_is_named_in_full_and_what_no_operation_matches_is_told_with_its_place(
        made in prop::collection::vec(table(), 0..12),
        paths in prop::collection::vec(path(), 0..6),
        asked in prop::collection::btree_set(0..4_usize, 1..4),
    ) {
        let (text, tables) = written(&made);
        let policy = policy(&text);
        let all = environments();
        let of_kind = |kind| tables.iter().filter(move |table| table.rank().0 == kind);
        let joined = |table: &Written| table.name.as_ref().map(|name| name.join("/")).unwrap_or_default();
        for (at, environment) in all.iter().enumerate() {
            let named = of_kind(2).filter(|table| table.holds_in(at));
            let mut expected: BTreeMap<String, &Written> = BTreeMap::new();
            for table in named {
                let first = expected.entry(joined(table)).or_insert(table);
                if table.rank() < first.rank() {
                    *first = table;
                }
            }
            let expected = Vec::from_iter(expected.into_iter().map(|(path, table)| (path, table.place.clone())));
            prop_assert_eq!(policy.named(environment), expected);
        }
        let is_idle = |table: &&Written| {
            asked.iter().any(|at| table.holds_in(*at)) && !paths.iter().any(|path| table.reaches(path))
        };
        let mut idle = Vec::from_iter(of_kind(1).filter(is_idle));
        idle.sort_by_key(|table| table.rank());
        let expected = Vec::from_iter(idle.into_iter().map(|table| (joined(table), table.place.clone())));
        let asked = Vec::from_iter(asked.iter().map(|at| &all[*at]));
        let paths = BTreeSet::from_iter(paths.iter().map(|path| path.join("/")));
        prop_assert_eq!(policy.idle_globs(&asked, &paths), expected);
    }
}
