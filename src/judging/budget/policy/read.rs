//! The document and its tables: makes a policy of them, or says what is wrong. What stands beside a figure is for
//! `setting`, and which table wins for `rules`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use toml_spanner::{Arena, Item, Key, Table, Value};

use super::cfgs::expression;
use super::rules::Policy;
use super::table::RuleTable;
use super::value::Reader;
use crate::judging::budget::figure::Figure;
use crate::judging::budget::limit::Unlisted;
use crate::judging::budget::problem::{self, Problem};
use crate::judging::budget::syntax::{self, start};
use crate::words::Error;
use crate::words::{Glob, glob, normalized};
use crate::words::{quoted, short};

/// No policy that people write is as large, in bytes.
pub(super) const LARGEST: usize = 1 << 20;
/// Raised when a reader of the old form would misread the new one.
const SCHEMA: i64 = 1;
/// The most tables for operations, under `[target]` too.
pub(super) const MOST_OPERATIONS: usize = 10_000;
/// The most `cfg` expressions: each may have to be evaluated for every operation.
const MOST_TARGETS: usize = 256;
/// How often an assertion may run what it measures.
const MOST_RUNS: u32 = 1000;

/// The keys at the top of a policy.
const ROOT: [&str; 7] = ["schema", "unlisted", "strict", "figures", "defaults", "operation", "target"];
/// What can be written as the folder of the recorded figures.
const FOLDER: &str = "a folder beside this file, such as \"tests/figures\"";

impl Policy {
    /// Reads a policy. `file` is how the file is shown in messages.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let arena = Arena::new();
        let (document, mut problems) = syntax::recovered(file, text, LARGEST, &arena)?;
        let reader = Reader::new(file, text);
        let policy = reader.noting(reader.policy(&document));
        // What is no TOML is read as something else: nothing more is told of its line.
        let line = |problem: &Problem| reader.place(problem.at).line;
        let broken: BTreeSet<usize> = problems.iter().map(line).collect();
        problems.extend(reader.problems.take().into_iter().filter(|problem| !broken.contains(&line(problem))));
        policy.filter(|_| problems.is_empty()).ok_or_else(|| problem::error(file, text, problems))
    }
}

