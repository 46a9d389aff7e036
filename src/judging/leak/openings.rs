//! Who opens files: the test, or others in the process. Open files belong to the process, so the run looks at them
//! around some iterations, and around a rest after each; this tells from what was new after either whose they are.
//!
//! Others open files at some rate, whether the test works or rests. So of all that is new, as large a share falls into
//! iterations as these are long, beside the rests: a binomial law. More than chance explains is the test's.
//! Pure functions of values: whoever reads the lists of open files, and waits between two of them, passes them in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::evidence::FileCounts;

/// Open file descriptors: their numbers, and what they refer to.
pub(crate) type OpenFiles = BTreeSet<(u32, String)>;

/// How many iterations are looked at in one round.
const LOOKS: usize = 16;
/// How much time the looks and rests of one round may take together, if they are enough for slow work by then.
const COST: Duration = Duration::from_millis(200);
/// How often chance alone may say that the test opens files of one name.
const CHANCE: f64 = 0.001;
/// So many iterations that all leave the same number of files, with none in the rests, are no chance either: what
/// others do at random is once in an iteration for 37 % of the iterations at most, and all of so many once in 400.
const SAME_EVERY_TIME: usize = 6;
/// Others open the files if they do in rests, and fewer than this share of the iterations that are to leave one do.
const PROMISED: f64 = 0.5;

/// Whose the files of one name are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Opener {
    /// The test opens them, and leaves so many with every iteration.
    Test(f64),
    Others,
    NobodyKnows,
}

/// What was new after one iteration, and after the rest that followed it, by name.
#[derive(Clone, Debug)]
struct Glance {
    busy: FileCounts,
    idle: FileCounts,
    iteration: Duration,
    rest: Duration,
}

/// What was looked at so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Openings {
    looks: Vec<Glance>,
    cost: Duration,
    /// How often more was looked at after the first round, because that did not tell.
    further_rounds: u32,
}

impl Openings {
    /// Whether no further iteration is to be looked at.
    pub(crate) fn are_enough(&self) -> bool {
        let rounds = 1 + self.further_rounds;
        let (looks, cost) = (LOOKS * rounds as usize, COST * rounds);
        self.looks.len() >= looks || self.looks.len() >= SAME_EVERY_TIME && self.cost >= cost
    }

    /// Looks at as many iterations again, beside those that did not tell.
    pub(crate) fn go_on(&mut self) {
        self.further_rounds += 1;
    }

    /// Takes down what was open before an iteration, after it, and after a rest; how long it was between the first two
    /// lists, the making of both included, and between the last two; and what the look has cost in time.
    pub(crate) fn note(
        &mut self,
        [before, after, rested]: [&OpenFiles; 3],
        [iteration, rest]: [Duration; 2],
        cost: Duration,
    ) {
        let (busy, idle) = (count_names(after.difference(before)), count_names(rested.difference(after)));
        self.looks.push(Glance { busy, idle, iteration, rest });
        self.cost += cost;
    }

    /// Whose the files of this name are, whose number grows by `rate` with every iteration.
    pub(super) fn opener(&self, name: &str, rate: f64) -> Opener {
        let of = |counts: &FileCounts| counts.get(name).copied().unwrap_or(0);
        let busy: Vec<f64> = self.looks.iter().map(|look| of(&look.busy) as f64).collect();
        let idle: Vec<f64> = self.looks.iter().map(|look| of(&look.idle) as f64).collect();
        let (iterations, rests) = (self.seconds(|look| look.iteration), self.seconds(|look| look.rest));
        let in_rests: f64 = idle.iter().sum();
        // What comes in bursts counts once in an iteration, and fully in a rest: the test is the harder to accuse.
        let with_new = busy.iter().filter(|new| **new > 0.0).count();
        let by_chance = at_least(with_new, with_new + in_rests as usize, iterations / (iterations + rests));
        let like_a_clock = in_rests == 0.0
            && busy.len() >= SAME_EVERY_TIME
            && busy.iter().all(|new| *new > 0.0 && (*new - busy[0]).abs() < 0.5);
        // What others open in the rests they open in iterations too, at the same rate.
        let share = iterations / rests.max(f64::MIN_POSITIVE);
        let own = mean(&busy) - mean(&idle) * share;
        if with_new > 0 && (by_chance <= CHANCE || like_a_clock) {
            return Opener::Test(if in_rests == 0.0 { rate } else { usual(&busy).unwrap_or(own) });
        }
        // What the test leaves is new after its iterations, whoever else has the processor meanwhile.
        match in_rests > 0.0 && (with_new as f64) < rate.min(1.0) * PROMISED * busy.len() as f64 {
            true => Opener::Others,
            false => Opener::NobodyKnows,
        }
    }

    fn seconds(&self, part: fn(&Glance) -> Duration) -> f64 {
        self.looks.iter().map(|look| part(look).as_secs_f64()).sum()
    }
}

/// How likely at least `least` of `all` events fall where each falls with this `chance`.
fn at_least(least: usize, all: usize, chance: f64) -> f64 {
    if least == 0 {
        return 1.0;
    }
    if !(chance > 0.0 && chance < 1.0) {
        return if chance >= 1.0 { 1.0 } else { 0.0 };
    }
    // Products as sums of logarithms: the factors alone are too small and too large for a number.
    let choose = |many: usize| (1..=many).map(|one| ((all - many + one) as f64 / one as f64).ln()).sum::<f64>();
    let exactly =
        |many: usize| (choose(many) + many as f64 * chance.ln() + (all - many) as f64 * (1.0 - chance).ln()).exp();
    // From below, because rests may hold thousands of files, and iterations hold a few. What the difference loses in
    // digits is far below every chance that matters.
    (1.0 - (0..least).map(exactly).sum::<f64>()).clamp(0.0, 1.0)
}

/// What nearly all iterations left, three quarters of them at least: others come and go in the rest of them.
fn usual(left: &[f64]) -> Option<f64> {
    let alike = |one: f64| left.iter().filter(|other| (**other - one).abs() < 0.5).count();
    left.iter().copied().find(|one| *one > 0.0 && alike(*one) * 4 >= left.len() * 3)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// How many files there are of each name. Every file has two names.
pub(crate) fn count_names<'a>(files: impl IntoIterator<Item = &'a (u32, String)>) -> FileCounts {
    let mut counts = BTreeMap::new();
    for name in files.into_iter().flat_map(|(_, target)| names_of(target)) {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// What a file is called, however it is numbered, and its folder, for names that are made up.
pub(super) fn names_of(target: &str) -> [String; 2] {
    let mut name: String = target.chars().map(|one| if one.is_ascii_digit() { '#' } else { one }).collect();
    while name.contains("##") {
        name = name.replace("##", "#");
    }
    let folder = name.rfind('/').map_or_else(|| format!("{name}/"), |at| name[..=at].to_string());
    [name, folder]
}

#[cfg(test)]
mod tests;
