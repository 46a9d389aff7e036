//! Threads and files that iterations leave open, and who opens the files. Pure functions of values: whoever reads the
//! lists of open files, and waits between two of them, passes them in.

use std::collections::BTreeSet;
use std::time::Duration;

use super::curve::{FEWEST_WINDOWS, Live, Window};
use super::events::{CONVINCING, Grown, KEEPS, SOME_EVENTS, events_of_last_two, favours_leak};
use super::evidence::{Evidence, FileCounts, WindowEnd};
use super::verdict::Verdict;

/// How many threads and files every iteration leaves open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LeftOpen {
    pub(super) threads: f64,
    pub(super) files: f64,
    /// There are too many of them for a pool that fills.
    pub(super) is_certain: bool,
    /// How many came in the last two windows.
    pub(super) events: u64,
}

/// By how many a number grows.
#[derive(Clone, Copy, Debug, Default)]
struct Growing {
    per_iteration: f64,
    is_certain: bool,
    events: u64,
}

/// So many more threads or files than at the start are no pool that fills: pools have up to 64.
pub(super) const NO_POOL: i64 = 100;

/// Threads and files that every iteration leaves open, if their number grows in proportion.
pub(super) fn left_open(evidence: &Evidence) -> Option<LeftOpen> {
    let threads = growing(evidence, |end| end.threads).unwrap_or_default();
    let growing = growing_files(evidence).into_iter();
    // Those that could not be asked about, for lack of time, are the test's own.
    let own = growing.map(|(name, rate)| match evidence.file_owners.test.get(&name) {
        Some(known) => (name, Growing { per_iteration: *known, ..rate }),
        None => (name, rate),
    });
    // One file has two names. The folder is for those that have a new one every time.
    let (folders, named): (Vec<_>, Vec<_>) = own.partition(|(name, _)| name.ends_with('/'));
    let counted: Vec<Growing> =
        if named.is_empty() { folders } else { named }.into_iter().map(|(_, growing)| growing).collect();
    let files = counted.iter().map(|growing| growing.per_iteration).sum();
    (threads.per_iteration > 0.0 || files > 0.0).then(|| LeftOpen {
        threads: threads.per_iteration,
        files,
        is_certain: threads.is_certain || counted.iter().any(|growing| growing.is_certain),
        events: counted.iter().map(|growing| growing.events).fold(threads.events, u64::max),
    })
}

/// By how many a number grows with every iteration, if it may be in proportion. There is one reading for each window,
/// so every thread and every file counts as an event of its own.
fn growing(evidence: &Evidence, count: impl Fn(&WindowEnd) -> usize) -> Option<Growing> {
    let counts: Vec<i64> = evidence.ends.iter().map(|end| count(end) as i64).collect();
    let windows: Vec<Grown> = evidence.series.windows.iter().zip(counts.windows(2)).map(of_ends).collect();
    let (first, [.., before, last]) = (counts.first()?, windows.as_slice()) else { return None };
    let is_highest = counts.last() > counts[..counts.len() - 2].iter().max();
    let per_iteration = last.growth / last.iterations;
    let keeps = before.growth > 0.0 && per_iteration >= KEEPS * before.growth / before.iterations;
    let events = events_of_last_two(&windows);
    let more = counts.last()? - first;
    (windows.len() >= FEWEST_WINDOWS && is_highest && keeps && events >= SOME_EVENTS).then(|| Growing {
        per_iteration,
        is_certain: more >= NO_POOL && favours_leak(&windows) >= CONVINCING,
        events,
    })
}

/// How a number grew from the end of one window to that of the next.
fn of_ends((window, ends): (&Window, &[i64])) -> Grown {
    let growth = ends[1] - ends[0];
    Grown {
        iterations: window.iterations as f64,
        growth: growth as f64,
        variance: growth.abs() as f64,
        events: growth.max(0).unsigned_abs(),
        ..Grown::default()
    }
}

/// What the files are called whose number grows in proportion, and by how many per iteration; without those that others
/// open.
fn growing_files(evidence: &Evidence) -> Vec<(String, Growing)> {
    let names = evidence.ends.last().into_iter().flat_map(|end| end.files.keys());
    let names = names.filter(|name| !evidence.file_owners.others.contains(*name));
    let of = |name: &String| growing(evidence, |end| end.files.get(name).copied().unwrap_or(0));
    names.filter_map(|name| Some((name.clone(), of(name)?))).collect()
}

/// Whether there are files whose number grows, and of which nobody knows whether the test opens them or others do.
pub(super) fn has_unknown_files(evidence: &Evidence) -> bool {
    growing_files(evidence).iter().any(|(name, _)| !evidence.file_owners.test.contains_key(name))
}

/// Takes down who opens the files whose number grows, as a window's openings tell.
pub(crate) fn learn_who_opens_files(evidence: &mut Evidence, openings: &Openings) {
    for (name, rate) in growing_files(evidence) {
        match openings.by_test(&name, rate.per_iteration) {
            Some(left) => drop(evidence.file_owners.test.insert(name, left)),
            None => drop(evidence.file_owners.others.insert(name)),
        }
    }
}

/// How many more there are than at the start: of the threads, or of the files of one name that the test opens.
pub(super) fn most_left(evidence: &Evidence) -> usize {
    let (Some(then), Some(now)) = (evidence.ends.first(), evidence.ends.last()) else { return 0 };
    let more = |name: &str, count: usize| count.saturating_sub(then.files.get(name).copied().unwrap_or(0));
    let own = now.files.iter().filter(|(name, _)| evidence.file_owners.test.contains_key(*name));
    let files = own.map(|(name, count)| more(name, *count)).max().unwrap_or(0);
    now.threads.saturating_sub(then.threads).max(files)
}

