//! The policy: what people write into `heapledger.toml`. It is read whole or not at all, and nothing in it can be
//! misspelt without a word; whether figures keep to it is for `judge` to say.
//!
//! Here is what a policy answers: which tables hold for an operation, the more specific over the less. The rest reads
//! it: `read` the document and its tables, `limit` what stands beside a figure, `amount` sizes and counts, `pattern`
//! globs, `target` the `cfg` expressions; `value` and `message` are what these have in common.

mod amount;
mod limit;
mod message;
mod pattern;
mod read;
mod target;
mod value;

use std::collections::BTreeMap;

use cfg_expr::Expression;

use self::pattern::{Glob, Reach};
use self::target::Targets;
use self::value::Reader;
use super::{Figure, FigureLimit, Place, Unlisted, syntax};
use crate::reading::Environment;
use crate::words::Error;
use crate::words::segments;

/// No policy that people write is as large.
const LARGEST: usize = 1 << 20;

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
    defaults: Vec<RuleTable>,
    globs: Vec<(Glob, RuleTable)>,
    full: BTreeMap<String, Vec<RuleTable>>,
}

/// What the policy says of one operation in one environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rules {
    pub(crate) limits: BTreeMap<Figure, FigureLimit>,
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
        Reader::new(file, text).policy(document.get_ref())
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
        let first =
            |tables: &[RuleTable]| tables.iter().find(|table| targets.hold(table)).map(|table| table.place.clone());
        self.full.iter().filter_map(|(path, tables)| Some((path.clone(), first(tables)?))).collect()
    }

    fn tables(&self, path: &str) -> impl Iterator<Item = &RuleTable> {
        self.full.get(path).into_iter().flatten()
    }
}

impl Rules {
    /// A more specific table replaces what it names, figure by figure.
    fn apply(&mut self, table: &RuleTable) {
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
struct RuleTable {
    /// Where its key is written.
    place: Place,
    /// The expression it stands under, if any.
    target: Option<usize>,
    /// Nothing where the limit of a less specific table is taken away.
    limits: BTreeMap<Figure, Option<FigureLimit>>,
    why: Option<String>,
    runs: Option<u32>,
}

impl RuleTable {
    /// Those under a target come after those without; else the order is that of the file.
    fn order(&self) -> (bool, usize, usize) {
        (self.target.is_some(), self.place.line, self.place.column)
    }
}

#[cfg(test)]
mod tests;
