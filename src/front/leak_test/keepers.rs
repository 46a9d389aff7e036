//! Who keeps it: what a test's own figures do not show, because others took its blocks over by resize, freed them, or had
//! a pool before it began.

use std::collections::{BTreeMap, BTreeSet};

use super::leftovers::left_open;
use super::run::{grown, live_of};
use super::test::{End, LeakTest, State};
use crate::judging::leak::{Judged, Live, Series, Verdict, Window, judge};
use crate::reading::Snapshot;
use crate::record::{AccountReading, OVERFLOW, SHARDS};
use crate::registry;
use crate::words::{AccountId, Counts, LEDGER, Node, OperationId, UNATTRIBUTED};

/// Judges what the operation owns; then what it gave away by resize, and the unattributed; with them threads and files.
pub(super) fn verdict_of(test: &LeakTest, state: &State, node: &'static Node) -> Judged {
    let left = left_open(state);
    let judged = match judge(&state.series) {
        Judged::Decided(leak) if leak.is_leak() => {
            Judged::Decided(explained_by_taking_over(state, node).unwrap_or(leak))
        }
        Judged::Decided(other) => Judged::Decided(kept_elsewhere(test, state, node).unwrap_or(other)),
        undecided => undecided,
    };
    match (judged, left) {
        (
            Judged::Decided(Verdict::Leak { bytes_per_iteration, blocks_per_iteration, exact, .. }),
            Some((threads, files)),
        ) => Judged::Decided(Verdict::Leak {
            bytes_per_iteration,
            blocks_per_iteration,
            exact,
            threads_per_iteration: threads,
            files_per_iteration: files,
        }),
        (_, Some((threads, files))) => Judged::Decided(Verdict::Leak {
            bytes_per_iteration: 0.0,
            blocks_per_iteration: 0.0,
            exact: true,
            threads_per_iteration: threads,
            files_per_iteration: files,
        }),
        (judged, None) => judged,
    }
}

/// A leak that somebody else owns: whoever resized the blocks of this test, and, where the test is alone in the process,
/// a pool that was there before.
pub(super) fn kept_elsewhere(test: &LeakTest, state: &State, node: &'static Node) -> Option<Verdict> {
    if test.whole_process {
        return None;
    }
    let alone = std::env::var_os("NEXTEST").is_some() || one_test_thread();
    let pool = alone.then(|| leak_of(state, |end| live_in(&end.snapshot, &[node, &UNATTRIBUTED]))).flatten();
    pool.or_else(|| kept_by_taker(state, node))
}

pub(super) fn leak_of(state: &State, live: impl Fn(&End) -> Live) -> Option<Verdict> {
    match judge(&ends(state, live)) {
        Judged::Decided(leak) if leak.is_leak() => Some(leak),
        _ => None,
    }
}

pub(super) fn live_in(snapshot: &Snapshot, nodes: &[&Node]) -> Live {
    let total = |node: &&Node| snapshot.total_of(node);
    let live = nodes.iter().map(total).map(|total| Live { bytes: total.live_bytes, blocks: total.live_blocks });
    live.fold(Live::default(), Live::plus)
}

/// A leak of blocks that others resized. What happens outside is also that of neighbours, so only the threads that
/// resized blocks of this test are looked at; but another thread may free what they took, so the operation they did it
/// in has the second word: all in all it must have grown with them.
pub(super) fn kept_by_taker(state: &State, node: &'static Node) -> Option<Verdict> {
    let [first, .., before, last] = state.ends.as_slice() else { return None };
    let nodes = registry::all();
    let inside = |id: OperationId| nodes.get(id.index()).is_some_and(|one| one.is_within(node));
    let given: u64 =
        moved(before, last).filter(|((_, id), _)| inside(*id)).map(|(_, moved)| moved.given_away_blocks).sum();
    if given == 0 {
        return None;
    }
    let gave = moved(first, last).filter(|((_, id), moved)| inside(*id) && moved.given_away_blocks > 0);
    let shards: BTreeSet<usize> = gave.map(|((shard, _), _)| shard).collect();
    let took = moved(first, last)
        .filter(|((shard, id), moved)| shards.contains(shard) && !inside(*id) && moved.taken_over_blocks > 0);
    let takers: BTreeSet<OperationId> = took.map(|((_, id), _)| id).collect();
    let live = |end: &End, everywhere: bool| {
        let theirs = end.accounts.iter();
        let theirs = theirs.filter(|((shard, id), _)| takers.contains(id) && (everywhere || shards.contains(shard)));
        theirs.map(|(_, counts)| live_of(counts)).fold(Live::default(), Live::plus)
    };
    let with = |everywhere: bool| leak_of(state, |end| live_in(&end.snapshot, &[node]).plus(live(end, everywhere)));
    let leak = with(false)?;
    let grown = |everywhere: bool| live(last, everywhere).minus(live(before, everywhere)).blocks;
    // Where no neighbour disturbs, the operation's figure is the better one: its threads free each other's blocks.
    let undisturbed = || with(true).filter(|leak| matches!(leak, Verdict::Leak { exact: true, .. }));
    // What is kept is a good part of what was given; messages between threads leave a block here and there.
    let kept = grown(false) * 10 >= given as i64 && grown(true) * 2 >= grown(false);
    kept.then(|| undisturbed().unwrap_or(leak))
}