/// Whether a file that is open at the end is to be shown: the test opens files of one of its names, or nobody knows
/// that others do.
pub(crate) fn is_shown(evidence: &Evidence, target: &str) -> bool {
    let owners = &evidence.file_owners;
    let names = names_of(target);
    names.iter().any(|name| owners.test.contains_key(name)) || !names.iter().any(|name| owners.others.contains(name))
}

/// What every iteration still leaves if most of the threads have ended that seemed to stay: what they held went with
/// them, so memory counts as far as at least half of its growth is still `live` after so many iterations. Any other
/// verdict than a leak stays as it is.
pub(crate) fn without_ended_threads(leak: &Verdict, live: Live, iterations: u64, highest: Live) -> Verdict {
    let &Verdict::Leak { bytes_per_iteration, blocks_per_iteration, exact, files_per_iteration, .. } = leak else {
        return leak.clone();
    };
    let keeps = |left: i64, rate: f64| rate > 0.0 && left as f64 / iterations as f64 >= rate * STILL_LIVE;
    let memory = keeps(live.bytes, bytes_per_iteration) || keeps(live.blocks, blocks_per_iteration);
    match memory || files_per_iteration > 0.0 {
        true => Verdict::Leak {
            bytes_per_iteration: if memory { bytes_per_iteration } else { 0.0 },
            blocks_per_iteration: if memory { blocks_per_iteration } else { 0.0 },
            exact,
            threads_per_iteration: 0.0,
            files_per_iteration,
        },
        false => Verdict::Bounded { bytes: highest.bytes, blocks: highest.blocks },
    }
}

/// The least share of the growth that is live after threads ended and does not belong to them.
const STILL_LIVE: f64 = 0.5;

/// Open file descriptors: their numbers, and what they refer to.
pub(crate) type OpenFiles = BTreeSet<(u32, String)>;

/// How often files of a name were open after an iteration that were not before it, and after as long a rest that were
/// not before the rest. Counts how often there was any, not how many: others open files in bursts, when they have the
/// processor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Openings {
    iterations: u64,
    elapsed: Duration,
    by_iterations: FileCounts,
    by_rests: FileCounts,
}

/// How many iterations tell who opens files, if they take [`LONG`].
const OFTEN: u64 = 16;
/// How long iterations and rests must have taken to tell who opens files: others may open one only now and then.
const LONG: Duration = Duration::from_millis(300);
/// In at least this share of the iterations that are to leave a file open there must be one more than in the rests.
const PROMISED: f64 = 0.5;
/// The difference must be so many times as large as chance makes it, which is the square root of all that was counted.
const BEYOND_CHANCE: f64 = 2.0;

impl Openings {
    /// Whether iterations are still to be looked at: not often enough yet, or not long enough.
    pub(crate) fn are_too_few(&self) -> bool {
        self.iterations < OFTEN || self.elapsed < LONG
    }

    /// Takes down what was open before an iteration, after it, and after a rest as long.
    pub(crate) fn note(&mut self, before: &OpenFiles, after: &OpenFiles, rested: &OpenFiles) {
        note_any(&mut self.by_iterations, after.difference(before));
        note_any(&mut self.by_rests, rested.difference(after));
        self.iterations += 1;
    }

    /// Takes down how long an iteration took, the rest included.
    pub(crate) fn took(&mut self, elapsed: Duration) {
        self.elapsed += elapsed;
    }

    /// How many files of this name an iteration leaves open, if it is the test that does: far oftener than its rests,
    /// by half of what the growth of `rate` promises and twice what chance does.
    fn by_test(&self, name: &str, rate: f64) -> Option<f64> {
        let times = |files: &FileCounts| files.get(name).copied().unwrap_or(0) as f64;
        let (busy, idle) = (times(&self.by_iterations), times(&self.by_rests));
        let iterations = self.iterations as f64;
        let is_test =
            busy - idle >= rate.min(1.0) * iterations * PROMISED && busy - idle >= BEYOND_CHANCE * (busy + idle).sqrt();
        // Where others open files of this name too, the rate is also theirs.
        is_test.then_some(if idle == 0.0 { rate } else { (busy - idle) / iterations })
    }
}

/// Adds one to every name that occurs.
fn note_any<'a>(counts: &mut FileCounts, files: impl Iterator<Item = &'a (u32, String)>) {
    for name in count_names(files).into_keys() {
        *counts.entry(name).or_default() += 1;
    }
}

/// How many files there are of each name. Every file has two names.
pub(crate) fn count_names<'a>(files: impl IntoIterator<Item = &'a (u32, String)>) -> FileCounts {
    let mut counts = FileCounts::new();
    for name in files.into_iter().flat_map(|(_, target)| names_of(target)) {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// What a file is called, however it is numbered, and its folder, for names that are made up.
fn names_of(target: &str) -> [String; 2] {
    let mut name: String = target.chars().map(|one| if one.is_ascii_digit() { '#' } else { one }).collect();
    while name.contains("##") {
        name = name.replace("##", "#");
    }
    let folder = name.rfind('/').map_or_else(|| format!("{name}/"), |at| name[..=at].to_string());
    [name, folder]
}

#[cfg(test)]
mod tests;
