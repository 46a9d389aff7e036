//! The policy: what people write into `heapledger.toml`. It is read whole or not at all, and nothing in it can be
//! misspelt without a word; whether figures keep to it is for `judge` to say.
//!
//! In the order of the file: the policy and what it answers, globs, tables and limits as they are kept, then how they
//! are read: the document, tables, limits, amounts, `cfg` expressions.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;

use cfg_expr::expr::TargetPredicate;
use cfg_expr::{Expression, Predicate};
use glob::{MatchOptions, Pattern};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::{Figure, Limit, Place, Tolerance, Unlisted, syntax};
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::operation::{printable, segments};

/// Raised when a reader of the old form would misread the new one.
const SCHEMA: i64 = 1;
/// No policy that people write is as large.
const LARGEST: usize = 1 << 20;
/// The most tables for operations, under `[target]` too.
const MOST_OPERATIONS: usize = 10_000;
/// The most `cfg` expressions: every one is asked for every operation.
const MOST_TARGETS: usize = 256;
/// The longest glob in bytes, because matching recurses once for each `*`; and the most segments of one.
const LONGEST_GLOB: usize = 1024;
const MOST_SEGMENTS: usize = 100;
/// The longest `cfg` expression in bytes, and the most brackets in it: its parser counts nested ones in a byte.
const LONGEST_CFG: usize = 4096;
const MOST_BRACKETS: usize = 100;
/// How often an assertion may run what it measures.
const MOST_RUNS: u32 = 1000;

/// What `heapledger.toml` says.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// The file, as it is shown to people.
    pub(crate) file: String,
    pub(crate) unlisted: Unlisted,
    /// Improvements, and figures that nobody recorded yet, fail.
    pub(crate) strict: bool,
    /// The folder of the recorded figures, relative to the policy's.
    pub(crate) figures: String,
    /// The expressions of `[target.'cfg(..)']`. Tables name them by their index.
    targets: Vec<Expression>,
    /// Each list in the order of application: the later wins.
    defaults: Vec<Table>,
    globs: Vec<(Glob, Table)>,
    full: BTreeMap<String, Vec<Table>>,
}

/// What the policy says of one operation in one environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rules {
    pub(crate) limits: BTreeMap<Figure, Limit>,
    /// The operation, or one it is nested in, is named by a table.
    pub(crate) listed: bool,
    pub(crate) why: Option<String>,
    /// How often an assertion runs what it measures.
    pub(crate) runs: Option<u32>,
}

impl Policy {
    /// Reads a policy. `file` is how the file is shown in messages.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let document = syntax::table(file, text, LARGEST)?;
        Reader { file, lines: Lines::of(text) }.policy(document.get_ref())
    }

    /// What holds for the operation at `path`.
    pub(crate) fn rules(&self, path: &str, environment: &Environment) -> Rules {
        let path = normal(path);
        let parts: Vec<&str> = segments(&path).collect();
        let targets = Targets::new(&self.targets, environment);
        let mut rules = Rules::default();
        for table in self.defaults.iter().filter(|table| targets.hold(table)) {
            rules.apply(table);
        }
        for (glob, table) in &self.globs {
            let reach = glob.reach(&parts);
            if reach == Reach::Nothing || !targets.hold(table) {
                continue;
            }
            rules.listed = true;
            if reach == Reach::Itself {
                rules.apply(table);
            }
        }
        for (at, _) in path.match_indices('/') {
            rules.listed |= self.tables(&path[..at]).any(|table| targets.hold(table));
        }
        for table in self.tables(&path).filter(|table| targets.hold(table)) {
            rules.listed = true;
            rules.apply(table);
        }
        rules
    }

    /// The operations named in full, and where.
    #[cfg(feature = "cli")]
    pub(crate) fn named(&self, environment: &Environment) -> Vec<(String, Place)> {
        let targets = Targets::new(&self.targets, environment);
        let first = |tables: &[Table]| tables.iter().find(|table| targets.hold(table)).map(|table| table.place.clone());
        self.full.iter().filter_map(|(path, tables)| Some((path.clone(), first(tables)?))).collect()
    }

    fn tables(&self, path: &str) -> impl Iterator<Item = &Table> {
        self.full.get(path).into_iter().flatten()
    }
}

impl Rules {
    /// A more specific table replaces what it names, figure by figure.
    fn apply(&mut self, table: &Table) {
        for (figure, limit) in &table.limits {
            match limit {
                Some(limit) => self.limits.insert(*figure, limit.clone()),
                None => self.limits.remove(figure),
            };
        }
        if table.why.is_some() {
            self.why.clone_from(&table.why);
        }
        self.runs = table.runs.or(self.runs);
    }
}

/// `a//b/` is `a/b`, as it is where operations are entered.
fn normal(path: &str) -> String {
    segments(path).collect::<Vec<_>>().join("/")
}

/// One table of limits.
#[derive(Clone, Debug)]
struct Table {
    /// Where its key is written.
    place: Place,
    /// The expression it stands under, if any.
    target: Option<usize>,
    /// Nothing where the limit of a less specific table is taken away.
    limits: BTreeMap<Figure, Option<Limit>>,
    why: Option<String>,
    runs: Option<u32>,
}

impl Table {
    /// Those under a target come after those without; else the order is that of the file.
    fn order(&self) -> (bool, usize, usize) {
        (self.target.is_some(), self.place.line, self.place.column)
    }
}

/// Which expressions hold in an environment. Each is evaluated once, and only if a table asks.
struct Targets<'a> {
    expressions: &'a [Expression],
    environment: &'a Environment,
    known: Vec<OnceCell<bool>>,
}

impl<'a> Targets<'a> {
    fn new(expressions: &'a [Expression], environment: &'a Environment) -> Self {
        Self { expressions, environment, known: vec![OnceCell::new(); expressions.len()] }
    }

    fn hold(&self, table: &Table) -> bool {
        table.target.is_none_or(|at| *self.known[at].get_or_init(|| self.evaluate(at)))
    }

    fn evaluate(&self, at: usize) -> bool {
        let cfgs = &self.environment.cfg;
        self.expressions[at].eval(|predicate| match predicate {
            Predicate::Target(TargetPredicate::Family(family)) => {
                let full = written(predicate);
                cfgs.iter().any(|cfg| *cfg == full || cfg == family.as_str())
            }
            _ => cfgs.contains(&written(predicate)),
        })
    }
}

/// A predicate as environments have it: `target_os="linux"`.
fn written(predicate: &Predicate<'_>) -> String {
    let pair = |key: &str, value: &dyn Display| format!("{key}=\"{value}\"");
    match predicate {
        Predicate::Target(target) => match target {
            TargetPredicate::Abi(abi) => pair("target_abi", abi),
            TargetPredicate::Arch(arch) => pair("target_arch", arch),
            TargetPredicate::Endian(endian) => format!("target_endian=\"{endian:?}\""),
            TargetPredicate::Env(env) => pair("target_env", env),
            TargetPredicate::Family(family) => pair("target_family", family),
            TargetPredicate::HasAtomic(width) => pair("target_has_atomic", width),
            TargetPredicate::Os(os) => pair("target_os", os),
            TargetPredicate::Panic(panic) => pair("panic", panic),
            TargetPredicate::PointerWidth(width) => pair("target_pointer_width", width),
            TargetPredicate::Vendor(vendor) => pair("target_vendor", vendor),
        },
        Predicate::TargetFeature(feature) => pair("target_feature", feature),
        Predicate::Feature(feature) => pair("feature", feature),
        Predicate::KeyValue { key, val } => pair(key, val),
        Predicate::Flag(flag) => (*flag).into(),
        Predicate::DebugAssertions => "debug_assertions".into(),
        Predicate::ProcMacro => "proc_macro".into(),
        Predicate::Test => "test".into(),
    }
}

