//! When a leak test goes on: another window, or the verdict. A pure function of the evidence, the time that was
//! planned, and what was spent; it neither waits nor looks at a clock.

use std::time::Duration;

use super::curve::FEWEST_WINDOWS;
use super::evidence::{Evidence, is_within};
use super::left_open::{has_unknown_files, left_open, most_left};
use super::outside::grown_outside;
use super::verdict::{Judged, Verdict, events};
use super::violated::violated;
use super::weigh::weigh;

/// Iterations after which a test that says nothing else is over, if its time is not.
pub(super) const ENOUGH: u64 = 4_000;
/// The time after which a test that says nothing else is over.
const ENOUGH_TIME: Duration = Duration::from_secs(1);
/// The most iterations a test ever runs, whatever time it was given.
pub(crate) const MOST: u64 = 1 << 20;
/// A leak goes on until here: a cache of 5,000 entries looks the same for 5,000 iterations, and only tests that fail
/// pay for it.
pub(super) const CONFIRMED: u64 = 1 << 14;
/// But no longer if it has taken so many bytes by then: the system may run out.
const PLENTY: i64 = 64 << 20;
/// Growth that is undecided goes on until here: a leak in every 3,000 iterations has 30 events in the last two windows
/// then.
const DECIDED: u64 = 1 << 17;
/// How many times the planned time a test may take that does not pass, or is not decided yet.
const PATIENCE: u32 = 10;
/// But no longer than this beyond the planned time.
const PATIENCE_TIME: Duration = Duration::from_secs(9);
/// Threads or files that iterations left behind so far: enough to judge them, before the system runs out.
const ENOUGH_LEFT: usize = 200;
/// How often a test begins to ask who opens files: early, and once more if that did not tell.
const FILE_ROUNDS: usize = 2;
/// How many times the planned time a test may have taken when a window is added in which it asks who opens files.
const PATIENCE_FOR_FILES: u32 = 2;
/// A window takes as long as all before it: with it, the time so far becomes so many times as long.
const WITH_NEXT: u32 = 2;

/// What a test has spent when a window ends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// Iterations run, the warm-up included.
    pub(crate) iterations: u64,
    pub(crate) elapsed: Duration,
    /// How often it began to ask who opens files.
    pub(crate) file_rounds: usize,
    /// It has asked in too few iterations to know, as far as it asks at all.
    pub(crate) is_asking: bool,
}

/// What a test does when a window has ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NextStep {
    /// Runs another window: what there is so far is too little to judge.
    Measure,
    /// Runs another window, and asks in it who opens files.
    AskWhoOpensFiles,
    /// Runs another window, which may change this verdict.
    Confirm(Verdict),
    /// Ends with this verdict.
    Stop(Verdict),
}

/// Whether no other window fits into the most iterations that a test runs.
fn is_out_of_iterations(evidence: &Evidence, spent: &Spent) -> bool {
    spent.iterations + next_window(evidence) > MOST
}

/// Iterations of the window to come.
fn next_window(evidence: &Evidence) -> u64 {
    evidence.series.windows.last().map_or(1, |window| window.iterations * 2)
}

/// Whether another window is worth its time. `planned` is the time that the user gave, if any.
pub(crate) fn next_step(evidence: &Evidence, planned: Option<Duration>, spent: &Spent) -> NextStep {
    if let Some(violated) = violated(evidence) {
        // One block is enough, and what goes on with broken memory may end anyhow.
        return NextStep::Stop(violated);
    }
    if is_out_of_iterations(evidence, spent) {
        let (Judged::Decided(verdict) | Judged::Undecided(verdict)) = weigh(evidence);
        return NextStep::Stop(verdict);
    }
    if evidence.series.windows.len() < FEWEST_WINDOWS {
        // Another window comes anyhow: whoever asks now knows when there are enough.
        let asks = spent.file_rounds == 0 && has_unknown_files(evidence);
        return if asks { NextStep::AskWhoOpensFiles } else { NextStep::Measure };
    }
    let Spent { iterations, elapsed, file_rounds, is_asking } = *spent;
    let (enough, time) = planned.map_or((ENOUGH, ENOUGH_TIME), |time| (MOST, time));
    let may_ask = is_asking || file_rounds < FILE_ROUNDS;
    if may_ask && elapsed < time.saturating_mul(PATIENCE_FOR_FILES) && has_unknown_files(evidence) {
        return NextStep::AskWhoOpensFiles;
    }
    // Those that are expected tell nothing.
    let expected = evidence.bounded_threads.max(evidence.bounded_files).unwrap_or(0) as usize;
    let few_left = most_left(evidence) < ENOUGH_LEFT.saturating_add(expected)
        && !left_open(evidence).is_some_and(|left| left.is_certain);
    if few_left && iterations < enough && elapsed < time {
        return NextStep::Measure;
    }
    let (verdict, undecided) = match weigh(evidence) {
        Judged::Decided(verdict) => (verdict, false),
        Judged::Undecided(verdict) => (verdict, true),
    };
    let grown = evidence.growth().bytes + evidence.ends.last().map_or(0, |end| grown_outside(evidence, end).bytes);
    let will_be = iterations + next_window(evidence);
    let confirms = verdict.is_leak() && grown < PLENTY && will_be <= CONFIRMED;
    // A cache that is expected may take its time to fill.
    let filling = verdict.is_leak() && evidence.bounded.is_some_and(|bytes| is_within(grown, bytes));
    let most_time = time.saturating_mul(PATIENCE).min(time.saturating_add(PATIENCE_TIME));
    let in_time = elapsed.saturating_mul(WITH_NEXT) < most_time;
    if few_left && in_time && (confirms || (undecided || filling) && will_be <= DECIDED) {
        return NextStep::Confirm(verdict);
    }
    NextStep::Stop(verdict)
}

/// How many growth events a leak rests on, if a limit ended the run before it was confirmed.
pub(crate) fn rests_on(evidence: &Evidence, verdict: &Verdict, iterations: u64) -> Option<u64> {
    let is_early = verdict.is_leak() && iterations + next_window(evidence) <= CONFIRMED;
    let left = || left_open(evidence).map_or(0, |left| left.events);
    is_early.then(|| events(&evidence.series).max(left()))
}

#[cfg(test)]
mod tests;
