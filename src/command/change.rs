//! What is recorded, and what is to be. Files of figures are written here and nowhere else, by one writer at a time.
//! What kind of change one figure is, `figure_change` says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::Context;

use super::figure_change::{ChangeKind, FigureChange, FigureKey};
use super::places::Places;
use super::project::write_inside;
use super::terminal::say;
use crate::disk::{Book, shown};
use crate::judging::budget::{ByLine, Case, Figures, Part, Run, figures, judge, to_record};
use crate::reading::Environment;
use crate::words::counted;

/// What is to change in the figures of one environment.
pub(super) struct Change {
    pub(super) environment: Environment,
    path: PathBuf,
    before: Option<Figures>,
    /// By operation and figure.
    pub(super) figures: Vec<FigureChange>,
    /// What lines have of figures, where that is to be recorded.
    lines: BTreeMap<FigureKey, ByLine>,
}

impl Change {
    fn of(book: &Book, part: &Part, complete: bool) -> anyhow::Result<Self> {
        let environment = part.environment.clone();
        let before = book.figures(&environment)?;
        let case = Case { policy: &book.policy, recorded: before.as_ref(), environment: &environment, complete };
        let values = to_record(&case, part);
        let mut figures = differences(before.as_ref(), &values);
        let recorded = |key: &FigureKey| before.as_ref().and_then(|all| all.lines.get(key));
        let by_line = part.measured.iter().flat_map(|(path, measured)| {
            measured.by_line.iter().map(move |(figure, by_line)| ((path.clone(), *figure), by_line.clone()))
        });
        let lines = by_line.filter(|(key, by_line)| values.contains_key(key) && recorded(key) != Some(by_line));
        let lines = lines.collect();
        let limits = |path: &str, key: &FigureKey| {
            book.policy.rules(path, &environment).limits.get(&key.1).is_some_and(|limit| limit.ratchet)
        };
        for change in figures.iter_mut().filter(|change| !limits(&change.key.0, &change.key)) {
            let above = std::iter::successors(Some(&*change.key.0), |path| Some(path.rsplit_once('/')?.0)).skip(1);
            let of = above.into_iter().find(|above| limits(above, &change.key)).map(String::from);
            change.kind = of.map_or(change.kind.clone(), |of| ChangeKind::Step { of });
        }
        if !figures.is_empty() {
            let mut found = judge(&case, part);
            Places::here().show(&mut found);
            let mut found: BTreeMap<FigureKey, _> =
                found.into_iter().filter_map(|found| Some(((found.path.clone(), found.figure?), found))).collect();
            figures.iter_mut().for_each(|change| change.finding = found.remove(&change.key));
        }
        Ok(Self { path: book.figures_at(&environment), environment, before, figures, lines })
    }

    /// All parts that are to be recorded otherwise than they are.
    pub(super) fn all(book: &Book, run: &Run) -> anyhow::Result<Vec<Self>> {
        let seeing = run.parts.iter().filter(|part| part.report.processes > 0);
        let all =
            seeing.map(|part| Self::of(book, part, run.complete && run.clean)).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(all.into_iter().filter(|change| !change.is_empty()).collect())
    }

    fn is_empty(&self) -> bool {
        self.figures.is_empty() && self.lines.is_empty()
    }

    /// From one state of the file at `path` to another one, of which nobody knows how it was judged.
    pub(super) fn between(path: PathBuf, before: Option<Figures>, after: &Figures) -> Self {
        let values = after.values.iter().map(|(key, (value, _))| (key.clone(), *value)).collect();
        let figures = differences(before.as_ref(), &values);
        Self { environment: after.environment.clone(), path, before, figures, lines: after.lines.clone() }
    }

    /// Leaves only the figures that are agreed to, and steps whose operation's figure is not left out; returns the
    /// others.
    pub(super) fn keep(&mut self, agreed: impl Fn(&FigureChange) -> bool) -> Vec<FigureChange> {
        let left: BTreeSet<FigureKey> =
            self.figures.iter().filter(|one| !agreed(one)).map(|one| one.key.clone()).collect();
        let stays = |one: &FigureChange| !left.contains(&one.owner().unwrap_or_else(|| one.key.clone()));
        let (kept, others): (_, Vec<_>) = std::mem::take(&mut self.figures).into_iter().partition(stays);
        self.figures = kept;
        // They belong to the figure that is left out.
        self.lines.retain(|key, _| !others.iter().any(|one| one.key == *key));
        others
    }

