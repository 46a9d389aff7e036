//! A run: iterations, the wait before every reading, windows, and the findings at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::Location;
use std::time::{Duration, Instant};

use super::keepers::{accounts, freed_by, since, verdict_of};
use super::leftovers::{Progress, files_are_known, left_behind, left_open, name_of, named, names_of, open_files};
use super::report::LeakReport;
use super::test::{
    CALM, CONFIRMED, ENOUGH, ENOUGH_LEFT, EXTENSIONS, End, LINGERING, LeakTest, MOST, PATIENCE, PATIENCE_FOR_THREADS,
    PLENTY, READINGS, REST, Run, State,
};
use crate::front::process;
use crate::judging::leak::{FEWEST_WINDOWS, Findings, Growth, Judged, Live, Series, Verdict, Window};
use crate::reading::{Row, Watch, snapshot};
use crate::record::{self, Own};
use crate::registry;
use crate::words::{Counts, LEDGER, Node, Tid, UNATTRIBUTED};

impl<T: Fn() -> Vec<Tid>> Run<T> {
    #[track_caller]
    pub(super) fn begin(
        test: LeakTest,
        place: &'static Location<'static>,
        threads: impl FnOnce(&LeakTest, &'static Node) -> T,
    ) -> Self {
        process::must_see();
        // An operation for this test alone, whatever else goes by its name.
        let node = registry::new_private(record::active(), &test.name, Some(place));
        let threads = threads(&test, node);
        let whole_process = test.whole_process;
        let state = Own::new(|| State {
            watch: Watch::new(node, whole_process),
            began: Instant::now(),
            done: 0,
            done_in_window: 0,
            series: Series::default(),
            ends: Vec::new(),
            extensions: 0,
            staying: BTreeSet::new(),
            patience: PATIENCE_FOR_THREADS,
            own_files: BTreeMap::new(),
            others_files: BTreeSet::new(),
            asked: None,
            iteration_began: Instant::now(),
            unsettled: Vec::new(),
            judged: Verdict::Clean,
            progress: Progress::new(),
            files_before: open_files(),
            accounts_before: accounts(),
        });
        let mut run = Self { node, test, state, threads, place };
        run.quietly(|run, state| {
            let before = run.settle(state, None);
            state.series.before = before;
        });
        run
    }

    /// Works on the state for the ledger.
    pub(super) fn quietly<R>(&mut self, work: impl FnOnce(&Self, &mut State) -> R) -> R {
        let _quiet = record::quiet();
        let mut state = self.state.take().expect("it is put back below");
        let out = work(self, &mut state);
        self.state.put(state);
        out
    }

    /// The number of the next iteration, or nothing when the verdict is clear.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.quietly(|run, state| {
            if !state.unsettled.is_empty() {
                return None;
            }
            if state.done < run.test.warmup {
                return Some(state.done as usize);
            }
            if state.ends.is_empty() {
                let live = run.settle(state, Some(state.series.before));
                state.series.start = live;
                if !state.unsettled.is_empty() {
                    return None;
                }
                run.end_window(state);
                state.series.windows.push(Window { iterations: run.test.first, readings: Vec::new() });
            }
            let window = state.series.windows.last()?.iterations;
            if state.done_in_window == window {
                run.end_window(state);
                if !run.goes_on(state) {
                    return None;
                }
                state.done_in_window = 0;
                state.series.windows.push(Window { iterations: window * 2, readings: Vec::new() });
            }
            if let Some(asked) = &mut state.asked {
                asked.before();
            }
            state.iteration_began = Instant::now();
            Some(state.done as usize)
        })
    }

    pub(super) fn iterated(&mut self) {
        self.quietly(|run, state| {
            state.done += 1;
            if state.done <= run.test.warmup {
                return;
            }
            state.done_in_window += 1;
            let took = state.iteration_began.elapsed();
            if let Some(asked) = &mut state.asked {
                asked.after(took);
            }
            let at = state.done_in_window;
            let window = state.series.windows.last().map_or(1, |window| window.iterations);
            let every = (window / READINGS).max(1);
            if at.is_multiple_of(every) || at == window {
                let level = state.series.windows.iter().rev().nth(1).and_then(|window| window.readings.last());
                let level = level.map_or(state.series.start, |(_, live)| *live);
                let live = run.settle(state, (at == window).then_some(level));
                if let Some(window) = state.series.windows.last_mut() {
                    window.readings.push((at, live));
                }
                state.progress.show(&run.test.name, state.done, state.series.windows.len(), state.began.elapsed());
            }
        });
    }

    pub(super) fn end_window(&self, state: &mut State) {
        let threads = (self.threads)().len();
        let accounts = since(&state.accounts_before, accounts());
        state.ends.push(End { snapshot: snapshot(), threads, files: named(open_files()), accounts });
    }

    /// Whether another window is worth its time.
    pub(super) fn goes_on(&self, state: &mut State) -> bool {
        let windows = state.series.windows.len();
        let next = state.series.windows.last().map_or(1, |window| window.iterations * 2);
        if state.done + next > MOST {
            state.judged = self.verdict(state).0;
            return false;
        }
        if windows < FEWEST_WINDOWS {
            return true;
        }
        let elapsed = state.began.elapsed();
        let (enough, time) = self.test.time.map_or((ENOUGH, Duration::from_secs(1)), |time| (MOST, time));
        if !files_are_known(state, elapsed < time * 2) {
            return true;
        }
        let few = left_behind(state) < ENOUGH_LEFT;
        if few && state.done < enough && elapsed < time {
            return true;
        }
        let (verdict, undecided) = self.verdict(state);
        let grown = grown(state).bytes;
        // The next window takes as long as all before it.
        let confirms = verdict.is_leak()
            && grown < PLENTY
            && state.done + next <= CONFIRMED
            && elapsed * 4 < time
            && left_open(state).is_none();
        // A cache that is expected may take its time to fill.
        let filling = verdict.is_leak() && self.test.bounded.is_some_and(|bytes| grown <= bytes as i64);
        state.judged = verdict;
        let extends = undecided || filling;
        let in_time = elapsed * 2 < time;
        let more = few && (confirms || extends && in_time);
        let beyond = few && extends && !in_time && state.extensions < EXTENSIONS && elapsed * 2 < time * PATIENCE;
        state.extensions += usize::from(beyond);
        more || beyond
    }

    /// The verdict so far, and whether another window could change it.
    pub(super) fn verdict(&self, state: &State) -> (Verdict, bool) {
        match verdict_of(&self.test, state, self.node) {
            Judged::Decided(verdict) => (verdict, false),
            Judged::Undecided(verdict) => (verdict, true),
        }
    }

    /// Waits until the operation rests: two equal readings, and every thread that began in it since has ended; where
    /// more is live than `level`, for a while. Bounded: threads that do not end are taken to stay, and a test whose
    /// figures do not come to rest is unsettled.
    pub(super) fn settle(&self, state: &mut State, level: Option<Live>) -> Live {
        let began = Instant::now();
        let mut last = state.watch.read();
        let mut rests_since = began;
        let mut wait = Duration::from_micros(1);
        loop {
            let running = (self.threads)();
            let newcomers = running.iter().any(|thread| !state.staying.contains(thread));
            let now = state.watch.read();
            if now != last {
                (last, rests_since) = (now, Instant::now());
                if began.elapsed() > REST {
                    state.unsettled = self.moving(state);
                    break;
                }
            } else {
                let live = live_of(&now);
                let grown = level.is_some_and(|level| live.bytes > level.bytes || live.blocks > level.blocks);
                let calm = !grown || rests_since.elapsed() >= CALM;
                if calm && !newcomers {
                    break;
                }
                if calm && began.elapsed() > state.patience {
                    state.staying = running.into_iter().collect();
                    state.patience = (state.patience / 2).max(Duration::from_millis(1));
                    break;
                }
            }
            std::thread::sleep(wait);
            wait = (wait * 2).min(Duration::from_millis(100));
        }
        live_of(&last)
    }

    /// Who moves: operations whose counters change, and the threads of this test.
    pub(super) fn moving(&self, state: &State) -> Vec<String> {
        let before = snapshot();
        std::thread::sleep(Duration::from_millis(20));
        let moved = &snapshot() - &before;
        let operations = moved.rows().filter(|(node, _)| state.watch.is_inside(node)).map(|(_, row)| row);
        let operations = operations.filter(|row| row.own.allocs + row.own.frees + row.own.reallocs > 0);
        let operations = operations.map(|row| format!("operation {}", row.path));
        let threads = (self.threads)().into_iter().map(|thread| format!("thread {}", name_of(thread)));
        let mut moving: Vec<String> = operations.chain(threads).collect();
        if moving.is_empty() {
            moving.push(format!("operation {}", self.node.path()));
        }
        moving
    }

    pub(super) fn end(mut self) -> LeakReport {
        let report = self.quietly(|run, state| {
            run.wait_for_threads(state);
            state.progress.clear();
            let report = run.report(state);
            Own::new(|| report)
        });
        LeakReport(report)
    }

    /// Threads that seem to stay may only be slow to end, such as one that wakes up now and then to see whether it is
    /// still needed. If most of them end within [`LINGERING`], they are no leak; what they held is judged without them.
    fn wait_for_threads(&self, state: &mut State) {
        let Verdict::Leak {
            bytes_per_iteration,
            blocks_per_iteration,
            exact,
            threads_per_iteration,
            files_per_iteration,
        } = state.judged
        else {
            return;
        };
        let left = state.ends.last().map_or(0, |end| end.threads);
        let began = Instant::now();
        let most_ended = || (self.threads)().len() * 2 < left;
        while threads_per_iteration > 0.0 && !most_ended() && began.elapsed() < LINGERING {
            std::thread::sleep(Duration::from_millis(20));
        }
        if threads_per_iteration == 0.0 || !most_ended() {
            return;
        }
        // The others of them end too, and give back what they hold.
        while !(self.threads)().is_empty() && began.elapsed() < LINGERING {
            std::thread::sleep(Duration::from_millis(20));
        }
        let highest = grown(state);
        let live = self.settle(state, None).minus(state.series.start);
        let iterations = (state.done - self.test.warmup) as f64;
        let keeps = |left: i64, rate: f64| rate > 0.0 && left as f64 / iterations >= rate / 2.0;
        let memory = keeps(live.bytes, bytes_per_iteration) || keeps(live.blocks, blocks_per_iteration);
        state.judged = match memory || files_per_iteration > 0.0 {
            true => Verdict::Leak {
                bytes_per_iteration: if memory { bytes_per_iteration } else { 0.0 },
                blocks_per_iteration: if memory { blocks_per_iteration } else { 0.0 },
                exact,
                threads_per_iteration: 0.0,
                files_per_iteration,
            },
            false => Verdict::Bounded { bytes: highest.bytes, blocks: highest.blocks },
        };
    }

    pub(super) fn report(&self, state: &mut State) -> Findings {
        let verdict = match std::mem::take(&mut state.unsettled) {
            by if by.is_empty() => state.judged.clone(),
            by => Verdict::Unsettled { by },
        };
        let mut findings = Findings {
            name: self.node.path(),
            place: self.place,
            verdict: self.as_expected(state, verdict),
            iterations: state.done,
            windows: state.series.windows.len(),
            last_window: state.series.windows.last().map_or(0, |window| window.iterations),
            elapsed: state.began.elapsed(),
            warm_up: state.series.start.minus(state.series.before),
            growing: Vec::new(),
            handed_over: 0,
            given_away: 0,
            taken_over: 0,
            freed_by: Vec::new(),
            unattributed: Live::default(),
            threads: (self.threads)().into_iter().map(name_of).collect(),
            files: open_files()
                .difference(&state.files_before)
                .filter(|(_, target)| {
                    let names = names_of(target);
                    let own = names.iter().any(|name| state.own_files.contains_key(name));
                    own || !names.iter().any(|name| state.others_files.contains(name))
                })
                .map(|(_, target)| target.clone())
                .collect(),
            counts_threads: self.test.threads,
            allowed_warm_up: self.test.allowed_warm_up,
            bounded: self.test.bounded,
        };
        if let [.., before, last] = state.ends.as_slice() {
            for (node, row) in (&last.snapshot - &before.snapshot).rows().filter(|(node, _)| node.id != LEDGER.id) {
                self.note(node, row, &mut findings);
            }
            findings.growing.sort_by_key(|growth| std::cmp::Reverse(growth.live.bytes));
            findings.freed_by = freed_by(before, last, self.node);
        }
        findings
    }

    /// Growth within the cache that was expected is no leak, however it goes.
    pub(super) fn as_expected(&self, state: &State, verdict: Verdict) -> Verdict {
        let memory_alone = match verdict {
            Verdict::Leak { threads_per_iteration, files_per_iteration, .. } => {
                threads_per_iteration == 0.0 && files_per_iteration == 0.0
            }
            Verdict::Unstable { .. } => true,
            _ => false,
        };
        let Live { bytes, blocks } = grown(state);
        match self.test.bounded {
            Some(allowed) if memory_alone && bytes <= allowed as i64 => Verdict::Bounded { bytes, blocks },
            _ => verdict,
        }
    }

    /// Takes note of what one operation did in the last window.
    pub(super) fn note(&self, node: &Node, row: Row, findings: &mut Findings) {
        let inside = node.is_within(self.node);
        let live = Live { bytes: row.own.live_bytes, blocks: row.own.live_blocks };
        if node.id == UNATTRIBUTED.id {
            findings.unattributed = live;
        }
        if (inside || self.test.whole_process) && (live.bytes > 0 || live.blocks > 0) {
            findings.growing.push(Growth { path: row.path, live });
        }
        if inside {
            findings.handed_over += row.own.freed_elsewhere_bytes;
            findings.given_away += row.own.given_away_bytes;
            findings.taken_over += row.own.taken_over_bytes;
        }
    }
}

impl Live {
    pub(super) fn plus(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, blocks: self.blocks + other.blocks }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self { bytes: self.bytes - other.bytes, blocks: self.blocks - other.blocks }
    }
}

pub(super) fn live_of(counts: &Counts) -> Live {
    let tally = counts.tally(None);
    Live { bytes: tally.live_bytes, blocks: tally.live_blocks }
}

/// What is live above the start.
pub(super) fn grown(state: &State) -> Live {
    let last = state.series.windows.last().and_then(|window| window.readings.last());
    last.map_or(Live::default(), |(_, live)| live.minus(state.series.before))
}
