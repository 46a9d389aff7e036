//! A leak test under way: iterations, the readings between them, and windows. Collects the evidence; it judges nothing
//! of it.

use std::collections::BTreeMap;
use std::panic::Location;
use std::time::Duration;

use super::clock::Clock;
use super::files::{FileWatch, can_open_files, open_files, process_threads, runs_alone};
use super::lines::LinesPass;
use super::progress::Progress;
use super::settle::Settling;
use super::test::LeakTest;
use crate::front::process;
use crate::judging::leak::{
    CHeapRead, Evidence, Findings, Live, NextStep, OpenFiles, Spent, Verdict, Window, WindowEnd, count_names,
    learn_who_opens_files, next_step, running_threads,
};
use crate::reading::{Snapshot, Strangers, moves, snapshot};
use crate::record::{self, Own};
use crate::registry;
use crate::words::{LEDGER, Node, OTHER, OperationId, Tid, UNATTRIBUTED};

/// Readings of a long window: as many show its shape, and a reading between all iterations costs time.
const READINGS: u64 = 64;

/// A leak test under way.
pub(super) struct LeakRun<T: Fn() -> Vec<Tid>> {
    pub(super) node: &'static Node,
    pub(super) test: LeakTest,
    pub(super) notes: Own<Notes>,
    /// Tells which threads began in the test and run. What it holds makes a run stay on its thread, or not.
    pub(super) threads: T,
    pub(super) place: &'static Location<'static>,
    /// How many scopes could not be opened before.
    pub(super) unopened: u64,
    /// Something panicked already when the run began, so that its end by a panic is not told from others.
    pub(super) began_in_panic: bool,
}

/// Everything a run keeps: the ledger's own memory.
pub(super) struct Notes {
    pub(super) evidence: Evidence,
    pub(super) settling: Settling,
    pub(super) clock: Clock,
    /// Iterations run, of all and of the window under way.
    pub(super) iterations: u64,
    pub(super) iterations_in_window: u64,
    /// Asks who opens files, and how often that was begun.
    pub(super) file_watch: Option<FileWatch>,
    pub(super) file_rounds: usize,
    /// The latest verdict.
    pub(super) judged: Verdict,
    /// What the test found, once it is over.
    pub(super) found: Option<Findings>,
    /// Further iterations that tell lines, once it is over.
    pub(super) lines: Option<LinesPass>,
    /// The ledger at the last two ends of windows, the later one last: what it says of the last window.
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) files_before: OpenFiles,
    pub(super) process_threads_before: usize,
    pub(super) strangers: Strangers,
    pub(super) progress: Progress,
}

