//! The runs of one assertion: what they add up to, and whether they agree. Reading a run is for `front`.

use std::collections::{BTreeMap, BTreeSet};

use super::figure::{DecisiveRun, Figure};
use super::limit::FigureLimit;
use super::measured::{Measured, Observed};
use super::policy::Policy;
use crate::reading::Environment;
use crate::words::{Site, Tally};

/// What one operation did in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Doing {
    pub(crate) values: BTreeMap<Figure, i64>,
    /// Where it was entered first.
    pub(crate) site: Option<Site>,
}

/// What every operation did in one run, by path.
pub(crate) type Doings = BTreeMap<String, Doing>;

/// The runs of one assertion so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    runs: Vec<Doings>,
    /// What was live after each run, without what the run returned. What the last run returns is not given back, so it
    /// has no such reading.
    kept: Vec<i64>,
}

impl Runs {
    pub(crate) fn push(&mut self, run: Doings) {
        self.runs.push(run);
    }

    /// Takes note of what was live after a run, without what the run returned.
    pub(crate) fn push_kept(&mut self, live_bytes: i64) {
        self.kept.push(live_bytes);
    }

    pub(crate) fn count(&self) -> usize {
        self.runs.len()
    }

    /// Whether a figure that must repeat itself has not yet: of the asserted operation, or of one inside it.
    pub(crate) fn differ(&self, policy: &Policy, environment: &Environment) -> bool {
        self.paths().into_iter().any(|path| {
            let limits = policy.rules(path, environment).limits;
            limits.iter().any(|(figure, limit)| self.wobbles(path, *figure, limit))
        })
    }

    /// Whether runs disagree on a figure by more than its limit tolerates. A ceiling tolerates all of it.
    fn wobbles(&self, path: &str, figure: Figure, limit: &FigureLimit) -> bool {
        let observed = self.observed(path, figure).filter(|_| limit.has_base());
        observed.is_some_and(|observed| observed.wobbles(limit.tolerance.around(observed.value)))
    }

    /// The figures of the asserted operation, which is at `path` and entered at `site`, and of those inside it.
    pub(crate) fn measured(&self, path: &str, site: Site) -> BTreeMap<String, Measured> {
        let mut all: BTreeMap<String, Measured> = BTreeMap::new();
        for inner in self.paths() {
            let observed = |figure| Some((figure, self.observed(inner, figure)?));
            let values = Figure::ALL.into_iter().filter_map(observed).collect();
            let site = self.runs.iter().find_map(|run| run.get(inner)?.site.clone());
            let inside = (inner != path).then(|| path.to_string());
            all.insert(inner.clone(), Measured { values, site, inside, ..Measured::default() });
        }
        if let Some(own) = all.get_mut(path) {
            own.site = Some(site);
            let each = self.kept_per_run().map(|bytes| (Figure::LiveBytesPerIteration, Observed::of(bytes)));
            own.values.extend(each);
        }
        all
    }

    fn paths(&self) -> BTreeSet<&String> {
        self.runs.iter().flat_map(BTreeMap::keys).collect()
    }

    /// A figure over all runs; `None` where a run does not tell it. In a run that did not enter it, an operation did
    /// what counters say that stand at zero.
    fn observed(&self, path: &str, figure: Figure) -> Option<Observed> {
        let of = |run: &Doings| match run.get(path) {
            Some(doing) => doing.values.get(&figure).copied(),
            None => figure.taken_from(&Tally::default()),
        };
        sum_up(figure, &self.runs.iter().map(of).collect::<Option<Vec<i64>>>()?)
    }

    /// By how much each run raised what is live, rounded up; the first one may warm up.
    fn kept_per_run(&self) -> Option<i64> {
        let [first, .., last] = self.kept.as_slice() else { return None };
        let (rise, runs) = (last - first, self.kept.len() as i64 - 1);
        Some(rise.div_euclid(runs) + i64::from(rise.rem_euclid(runs) > 0))
    }
}

/// One figure over all runs. The first run may warm up: neither what it keeps counts, nor how far it is from the
/// others.
fn sum_up(figure: Figure, over: &[i64]) -> Option<Observed> {
    let warm = if over.len() > 1 { &over[1..] } else { over };
    let (least, most) = (*over.iter().min()?, *warm.iter().max()?);
    let same = over.len() > 1 && over.iter().all(|value| *value == over[0]);
    Some(match figure.decided_by() {
        DecisiveRun::Least => {
            let repeats = over.len() == 1 || over.iter().filter(|value| **value == least).count() > 1;
            Observed { value: least, highest: most, unstable: !repeats, same }
        }
        DecisiveRun::Most => Observed { same, ..Observed::of(most) },
    })
}

#[cfg(test)]
mod tests;
