//! Threads and files that iterations leave open. Pure functions of values. Who opens the files is asked in `openings`:
//! those of which nobody knows are said to be unknown, and never charged to the test.

use super::beyond::{files_are_expected, threads_are_expected};
use super::curve::{FEWEST_WINDOWS, Live, Window};
use super::events::{CONVINCING, Grown, KEEPS, SOME_EVENTS, events_of_last_two, favours_leak};
use super::evidence::{Evidence, WindowEnd};
use super::findings::Warning;
use super::openings::{Opener, Openings, names_of};
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
    let threads = growing(evidence, |end| end.threads).filter(|_| !threads_are_expected(evidence)).unwrap_or_default();
    let growing = growing_files(evidence).into_iter();
    let own = growing.filter_map(|(name, rate)| {
        let known = *evidence.file_owners.test.get(&name)?;
        Some((name, Growing { per_iteration: known, ..rate }))
    });
    // One file has two names. The folder is for those that have a new one every time.
    let (folders, named): (Vec<_>, Vec<_>) = own.partition(|(name, _)| name.ends_with('/'));
    let files_are_expected = files_are_expected(evidence);
    let counted = if named.is_empty() { folders } else { named };
    let counted: Vec<Growing> =
        counted.into_iter().filter(|_| !files_are_expected).map(|(_, growing)| growing).collect();
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

/// What the files are called whose number grows in proportion, and by how many per iteration.
fn growing_files(evidence: &Evidence) -> Vec<(String, Growing)> {
    let names = evidence.ends.last().into_iter().flat_map(|end| end.files.keys());
    let of = |name: &String| growing(evidence, |end| end.files.get(name).copied().unwrap_or(0));
    names.filter_map(|name| Some((name.clone(), of(name)?))).collect()
}

/// The names of files whose number grows in proportion, and of which nobody knows whether the test opens them or others
/// do.
fn unknown_names(evidence: &Evidence) -> Vec<String> {
    let owners = &evidence.file_owners;
    let known = |name: &String| owners.test.contains_key(name) || owners.others.contains(name);
    growing_files(evidence).into_iter().map(|(name, _)| name).filter(|name| !known(name)).collect()
}

/// Whether it is to be asked who opens files: their number grows in proportion, and nobody knows. Before there are
/// windows enough to see that, it is enough that there are more of one name than at the start.
pub(super) fn has_unknown_files(evidence: &Evidence) -> bool {
    if evidence.series.windows.len() >= FEWEST_WINDOWS {
        return !unknown_names(evidence).is_empty();
    }
    let (Some(then), Some(now)) = (evidence.ends.first(), evidence.ends.last()) else { return false };
    now.files.iter().any(|(name, count)| *count > then.files.get(name).copied().unwrap_or(0))
}

/// What to say of files whose number grows in proportion, and that nobody knows. One file has two names; its folder is
/// said only where the file has a new name every time.
pub(crate) fn unknown_files(evidence: &Evidence) -> Option<Warning> {
    let (folders, names): (Vec<_>, Vec<_>) = unknown_names(evidence).into_iter().partition(|name| name.ends_with('/'));
    let known = |folder: &String| evidence.file_owners.test.keys().any(|name| name.starts_with(folder.as_str()));
    let names = if names.is_empty() { folders.into_iter().filter(|folder| !known(folder)).collect() } else { names };
    (!names.is_empty()).then_some(Warning::UnknownFiles { names })
}

/// What to say where the process ran out of files: those that the test did not get would have stayed open, too.
pub(crate) fn no_more_files(evidence: &Evidence) -> Option<Warning> {
    evidence.ends.iter().any(|end| end.has_no_more_files).then_some(Warning::NoMoreFiles)
}

/// Takes down who opens the files whose number grows, as the openings that were looked at tell.
pub(crate) fn learn_who_opens_files(evidence: &mut Evidence, openings: &Openings) {
    for (name, rate) in growing_files(evidence) {
        let owners = &mut evidence.file_owners;
        match openings.opener(&name, rate.per_iteration) {
            Opener::Test(left) => {
                owners.others.remove(&name);
                owners.test.insert(name, left);
            }
            Opener::Others => {
                owners.test.remove(&name);
                owners.others.insert(name);
            }
            Opener::NobodyKnows => {}
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

#[cfg(test)]
mod tests;