impl<T: Fn() -> Vec<Tid>> LeakRun<T> {
    #[track_caller]
    pub(super) fn begin(
        test: LeakTest,
        place: &'static Location<'static>,
        threads: impl FnOnce(&LeakTest, &'static Node) -> T,
    ) -> Self {
        process::must_see();
        test.must_reach_a_verdict();
        assert!(
            !test.c_heap || record::c_heap().is_some(),
            "C's heap cannot be read here: that needs glibc 2.33 or later, linked dynamically, and `Allocator::system()`",
        );
        // An operation for this test alone, whatever else goes by its name.
        let node = registry::new_private(record::active(), &test.name, Some(place));
        assert!(node.id != OTHER.id, "there are too many operations, they are nested too deep, or there is no memory");
        let unopened = record::unopened();
        let threads = threads(&test, node);
        let notes = Own::new(|| Notes {
            evidence: Evidence {
                is_alone: runs_alone(),
                whole_process: test.whole_process,
                counts_threads: test.threads,
                late_threads: process_threads().saturating_sub(Strangers::known_threads()) as u64,
                allowed_warmup: test.allowed_warmup,
                bounded: test.bounded,
                moves_before: moves(),
                bounded_threads: test.bounded_threads,
                bounded_files: test.bounded_files,
                judges_c_heap: test.c_heap,
                ..Evidence::default()
            },
            settling: Settling::new(node, test.whole_process),
            clock: Clock::new(),
            iterations: 0,
            iterations_in_window: 0,
            file_watch: None,
            file_rounds: 0,
            judged: Verdict::Clean,
            found: None,
            lines: None,
            snapshots: Vec::new(),
            files_before: open_files(),
            process_threads_before: process_threads(),
            strangers: Strangers::from_now(),
            progress: Progress::new(),
        });
        let began_in_panic = std::thread::panicking();
        let mut run = Self { node, test, notes, threads, place, unopened, began_in_panic };
        run.quietly(|run, notes| {
            notes.evidence.series.before = notes.settling.settle(&run.threads, None);
        });
        run
    }

    /// Works on the notes for the ledger.
    pub(super) fn quietly<R>(&mut self, work: impl FnOnce(&Self, &mut Notes) -> R) -> R {
        let _quiet = record::quiet();
        let mut notes = self.notes.take().expect("it is put back below");
        let out = work(self, &mut notes);
        self.notes.put(notes);
        out
    }

    /// The number of the next iteration, or `None` when the verdict is clear.
    pub(super) fn next_iteration(&mut self) -> Option<usize> {
        self.quietly(|run, notes| {
            if let Some(lines) = &notes.lines {
                return lines.goes_on().then_some(notes.iterations as usize);
            }
            if !notes.settling.moving().is_empty() {
                return None;
            }
            if notes.iterations < run.test.warmup {
                return Some(notes.iterations as usize);
            }
            if notes.evidence.ends.is_empty() {
                let before = notes.evidence.series.before;
                notes.evidence.series.start = notes.settling.settle(&run.threads, Some(before));
                if !notes.settling.moving().is_empty() {
                    return None;
                }
                run.end_window(notes);
                notes.begin_window(run.test.first);
            }
            let window = notes.evidence.series.windows.last()?.iterations;
            if notes.iterations_in_window == window {
                run.end_window(notes);
                if !notes.goes_on(run.test.time) {
                    run.begin_lines(notes);
                    return notes.lines.is_some().then_some(notes.iterations as usize);
                }
                notes.begin_window(window * 2);
            }
            if let Some(files) = &mut notes.file_watch {
                files.before_iteration();
            }
            Some(notes.iterations as usize)
        })
    }

    /// An iteration is over: reads what is live, if this is one of the iterations after which the window reads.
    pub(super) fn iterated(&mut self) {
        self.quietly(|run, notes| {
            notes.iterations += 1;
            if let Some(lines) = &mut notes.lines {
                return lines.iterated(|| {
                    notes.settling.settle(&run.threads, None);
                });
            }
            if notes.iterations <= run.test.warmup {
                return;
            }
            notes.iterations_in_window += 1;
            if let Some(files) = &mut notes.file_watch {
                files.after_iteration();
            }
            let at = notes.iterations_in_window;
            let series = &notes.evidence.series;
            let window = series.windows.last().map_or(1, |window| window.iterations);
            let every = (window / READINGS).max(1);
            if at.is_multiple_of(every) || at == window {
                let level = series.windows.iter().rev().nth(1).and_then(|window| window.readings.last());
                let level = level.map_or(series.start, |(_, live)| *live);
                let live = notes.settling.settle(&run.threads, (at == window).then_some(level));
                let windows = &mut notes.evidence.series.windows;
                if let Some(window) = windows.last_mut() {
                    window.readings.push((at, live));
                }
                if let Some(parts) = notes.evidence.parts.last_mut() {
                    parts.push((at, notes.settling.parts()));
                }
                notes.progress.show(&run.test.name, notes.iterations, windows.len(), notes.clock.passed());
            }
        });
    }

    /// Reads what there is at the end of a window, and before the first one.
    fn end_window(&self, notes: &mut Notes) {
        let process_threads = process_threads();
        let threads = self.running_threads(notes, process_threads);
        let moves = moves().since(&notes.evidence.moves_before);
        let c_heap = record::c_heap();
        let ledger = snapshot();
        let files = count_names(&open_files());
        let total = ledger.total_of(self.node);
        notes.evidence.ends.push(WindowEnd {
            live: Live::from(&total),
            taken_over: Live { bytes: total.taken_over_bytes as i64, blocks: total.taken_over_blocks as i64 },
            unattributed: Live::from(&ledger.total_of(&UNATTRIBUTED)),
            outside: self.outside(&ledger, &notes.evidence),
            threads,
            process_threads,
            strangers: notes.strangers.count(),
            files,
            has_no_more_files: !can_open_files(),
            c_heap: c_heap.map(|heap| CHeapRead {
                in_use: heap.in_use,
                mapped: heap.mapped,
                rust: Live { bytes: heap.recorder, blocks: 0 }.plus(Live::from(&ledger.total())),
            }),
            moves,
        });
        // After the readings: whatever they have was made before.
        let nodes = registry::all();
        notes.evidence.inside = nodes.iter().filter(|node| node.is_within(self.node)).map(|node| node.id).collect();
        notes.evidence.nodes = nodes;
        notes.snapshots.push(ledger);
        if notes.snapshots.len() > 2 {
            notes.snapshots.remove(0);
        }
    }

    /// What every operation outside the test owns, but the ledger's own and `(unattributed)`; and but those of other
    /// tests, if any run: they judge themselves.
    pub(super) fn outside(&self, ledger: &Snapshot, evidence: &Evidence) -> BTreeMap<OperationId, Live> {
        let is_of_another_test = |node: &Node| node.private && !evidence.is_alone && !evidence.whole_process;
        let rows = ledger.rows().filter(|(node, _)| {
            let own = node.is_within(self.node) || node.id == LEDGER.id || node.id == UNATTRIBUTED.id;
            !own && !is_of_another_test(node)
        });
        rows.map(|(node, row)| (node.id, Live::from(&row.own))).collect()
    }

    /// How many threads run that are judged as the test's, of so many that the process has.
    pub(super) fn running_threads(&self, notes: &Notes, now: usize) -> usize {
        let counted = (self.threads)().len();
        running_threads(&notes.evidence, counted, notes.process_threads_before, now)
    }
}

impl Notes {
    fn begin_window(&mut self, iterations: u64) {
        self.iterations_in_window = 0;
        self.evidence.series.windows.push(Window { iterations, readings: Vec::new() });
        self.evidence.begin_parts();
    }

    /// Whether another window is worth its time, which `planned` may limit. Takes down who opens files, if the window
    /// asked, and the verdict, if there is enough to judge.
    fn goes_on(&mut self, planned: Option<Duration>) -> bool {
        let spent = Spent {
            iterations: self.iterations,
            elapsed: self.clock.worked().saturating_sub(self.settling.waited()),
            file_rounds: self.file_rounds,
            is_asking: self.file_watch.as_ref().is_some_and(|files| !files.openings().are_enough()),
        };
        if let Some(files) = &self.file_watch {
            learn_who_opens_files(&mut self.evidence, files.openings());
        }
        match next_step(&self.evidence, planned, &spent) {
            NextStep::Measure => true,
            NextStep::AskWhoOpensFiles => {
                if !spent.is_asking {
                    match &mut self.file_watch {
                        Some(files) => files.go_on(),
                        None => self.file_watch = Some(FileWatch::default()),
                    }
                    self.file_rounds += 1;
                }
                true
            }
            NextStep::Confirm(verdict) => {
                self.judged = verdict;
                true
            }
            NextStep::Stop(verdict) => {
                self.judged = verdict;
                false
            }
        }
    }
}
