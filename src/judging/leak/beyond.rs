//! How many threads and files more than at the start a test has, held against what it expects. Pure functions of
//! values.

use super::evidence::{Evidence, WindowEnd};

/// Threads and files beyond what a test expects at most: how many more than at the start, and how many are expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beyond {
    pub(crate) threads: Option<(u64, u64)>,
    pub(crate) files: Option<(u64, u64)>,
}

/// What is beyond the bounds, however it grew.
pub(crate) fn beyond_bounds(evidence: &Evidence) -> Beyond {
    let beyond = |more: u64, bound: Option<u64>| bound.filter(|bound| more > *bound).map(|bound| (more, bound));
    Beyond {
        threads: beyond(more_threads(evidence), evidence.bounded_threads),
        files: beyond(more_files_that_stay(evidence), evidence.bounded_files),
    }
}

/// How many threads more than at the start there were at most.
fn more_threads(evidence: &Evidence) -> u64 {
    let then = evidence.ends.first().map_or(0, |end| end.threads);
    let most = evidence.ends.iter().map(|end| end.threads).max().unwrap_or(0);
    most.saturating_sub(then) as u64
}

/// How many files more than at the start are open at an end of a window, without those that others open.
fn more_files(evidence: &Evidence, end: &WindowEnd) -> u64 {
    // Every file has a name and a folder.
    let is_counted = |name: &str| !name.ends_with('/') && !evidence.file_owners.others.contains(name);
    let open = |end: &WindowEnd| end.files.iter().filter(|(name, _)| is_counted(name)).map(|(_, count)| count).sum();
    let then: usize = evidence.ends.first().map_or(0, open);
    open(end).saturating_sub(then) as u64
}

/// How many files more than at the start stay open: at the last two ends of windows. Others may have some open at one
/// of them.
fn more_files_that_stay(evidence: &Evidence) -> u64 {
    let last_two = evidence.ends.iter().rev().take(2).map(|end| more_files(evidence, end));
    last_two.min().unwrap_or(0)
}

/// Whether all threads that the test started may stay.
pub(super) fn threads_are_expected(evidence: &Evidence) -> bool {
    evidence.bounded_threads.is_some_and(|bound| more_threads(evidence) <= bound)
}

/// Whether all files that the test opened may stay open.
pub(super) fn files_are_expected(evidence: &Evidence) -> bool {
    let more = evidence.ends.last().map_or(0, |end| more_files(evidence, end));
    evidence.bounded_files.is_some_and(|bound| more <= bound)
}

#[cfg(test)]
mod tests;
