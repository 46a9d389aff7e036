//! What of a report is shown as a table.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::reading::{Report, SortKey};
use crate::render::Look;
use crate::words::Error;

/// Stands for all call stacks.
const ALL: &str = "all";

#[derive(Args)]
#[group(id = "table", multiple = true, conflicts_with_all = ["to", "open"])]
pub(super) struct TableOptions {
    /// Exact bytes and counts, instead of three digits and a unit.
    #[arg(long)]
    exact: bool,
    /// Only these operations and those below them: a path or a glob; repeatable. All others are one line together.
    #[arg(long, value_name = "GLOB")]
    operation: Vec<String>,
    /// So many levels of operations. What is deeper is in the figures of the operations around it.
    #[arg(long, value_name = "LEVELS", value_parser = clap::value_parser!(u32).range(1..))]
    depth: Option<u32>,
    /// What operations side by side are sorted by, instead of what they own.
    #[arg(long, value_name = "KEY", value_parser = sort_keys())]
    sort: Option<SortKey>,
    /// So many call stacks of each operation that own the most, and as many more that allocated the most, instead of
    /// three; or `all`.
    #[arg(long, value_name = "NUMBER", value_parser = number_of_stacks)]
    stacks: Option<usize>,
    /// Where each operation was first entered.
    #[arg(long)]
    sites: bool,
}

fn sort_keys() -> impl TypedValueParser<Value = SortKey> {
    let keys = PossibleValuesParser::new(SortKey::ALL.map(|(name, _)| name));
    keys.map(|name| SortKey::ALL.into_iter().find(|(key, _)| *key == name).map(|(_, key)| key).unwrap_or_default())
}

fn number_of_stacks(text: &str) -> Result<usize, String> {
    match text {
        ALL => Ok(usize::MAX),
        number => number.parse().map_err(|_| format!("write a number, or `{ALL}`")),
    }
}

impl TableOptions {
    /// The table of a report, which looks so but for what is asked for.
    pub(super) fn table(&self, report: &Report, look: Look) -> Result<String, Error> {
        let mut table = report.table().sort_by(self.sort.unwrap_or_default());
        for glob in &self.operation {
            table = table.operation(glob)?;
        }
        if let Some(levels) = self.depth {
            table = table.depth(levels as usize);
        }
        if let Some(most) = self.stacks {
            table = table.stacks(most);
        }
        if self.sites {
            table = table.sites();
        }
        Ok(table.rendered(&Look { exact: self.exact, ..look }).to_string())
    }
}