    /// Leaves out, and returns, figures that somebody recorded otherwise since these were shown: `recorded` is what
    /// stands in the file now.
    pub(super) fn leave_overtaken(&mut self, recorded: Option<&Figures>) -> Vec<FigureChange> {
        let value = |key: &FigureKey| recorded.and_then(|all| all.values.get(key)).map(|(value, _)| *value);
        self.keep(|one| value(&one.key) == one.then)
    }

    /// The text of the file before and after.
    pub(super) fn texts(&self) -> anyhow::Result<(String, String)> {
        let before = match &self.before {
            Some(_) => fs::read_to_string(&self.path).with_context(|| shown(&self.path))?,
            None => String::new(),
        };
        Ok((before, self.text(self.before.as_ref())))
    }

    /// The text of the file, on top of what is in it.
    fn text(&self, before: Option<&Figures>) -> String {
        let mut values: BTreeMap<FigureKey, i64> =
            before.iter().flat_map(|all| &all.values).map(|(key, (value, _))| (key.clone(), *value)).collect();
        let mut reasons = before.map(|all| all.reasons.clone()).unwrap_or_default();
        let mut lines = before.map(|all| all.lines.clone()).unwrap_or_default();
        for FigureChange { key, now, reason, .. } in &self.figures {
            // A reason is one for a figure, and goes with it, as lines do.
            reasons.remove(key);
            lines.remove(key);
            match now {
                Some(now) => values.insert(key.clone(), *now),
                None => values.remove(key),
            };
            reasons.extend(reason.clone().map(|reason| (key.clone(), reason)));
        }
        lines.extend(self.lines.clone());
        figures(&self.environment, &values, &reasons, &lines)
    }

    /// Shows those that are `listed`, writes the file, and says so. The file is read again: somebody may have written
    /// it since.
    pub(super) fn write(&self, book: &Book, listed: impl Fn(&FigureChange) -> bool) -> anyhow::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        write_inside(book.folder(), &self.path, &self.text(book.figures(&self.environment)?.as_ref()))?;
        for change in self.figures.iter().filter(|change| listed(change)) {
            say(&format!("  {change}  {}\n", change.kind.name()))?;
        }
        let figures = |count: usize| counted(count as u64, "figure");
        let lines = (!self.lines.is_empty()).then(|| format!("the lines of {}", figures(self.lines.len())));
        let recorded = (!self.figures.is_empty()).then(|| figures(self.figures.len()));
        let recorded = Vec::from_iter(recorded.into_iter().chain(lines)).join(" and ");
        say(&format!("{}: {recorded} recorded\n", shown(&self.path)))
    }
}

/// Every figure that changes, by operation and name, as if each stood for itself.
fn differences(before: Option<&Figures>, after: &BTreeMap<FigureKey, i64>) -> Vec<FigureChange> {
    let recorded = |key: &FigureKey| before.and_then(|all| all.values.get(key)).map(|(value, _)| *value);
    let keys: BTreeSet<&FigureKey> = before.iter().flat_map(|all| all.values.keys()).chain(after.keys()).collect();
    let all = keys.into_iter().map(|key| {
        let (then, now) = (recorded(key), after.get(key).copied());
        FigureChange { key: key.clone(), then, now, kind: ChangeKind::between(then, now), finding: None, reason: None }
    });
    all.filter(|change| change.then != change.now).collect()
}

/// Holds the policy's file while figures are read, changed and written: two commands at once follow each other.
pub(super) fn lock(book: &Book) -> anyhow::Result<File> {
    let file = File::open(&book.path).with_context(|| shown(&book.path))?;
    file.lock().with_context(|| format!("{} cannot be locked", shown(&book.path)))?;
    Ok(file)
}

