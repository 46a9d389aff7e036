//! What a policy answers: which limits hold for an operation, those of the more specific table over those of the less
//! specific one. How the file is read is for `read`; whether figures keep to the limits is for `judge`.

use std::collections::BTreeMap;
#[cfg(feature = "cli")]
use std::collections::BTreeSet;

use cfg_expr::Expression;

use super::cfgs::Targets;
use super::table::RuleTable;
use crate::judging::budget::figure::Figure;
use crate::judging::budget::limit::{FigureLimit, Unlisted};
#[cfg(feature = "cli")]
use crate::judging::budget::place::Place;
use crate::reading::Environment;
use crate::words::segments;
use crate::words::{Glob, Reach, normalized};

/// What `heapledger.toml` says.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// The policy's file, as it is shown to people.
    pub(crate) file: String,
    pub(crate) unlisted: Unlisted,
    /// Improvements, and figures that nobody recorded yet, fail.
    pub(crate) strict: bool,
    /// The folder of the recorded figures, relative to the policy's.
    pub(crate) figures: String,
    /// The expressions of `[target.'cfg(..)']`. Tables name them by their index.
    pub(super) targets: Vec<Expression>,
    /// The tables of each list stand in the order in which they apply: the later wins.
    pub(super) defaults: Vec<RuleTable>,
    pub(super) globs: Vec<(Glob, RuleTable)>,
    pub(super) full: BTreeMap<String, Vec<RuleTable>>,
}

/// What the policy says of one operation in one environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rules {
    pub(crate) limits: BTreeMap<Figure, FigureLimit>,
    /// The operation, or one it is nested in, is named by a table.
    pub(crate) listed: bool,
    /// The reason of the limits, as the policy gives it.
    pub(crate) why: Option<String>,
    /// How often an assertion runs what it measures.
    pub(crate) runs: Option<u32>,
}

impl Policy {
    /// What holds for the operation at `path`.
    pub(crate) fn rules(&self, path: &str, environment: &Environment) -> Rules {
        let path = normalized(path);
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

    /// The globs that hold in one of the environments and match none of `paths`, and where.
    #[cfg(feature = "cli")]
    pub(crate) fn idle_globs(&self, environments: &[&Environment], paths: &BTreeSet<String>) -> Vec<(String, Place)> {
        let targets: Vec<Targets<'_>> = environments.iter().map(|here| Targets::new(&self.targets, here)).collect();
        let paths: Vec<Vec<&str>> = paths.iter().map(|path| segments(path).collect()).collect();
        let idle = self.globs.iter().filter(|(glob, table)| {
            targets.iter().any(|targets| targets.hold(table))
                && paths.iter().all(|path| glob.reach(path) == Reach::Nothing)
        });
        idle.map(|(glob, table)| (glob.written.clone(), table.place.clone())).collect()
    }

    /// The tables that name the operation in full.
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

#[cfg(test)]
mod tests;