impl Reader<'_> {
    fn policy(&self, document: &Table<'_>) -> Result<Policy, Problem> {
        self.schema(document)?;
        let mut policy = Policy {
            file: self.file.into(),
            unlisted: Unlisted::default(),
            strict: false,
            figures: "tests/figures".into(),
            targets: Vec::new(),
            defaults: Vec::new(),
            globs: Vec::new(),
            full: BTreeMap::new(),
        };
        let mut room = MOST_OPERATIONS;
        for (key, value) in document {
            match key.name {
                "schema" => {}
                "unlisted" => policy.unlisted = self.noting(self.unlisted(value)).unwrap_or_default(),
                "strict" => policy.strict = self.noting(self.boolean("strict", value)).unwrap_or_default(),
                "figures" => policy.figures = self.noting(self.folder(value)).unwrap_or_default(),
                "defaults" => policy.defaults.extend(self.noting(self.rule_table(None, key, value))),
                "operation" => {
                    self.noting(self.operations(None, value, &mut policy, &mut room));
                }
                "target" => {
                    self.noting(self.targets(value, &mut policy, &mut room));
                }
                _ => {
                    self.noting::<()>(Err(self.unknown(key, &ROOT)));
                }
            }
        }
        policy.defaults.sort_by_key(RuleTable::order);
        policy.globs.sort_by_key(|(_, table)| table.order());
        policy.full.values_mut().for_each(|tables| tables.sort_by_key(RuleTable::order));
        Ok(policy)
    }

    /// Checks the schema, before all else: a newer one may have keys that are unknown here.
    fn schema(&self, document: &Table<'_>) -> Result<(), Problem> {
        let Some(schema) = document.get("schema") else {
            let what = format!("`schema` is missing: put `schema = {SCHEMA}` on the first line");
            return Err(self.error(0, what));
        };
        let found = match schema.value() {
            Value::Integer(number) => number.as_i64(),
            _ => return Err(self.wrong("schema", schema, &format!("`schema = {SCHEMA}`"))),
        };
        match found {
            Some(SCHEMA) => Ok(()),
            other => Err(self.error(start(schema.span()), syntax::other_schema(other, SCHEMA))),
        }
    }

    fn unlisted(&self, value: &Item<'_>) -> Result<Unlisted, Problem> {
        let word = self.string("unlisted", value, "\"fail\", \"warn\" or \"allow\"")?;
        match word {
            "fail" => Ok(Unlisted::Fail),
            "warn" => Ok(Unlisted::Warn),
            "allow" => Ok(Unlisted::Allow),
            other => {
                let near = syntax::nearest(other, &["fail", "warn", "allow"]);
                Err(self.error(start(value.span()), format!("`unlisted` is no {}: {near}", quoted(other))))
            }
        }
    }

    /// The folder of the recorded figures: one that is not outside of the policy's folder, on any system.
    fn folder(&self, value: &Item<'_>) -> Result<String, Problem> {
        let folder = self.string("figures", value, FOLDER)?;
        let drive = folder.as_bytes().get(1) == Some(&b':') && folder.as_bytes()[0].is_ascii_alphabetic();
        let wrong = if folder.trim().is_empty() {
            "is empty"
        } else if folder.contains(char::is_control) {
            "has control characters"
        } else if folder.contains('\\') {
            "has a backslash where `/` parts folders"
        } else if folder.starts_with('/') || drive {
            "is no relative path"
        } else if folder.split('/').any(|part| part == "..") {
            "leads out of the policy's folder by `..`"
        } else {
            return Ok(folder.into());
        };
        Err(self.error(start(value.span()), format!("`figures` {wrong}: write {FOLDER}")))
    }

    fn targets(&self, value: &Item<'_>, policy: &mut Policy, room: &mut usize) -> Result<(), Problem> {
        let example = "tables such as `[target.'cfg(windows)'.defaults]`";
        for (key, value) in self.table("target", value, example)? {
            if policy.targets.len() == MOST_TARGETS {
                let what = format!("more than {MOST_TARGETS} targets: put what they share into one");
                return Err(self.error(start(key.span), what));
            }
            let expression = expression(key.name).map_err(|what| self.error(start(key.span), what));
            // What stands under an expression that is none is read all the same, for what may be wrong with it.
            let target = self.noting(expression).map(|expression| {
                policy.targets.push(expression);
                policy.targets.len() - 1
            });
            let name = short(key.name);
            let Some(table) = self.noting(self.table(&name, value, example)) else { continue };
            for (key, value) in table {
                let read = match key.name {
                    "defaults" => self.rule_table(target, key, value).map(|table| policy.defaults.push(table)),
                    "operation" => self.operations(target, value, policy, room),
                    _ => Err(self.unknown(key, &["defaults", "operation"])),
                };
                self.noting(read);
            }
        }
        Ok(())
    }

    fn operations(
        &self,
        target: Option<usize>,
        value: &Item<'_>,
        policy: &mut Policy,
        room: &mut usize,
    ) -> Result<(), Problem> {
        let mut places = HashMap::new();
        for (key, value) in self.table("operation", value, "tables such as `[operation.\"index_build\"]`")? {
            let fail = |what: String| {
                self.noting::<()>(Err(self.error(start(key.span), what)));
            };
            if *room == 0 {
                return Err(self.error(
                    start(key.span),
                    format!("more than {MOST_OPERATIONS} operations: name several by one glob"),
                ));
            }
            *room -= 1;
            let (name, path) = (short(key.name), normalized(key.name));
            if path.is_empty() {
                fail(format!("`{name}` names no operation: write its path, such as `index_build/commit`"));
            }
            let place = self.place(start(key.span));
            if let Some(first) = places.insert(path.clone(), place) {
                fail(format!("`{name}` is the operation at {first} again: keep one of the two"));
            }
            let Some(table) = self.noting(self.rule_table(target, key, value)) else { continue };
            if Glob::is(&path) {
                let glob = glob(&path).map_err(|what| self.error(start(key.span), what));
                policy.globs.extend(self.noting(glob).map(|glob| (glob, table)));
            } else {
                policy.full.entry(path).or_default().push(table);
            }
        }
        Ok(())
    }

    fn rule_table(&self, target: Option<usize>, key: &Key<'_>, value: &Item<'_>) -> Result<RuleTable, Problem> {
        let name = short(key.name);
        let mut table =
            RuleTable { place: self.place(start(key.span)), target, limits: BTreeMap::new(), why: None, runs: None };
        for (key, value) in self.table(&name, value, "limits such as `peak_bytes = \"64 MiB\"` into a table")? {
            match (Figure::named(key.name), key.name) {
                (Some(figure), _) => {
                    table.limits.extend(self.noting(self.setting(figure, value)).map(|limit| (figure, limit)));
                }
                (None, "why") => table.why = self.noting(self.why(value)),
                (None, "runs") => table.runs = self.noting(self.runs(value)),
                (None, _) => {
                    self.noting::<()>(Err(self.unknown_of_rule(&name, key, value)));
                }
            }
        }
        Ok(table)
    }

    fn why(&self, value: &Item<'_>) -> Result<String, Problem> {
        let example = "the reason of the limits in a sentence";
        match self.string("why", value, example)? {
            blank if blank.trim().is_empty() => {
                Err(self.error(start(value.span()), format!("`why` is empty: write {example}")))
            }
            why => Ok(why.into()),
        }
    }

    fn runs(&self, value: &Item<'_>) -> Result<u32, Problem> {
        let example = format!("an integer from 1 to {MOST_RUNS}");
        let Value::Integer(number) = value.value() else { return Err(self.wrong("runs", value, &example)) };
        let runs = u32::try_from(number.as_i128()).ok();
        let found = || format!("`runs` is {}: write {example}", number.as_i128());
        runs.filter(|runs| (1..=MOST_RUNS).contains(runs)).ok_or_else(|| self.error(start(value.span()), found()))
    }

    fn unknown_of_rule(&self, table: &str, key: &Key<'_>, value: &Item<'_>) -> Problem {
        let valid: Vec<&str> = Figure::ALL.map(Figure::name).into_iter().chain(["why", "runs"]).collect();
        let near = syntax::nearest(key.name, &valid);
        if value.as_table().is_some() && !near.starts_with("did you mean") {
            let key_name = short(key.name);
            let what = format!(
                "unknown key `{key_name}`: if `{table}.{key_name}` is an operation, write its whole name in quotes"
            );
            return self.error(start(key.span), what);
        }
        self.unknown(key, &valid)
    }
}

#[cfg(test)]
mod tests;