/// Records all that a run measured, in all its environments, for a policy that begins with it. Shows what was recorded
/// otherwise before.
pub(super) fn record_all(book: &Book, run: &Run) -> anyhow::Result<()> {
    let _lock = lock(book)?;
    let changes = Change::all(book, run)?;
    for change in &changes {
        change.write(book, |one| one.then.is_some())?;
    }
    if changes.is_empty() { nothing_to_record(run.complete) } else { Ok(()) }
}

/// Says that there is nothing to record, and in a part of the tests why that may be.
pub(super) fn nothing_to_record(complete: bool) -> anyhow::Result<()> {
    let sums = "; what is added up over all tests is recorded only where all ran (--complete)";
    let sums = if complete { "" } else { sums };
    say(&format!("nothing to record: every figure is as it was, or within its tolerance{sums}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures_of(lines: &str) -> Figures {
        let text = format!("schema = 1\ntarget = \"t\"\n[figures]\n{lines}");
        Figures::parse("t.toml", &text).expect("they are well-formed")
    }

    fn between(before: &str, after: &str) -> Change {
        Change::between("t.toml".into(), Some(figures_of(before)), &figures_of(after))
    }

    fn names(figures: &[FigureChange]) -> Vec<String> {
        figures.iter().map(|change| format!("{}.{} {}", change.key.0, change.key.1, change.kind.name())).collect()
    }

    #[test]
    fn every_figure_that_changes_is_named_once() {
        let before = "a.allocs = 1\na.net_bytes = -2048\nb.allocs = 3\nc.allocs = 1200\n";
        let after = "a.allocs = 1\na.net_bytes = 0\nc.allocs = 1100\nd.peak_bytes = 5\n";
        let expected = ["a.net_bytes breach", "b.allocs gone", "c.allocs improvement", "d.peak_bytes new"];
        assert_eq!(names(&between(before, after).figures), expected);
        assert_eq!(between("a.allocs = 1", "a.allocs = 1").figures, []);
    }

    #[test]
    fn a_step_is_kept_where_the_figure_of_its_operation_is() {
        let before = "a.allocs = 1\n\"a/b\".allocs = 1\nc.allocs = 1\n\"c/d\".allocs = 1\n";
        let after = "a.allocs = 2\n\"a/b\".allocs = 0\nc.allocs = 1\n\"c/d\".allocs = 3\n";
        let mut change = between(before, after);
        for one in &mut change.figures {
            let of = one.key.0.split_once('/').map(|(above, _)| above.to_string());
            one.kind = of.map_or(one.kind.clone(), |of| ChangeKind::Step { of });
        }
        let left = change.keep(|one| !one.is_breach());
        assert_eq!(names(&left), ["a.allocs breach", "a/b.allocs step"]);
        assert_eq!(names(&change.figures), ["c/d.allocs step"]);
    }

    #[test]
    fn what_somebody_recorded_meanwhile_stays_with_its_steps() {
        let mut change = between("a.allocs = 1\n\"a/b\".allocs = 1\nc.allocs = 1\nd.allocs = 1\n", "a.allocs = 0\n");
        change.figures[1].kind = ChangeKind::Step { of: "a".into() };
        let meanwhile = figures_of("a.allocs = 2\n\"a/b\".allocs = 1\nc.allocs = 1\n");
        let left = change.leave_overtaken(Some(&meanwhile));
        assert_eq!(names(&left), ["a.allocs improvement", "a/b.allocs step", "d.allocs gone"]);
        assert_eq!(names(&change.figures), ["c.allocs gone"]);
        assert_eq!(names(&change.leave_overtaken(None)), ["c.allocs gone"]);
    }

    #[test]
    fn a_reason_stands_beside_what_is_more_and_goes_with_its_figure() {
        let before = "a.allocs = 1 # old\nb.allocs = 1 # old\nc.allocs = 1 # old\n";
        let mut change = between(before, "a.allocs = 2\nb.allocs = 0\nc.allocs = 1\n");
        change.figures.iter_mut().filter(|one| one.is_breach()).for_each(|one| one.reason = Some("new".into()));
        let text = change.text(change.before.as_ref());
        assert!(text.ends_with("\"a\".allocs = 2 # new\n\"b\".allocs = 0\n\"c\".allocs = 1 # old\n"), "{text}");
    }
}
