//! The document and its tables: makes a policy of them, or says what is wrong. What stands beside a figure is for
//! `setting`, and which table wins for `rules`.

use std::collections::{BTreeMap, HashMap};

use toml::de::{DeTable, DeValue};

use super::message::{quoted, short};
use super::pattern::{Glob, glob, normalized};
use super::rules::Policy;
use super::table::RuleTable;
use super::target::expression;
use super::value::{Reader, TomlKey, TomlValue, in_order};
use crate::judging::budget::figure::Figure;
use crate::judging::budget::limit::Unlisted;
use crate::judging::budget::syntax;
use crate::words::Error;

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
        let document = syntax::table(file, text, LARGEST)?;
        Reader::new(file, text).policy(document.get_ref())
    }
}

impl Reader<'_> {
    fn policy(&self, document: &DeTable<'_>) -> Result<Policy, Error> {
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
        for (key, value) in in_order(document) {
            match key.get_ref().as_ref() {
                "schema" => {}
                "unlisted" => policy.unlisted = self.unlisted(value)?,
                "strict" => policy.strict = self.boolean("strict", value)?,
                "figures" => policy.figures = self.folder(value)?,
                "defaults" => policy.defaults.push(self.rule_table(None, key, value)?),
                "operation" => self.operations(None, value, &mut policy, &mut room)?,
                "target" => self.targets(value, &mut policy, &mut room)?,
                _ => return Err(self.unknown(key, &ROOT)),
            }
        }
        policy.defaults.sort_by_key(RuleTable::order);
        policy.globs.sort_by_key(|(_, table)| table.order());
        policy.full.values_mut().for_each(|tables| tables.sort_by_key(RuleTable::order));
        Ok(policy)
    }

    /// Checks the schema, before all else: a newer one may have keys that are unknown here.
    fn schema(&self, document: &DeTable<'_>) -> Result<(), Error> {
        let Some(schema) = document.get("schema") else {
            let what = format!("`schema` is missing: put `schema = {SCHEMA}` on the first line");
            return Err(self.error(0, what));
        };
        let found = match schema.get_ref() {
            DeValue::Integer(number) => syntax::integer(number),
            _ => return Err(self.wrong("schema", schema, &format!("`schema = {SCHEMA}`"))),
        };
        match found {
            Some(SCHEMA) => Ok(()),
            other => Err(self.error(schema.span().start, syntax::other_schema(other, SCHEMA))),
        }
    }

    fn unlisted(&self, value: &TomlValue<'_>) -> Result<Unlisted, Error> {
        let word = self.string("unlisted", value, "\"fail\", \"warn\" or \"allow\"")?;
        match word {
            "fail" => Ok(Unlisted::Fail),
            "warn" => Ok(Unlisted::Warn),
            "allow" => Ok(Unlisted::Allow),
            other => {
                let near = syntax::nearest(other, &["fail", "warn", "allow"]);
                Err(self.error(value.span().start, format!("`unlisted` is no {}: {near}", quoted(other))))
            }
        }
    }

    /// The folder of the recorded figures: one that is not outside of the policy's folder, on any system.
    fn folder(&self, value: &TomlValue<'_>) -> Result<String, Error> {
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
        Err(self.error(value.span().start, format!("`figures` {wrong}: write {FOLDER}")))
    }

    fn targets(&self, value: &TomlValue<'_>, policy: &mut Policy, room: &mut usize) -> Result<(), Error> {
        let example = "tables such as `[target.'cfg(windows)'.defaults]`";
        for (key, value) in in_order(self.table("target", value, example)?) {
            if policy.targets.len() == MOST_TARGETS {
                let what = format!("more than {MOST_TARGETS} targets: put what they share into one");
                return Err(self.error(key.span().start, what));
            }
            let expression = expression(key.get_ref()).map_err(|what| self.error(key.span().start, what))?;
            policy.targets.push(expression);
            let target = Some(policy.targets.len() - 1);
            let name = short(key.get_ref());
            for (key, value) in in_order(self.table(&name, value, example)?) {
                match key.get_ref().as_ref() {
                    "defaults" => policy.defaults.push(self.rule_table(target, key, value)?),
                    "operation" => self.operations(target, value, policy, room)?,
                    _ => return Err(self.unknown(key, &["defaults", "operation"])),
                }
            }
        }
        Ok(())
    }

    fn operations(
        &self,
        target: Option<usize>,
        value: &TomlValue<'_>,
        policy: &mut Policy,
        room: &mut usize,
    ) -> Result<(), Error> {
        let mut lines = HashMap::new();
        for (key, value) in in_order(self.table("operation", value, "tables such as `[operation.\"index_build\"]`")?) {
            let fail = |what: String| Err(self.error(key.span().start, what));
            if *room == 0 {
                return fail(format!("more than {MOST_OPERATIONS} operations: name several by one glob"));
            }
            *room -= 1;
            let (name, path) = (short(key.get_ref()), normalized(key.get_ref()));
            if path.is_empty() {
                return fail(format!("`{name}` names no operation: write its path, such as `index_build/commit`"));
            }
            let line = self.place(key.span().start).line;
            if let Some(first) = lines.insert(path.clone(), line) {
                return fail(format!("`{name}` is the operation of line {first} again: keep one of the two"));
            }
            let table = self.rule_table(target, key, value)?;
            if Glob::is(&path) {
                let glob = glob(&path).map_err(|what| self.error(key.span().start, what))?;
                policy.globs.push((glob, table));
            } else {
                policy.full.entry(path).or_default().push(table);
            }
        }
        Ok(())
    }

    fn rule_table(&self, target: Option<usize>, key: &TomlKey<'_>, value: &TomlValue<'_>) -> Result<RuleTable, Error> {
        let name = short(key.get_ref());
        let mut table =
            RuleTable { place: self.place(key.span().start), target, limits: BTreeMap::new(), why: None, runs: None };
        for (key, value) in
            in_order(self.table(&name, value, "limits such as `peak_bytes = \"64 MiB\"` into a table")?)
        {
            match (Figure::named(key.get_ref()), key.get_ref().as_ref()) {
                (Some(figure), _) => {
                    table.limits.insert(figure, self.setting(figure, value)?);
                }
                (None, "why") => table.why = Some(self.why(value)?),
                (None, "runs") => table.runs = Some(self.runs(value)?),
                (None, _) => return Err(self.unknown_of_rule(&name, key, value)),
            }
        }
        Ok(table)
    }

    fn why(&self, value: &TomlValue<'_>) -> Result<String, Error> {
        let example = "the reason of the limits in a sentence";
        match self.string("why", value, example)? {
            blank if blank.trim().is_empty() => {
                Err(self.error(value.span().start, format!("`why` is empty: write {example}")))
            }
            why => Ok(why.into()),
        }
    }

    fn runs(&self, value: &TomlValue<'_>) -> Result<u32, Error> {
        let example = format!("an integer from 1 to {MOST_RUNS}");
        let DeValue::Integer(number) = value.get_ref() else { return Err(self.wrong("runs", value, &example)) };
        let runs = syntax::integer(number).and_then(|runs| u32::try_from(runs).ok());
        let found = || format!("`runs` is {}: write {example}", short(number.as_str()));
        runs.filter(|runs| (1..=MOST_RUNS).contains(runs)).ok_or_else(|| self.error(value.span().start, found()))
    }

    fn unknown_of_rule(&self, table: &str, key: &TomlKey<'_>, value: &TomlValue<'_>) -> Error {
        let valid: Vec<&str> = Figure::ALL.map(Figure::name).into_iter().chain(["why", "runs"]).collect();
        let near = syntax::nearest(key.get_ref(), &valid);
        if value.get_ref().is_table() && !near.starts_with("did you mean") {
            let key_name = short(key.get_ref());
            let what = format!(
                "unknown key `{key_name}`: if `{table}.{key_name}` is an operation, write its whole name in quotes"
            );
            return self.error(key.span().start, what);
        }
        self.unknown(key, &valid)
    }
}