/// Who freed blocks of this test meanwhile: operations outside it, on threads that did.
pub(super) fn freed_by(then: &End, now: &End, node: &'static Node) -> Vec<(String, u64)> {
    let nodes = registry::all();
    let inside = |id: OperationId| nodes.get(id.index()).is_some_and(|one| one.is_within(node));
    let freed = moved(then, now).filter(|((_, id), moved)| inside(*id) && moved.freed_elsewhere_bytes > 0);
    let shards: BTreeSet<usize> = freed.map(|((shard, _), _)| shard).collect();
    let mut freers: BTreeMap<OperationId, u64> = BTreeMap::new();
    for ((shard, id), moved) in moved(then, now) {
        if shards.contains(&shard) && !inside(id) && moved.others_freed_bytes > 0 {
            *freers.entry(id).or_default() += moved.others_freed_bytes;
        }
    }
    let mut named: Vec<_> =
        freers.into_iter().filter_map(|(id, bytes)| Some((nodes.get(id.index())?.path(), bytes))).collect();
    named.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    named
}

pub(super) fn one_test_thread() -> bool {
    std::env::var("RUST_TEST_THREADS").is_ok_and(|threads| threads == "1")
        || std::env::args().any(|argument| argument == "--test-threads=1")
}

/// A series of one reading for each window: its end.
pub(super) fn ends(state: &State, read: impl Fn(&End) -> Live) -> Series {
    let mut reading = state.ends.iter().map(read);
    let start = reading.next().unwrap_or_default();
    let windows = state.series.windows.iter().zip(reading);
    let windows = windows
        .map(|(window, live)| Window { iterations: window.iterations, readings: vec![(window.iterations, live)] });
    Series { before: start, start, windows: windows.collect() }
}

/// Growth that is no more than old blocks of others, grown a little: then what is left without them decides.
pub(super) fn explained_by_taking_over(state: &State, node: &'static Node) -> Option<Verdict> {
    let [.., before, last] = state.ends.as_slice() else { return None };
    let moved = (&last.snapshot - &before.snapshot).total_of(node);
    let kept = moved.taken_over_blocks > 0
        && moved.live_bytes >= moved.taken_over_bytes as i64
        && moved.live_blocks >= moved.taken_over_blocks as i64;
    if !kept || are_fresh(state, node) {
        return None;
    }
    let without = ends(state, |end| {
        let total = end.snapshot.total_of(node);
        Live {
            bytes: total.live_bytes - total.taken_over_bytes as i64,
            blocks: total.live_blocks - total.taken_over_blocks as i64,
        }
    });
    // Old blocks come to an end, and so does what pushes add to them: as much again, or three times as much where a
    // small `Vec` grows to its first four elements.
    let added = moved.live_bytes - moved.taken_over_bytes as i64;
    if moved.live_blocks == moved.taken_over_blocks as i64 && added <= 3 * moved.taken_over_bytes as i64 {
        let Live { bytes, blocks } = grown(state);
        return Some(Verdict::Bounded { bytes, blocks });
    }
    match judge(&without) {
        Judged::Decided(verdict) => Some(verdict),
        Judged::Undecided(_) => None,
    }
}

/// Whether blocks that this test took over were made meanwhile: then whoever gave them has as many as before, window
/// after window, and not fewer. Neighbours move what the giver has, too: then nobody knows, and they count as old.
pub(super) fn are_fresh(state: &State, node: &'static Node) -> bool {
    let nodes = registry::all();
    let inside = |id: OperationId| nodes.get(id.index()).is_some_and(|one| one.is_within(node));
    let stays = |then: &End, now: &End| {
        let took = moved(then, now).filter(|((_, id), moved)| inside(*id) && moved.taken_over_blocks > 0);
        let takers: BTreeMap<usize, u64> = took.map(|((shard, _), moved)| (shard, moved.taken_over_blocks)).collect();
        let gave = moved(then, now)
            .filter(|((shard, id), moved)| takers.contains_key(shard) && !inside(*id) && moved.given_away_blocks > 0);
        let givers: BTreeSet<OperationId> = gave.map(|((_, id), _)| id).collect();
        let theirs = moved(then, now).filter(|((_, id), _)| givers.contains(id));
        let stock: i64 = theirs.map(|(_, moved)| live_of(&moved).blocks).sum();
        stock.unsigned_abs() * 10 <= takers.values().sum()
    };
    let last = &state.ends[state.ends.len().saturating_sub(3)..];
    last.windows(2).all(|pair| stays(&pair[0], &pair[1]))
}

/// The counters of every operation on every thread, by thread and operation, in order.
pub(super) type Accounts = Vec<((usize, OperationId), Counts)>;

pub(super) fn accounts() -> Accounts {
    let mut accounts = Accounts::new();
    let mut note = |shard: usize, account: AccountId, read: AccountReading| {
        let id = registry::owner_of(account);
        if id != LEDGER.id {
            accounts.push(((shard, id), read.counts));
        }
    };
    for shard in SHARDS.iter() {
        shard.for_each_account(|id, account| note(std::ptr::from_ref(shard).addr(), id, account));
    }
    OVERFLOW.for_each_account(|id, account| note(0, id, account));
    accounts.sort_unstable_by_key(|(account, _)| *account);
    accounts
}

/// What the accounts did since, without those that did nothing.
pub(super) fn since(before: &Accounts, mut now: Accounts) -> Accounts {
    let earlier = |account| before.binary_search_by_key(account, |(account, _)| *account).map(|at| before[at].1);
    for (account, counts) in &mut now {
        *counts = counts.since(&earlier(account).unwrap_or_default()).unwrap_or_default();
    }
    now.retain(|(_, counts)| *counts != Counts::default());
    now
}

/// What every account did in between.
pub(super) fn moved(then: &End, now: &End) -> impl Iterator<Item = ((usize, OperationId), Counts)> {
    since(&then.accounts, now.accounts.clone()).into_iter()
}
