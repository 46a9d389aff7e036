//! One pass over everything that is recorded, and whether it can be trusted: whether it balances, and whether a thread
//! stood in the middle of recording.

use super::sums::{LineSums, Sums};
use super::sweep::{Writer, sweep};
use crate::record::{self, PROCESS, Running};
use crate::registry;
use crate::words::{Cause, Counts, FOREIGN, LEDGER, Node, OperationId};

/// Room for operations made, and scopes begun, while a pass is under way.
pub(super) const SPARE_ROOM: usize = 16;

/// One pass over everything that is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    /// By operation id.
    pub(super) sums: Vec<Sums>,
    /// Of these, what was charged to lines, by the place of the account.
    pub(super) lines: Vec<LineSums>,
    /// Live bytes of the process, counted by threads and not by operations.
    pub(super) process: i64,
    pub(super) process_peak: Option<u64>,
    pub(super) misnested: u64,
    pub(super) shards: u64,
    /// Another thread, or several in the overflow, stood in the middle of recording something.
    pub(super) torn: bool,
}

/// The sums of one shard, which agree with each other where nothing is under way.
#[derive(Default)]
struct Balance {
    net: i64,
    live: i64,
}

impl Balance {
    fn add(&mut self, counts: &Counts) {
        self.net = self.net.wrapping_add(counts.net_bytes());
        self.live = self.live.wrapping_add(counts.live_bytes());
    }

    fn holds(&self, witness: i64) -> bool {
        self.net == self.live && self.net == witness
    }
}

impl Pass {
    /// A pass in which nothing is read yet. It has room for `operations`, because a pass that has to allocate changes
    /// what it reads.
    pub(super) fn with_room(operations: usize) -> Self {
        let sums = Vec::with_capacity(operations + SPARE_ROOM);
        let lines = match record::lines() {
            0 => Vec::new(),
            lines => Vec::with_capacity(lines + SPARE_ROOM),
        };
        Self { sums, lines, process: 0, process_peak: None, misnested: 0, shards: 0, torn: false }
    }

    /// Reads everything anew.
    pub(super) fn take(&mut self, running: &mut Vec<Running>) {
        running.clear();
        self.sums.clear();
        self.lines.clear();
        (self.process, self.misnested, self.shards, self.torn) = (0, 0, 0, false);
        for writer in sweep() {
            let last_thread = writer.resting();
            let mut balance = Balance::default();
            writer.for_each_account(|id, account| {
                self.sums_of(registry::owner_of(id)).add(&account);
                if let Some(line) = record::line_index(id) {
                    self.lines_at(line).add(&account);
                }
                balance.add(&account.counts);
            });
            let witness = writer.witness();
            // A thread may also have begun, and even ended, meanwhile.
            let rested = last_thread.is_some_and(|last| writer.has_rested_since(last));
            self.torn |= !rested && !balance.holds(witness);
            writer.read_running(running);
            self.process = self.process.wrapping_add(witness);
            self.misnested += writer.misnested();
            self.shards += u64::from(matches!(writer, Writer::Thread(_)));
        }
        for scope in running.iter() {
            self.sums_of(scope.node.id).add_peak_so_far(scope.peak);
        }
        self.process_peak = Some(PROCESS.peak().max(self.process.max(0) as u64));
    }

    fn sums_of(&mut self, id: OperationId) -> &mut Sums {
        let at = id.index();
        if at >= self.sums.len() {
            self.sums.resize(at + 1, Sums::default());
        }
        &mut self.sums[at]
    }

    fn lines_at(&mut self, line: usize) -> &mut LineSums {
        if line >= self.lines.len() {
            self.lines.resize(line + 1, LineSums::default());
        }
        &mut self.lines[line]
    }

    /// Whether both have the same counters. Peaks and the memory of the reading itself do not matter.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        let seen = |pass: &Self| {
            let sums = pass.sums.iter().enumerate();
            let judged = sums.filter(|(at, _)| *at != LEDGER.id.index());
            judged.map(|(_, sums)| sums.counts).collect::<Vec<_>>()
        };
        seen(self) == seen(other)
    }

    /// What each operation owns.
    pub(super) fn live(&self) -> impl Iterator<Item = (OperationId, i64)> {
        self.sums.iter().zip(0..).map(|(sums, id)| (OperationId::new(id), sums.counts.live_bytes()))
    }

    /// The sums of what operations did and of what they own.
    fn net_and_live(&self) -> (i64, i64) {
        let net = self.sums.iter().fold(0i64, |sum, one| sum.wrapping_add(one.counts.net_bytes()));
        (net, self.live().fold(0i64, |sum, (_, live)| sum.wrapping_add(live)))
    }

    /// Whether both are equal, and equal to what the threads counted.
    pub(super) fn balances(&self) -> bool {
        self.net_and_live() == (self.process, self.process)
    }

    /// Checks the law, and that no block is foreign. Unless it is a `difference`, also checks that no operation owns
    /// less than zero.
    pub(super) fn check(&self, nodes: &[&Node], difference: bool) -> Result<(), Cause> {
        let (net, live) = self.net_and_live();
        if net != live || net != self.process {
            return Err(Cause::Unequal { net, live, process: self.process });
        }
        let foreign = self.sums.get(FOREIGN.id.index()).copied().unwrap_or_default();
        if foreign.counts != Counts::default() {
            return Err(Cause::Foreign { blocks: foreign_blocks(&foreign) });
        }
        if difference {
            return Ok(());
        }
        let mut tallies = self.sums.iter().map(Sums::tally).enumerate();
        match tallies.find(|(_, tally)| tally.live_bytes < 0 || tally.live_blocks < 0) {
            None => Ok(()),
            Some((at, tally)) => Err(Cause::Negative {
                path: nodes.get(at).map(|node| node.path()).unwrap_or_default(),
                live_bytes: tally.live_bytes,
                live_blocks: tally.live_blocks,
            }),
        }
    }
}

pub(super) fn foreign_blocks(sums: &Sums) -> u64 {
    sums.counts.lost_blocks()
}