#[cfg(test)]
mod tests {
    use crate::judging::budget::policy::samples::{FILE, error, parsed};

    #[test]
    fn errors_say_where_what_and_what_to_do() {
        let cases = [
            (
                "peak = 1",
                "2:1: unknown key `peak`: \
                 valid are `schema`, `unlisted`, `strict`, `figures`, `defaults`, `operation`, `target`",
            ),
            ("default = 1", "2:1: unknown key `default`: did you mean `defaults`?"),
            ("unlisted = \"fial\"", "2:12: `unlisted` is no \"fial\": did you mean `fail`?"),
            ("unlisted = true", "2:12: `unlisted` is a boolean: write \"fail\", \"warn\" or \"allow\""),
            ("strict = \"yes\"", "2:10: `strict` is a string: write `true` or `false`"),
            (
                "figures = 1",
                "2:11: `figures` is an integer: write a folder beside this file, such as \"tests/figures\"",
            ),
            ("figures = ''", "2:11: `figures` is empty: write a folder beside this file, such as \"tests/figures\""),
            (
                "figures = '/etc'",
                "2:11: `figures` is no relative path: write a folder beside this file, such as \"tests/figures\"",
            ),
            (
                "figures = 'c:x'",
                "2:11: `figures` is no relative path: write a folder beside this file, such as \"tests/figures\"",
            ),
            (
                "figures = 'a/../../b'",
                "2:11: `figures` leads out of the policy's folder by `..`: \
                 write a folder beside this file, such as \"tests/figures\"",
            ),
            (
                "figures = '\\\\host\\x'",
                "2:11: `figures` has a backslash where `/` parts folders: \
                 write a folder beside this file, such as \"tests/figures\"",
            ),
            (
                "figures = \"a\\u0000\"",
                "2:11: `figures` has control characters: write a folder beside this file, such as \"tests/figures\"",
            ),
            (
                "defaults = 1",
                "2:12: `defaults` is an integer: write limits such as `peak_bytes = \"64 MiB\"` into a table",
            ),
            ("[[operation]]", "2:1: `operation` is an array: write tables such as `[operation.\"index_build\"]`"),
            ("operation.a = 1.5", "2:15: `a` is a float: write limits such as `peak_bytes = \"64 MiB\"` into a table"),
            (
                "target = 2020-01-01",
                "2:10: `target` is a date: write tables such as `[target.'cfg(windows)'.defaults]`",
            ),
            ("[defaults]\npeak_byte = 1", "3:1: unknown key `peak_byte`: did you mean `peak_bytes`?"),
            (
                "[defaults]\n  zzz = 1",
                "3:3: unknown key `zzz`: \
                 valid are `allocs`, `allocated_bytes`, `live_bytes`, `live_bytes_per_iteration`, `net_bytes`, `peak_bytes`, `why`, `runs`",
            ),
            (
                "[operation.a.b]\nallocs = 1",
                "2:14: unknown key `b`: if `a.b` is an operation, write its whole name in quotes",
            ),
            ("[defaults]\nwhy = ' '", "3:7: `why` is empty: write the reason of the limits in a sentence"),
            ("[defaults]\nwhy = 1", "3:7: `why` is an integer: write the reason of the limits in a sentence"),
            ("[defaults]\nruns = 0", "3:8: `runs` is 0: write an integer from 1 to 1000"),
            ("[defaults]\nruns = 1001", "3:8: `runs` is 1001: write an integer from 1 to 1000"),
            (
                "[defaults]\nruns = -99999999999999999999",
                "3:8: `runs` is -99999999999999999999: write an integer from 1 to 1000",
            ),
            ("[defaults]\nruns = '3'", "3:8: `runs` is a string: write an integer from 1 to 1000"),
            ("[operation.'/']", "2:12: `/` names no operation: write its path, such as `index_build/commit`"),
            (
                "[operation.'a/b']\n[operation.'a//b']",
                "3:12: `a//b` is the operation of line 2 again: keep one of the two",
            ),
            (
                "[operation.'a/*']\n[operation.'/a/*']",
                "3:12: `/a/*` is the operation of line 2 again: keep one of the two",
            ),
            (
                "[target.'cfg(unix)'.operation.a]\n[target.'cfg(unix)'.operation.'/a']",
                "3:31: `/a` is the operation of line 2 again: keep one of the two",
            ),
            (
                "[operation.'a[b']",
                "2:12: `a[b` is no valid glob (invalid range pattern): \
                 to mean `*`, `?` or `[` itself, write `[*]`, `[?]` or `[[]`",
            ),
            (
                "[operation.'a**']",
                "2:12: `a**` is no valid glob (recursive wildcards must form a single path component): \
                 to mean `*`, `?` or `[` itself, write `[*]`, `[?]` or `[[]`",
            ),
            (
                "[operation.'***']",
                "2:12: `***` is no valid glob (wildcards are either regular `*` or recursive `**`): \
                 to mean `*`, `?` or `[` itself, write `[*]`, `[?]` or `[[]`",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(error(text), format!("{FILE}:{expected}"));
        }
    }

    #[test]
    fn a_schema_that_is_not_ours_is_refused_before_all_else() {
        let version = env!("CARGO_PKG_VERSION");
        let cases = [
            ("", "1:1: `schema` is missing: put `schema = 1` on the first line".to_string()),
            ("novel = 1\n", "1:1: `schema` is missing: put `schema = 1` on the first line".to_string()),
            (
                "schema = 2\nnovel = 1\n",
                format!(
                    "1:10: schema 2 is newer than this heapledger ({version}), which reads schema 1: update heapledger"
                ),
            ),
            ("schema = 0\n", "1:10: schema 0 never was: write `schema = 1`".to_string()),
            ("schema = '1'\n", "1:10: `schema` is a string: write `schema = 1`".to_string()),
        ];
        for (text, expected) in cases {
            assert_eq!(parsed(text).expect_err(text), format!("{FILE}:{expected}"));
        }
    }

    #[test]
    fn what_is_no_toml_is_refused_in_one_line() {
        let cases = [
            ("<<<<<<< ours", "2:1: a merge conflict stands here: take either side; figures can be recorded anew"),
            ("strict = true\nstrict = true", "3:1: duplicate key"),
            ("[operation.a]\n[operation.a]", "3:12: duplicate key"),
            ("why = \"\u{1}\"", "2:8: invalid basic string, expected non-double-quote visible characters, `\\`"),
            ("why = \0", "2:7: string values must be quoted, expected literal string"),
            ("why = \"open", "2:12: invalid basic string, expected `\"`"),
        ];
        for (text, expected) in cases {
            let said = error(text);
            assert_eq!(said, format!("{FILE}:{expected}"));
        }
    }
}
