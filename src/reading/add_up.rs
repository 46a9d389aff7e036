//! Reports of many processes as one.

use super::report::Data;
use super::timeline::joined;
use crate::words::CaptureRule;

impl Data {
    /// The sum; `None` where a counter overflows.
    pub(crate) fn plus(&self, other: &Self) -> Option<Self> {
        let mut sum = self.clone().joined_with(other.clone())?;
        sum.arrange();
        Some(sum)
    }

    /// The sum, whose rows are still to be [arranged](Self::arrange): once, where many are added up.
    pub(crate) fn joined_with(self, other: Self) -> Option<Self> {
        let mut one = self;
        let program = one.program.take().filter(|program| other.program.as_ref() == Some(program));
        // The worse problem stays: that threads moved must not hide that the ledger is violated. A process that saw
        // nothing, and counts as none, has no problem with its figures.
        let badness = |data: &Self| (data.processes > 0, data.problem.is_some(), !data.unsettled);
        let told = if badness(&one) >= badness(&other) { &one } else { &other };
        Some(Self {
            processes: one.processes.checked_add(other.processes)?,
            program,
            difference: one.difference || other.difference,
            process_bytes: one.process_bytes.checked_add(other.process_bytes)?,
            process_peak_bytes: one.process_peak_bytes.max(other.process_peak_bytes),
            process_peak_error: one.process_peak_error.max(other.process_peak_error),
            problem: told.problem.clone(),
            unsettled: told.unsettled,
            misnested: one.misnested.checked_add(other.misnested)?,
            overflowed: one.overflowed.checked_add(other.overflowed)?,
            foreign: one.foreign.checked_add(other.foreign)?,
            shards: one.shards.checked_add(other.shards)?,
            shard_bytes: one.shard_bytes.checked_add(other.shard_bytes)?,
            rows: one.rows.joined_with(other.rows)?,
            stacks: one.stacks.plus(&other.stacks)?,
            captures: CaptureRule::joined(one.captures.into_iter().chain(other.captures)),
            timelines: joined(&one.timelines, &other.timelines),
            leak_tests: one.leak_tests.plus(other.leak_tests),
        })
    }

    /// Puts the rows in reading order, each with the total of what is below it.
    pub(crate) fn arrange(&mut self) {
        self.rows.arrange();
    }
}