/// A pattern for paths of operations. Segments are matched one by one: so `*` stays within one, a backslash in a name
/// is no separator on any system, and no pattern takes long (over separators, `*` would be tried at every place for
/// each `*` before it).
#[derive(Clone, Debug)]
struct Glob {
    parts: Vec<Part>,
    /// A bit for each part that is `**`. No two stand side by side.
    deep: u128,
}

#[derive(Clone, Debug)]
enum Part {
    /// `**`: any segments, or none.
    Deep,
    /// `*`: any one segment.
    Any,
    Named(String),
    Like(Pattern),
}

/// What a glob matches of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Nothing,
    /// An operation that this one is nested in.
    Above,
    Itself,
}

impl Part {
    fn matches(&self, segment: &str) -> bool {
        match self {
            Self::Deep | Self::Any => true,
            Self::Named(name) => name == segment,
            Self::Like(pattern) => {
                let options = MatchOptions {
                    case_sensitive: true,
                    require_literal_separator: false,
                    require_literal_leading_dot: false,
                };
                pattern.matches_with(segment, options)
            }
        }
    }
}

impl Glob {
    fn is(name: &str) -> bool {
        name.contains(['*', '?', '['])
    }

    fn parse(name: &str) -> Result<Self, glob::PatternError> {
        let (mut parts, mut deep) = (Vec::new(), 0);
        for segment in segments(name) {
            parts.push(match segment {
                "**" if matches!(parts.last(), Some(Part::Deep)) => continue,
                "**" => Part::Deep,
                "*" => Part::Any,
                plain if !Self::is(plain) => Part::Named(plain.into()),
                like => Part::Like(Pattern::new(like)?),
            });
        }
        if matches!(parts.last(), Some(Part::Deep)) {
            // `a/**` is what is below `a`, not `a`.
            parts.push(Part::Any);
        }
        for (index, _) in parts.iter().enumerate().filter(|(_, part)| matches!(part, Part::Deep)) {
            deep |= 1 << index;
        }
        Ok(Self { parts, deep })
    }

    /// Follows all ways to match at once. Bit n: the segments so far match the first n parts.
    fn reach(&self, path: &[&str]) -> Reach {
        let whole = 1u128 << self.parts.len();
        let mut matched = self.skip_deep(1);
        let mut above = false;
        for segment in path {
            above |= matched & whole != 0;
            matched = self.skip_deep(self.step(matched, segment));
            if matched == 0 {
                break;
            }
        }
        match (matched & whole != 0, above) {
            (true, _) => Reach::Itself,
            (false, true) => Reach::Above,
            (false, false) => Reach::Nothing,
        }
    }

    fn step(&self, matched: u128, segment: &str) -> u128 {
        let mut after = matched & self.deep;
        let mut rest = matched & !self.deep;
        while rest != 0 {
            let index = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            if self.parts.get(index).is_some_and(|part| part.matches(segment)) {
                after |= 1 << (index + 1);
            }
        }
        after
    }

    /// `**` may match nothing.
    fn skip_deep(&self, matched: u128) -> u128 {
        matched | (matched & self.deep) << 1
    }
}

/// Where lines begin, and every so many characters of a long one: so that places are found in little time.
struct Lines<'a> {
    text: &'a str,
    /// Byte, line and column.
    marks: Vec<(usize, usize, usize)>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
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

    fn place(&self, file: &str, at: usize) -> Place {
        let after = self.marks.partition_point(|(mark, ..)| *mark <= at);
        let (mark, line, column) = self.marks[after.saturating_sub(1)];
        let column = column + self.text.get(mark..at).map_or(0, |between| between.chars().count());
        Place { file: file.into(), line, column: column.max(1) }
    }
}

type Key<'a> = Spanned<DeString<'a>>;
type Value<'a> = Spanned<DeValue<'a>>;

/// Makes a policy of a document. Every error names its place and what to do.
struct Reader<'a> {
    file: &'a str,
    lines: Lines<'a>,
}

const ROOT: [&str; 7] = ["schema", "unlisted", "strict", "figures", "defaults", "operation", "target"];
const FOLDER: &str = "a folder beside this file, such as \"tests/figures\"";

