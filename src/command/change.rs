//! What is recorded, and what is to be. Files of figures are written here and nowhere else, but for patches that
//! `accept` takes from a log: by one writer at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::Context;

use super::project::write;
use super::terminal::say;
use crate::disk::{Book, shown};
use crate::judging::budget::{Case, Figure, Figures, Part, Run, figures, to_record};
use crate::reading::Environment;
use crate::words::printable;

/// Figures by their operation's path and their name.
type RecordedFigures = BTreeMap<(String, Figure), i64>;

/// Figures that are to be recorded, and those that are not to be any more (`None`).
pub(super) type Agreed = Vec<((String, Figure), Option<i64>)>;

/// What is recorded of one environment, and what is to be.
pub(super) struct Change {
    pub(super) environment: Environment,
    path: PathBuf,
    before: Option<Figures>,
    after: RecordedFigures,
}

/// One figure that changes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FigureChange<'a> {
    pub(super) key: &'a (String, Figure),
    /// `None` where nothing is recorded.
    then: Option<i64>,
    /// `None` where nothing is to be recorded.
    pub(super) now: Option<i64>,
}

impl fmt::Display for FigureChange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, figure) = self.key;
        let shown = |value: Option<i64>| value.map_or("nothing".into(), |value| figure.shown(value));
        write!(f, "{} {figure}: {} -> {}", printable(path), shown(self.then), shown(self.now))?;
        match self.then.zip(self.now) {
            None => Ok(()),
            Some((then, now)) => {
                let difference = now.saturating_sub(then);
                write!(f, " ({}{})", if difference > 0 { "+" } else { "" }, figure.shown(difference))
            }
        }
    }
}

impl Change {
    fn of(book: &Book, part: &Part, complete: bool) -> anyhow::Result<Self> {
        let environment = part.environment.clone();
        let before = book.figures(&environment)?;
        let case = Case { policy: &book.policy, recorded: before.as_ref(), environment: &environment, complete };
        let after = to_record(&case, part);
        Ok(Self { path: book.figures_at(&environment), environment, before, after })
    }

    /// All parts that are to be recorded otherwise than they are.
    pub(super) fn all(book: &Book, run: &Run) -> anyhow::Result<Vec<Self>> {
        let seeing = run.parts.iter().filter(|part| part.report.processes > 0);
        let all =
            seeing.map(|part| Self::of(book, part, run.complete && run.clean)).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(all.into_iter().filter(|change| !change.differences().is_empty()).collect())
    }

    /// From one state of the file at `path` to another one.
    pub(super) fn between(path: PathBuf, before: Option<Figures>, after: Figures) -> Self {
        let values = after.values.iter().map(|(key, (value, _))| (key.clone(), *value)).collect();
        Self { environment: after.environment, path, before, after: values }
    }

    /// Only what was agreed to, on top of what was recorded when this change was made. The file is read again: somebody
    /// may have written it since.
    pub(super) fn limited_to(&self, agreed: Agreed, book: &Book) -> anyhow::Result<Self> {
        let mut after = self.recorded();
        for (key, value) in agreed {
            match value {
                Some(value) => after.insert(key, value),
                None => after.remove(&key),
            };
        }
        let (environment, path) = (self.environment.clone(), self.path.clone());
        Ok(Self { before: book.figures(&environment)?, environment, path, after })
    }

    fn recorded(&self) -> RecordedFigures {
        let values = self.before.iter().flat_map(|before| &before.values);
        values.map(|(key, (value, _))| (key.clone(), *value)).collect()
    }

    /// Every figure that changes, by operation and name.
    pub(super) fn differences(&self) -> Vec<FigureChange<'_>> {
        let before =
            |key: &(String, Figure)| self.before.as_ref().and_then(|all| all.values.get(key)).map(|(at, _)| *at);
        let gone = self.before.iter().flat_map(|all| all.values.keys()).filter(|key| !self.after.contains_key(key));
        let gone = gone.map(|key| FigureChange { key, then: before(key), now: None });
        let kept = self.after.iter().map(|(key, value)| FigureChange { key, then: before(key), now: Some(*value) });
        let mut all: Vec<_> = gone.chain(kept).filter(|change| change.then != change.now).collect();
        all.sort();
        all
    }

    /// The text of the file before and after.
    pub(super) fn texts(&self) -> anyhow::Result<(String, String)> {
        let before = match &self.before {
            Some(_) => fs::read_to_string(&self.path).with_context(|| shown(&self.path))?,
            None => String::new(),
        };
        Ok((before, self.text()))
    }

    fn text(&self) -> String {
        figures(&self.environment, &self.after)
    }

    /// Writes the file, and says so.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        write(&self.path, &self.text())?;
        let recorded = match self.differences().len() {
            1 => "1 figure recorded".into(),
            more => format!("{more} figures recorded"),
        };
        say(&format!("{}: {recorded}\n", shown(&self.path)))
    }
}

/// Holds the policy's file while figures are read, changed and written: two commands at once follow each other.
pub(super) fn lock(book: &Book) -> anyhow::Result<File> {
    let file = File::open(&book.path).with_context(|| shown(&book.path))?;
    file.lock().with_context(|| format!("{} cannot be locked", shown(&book.path)))?;
    Ok(file)
}

/// Records what a run measured, in all its environments.
pub(super) fn record_all(book: &Book, run: &Run) -> anyhow::Result<()> {
    let _lock = lock(book)?;
    let changes = Change::all(book, run)?;
    for change in &changes {
        change.write()?;
    }
    if changes.is_empty() {
        let sums = "; what is added up over all tests is recorded only where all ran (--complete)";
        let sums = if run.complete { "" } else { sums };
        say(&format!("nothing to record: every figure is as it was, or within its tolerance{sums}\n"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures_of(lines: &str) -> Figures {
        let text = format!("schema = 1\ntarget = \"t\"\n[figures]\n{lines}");
        Figures::parse("t.toml", &text).expect("they are well-formed")
    }

    #[test]
    fn every_figure_that_changes_is_named_once_with_what_it_was_and_will_be() {
        let before = figures_of("a.allocs = 1\na.net_bytes = -2048\nb.allocs = 3\nc.allocs = 1200\n");
        let after = figures_of("a.allocs = 1\na.net_bytes = 0\nc.allocs = 1100\nd.peak_bytes = 5\n");
        let change = Change::between("t.toml".into(), Some(before), after);
        let lines: Vec<String> = change.differences().iter().map(FigureChange::to_string).collect();
        let expected = [
            "a net_bytes: -2.00 KiB (-2,048 B) -> 0 B (+2.00 KiB (2,048 B))",
            "b allocs: 3 -> nothing",
            "c allocs: 1,200 -> 1,100 (-100)",
            "d peak_bytes: nothing -> 5 B",
        ];
        assert_eq!(lines, expected);
        let same = Change::between("t.toml".into(), Some(figures_of("a.allocs = 1")), figures_of("a.allocs = 1"));
        assert_eq!(same.differences(), []);
    }
}
