//! Evidence and findings that unit tests make up. Not part of the crate otherwise.

use std::panic::Location;

use super::curve::{Live, Series, Window};
use super::evidence::{Evidence, WindowEnd};
use super::findings::Findings;
use super::verdict::Verdict;
use crate::reading::{Move, Moves, WriterId};
use crate::words::{Counts, OperationId};

/// The operation of the test, and one below it.
pub(super) const TEST: OperationId = OperationId::new(10);
pub(super) const BELOW: OperationId = OperationId::new(11);
/// What happens outside every scope, and an operation of others.
pub(super) const OUTSIDE: OperationId = OperationId::new(0);
pub(super) const OTHERS: OperationId = OperationId::new(12);

/// Iterations of the first window. Windows end after 16, 48, 112, 240 iterations.
pub(super) const FIRST: u64 = 16;

/// Iterations after which three windows end, and the start.
pub(super) const ENDS: [u64; 4] = [0, 16, 48, 112];

/// Blocks that givers have before a test begins: more than it takes.
pub(super) const STOCK: u64 = 100_000;

/// What a test sees in so many windows, if `at` is what could be read after so many iterations.
pub(super) fn evidence(windows: usize, at: impl Fn(u64) -> WindowEnd) -> Evidence {
    let start = at(0);
    let mut series = Series { before: start.live, start: start.live, windows: Vec::new() };
    let mut ends = vec![start];
    let mut done = 0;
    for window in 0..windows {
        let iterations = FIRST << window;
        let readings = (1..=iterations).map(|one| (one, at(done + one).live)).collect();
        series.windows.push(Window { iterations, readings });
        done += iterations;
        ends.push(at(done));
    }
    Evidence { series, ends, inside: [TEST, BELOW].into(), ..Evidence::default() }
}

pub(super) fn live(bytes: u64, blocks: u64) -> Live {
    Live { bytes: bytes as i64, blocks: blocks as i64 }
}

/// An end of a window at which nothing but this is live.
pub(super) fn owning(live: Live) -> WindowEnd {
    WindowEnd { live, ..WindowEnd::default() }
}

/// What an operation did on a thread.
pub(super) fn did(thread: usize, operation: OperationId, counts: Counts) -> Move {
    Move { thread: WriterId(thread), operation, counts }
}

pub(super) fn moves(moves: impl IntoIterator<Item = Move>) -> Moves {
    moves.into_iter().collect()
}

/// Blocks of 100 bytes each that were allocated, and kept or passed on.
pub(super) fn made(blocks: u64) -> Counts {
    Counts { allocs: blocks, allocated_bytes: blocks * 100, ..Counts::default() }
}

/// Blocks of 100 bytes each that were owned and are freed.
pub(super) fn freed(blocks: u64) -> Counts {
    Counts { frees: blocks, freed_bytes: blocks * 100, ..Counts::default() }
}

/// Blocks of 100 bytes each that others resized.
pub(super) fn gave(blocks: u64) -> Counts {
    Counts { given_away_blocks: blocks, given_away_bytes: blocks * 100, ..Counts::default() }
}

/// Blocks of 100 bytes each that others owned, resized to 200.
pub(super) fn took(blocks: u64) -> Counts {
    Counts {
        reallocs: blocks,
        allocated_bytes: blocks * 200,
        freed_bytes: blocks * 100,
        taken_over_blocks: blocks,
        taken_over_bytes: blocks * 100,
        ..Counts::default()
    }
}

/// All of it.
pub(super) fn all<const N: usize>(parts: [Counts; N]) -> Counts {
    let mut sum = Counts::default();
    parts.iter().for_each(|part| sum.add(part));
    sum
}

/// Three windows of a test that resizes one block of 100 bytes with every iteration, which then has `new` bytes, and
/// keeps it and as many `more` blocks without a byte. `giver` is what the former owner did until an
/// iteration; before the test it made [`STOCK`] blocks.
pub(super) fn takes(new: u64, more: u64, giver: impl Fn(u64) -> Vec<Move>) -> Evidence {
    let taking = evidence(3, |n| WindowEnd {
        live: live(n * new, n * (1 + more)),
        taken_over: live(n * 100, n),
        moves: moves(giver(n).into_iter().chain([did(1, TEST, took(n))])),
        ..WindowEnd::default()
    });
    Evidence { moves_before: moves([did(1, OUTSIDE, made(STOCK))]), ..taking }
}

/// The giver's old blocks become fewer.
pub(super) fn old(n: u64) -> Vec<Move> {
    vec![did(1, OUTSIDE, gave(n))]
}

/// The giver makes every block that it gives away.
pub(super) fn fresh(n: u64) -> Vec<Move> {
    vec![did(1, OUTSIDE, all([made(n), gave(n)]))]
}

/// What a test found that has this verdict, and of which nothing else is known.
#[track_caller]
pub(crate) fn bare_findings(name: &str, verdict: Verdict) -> Findings {
    Findings::new(name.into(), Location::caller(), verdict)
}