/// Reading documents and tables.
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
        policy.defaults.sort_by_key(Table::order);
        policy.globs.sort_by_key(|(_, table)| table.order());
        policy.full.values_mut().for_each(|tables| tables.sort_by_key(Table::order));
        Ok(policy)
    }

    /// First of all: a newer schema may have keys that are unknown here.
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

    fn unlisted(&self, value: &Value<'_>) -> Result<Unlisted, Error> {
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

    /// No way out of the policy's folder, on any system.
    fn folder(&self, value: &Value<'_>) -> Result<String, Error> {
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

    fn targets(&self, value: &Value<'_>, policy: &mut Policy, room: &mut usize) -> Result<(), Error> {
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
        value: &Value<'_>,
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
            let (name, path) = (short(key.get_ref()), normal(key.get_ref()));
            if path.is_empty() {
                return fail(format!("`{name}` names no operation: write its path, such as `index_build/commit`"));
            }
            let line = self.lines.place(self.file, key.span().start).line;
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

    fn rule_table(&self, target: Option<usize>, key: &Key<'_>, value: &Value<'_>) -> Result<Table, Error> {
        let name = short(key.get_ref());
        let mut table =
            Table { place: self.place(key.span().start), target, limits: BTreeMap::new(), why: None, runs: None };
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

    fn why(&self, value: &Value<'_>) -> Result<String, Error> {
        let example = "the reason of the limits in a sentence";
        match self.string("why", value, example)? {
            blank if blank.trim().is_empty() => {
                Err(self.error(value.span().start, format!("`why` is empty: write {example}")))
            }
            why => Ok(why.into()),
        }
    }

    fn runs(&self, value: &Value<'_>) -> Result<u32, Error> {
        let example = format!("an integer from 1 to {MOST_RUNS}");
        let DeValue::Integer(number) = value.get_ref() else { return Err(self.wrong("runs", value, &example)) };
        let runs = syntax::integer(number).and_then(|runs| u32::try_from(runs).ok());
        let found = || format!("`runs` is {}: write {example}", short(number.as_str()));
        runs.filter(|runs| (1..=MOST_RUNS).contains(runs)).ok_or_else(|| self.error(value.span().start, found()))
    }

    fn unknown_of_rule(&self, table: &str, key: &Key<'_>, value: &Value<'_>) -> Error {
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

/// Reading limits.
impl Reader<'_> {
    /// Nothing is `"none"`.
    fn setting(&self, figure: Figure, value: &Value<'_>) -> Result<Option<Limit>, Error> {
        let place = self.place(value.span().start);
        let limit = Limit { exact: None, ratchet: false, max: None, tolerance: Tolerance::default(), place };
        let fail = |what: String| self.error(value.span().start, what);
        match value.get_ref() {
            DeValue::Integer(_) => {
                let exact = self.amount(figure, figure.name(), value)?;
                Ok(Some(Limit { exact: Some(exact), ..limit }))
            }
            DeValue::String(text) => match text.trim() {
                "none" => Ok(None),
                "ratchet" => Ok(Some(Limit { ratchet: true, ..limit })),
                share if share.ends_with('%') => {
                    let percent = percent(share).map_err(fail)?;
                    Ok(Some(Limit { ratchet: true, tolerance: Tolerance { percent, minimum: 0 }, ..limit }))
                }
                word if word.starts_with(char::is_alphabetic) => {
                    let near = match syntax::nearest(word, &["ratchet", "none"]) {
                        near if near.starts_with("did you mean") => near,
                        _ => format!("write {}", ways(figure)),
                    };
                    Err(fail(format!("{} is no limit: {near}", quoted(word))))
                }
                _ => {
                    let max = self.amount(figure, figure.name(), value)?;
                    Ok(Some(Limit { max: Some(max), ..limit }))
                }
            },
            DeValue::Table(table) => self.limit_table(figure, table, limit).map(Some),
            _ => Err(self.wrong(figure.name(), value, &ways(figure))),
        }
    }

    fn limit_table(&self, figure: Figure, table: &DeTable<'_>, mut limit: Limit) -> Result<Limit, Error> {
        let mut ratchet = None;
        // Where what needs a figure to be around stands.
        let (mut tolerance, mut minimum) = (None, None);
        for (key, value) in in_order(table) {
            let at = key.span().start;
            match key.get_ref().as_ref() {
                "exact" => limit.exact = Some(self.amount(figure, "exact", value)?),
                "max" => limit.max = Some(self.amount(figure, "max", value)?),
                "ratchet" => ratchet = Some(self.boolean("ratchet", value)?),
                "tolerance" => (limit.tolerance.percent, tolerance) = (self.tolerance(value)?, Some(at)),
                "minimum" => (limit.tolerance.minimum, minimum) = (self.minimum(figure, value)?, Some(at)),
                _ => return Err(self.unknown(key, &["exact", "max", "ratchet", "tolerance", "minimum"])),
            }
        }
        // A tolerance alone asks for the recorded figure; beside a ceiling it may be meant for that.
        let implied = tolerance.is_some() && limit.exact.is_none() && limit.max.is_none();
        limit.ratchet = ratchet.unwrap_or(implied);
        let place = limit.place.clone();
        let fail = |what: &str| Err(Error(Kind::Unreadable { what: format!("{place}: {what}") }));
        if limit.ratchet && limit.exact.is_some() {
            return fail("`exact` and `ratchet` exclude each other: keep the one that the figure is held against");
        }
        if !limit.ratchet && limit.exact.is_none() {
            if let Some((key, at)) = tolerance.map(|at| ("tolerance", at)).or(minimum.map(|at| ("minimum", at))) {
                let what =
                    format!("`{key}` is around no figure: add `ratchet = true` or `exact = ..`, or take it away");
                return Err(self.error(at, what));
            }
            if limit.max.is_none() {
                return fail("this table limits nothing: add `max`, `exact` or `ratchet = true`, or write \"none\"");
            }
        }
        Ok(limit)
    }

    fn tolerance(&self, value: &Value<'_>) -> Result<f64, Error> {
        let text = self.string("tolerance", value, "a percentage such as \"1%\"")?;
        percent(text.trim()).map_err(|what| self.error(value.span().start, what))
    }

    fn minimum(&self, figure: Figure, value: &Value<'_>) -> Result<i64, Error> {
        match self.amount(figure, "minimum", value)? {
            below if below < 0 => Err(self.error(value.span().start, "`minimum` is below zero: write 0 or more")),
            minimum => Ok(minimum),
        }
    }

    /// An integer, or a size in a string. `name` is that of the key.
    fn amount(&self, figure: Figure, name: &str, value: &Value<'_>) -> Result<i64, Error> {
        let fail = |what: String| self.error(value.span().start, what);
        match value.get_ref() {
            DeValue::Integer(number) => match syntax::integer(number) {
                None => Err(fail(format!("`{name}` does not fit into 64 bits: write less"))),
                Some(below) if below < 0 && figure != Figure::NetBytes => {
                    Err(fail(format!("`{figure}` is never below zero: write 0 or more")))
                }
                Some(number) => Ok(number),
            },
            DeValue::String(text) => amount(figure, text.trim()).map_err(fail),
            _ => Err(self.wrong(name, value, &format!("an integer or a string such as {}", example(figure)))),
        }
    }
}

/// Values of one type, and what is said of others.
impl Reader<'_> {
    fn table<'v, 'i>(&self, name: &str, value: &'v Value<'i>, can: &str) -> Result<&'v DeTable<'i>, Error> {
        value.get_ref().as_table().ok_or_else(|| self.wrong(name, value, can))
    }

    fn string<'v>(&self, name: &str, value: &'v Value<'_>, can: &str) -> Result<&'v str, Error> {
        value.get_ref().as_str().ok_or_else(|| self.wrong(name, value, can))
    }

    fn boolean(&self, name: &str, value: &Value<'_>) -> Result<bool, Error> {
        value.get_ref().as_bool().ok_or_else(|| self.wrong(name, value, "`true` or `false`"))
    }

    fn wrong(&self, name: &str, value: &Value<'_>, can: &str) -> Error {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.error(value.span().start, format!("`{name}` is {found}: write {can}"))
    }

    fn unknown(&self, key: &Key<'_>, valid: &[&str]) -> Error {
        let near = syntax::nearest(key.get_ref(), valid);
        self.error(key.span().start, format!("unknown key `{}`: {near}", short(key.get_ref())))
    }

    fn place(&self, at: usize) -> Place {
        self.lines.place(self.file, at)
    }

    fn error(&self, at: usize, what: impl Display) -> Error {
        Error(Kind::Unreadable { what: format!("{}: {what}", self.place(at)) })
    }
}

/// What a table holds, as it stands in the file.
fn in_order<'v, 'i>(table: &'v DeTable<'i>) -> Vec<(&'v Key<'i>, &'v Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// Of what people wrote: as much as a message bears, and nothing that a terminal obeys.
fn short(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short = printable(&text.chars().take(LONGEST).collect::<String>());
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", short(text))
}

fn example(figure: Figure) -> &'static str {
    if figure.is_count() { "\"12 k\"" } else { "\"64 MiB\"" }
}

/// What can be written where a limit stands.
fn ways(figure: Figure) -> String {
    let size = example(figure);
    format!("an integer (exactly), {size} (at most), \"ratchet\", \"1%\" (as recorded), \"none\", or a table")
}

fn glob(path: &str) -> Result<Glob, String> {
    if path.len() > LONGEST_GLOB {
        return Err(format!("`{}` is longer than {LONGEST_GLOB} bytes: write a shorter glob", short(path)));
    }
    if segments(path).count() > MOST_SEGMENTS {
        return Err(format!("`{}` has more than {MOST_SEGMENTS} segments: write a shorter glob", short(path)));
    }
    let wrong = |error: glob::PatternError| {
        let (path, reason) = (short(path), error.msg);
        format!("`{path}` is no valid glob ({reason}): to mean `*`, `?` or `[` itself, write `[*]`, `[?]` or `[[]`")
    };
    Glob::parse(path).map_err(wrong)
}

/// The units, and how much each is.
const BYTES: [(&str, u128); 9] = [
    ("B", 1),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];
const BLOCKS: [(&str, u128); 5] =
    [("", 1), ("k", 1000), ("M", 1_000_000), ("G", 1_000_000_000), ("T", 1_000_000_000_000)];

/// `64 MiB` in bytes, `12 k` in blocks, exactly.
fn amount(figure: Figure, text: &str) -> Result<i64, String> {
    let end = text.find(|one: char| !one.is_ascii_digit() && one != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim_start());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        let what = if text.starts_with('-') { "is below zero" } else { "is no amount" };
        return Err(format!("{} {what}: write a number and a unit, such as {}", quoted(text), example(figure)));
    }
    let size = unit_size(figure, text, unit)?;
    let too_much = || format!("{} does not fit into 64 bits: write less", quoted(text));
    // As by hand: each digit after the point, from the last, with what is carried over. What remains is no whole byte.
    let mut carried = 0;
    for digit in fraction.bytes().rev() {
        let product = u128::from(digit - b'0') * size + carried;
        if product % 10 != 0 {
            let one = if figure.is_count() { "block" } else { "byte" };
            return Err(format!(
                "{} is no whole number of {one}s: write fewer digits, or a smaller unit",
                quoted(text)
            ));
        }
        carried = product / 10;
    }
    let whole = whole.parse::<u64>().map_err(|_| too_much())?;
    i64::try_from(u128::from(whole) * size + carried).map_err(|_| too_much())
}

fn unit_size(figure: Figure, text: &str, unit: &str) -> Result<u128, String> {
    let units = if figure.is_count() { &BLOCKS[..] } else { &BYTES[..] };
    if let Some((_, size)) = units.iter().find(|(name, _)| *name == unit) {
        return Ok(*size);
    }
    let first = unit.chars().next().map(|first| first.to_ascii_lowercase());
    let alike = |name: &str| first.is_some() && name.chars().next().map(|first| first.to_ascii_lowercase()) == first;
    let near: Vec<_> = units.iter().map(|(name, _)| *name).filter(|name| alike(name)).collect();
    let same = near.iter().find(|name| name.len() == 3 && name.eq_ignore_ascii_case(unit));
    let near = match (same, near.is_empty()) {
        (Some(same), _) => format!("did you mean `{same}`?"),
        (None, false) => format!("did you mean {}?", listed(&near, " or ")),
        (None, true) => {
            let all: Vec<_> = units.iter().map(|(name, _)| *name).filter(|name| !name.is_empty()).collect();
            format!("valid are {}", listed(&all, ", "))
        }
    };
    Err(match unit {
        "" => format!("{} has no unit: {near}", quoted(text)),
        _ if figure.is_count() => format!("`{}` is no unit of `{figure}`, which counts blocks: {near}", short(unit)),
        _ => format!("`{}` is no unit of bytes: {near}", short(unit)),
    })
}

fn listed(names: &[&str], between: &str) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(between)
}

/// `0.5 %` of `from`.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').map(str::trim_end).unwrap_or("");
    // No exponents, infinities and the like, which the library reads too.
    let plain = number.bytes().all(|one| one.is_ascii_digit() || one == b'.');
    let percent = number.parse().ok().filter(|percent| plain && (0.0..=1000.0).contains(percent));
    percent.ok_or_else(|| format!("{} is no tolerance: write a percentage from \"0%\" to \"1000%\"", quoted(text)))
}

