//! Waiting until an operation rests, so that a reading can be trusted; and who moves where it does not come to rest.
//! Reads and waits; what the readings mean is judged elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::files::thread_name;
use crate::judging::leak::Live;
use crate::reading::{Watch, snapshot};
use crate::words::{Node, OperationId, Tid};

/// How long to wait until the operation rests.
const REST: Duration = Duration::from_secs(1);
/// How long the operation must have rested before growth is believed at the end of a window: other threads that are to
/// free it may not have had their turn on the processor.
const CALM: Duration = Duration::from_millis(20);
/// How long to wait between the ends of windows for the first thread that does not end.
const PATIENCE_FOR_THREADS: Duration = Duration::from_millis(300);
/// The least time to wait for a thread that does not end, however often that was in vain.
const LEAST_PATIENCE: Duration = Duration::from_millis(1);
/// How long threads may take to end before they are called a leak, and at the end of a window: there from when one has
/// ended, as long as they go on to end.
const LINGERING: Duration = Duration::from_secs(2);
/// The longest to wait for threads that go on to end.
const MOST_LINGERING: Duration = Duration::from_secs(10);
/// The pause between two readings is short at first, for most operations rest at once, and doubles up to a length that
/// costs no processor time.
const FIRST_PAUSE: Duration = Duration::from_micros(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// How long to watch who moves, and how long to pause between two looks at threads that end.
const LOOK: Duration = Duration::from_millis(20);

/// Waits for one operation, and keeps in mind which of its threads it waited for in vain.
#[derive(Debug)]
pub(super) struct Settling {
    node: &'static Node,
    watch: Watch,
    between: Patience,
    at_ends: Patience,
    /// How long it waited at ends of windows, in all.
    waited: Duration,
    /// Who moved when the operation did not come to rest, by name.
    moving: Vec<String>,
}

/// How long to wait for threads to end.
#[derive(Debug)]
struct Patience {
    time: Duration,
    /// Each time in vain it becomes so many times shorter.
    shorter: u32,
    /// Threads that were waited for in vain: nobody waits for them again.
    staying: BTreeSet<Tid>,
}

impl Patience {
    fn new(time: Duration, shorter: u32) -> Self {
        Self { time, shorter, staying: BTreeSet::new() }
    }

    fn give_up(&mut self, running: Vec<Tid>) {
        self.staying = running.into_iter().collect();
        self.time = (self.time / self.shorter).max(LEAST_PATIENCE);
    }
}

impl Settling {
    pub(super) fn new(node: &'static Node, whole_process: bool) -> Self {
        Self {
            node,
            watch: Watch::new(node, whole_process),
            between: Patience::new(PATIENCE_FOR_THREADS, 2),
            at_ends: Patience::new(LINGERING, 4),
            waited: Duration::ZERO,
            moving: Vec::new(),
        }
    }

    /// Waits until the operation rests, and says what is live then: two equal readings, and every thread that began in
    /// it since has ended. At the end of a window, with its `level` before, threads may take up to [`LINGERING`], and
    /// where more is live than that, it must rest for [`CALM`]. Bounded: threads that do not end are taken to stay, and
    /// a test whose figures do not come to rest is unsettled. `threads` tells which threads that began in the operation
    /// run.
    pub(super) fn settle(&mut self, threads: &impl Fn() -> Vec<Tid>, level: Option<Live>) -> Live {
        let began = Instant::now();
        let mut last = self.watch.read();
        let (mut fewest, mut ended) = (usize::MAX, began);
        let (mut rested, mut rests_since) = (began, began);
        let mut pause = FIRST_PAUSE;
        loop {
            let running = threads();
            if running.len() < fewest {
                (fewest, ended) = (running.len(), Instant::now());
            }
            let (patience, since) = match level {
                Some(_) if began.elapsed() < MOST_LINGERING => (&mut self.at_ends, ended),
                Some(_) => (&mut self.at_ends, began),
                None => (&mut self.between, began),
            };
            let now = self.watch.read();
            if now != last {
                (last, rests_since) = (now, Instant::now());
                if rested.elapsed() > REST {
                    self.moving = self.who_moves(threads);
                    break;
                }
            } else {
                rested = Instant::now();
                let live = Live::from(&now);
                let grown = level.is_some_and(|level| live.bytes > level.bytes || live.blocks > level.blocks);
                let calm = !grown || rests_since.elapsed() >= CALM;
                let awaited = running.iter().any(|thread| !patience.staying.contains(thread));
                if calm && !awaited {
                    break;
                }
                if calm && since.elapsed() > patience.time {
                    patience.give_up(running);
                    break;
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        if level.is_some() {
            self.waited += began.elapsed();
        }
        Live::from(&last)
    }

    /// How long it waited at ends of windows, in all: time that the test was not at work.
    pub(super) fn waited(&self) -> Duration {
        self.waited
    }

    /// What each operation of the test and `(unattributed)` own now.
    pub(super) fn parts(&mut self) -> BTreeMap<OperationId, Live> {
        self.watch.read_each().into_iter().map(|(operation, counts)| (operation, Live::from(&counts))).collect()
    }

    /// Who moved when the operation did not come to rest: operations and threads, by name. Empty if it always did.
    pub(super) fn moving(&self) -> &[String] {
        &self.moving
    }

    /// Operations whose counters change now, and the threads of this test.
    fn who_moves(&self, threads: &impl Fn() -> Vec<Tid>) -> Vec<String> {
        let before = snapshot();
        std::thread::sleep(LOOK);
        let moved = &snapshot() - &before;
        let operations = moved.rows().filter(|(node, _)| self.watch.is_inside(node));
        let operations = operations.filter(|(_, row)| row.own.allocs + row.own.frees + row.own.reallocs > 0);
        let operations = operations.map(|(node, _)| format!("operation {}", node.path()));
        let threads = threads().into_iter().map(|thread| format!("thread {}", thread_name(thread)));
        let mut moving: Vec<String> = operations.chain(threads).collect();
        if moving.is_empty() {
            moving.push(format!("operation {}", self.node.path()));
        }
        moving
    }
}

/// Waits up to [`LINGERING`] until most of `left` threads have ended, and says whether they have; `running` tells how
/// many run. Threads that seem to
/// stay may only be slow to end, such as one that wakes up now and then to see whether it is still needed. Then the
/// others of them end too, within the same time, and give back what they hold.
pub(super) fn most_threads_end(running: impl Fn() -> usize, left: usize) -> bool {
    let began = Instant::now();
    let most_ended = || running() * 2 < left;
    while !most_ended() && began.elapsed() < LINGERING {
        std::thread::sleep(LOOK);
    }
    if !most_ended() {
        return false;
    }
    while running() > 0 && began.elapsed() < LINGERING {
        std::thread::sleep(LOOK);
    }
    true
}

#[cfg(test)]
mod tests;