/// The `cfg`s that environments tell of, besides those that the parser knows to begin with `target_`.
const KNOWN: [&str; 6] = ["unix", "windows", "miri", "debug_assertions", "panic", "sanitize"];
const KNOWN_TARGETS: [&str; 10] = [
    "target_abi",
    "target_arch",
    "target_endian",
    "target_env",
    "target_family",
    "target_feature",
    "target_has_atomic",
    "target_os",
    "target_pointer_width",
    "target_vendor",
];

/// The expression of a `[target]`.
fn expression(key: &str) -> Result<Expression, String> {
    let shown = short(key);
    let Some(inside) = key.strip_prefix("cfg(").and_then(|rest| rest.strip_suffix(')')) else {
        return Err(format!("`{shown}` is no cfg expression: write one such as `cfg(windows)`"));
    };
    if inside.len() > LONGEST_CFG || inside.matches('(').count() > MOST_BRACKETS {
        let most = format!("more than {LONGEST_CFG} bytes or {MOST_BRACKETS} brackets");
        return Err(format!("`{shown}` is too long ({most}): write a shorter expression"));
    }
    let wrong = |what: String| format!("`{shown}` is no valid cfg expression: {what}");
    let expression = Expression::parse(key).map_err(|error| wrong(error.reason.to_string()))?;
    if has_many(inside) {
        return Err(wrong("put several predicates into `all(..)` or `any(..)`".into()));
    }
    let never = expression.predicates().find_map(|predicate| never(&predicate));
    match never {
        Some(name) => {
            let full = format!("target_{name}");
            let near = match &*name {
                // A feature of cargo's is none of the target's.
                name if name != "feature" && KNOWN_TARGETS.contains(&&*full) => format!("did you mean `{full}`?"),
                name => syntax::nearest(name, &[&KNOWN[..], &KNOWN_TARGETS[..]].concat()),
            };
            Err(format!("`{shown}` never holds, because no environment tells of `{}`: {near}", short(&name)))
        }
        None => Ok(expression),
    }
}

/// Whether more than one predicate stands at the top, of which the parser would take the last.
fn has_many(inside: &str) -> bool {
    let (mut depth, mut in_string) = (0, false);
    for one in inside.bytes() {
        match one {
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'(' => depth += 1,
            b')' => depth -= 1,
            b',' if depth == 0 => return true,
            _ => {}
        }
    }
    false
}

/// The name of a predicate that no environment tells of: its limits would be skipped without a word.
fn never(predicate: &Predicate<'_>) -> Option<String> {
    match predicate {
        Predicate::Test => Some("test".into()),
        Predicate::ProcMacro => Some("proc_macro".into()),
        Predicate::Feature(_) => Some("feature".into()),
        Predicate::Flag(name) => (*name != "miri").then(|| (*name).into()),
        Predicate::KeyValue { key, .. } => (*key != "sanitize").then(|| (*key).into()),
        Predicate::Target(_) | Predicate::TargetFeature(_) | Predicate::DebugAssertions => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "heapledger.toml";

    fn environment(cfg: &[&str]) -> Environment {
        let part = |text: &str| text.to_string();
        let cfg = cfg.iter().map(|cfg| part(cfg)).collect();
        Environment { target: part("t"), profile: part("p"), allocator: part("a"), rustc: part("r"), cfg }
    }

    fn linux() -> Environment {
        environment(&["unix", "target_os=\"linux\"", "target_pointer_width=\"64\"", "target_endian=\"little\""])
    }

    fn windows() -> Environment {
        environment(&["windows", "target_os=\"windows\"", "target_family=\"windows\"", "debug_assertions"])
    }

    fn parsed(text: &str) -> Result<Policy, String> {
        Policy::parse(FILE, text).map_err(|error| error.to_string())
    }

    /// A policy with schema, of which `text` begins on the second line.
    fn policy(text: &str) -> Policy {
        parsed(&format!("schema = 1\n{text}")).expect(text)
    }

    fn error(text: &str) -> String {
        parsed(&format!("schema = 1\n{text}")).expect_err(text)
    }

    fn place(line: usize, column: usize) -> Place {
        Place { file: FILE.into(), line, column }
    }

    fn limit(line: usize, column: usize) -> Limit {
        let (exact, ratchet, max, tolerance) = (None, false, None, Tolerance::default());
        Limit { exact, ratchet, max, tolerance, place: place(line, column) }
    }

    /// The limit of `allocs` or `net_bytes` that `written` makes.
    fn made(figure: &str, written: &str) -> Option<Limit> {
        let column = figure.len() + 4;
        let rules = policy(&format!("[defaults]\n{figure} = {written}\n")).rules("a", &linux());
        let limit = rules.limits.into_values().next();
        assert!(limit.as_ref().is_none_or(|limit| limit.place == place(3, column)), "{limit:?}");
        limit
    }

    const EVERYTHING: &str = r#"schema = 1
unlisted = "fail"
strict = true
figures = "budgets/recorded"

[defaults]
allocs = "ratchet"
runs = 3

[operation."index_build"]
peak_bytes = "64 MiB"
why = "fits the smallest machine we run on"

[operation."search/*"]
allocated_bytes = { ratchet = true, tolerance = "1%", minimum = "4 KiB" }

[target.'cfg(windows)'.defaults]
allocs = 7
[target.'cfg(target_os = "linux")'.operation."index_build"]
peak_bytes = "96 MiB"
"#;

    #[test]
    fn everything_is_read_with_its_place() {
        let policy = parsed(EVERYTHING).expect("it is valid");
        assert_eq!((policy.file.as_str(), policy.figures.as_str()), (FILE, "budgets/recorded"));
        assert_eq!((policy.unlisted, policy.strict), (Unlisted::Fail, true));

        let rules = policy.rules("index_build", &linux());
        let allocs = Limit { ratchet: true, ..limit(7, 10) };
        let peak = Limit { max: Some(96 << 20), ..limit(20, 14) };
        assert_eq!(rules.limits, [(Figure::Allocs, allocs.clone()), (Figure::PeakBytes, peak)].into());
        assert_eq!((rules.listed, rules.runs), (true, Some(3)));
        assert_eq!(rules.why.as_deref(), Some("fits the smallest machine we run on"));

        let rules = policy.rules("index_build", &windows());
        let exact = Limit { exact: Some(7), ..limit(18, 10) };
        let peak = Limit { max: Some(64 << 20), ..limit(11, 14) };
        assert_eq!(rules.limits, [(Figure::Allocs, exact), (Figure::PeakBytes, peak)].into());

        let rules = policy.rules("search/rust", &linux());
        let tolerance = Tolerance { percent: 1.0, minimum: 4096 };
        let bytes = Limit { ratchet: true, tolerance, ..limit(15, 19) };
        assert_eq!(rules.limits, [(Figure::Allocs, allocs), (Figure::AllocatedBytes, bytes)].into());
        assert_eq!((rules.listed, rules.why), (true, None));

        assert_eq!(policy.named(&linux()), [("index_build".to_string(), place(10, 12))]);
    }

    #[test]
    fn what_is_left_out_has_defaults() {
        let policy = parsed("schema = 1").expect("it is valid");
        assert_eq!((policy.unlisted, policy.strict, policy.figures.as_str()), (Unlisted::Warn, false, "tests/figures"));
        assert_eq!(policy.rules("a/b", &linux()), Rules::default());
        assert_eq!(policy.rules("", &linux()), Rules::default());
        assert_eq!(policy.named(&linux()), []);
    }

    #[test]
    fn every_kind_of_limit_is_read() {
        let some = |limit: Limit| Some(limit);
        let allocs = limit(3, 10);
        let around = |percent, minimum| Tolerance { percent, minimum };
        let cases = [
            ("0", some(Limit { exact: Some(0), ..allocs.clone() })),
            ("0x10", some(Limit { exact: Some(16), ..allocs.clone() })),
            ("\"1000\"", some(Limit { max: Some(1000), ..allocs.clone() })),
            ("\"12 k\"", some(Limit { max: Some(12_000), ..allocs.clone() })),
            ("' 2.5M '", some(Limit { max: Some(2_500_000), ..allocs.clone() })),
            ("\"ratchet\"", some(Limit { ratchet: true, ..allocs.clone() })),
            ("\"1%\"", some(Limit { ratchet: true, tolerance: around(1.0, 0), ..allocs.clone() })),
            ("\"0.5 %\"", some(Limit { ratchet: true, tolerance: around(0.5, 0), ..allocs.clone() })),
            ("\"1000%\"", some(Limit { ratchet: true, tolerance: around(1000.0, 0), ..allocs.clone() })),
            ("\"none\"", None),
            ("{ exact = 3 }", some(Limit { exact: Some(3), ..allocs.clone() })),
            ("{ exact = \"3 k\", max = 9 }", some(Limit { exact: Some(3000), max: Some(9), ..allocs.clone() })),
            ("{ max = \"3 k\", ratchet = false }", some(Limit { max: Some(3000), ..allocs.clone() })),
            ("{ tolerance = \"2%\" }", some(Limit { ratchet: true, tolerance: around(2.0, 0), ..allocs.clone() })),
            (
                "{ tolerance = \"2%\", minimum = 5 }",
                some(Limit { ratchet: true, tolerance: around(2.0, 5), ..allocs.clone() }),
            ),
            (
                "{ exact = 3, ratchet = false, minimum = \"1 k\" }",
                some(Limit { exact: Some(3), tolerance: around(0.0, 1000), ..allocs.clone() }),
            ),
            (
                "{ ratchet = true, max = 9, minimum = 2 }",
                some(Limit { ratchet: true, max: Some(9), tolerance: around(0.0, 2), ..allocs }),
            ),
        ];
        for (written, expected) in cases {
            assert_eq!(made("allocs", written), expected, "{written}");
        }
        let net = limit(3, 13);
        assert_eq!(made("net_bytes", "-5"), some(Limit { exact: Some(-5), ..net.clone() }));
        assert_eq!(made("net_bytes", "{ max = -5 }"), some(Limit { max: Some(-5), ..net.clone() }));
        assert_eq!(made("net_bytes", &i64::MIN.to_string()), some(Limit { exact: Some(i64::MIN), ..net }));
    }

    #[test]
    fn sizes_are_exact() {
        let sizes = [
            ("4096 B", 4096),
            ("500 kB", 500_000),
            ("64 MB", 64_000_000),
            ("3 GB", 3_000_000_000),
            ("3TB", 3_000_000_000_000),
            ("1 KiB", 1 << 10),
            ("64 MiB", 64 << 20),
            ("1.5 GiB", 3 << 29),
            ("7 TiB", 7 << 40),
            ("0.001 kB", 1),
            ("1.000 B", 1),
            ("0.0009765625 KiB", 1),
            ("1.0000000000009094947017729282379150390625 TiB", (1 << 40) + 1),
            ("9223372036854775807 B", i64::MAX),
            ("8388607.9999990463256835937500 TiB", i64::MAX - (1 << 20) + 1),
        ];
        for (text, expected) in sizes {
            assert_eq!(amount(Figure::PeakBytes, text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn amounts_that_are_none_are_refused_with_what_to_do() {
        let bytes = [
            ("1.5 B", "\"1.5 B\" is no whole number of bytes: write fewer digits, or a smaller unit"),
            ("0.1 KiB", "\"0.1 KiB\" is no whole number of bytes: write fewer digits, or a smaller unit"),
            ("9223372036854775808 B", "\"9223372036854775808 B\" does not fit into 64 bits: write less"),
            ("8388608 TiB", "\"8388608 TiB\" does not fit into 64 bits: write less"),
            ("99999999999999999999 TiB", "\"99999999999999999999 TiB\" does not fit into 64 bits: write less"),
            ("-1 B", "\"-1 B\" is below zero: write a number and a unit, such as \"64 MiB\""),
            ("", "\"\" is no amount: write a number and a unit, such as \"64 MiB\""),
            (".5 MiB", "\".5 MiB\" is no amount: write a number and a unit, such as \"64 MiB\""),
            ("1. MiB", "\"1. MiB\" is no amount: write a number and a unit, such as \"64 MiB\""),
            ("1.2.3 MiB", "\"1.2.3 MiB\" is no amount: write a number and a unit, such as \"64 MiB\""),
            ("64 mib", "`mib` is no unit of bytes: did you mean `MiB`?"),
            ("64 M", "`M` is no unit of bytes: did you mean `MB` or `MiB`?"),
            ("64 KB", "`KB` is no unit of bytes: did you mean `kB` or `KiB`?"),
            ("64 bytes", "`bytes` is no unit of bytes: did you mean `B`?"),
            ("64 XiB", "`XiB` is no unit of bytes: valid are `B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`"),
            (
                "1,024 B",
                "`,024 B` is no unit of bytes: valid are `B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`",
            ),
            ("64", "\"64\" has no unit: valid are `B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`"),
        ];
        for (text, expected) in bytes {
            assert_eq!(amount(Figure::PeakBytes, text), Err(expected.to_string()), "{text}");
        }
        let blocks = [
            ("1.5", "\"1.5\" is no whole number of blocks: write fewer digits, or a smaller unit"),
            ("1 K", "`K` is no unit of `allocs`, which counts blocks: did you mean `k`?"),
            ("1 B", "`B` is no unit of `allocs`, which counts blocks: valid are `k`, `M`, `G`, `T`"),
        ];
        for (text, expected) in blocks {
            assert_eq!(amount(Figure::Allocs, text), Err(expected.to_string()), "{text}");
        }
    }

    /// What each adds to the one before: the one that holds is the last that names the figure.
    const PRECEDENCE: &str = r#"
[target.'cfg(unix)'.operation."a/b"]
allocs = 8
why = "target, full"
[target.'cfg(unix)'.operation."a/*"]
allocs = 6
live_bytes = 6
why = "target, glob"
[target.'cfg(windows)'.operation."a/b"]
allocs = 99
[target.'cfg(unix)'.defaults]
allocs = 2
peak_bytes = 2
runs = 2
[operation."a/b"]
allocs = 7
why = "full"
runs = 7
[operation."**"]
allocs = 3
live_bytes = 3
net_bytes = 3
[operation."?/b"]
allocs = 4
live_bytes = "none"
[operation."a/[*]"]
allocs = 5
[target.'cfg(target_os = "linux")'.operation."*/b"]
allocated_bytes = 5
peak_bytes = "none"
[defaults]
allocs = 1
live_bytes = { max = 1 }
peak_bytes = 1
why = "defaults"
runs = 1
"#;

    #[test]
    fn the_more_specific_table_wins_figure_by_figure() {
        let policy = policy(PRECEDENCE);
        let exact = |path: &str, environment: &Environment| {
            let rules = policy.rules(path, environment);
            let exact: Vec<_> =
                Figure::ALL.map(|figure| rules.limits.get(&figure).and_then(|limit| limit.exact)).into();
            (exact, rules.why.unwrap_or_default(), rules.runs.unwrap_or_default())
        };
        // allocs, allocated_bytes, live_bytes, live_bytes_per_iteration, net_bytes, peak_bytes
        let all = |figures: [i64; 6]| figures.map(|figure| (figure > 0).then_some(figure)).to_vec();
        assert_eq!(exact("a/b", &linux()), (all([8, 5, 6, 0, 3, 0]), "target, full".into(), 7));
        assert_eq!(exact("a/b", &environment(&["unix"])), (all([8, 0, 6, 0, 3, 2]), "target, full".into(), 7));
        assert_eq!(exact("a/b", &environment(&[])), (all([7, 0, 0, 0, 3, 1]), "full".into(), 7));
        assert_eq!(exact("a/b", &windows()).0[0], Some(99));
        assert_eq!(exact("a/*", &environment(&[])), (all([5, 0, 3, 0, 3, 1]), "defaults".into(), 1));
        assert_eq!(exact("a/*", &linux()), (all([6, 0, 6, 0, 3, 2]), "target, glob".into(), 2));
        assert_eq!(exact("x/b", &linux()), (all([4, 5, 0, 0, 3, 0]), "defaults".into(), 2));
        assert_eq!(exact("x/y/z", &environment(&[])), (all([3, 0, 3, 0, 3, 1]), "defaults".into(), 1));
    }

    #[test]
    fn a_limit_is_replaced_wholly() {
        let text = "[defaults]\nallocs = { max = 9, ratchet = true }\n[operation.a]\nallocs = { exact = 3 }\n";
        let limits = policy(text).rules("a", &linux()).limits;
        assert_eq!(limits[&Figure::Allocs], Limit { exact: Some(3), ..limit(5, 10) });
    }

    #[test]
    fn an_operation_is_listed_if_it_or_one_above_it_is_named() {
        let text = "[defaults]\nruns = 2\n[operation.\"a/b\"]\nallocs = 1\n[operation.\"g*/h\"]\n\
                    [target.'cfg(windows)'.operation.w]\n[target.'cfg(windows)'.operation.\"v*\"]\n";
        let policy = policy(text);
        let listed = |path: &str, environment: &Environment| policy.rules(path, environment).listed;
        let paths = ["a/b", "a/b/c/d", "/a//b/", "g/h", "gg/h/i/j"];
        assert!(paths.iter().all(|path| listed(path, &linux())));
        let paths = ["a", "a/bc", "b", "g", "g/i", "x/g/h", "w", "w/x", "vv", "vv/x"];
        assert!(paths.iter().all(|path| !listed(path, &linux())));
        assert!(["w", "w/x", "vv", "vv/x"].iter().all(|path| listed(path, &windows())));
        assert_eq!(policy.rules("a/b/c", &linux()).limits, BTreeMap::new());
    }

    #[test]
    fn operations_named_in_full_are_told_by_path() {
        let text = "[operation.\"z//b\"]\n[operation.\"*\"]\n[target.'cfg(windows)'.operation.\"a\"]\n\
                    [target.'cfg(windows)'.operation.\"z/b\"]\n";
        let policy = policy(text);
        assert_eq!(policy.named(&linux()), [("z/b".to_string(), place(2, 12))]);
        let expected = [("a".to_string(), place(4, 34)), ("z/b".to_string(), place(2, 12))];
        assert_eq!(policy.named(&windows()), expected);
    }

    #[test]
    fn globs_match_segment_by_segment() {
        let reach = |glob: &str, path: &str| {
            let parts: Vec<&str> = segments(path).collect();
            Glob::parse(glob).expect(glob).reach(&parts)
        };
        let itself = [
            ("*", "a"),
            ("a*c", "abbc"),
            ("a/*/c", "a/b/c"),
            ("**", "a/b/c"),
            ("**/c", "c"),
            ("**/c", "a/b/c"),
            ("a/**", "a/b/c"),
            ("a/**/c", "a/c"),
            ("a/**/c", "a/b/b/c"),
            ("**/b/**/d", "a/b/b/c/d"),
            ("**/**", "a"),
            ("a[0-9]?", "a7ä"),
            ("a[!0-9]", "ab"),
            ("a[*][?][[]", "a*?["),
            ("a\\*", "a\\b"),
        ];
        for (glob, path) in itself {
            assert_eq!(reach(glob, path), Reach::Itself, "{glob} {path}");
        }
        let above = [("*", "a/b"), ("a/*", "a/b/c/d"), ("**/b", "a/b/c"), ("a*/**/c", "ab/c/d")];
        for (glob, path) in above {
            assert_eq!(reach(glob, path), Reach::Above, "{glob} {path}");
        }
        let nothing =
            [("*", ""), ("a*", "b"), ("a/**", "a"), ("*/b", "b"), ("**/c", "a/b"), ("A*", "ab"), ("a?c", "a/c")];
        for (glob, path) in nothing {
            assert_eq!(reach(glob, path), Reach::Nothing, "{glob} {path}");
        }
    }

    #[test]
    fn expressions_are_held_against_the_environment() {
        let environment = environment(&[
            "unix",
            "miri",
            "target_env=\"\"",
            "target_arch=\"x86_64\"",
            "target_feature=\"sse2\"",
            "target_has_atomic=\"8\"",
            "target_has_atomic=\"ptr\"",
            "target_endian=\"little\"",
            "target_pointer_width=\"64\"",
            "target_vendor=\"apple\"",
            "target_abi=\"sim\"",
            "panic=\"unwind\"",
            "sanitize=\"address\"",
            "debug_assertions",
        ]);
        let holds = |cfg: &str| {
            let policy = policy(&format!("[target.'cfg({cfg})'.operation.a]\n"));
            policy.rules("a", &environment).listed
        };
        let held = [
            "unix",
            "target_family = \"unix\"",
            "not(windows)",
            "miri",
            "target_env = \"\"",
            "target_arch = \"x86_64\"",
            "target_feature = \"sse2\"",
            "all(target_has_atomic = \"8\", target_has_atomic = \"ptr\")",
            "target_endian = \"little\"",
            "target_pointer_width = \"64\"",
            "target_vendor = \"apple\"",
            "target_abi = \"sim\"",
            "panic = \"unwind\"",
            "sanitize = \"address\"",
            "debug_assertions",
            "any(windows, all(unix, not(target_os = \"macos\")))",
            "all()",
        ];
        for cfg in held {
            assert!(holds(cfg), "{cfg}");
        }
        for cfg in ["windows", "not(unix)", "target_os = \"linux\"", "any()", "target_family = \"wasm\"", "not(all())"]
        {
            assert!(!holds(cfg), "{cfg}");
        }
    }

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
    fn limits_that_are_none_are_refused_at_their_value() {
        let ways =
            "write an integer (exactly), \"12 k\" (at most), \"ratchet\", \"1%\" (as recorded), \"none\", or a table";
        let cases = [
            ("true", format!("10: `allocs` is a boolean: {ways}")),
            ("1.5", format!("10: `allocs` is a float: {ways}")),
            ("[1]", format!("10: `allocs` is an array: {ways}")),
            ("'much'", format!("10: \"much\" is no limit: {ways}")),
            ("'rachet'", "10: \"rachet\" is no limit: did you mean `ratchet`?".into()),
            ("-1", "10: `allocs` is never below zero: write 0 or more".into()),
            ("9223372036854775808", "10: `allocs` does not fit into 64 bits: write less".into()),
            ("'-1'", "10: \"-1\" is below zero: write a number and a unit, such as \"12 k\"".into()),
            ("'1 x'", "10: `x` is no unit of `allocs`, which counts blocks: valid are `k`, `M`, `G`, `T`".into()),
            ("'1001%'", "10: \"1001%\" is no tolerance: write a percentage from \"0%\" to \"1000%\"".into()),
            ("'-1%'", "10: \"-1%\" is no tolerance: write a percentage from \"0%\" to \"1000%\"".into()),
            ("'inf%'", "10: \"inf%\" is no tolerance: write a percentage from \"0%\" to \"1000%\"".into()),
            ("'1e2%'", "10: \"1e2%\" is no tolerance: write a percentage from \"0%\" to \"1000%\"".into()),
            ("'%'", "10: \"%\" is no tolerance: write a percentage from \"0%\" to \"1000%\"".into()),
            ("{}", "10: this table limits nothing: add `max`, `exact` or `ratchet = true`, or write \"none\"".into()),
            (
                "{ ratchet = false }",
                "10: this table limits nothing: add `max`, `exact` or `ratchet = true`, or write \"none\"".into(),
            ),
            (
                "{ ratchet = true, exact = 1 }",
                "10: `exact` and `ratchet` exclude each other: keep the one that the figure is held against".into(),
            ),
            (
                "{ minimum = 1 }",
                "12: `minimum` is around no figure: add `ratchet = true` or `exact = ..`, or take it away".into(),
            ),
            (
                "{ max = 1, tolerance = '1%' }",
                "21: `tolerance` is around no figure: add `ratchet = true` or `exact = ..`, or take it away".into(),
            ),
            (
                "{ ratchet = false, tolerance = '1%' }",
                "29: `tolerance` is around no figure: add `ratchet = true` or `exact = ..`, or take it away".into(),
            ),
            ("{ exact = -1 }", "20: `allocs` is never below zero: write 0 or more".into()),
            ("{ max = true }", "18: `max` is a boolean: write an integer or a string such as \"12 k\"".into()),
            ("{ max = 'ratchet' }", "18: \"ratchet\" is no amount: write a number and a unit, such as \"12 k\"".into()),
            ("{ ratchet = 1 }", "22: `ratchet` is an integer: write `true` or `false`".into()),
            ("{ tolerance = 1 }", "24: `tolerance` is an integer: write a percentage such as \"1%\"".into()),
            ("{ tolerance = '1' }", "24: \"1\" is no tolerance: write a percentage from \"0%\" to \"1000%\"".into()),
            ("{ maxi = 1 }", "12: unknown key `maxi`: did you mean `max`?".into()),
        ];
        for (written, expected) in cases {
            assert_eq!(error(&format!("[defaults]\nallocs = {written}")), format!("{FILE}:3:{expected}"));
        }
        let said = error("[defaults]\nnet_bytes = { ratchet = true, minimum = -1 }");
        assert_eq!(said, format!("{FILE}:3:41: `minimum` is below zero: write 0 or more"));
    }

    #[test]
    fn expressions_that_never_hold_are_refused() {
        let cases = [
            (
                "x86_64-unknown-linux-gnu",
                "`x86_64-unknown-linux-gnu` is no cfg expression: write one such as `cfg(windows)`",
            ),
            ("cfg(windows", "`cfg(windows` is no cfg expression: write one such as `cfg(windows)`"),
            ("cfg()", "`cfg()` is no valid cfg expression: empty expression"),
            ("cfg(all(unix)", "`cfg(all(unix)` is no valid cfg expression: unclosed parens"),
            (
                "cfg(not(unix, windows))",
                "`cfg(not(unix, windows))` is no valid cfg expression: not() takes 1 predicate, found 2",
            ),
            ("cfg(unix, windows)", "`cfg(unix, windows)` is no valid cfg expression: multiple root predicates"),
            (
                "cfg(all(unix), not(unix))",
                "`cfg(all(unix), not(unix))` is no valid cfg expression: \
                 put several predicates into `all(..)` or `any(..)`",
            ),
            ("cfg(ä)", "`cfg(ä)` is no valid cfg expression: expected one of `<key>`, `all`, `any`, `not` here"),
            (
                "cfg(target_os)",
                "`cfg(target_os)` is no valid cfg expression: expected a `= \"<target_cfg_value>\"` here",
            ),
            (
                "cfg(target_pointer_width = \"x\")",
                "`cfg(target_pointer_width = \"x\")` is no valid cfg expression: invalid integer",
            ),
            (
                "cfg(window)",
                "`cfg(window)` never holds, because no environment tells of `window`: did you mean `windows`?",
            ),
            (
                "cfg(all(unix, test))",
                "`cfg(all(unix, test))` never holds, because no environment tells of `test`: \
                 valid are `unix`, `windows`, `miri`, `debug_assertions`, `panic`, `sanitize`, `target_abi`, \
                 `target_arch`, `target_endian`, `target_env`, `target_family`, `target_feature`, `target_has_atomic`, `target_os`, `target_pointer_width`, `target_vendor`",
            ),
            (
                "cfg(os = \"linux\")",
                "`cfg(os = \"linux\")` never holds, because no environment tells of `os`: did you mean `target_os`?",
            ),
            (
                "cfg(target_oss = \"linux\")",
                "`cfg(target_oss = \"linux\")` is no valid cfg expression: expected one of `target_arch`, `target_feature`, \
                 `target_os`, `target_family`, `target_env`, `target_endian`, `target_has_atomic`, `target_pointer_width`, \
                 `target_vendor` here",
            ),
        ];
        for (cfg, expected) in cases {
            assert_eq!(error(&format!("[target.'{cfg}'.defaults]")), format!("{FILE}:2:9: {expected}"));
        }
        let said = error("[target.'cfg(unix)'.operations.a]");
        assert_eq!(said, format!("{FILE}:2:21: unknown key `operations`: did you mean `operation`?"));
        for never in ["cfg(feature = \"x\")", "cfg(not(proc_macro))", "cfg(any(linux, unix))"] {
            let said = error(&format!("[target.'{never}'.defaults]"));
            assert!(said.starts_with(&format!("{FILE}:2:9: `{never}` never holds, because no environment")), "{said}");
        }
        let said = error("target.'cfg(unix)' = 1");
        assert_eq!(
            said,
            format!("{FILE}:2:22: `cfg(unix)` is an integer: write tables such as `[target.'cfg(windows)'.defaults]`")
        );
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

    #[test]
    fn names_may_hold_anything_and_messages_nothing_that_a_terminal_obeys() {
        let policy = policy("[operation.\"a\\u0000\\u001b/\\u202e\"]\nallocs = 1\n");
        assert!(policy.rules("a\0\u{1b}/\u{202e}", &linux()).listed);
        assert!(!policy.rules("a", &linux()).listed);
        let said = error("\"\\u001b[2J\\n\" = 1\n");
        assert!(said.starts_with("heapledger.toml:2:1: unknown key `\\u{1b}[2J\\n`: "), "{said}");
        let said = error(&format!("\"{}\" = 1\n", "x".repeat(1 << 19)));
        assert!(
            said.starts_with(&format!("heapledger.toml:2:1: unknown key `{}…`: valid are", "x".repeat(60))),
            "{said}"
        );
        let said = error(&format!("[defaults]\nallocs = '{}'\n", "9".repeat(1 << 19)));
        assert_eq!(
            said,
            format!("heapledger.toml:3:10: \"{}…\" does not fit into 64 bits: write less", "9".repeat(60))
        );
        let said = error(&format!("[defaults]\nallocs = '0.{}5'\n", "0".repeat(1 << 19)));
        assert!(said.contains(" is no whole number of blocks: "), "{said}");
    }

    #[test]
    fn what_is_too_large_or_too_deep_is_refused() {
        assert!(parsed(&"#".repeat(LARGEST + 1)).is_err());
        assert!(parsed(&format!("schema = 1\n#{}", "#".repeat(LARGEST - 12))).is_ok());
        for open in ["[", "{ a = ", "[operation.a", "a."] {
            assert!(parsed(&format!("schema = 1\nstrict = {}", open.repeat(100_000))).is_err());
            assert!(parsed(&format!("schema = 1\n{}", open.repeat(100_000))).is_err());
        }
        let dotted = format!("schema = 1\noperation{} = 1", ".a".repeat(100_000));
        assert!(parsed(&dotted).is_err());

        let tables = |count: usize| (0..count).map(|at| format!("[operation.\"{at}\"]\n")).collect::<String>();
        assert_eq!(policy(&tables(MOST_OPERATIONS)).named(&linux()).len(), MOST_OPERATIONS);
        let said = error(&tables(MOST_OPERATIONS + 1));
        assert_eq!(said, "heapledger.toml:10002:12: more than 10000 operations: name several by one glob");
        let targets: String = (0..257).map(|at| format!("[target.'cfg(target_os = \"{at}\")'.defaults]\n")).collect();
        assert_eq!(error(&targets), "heapledger.toml:258:9: more than 256 targets: put what they share into one");
        let said = error(&format!("[operation.'{}']", "*".repeat(LONGEST_GLOB + 1)));
        assert_eq!(
            said,
            format!("heapledger.toml:2:12: `{}…` is longer than 1024 bytes: write a shorter glob", "*".repeat(60))
        );
        let said = error(&format!("[operation.'{}']", "*/".repeat(MOST_SEGMENTS + 1)));
        let start = "*/".repeat(30);
        assert_eq!(said, format!("heapledger.toml:2:12: `{start}…` has more than 100 segments: write a shorter glob"));

        let nested = |depth: usize| format!("cfg({}unix{})", "not(".repeat(depth), ")".repeat(depth));
        assert!(expression(&nested(MOST_BRACKETS)).is_ok());
        let many = format!("cfg(any({}))", "not(unix),".repeat(300));
        let wide = format!("cfg(any({}))", "unix,".repeat(1000));
        for cfg in [nested(MOST_BRACKETS + 1), nested(100_000), many, wide] {
            let start: String = cfg.chars().take(60).collect();
            let expected =
                format!("`{start}…` is too long (more than 4096 bytes or 100 brackets): write a shorter expression");
            assert_eq!(expression(&cfg).expect_err("it is too long"), expected);
        }
    }

    #[test]
    fn hostile_globs_do_not_take_long() {
        let glob = Glob::parse(&"*a".repeat(LONGEST_GLOB / 2)).expect("it is valid");
        assert_eq!(glob.reach(&["a".repeat(20_000).as_str(), "b"]), Reach::Above);
        assert_eq!(glob.reach(&[format!("{}b", "a".repeat(20_000)).as_str()]), Reach::Nothing);
        let glob = Glob::parse(&"**/a*/".repeat(MOST_SEGMENTS / 2)).expect("it is valid");
        assert_eq!(glob.reach(&vec!["ab"; 2000]), Reach::Itself);
        let glob = Glob::parse(&format!("{}b", "**/a*a*a*/".repeat(MOST_SEGMENTS / 2 - 1))).expect("it is valid");
        assert_eq!(glob.reach(&vec!["aaaaaaaaaaaaaaaaaaaaaaaaaaaaab"; 2000]), Reach::Nothing);
    }

    #[test]
    fn nothing_that_is_written_panics() {
        let alphabet = [
            "[",
            "]",
            "{",
            "}",
            "'",
            "\"",
            "=",
            ".",
            "\n",
            "a",
            "allocs",
            "operation",
            "target",
            "cfg(",
            ")",
            "not(",
            "all(",
            ",",
            "unix",
            "1",
            "%",
            "*",
            "?",
            "!",
            "-",
            "/",
            " ",
            "ä",
            "\\",
            "why",
            "defaults",
            "max",
            "exact",
            "KiB",
        ];
        // A linear congruential generator: the same texts every time.
        let mut state = 1u64;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        for _ in 0..5_000 {
            let text: String = (0..next() % 24).map(|_| alphabet[next() % alphabet.len()]).collect();
            let _ = amount(Figure::PeakBytes, &text);
            let _ = percent(&text);
            if let Ok(expression) = expression(&format!("cfg({text})")) {
                let _ = expression.eval(|_| true);
            }
            if let Ok(glob) = Glob::parse(&text) {
                let _ = glob.reach(&["a", "[a]", "ä"]);
            }
            for line in [text.clone(), format!("[defaults]\nallocs = {text}"), format!("[operation.'{text}']")] {
                if let Ok(policy) = parsed(&format!("schema = 1\n{line}")) {
                    let _ = policy.rules(&text, &linux());
                }
            }
        }
    }
}
