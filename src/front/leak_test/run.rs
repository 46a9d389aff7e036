//! A leak test under way: iterations, the readings between them, windows, and the report at the end. Collects the
//! evidence; it judges nothing of it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::time::Duration;

use super::clock::Clock;
use super::files::{FileWatch, can_open_files, open_files, process_threads, runs_alone, thread_name};
use super::lines::{Covered, LinesPass, are_worth_it};
use super::outside::{outside_leaks, placed};
use super::progress::Progress;
use super::report::{LeakReport, say};
use super::settle::{Settling, most_threads_end};
use super::test::LeakTest;
use crate::front::process;
use crate::judging::leak::{
    CHeapRead, Evidence, Findings, Live, NextStep, OpenFiles, Rate, Spent, Verdict, Window, WindowEnd, as_expected,
    beyond_bounds, count_names, freers_in_last_window, grown_outside, is_shown, leaks_outside, learn_who_opens_files,
    next_step, no_more_files, rests_on, running_threads, unknown_files, verdict_so_far, warnings_of_outside,
    whole_windows, without_ended_threads,
};
use crate::reading::{Snapshot, Strangers, moves, snapshot};
use crate::record::{self, Own};
use crate::registry;
use crate::render;
use crate::words::{LEDGER, Node, OperationId, Tid, UNATTRIBUTED};

/// Readings of a long window: as many show its shape, and a reading between all iterations costs time.
const READINGS: u64 = 64;

/// A leak test under way.
pub(super) struct LeakRun<T: Fn() -> Vec<Tid>> {
    pub(super) node: &'static Node,
    test: LeakTest,
    notes: Own<Notes>,
    /// Tells which threads began in the test and run. What it holds makes a run stay on its thread, or not.
    threads: T,
    place: &'static Location<'static>,
    /// Something panicked already when the run began, so that its end by a panic is not told from others.
    began_in_panic: bool,
}

/// Everything a run keeps: the ledger's own memory.
struct Notes {
    evidence: Evidence,
    settling: Settling,
    clock: Clock,
    /// Iterations run, of all and of the window under way.
    iterations: u64,
    iterations_in_window: u64,
    /// Asks who opens files, and how often that was begun.
    file_watch: Option<FileWatch>,
    file_rounds: usize,
    /// The latest verdict.
    judged: Verdict,
    /// What further iterations say of lines, once the test is over.
    lines: Option<LinesPass>,
    /// The ledger at the last two ends of windows, the later one last: what it says of the last window.
    snapshots: Vec<Snapshot>,
    files_before: OpenFiles,
    process_threads_before: usize,
    strangers: Strangers,
    progress: Progress,
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
            lines: None,
            snapshots: Vec::new(),
            files_before: open_files(),
            process_threads_before: process_threads(),
            strangers: Strangers::from_now(),
            progress: Progress::new(),
        });
        let mut run = Self { node, test, notes, threads, place, began_in_panic: std::thread::panicking() };
        run.quietly(|run, notes| {
            notes.evidence.series.before = notes.settling.settle(&run.threads, None);
        });
        run
    }

    /// Works on the notes for the ledger.
    fn quietly<R>(&mut self, work: impl FnOnce(&Self, &mut Notes) -> R) -> R {
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
                    notes.lines = run.lines(notes);
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
        let threads = self.running_threads(notes);
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
            process_threads: process_threads(),
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
        notes.evidence.paths = nodes.iter().map(|node| (node.id, node.path())).collect();
        notes.snapshots.push(ledger);
        if notes.snapshots.len() > 2 {
            notes.snapshots.remove(0);
        }
    }

    /// What every operation outside the test owns, but the ledger's own and `(unattributed)`; and but those of other
    /// tests, if any run: they judge themselves.
    fn outside(&self, ledger: &Snapshot, evidence: &Evidence) -> BTreeMap<OperationId, Live> {
        let is_of_another_test = |node: &Node| node.private && !evidence.is_alone && !evidence.whole_process;
        let rows = ledger.rows().filter(|(node, _)| {
            let own = node.is_within(self.node) || node.id == LEDGER.id || node.id == UNATTRIBUTED.id;
            !own && !is_of_another_test(node)
        });
        rows.map(|(node, row)| (node.id, Live::from(&row.own))).collect()
    }

    /// How many threads run that are judged as the test's.
    fn running_threads(&self, notes: &Notes) -> usize {
        let counted = (self.threads)().len();
        running_threads(&notes.evidence, counted, notes.process_threads_before, process_threads())
    }

    /// Ends the run with its report.
    pub(super) fn end(mut self) -> LeakReport {
        let report = self.quietly(|run, notes| {
            let found = match notes.lines.take() {
                Some(lines) => lines.end(|| {
                    notes.settling.settle(&run.threads, None);
                }),
                None => run.over(notes),
            };
            Own::new(|| found)
        });
        LeakReport(report)
    }

    /// What the test found, when it is over.
    fn over(&self, notes: &mut Notes) -> Findings {
        self.wait_for_threads(notes);
        notes.progress.clear();
        self.findings(notes)
    }

    /// Begins the iterations that tell lines, if they would.
    fn lines(&self, notes: &mut Notes) -> Option<LinesPass> {
        if !self.test.lines {
            return None;
        }
        let found = self.over(notes);
        let outside = leaks_outside(&notes.evidence).into_iter().map(|leak| leak.operation).collect();
        let covered = Covered { root: self.node, everything: self.test.whole_process, outside };
        are_worth_it(&found).then(|| LinesPass::begin(found, covered))
    }

    /// Gives threads that seem to stay some time to end. If most of them do, they are no leak, and what they held is
    /// judged without them.
    fn wait_for_threads(&self, notes: &mut Notes) {
        let Verdict::Leak { threads_per_iteration, .. } = notes.judged else { return };
        let left = notes.evidence.ends.last().map_or(0, |end| end.threads);
        if threads_per_iteration == 0.0 || !most_threads_end(|| self.running_threads(notes), left) {
            return;
        }
        let highest = notes.evidence.growth();
        let live = notes.settling.settle(&self.threads, None).minus(notes.evidence.series.start);
        let ledger = snapshot();
        let now = WindowEnd {
            unattributed: Live::from(&ledger.total_of(&UNATTRIBUTED)),
            outside: self.outside(&ledger, &notes.evidence),
            ..WindowEnd::default()
        };
        let live = live.plus(grown_outside(&notes.evidence, &now));
        let iterations = notes.iterations - self.test.warmup;
        notes.judged = without_ended_threads(&notes.judged, live, iterations, highest);
    }

    /// Says on standard error what is known, where the closure panicked: the verdict on the windows that are whole. It
    /// does not panic itself, so that the panic that is under way goes on.
    fn tell_so_far(&mut self) {
        let _quiet = record::quiet();
        // They are not there where the run itself panicked.
        let Some(mut notes) = self.notes.take() else { return };
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let whole = whole_windows(&notes.evidence);
            let known = verdict_so_far(&whole);
            notes.evidence = whole;
            notes.judged = known.clone().unwrap_or(Verdict::Clean);
            notes.progress.clear();
            let mut text = String::new();
            // Writing to a string does not fail.
            let _ = render::leak_so_far(&self.findings(&notes), known.is_some(), &mut text);
            say(|| text);
        }));
        self.notes.put(notes);
    }

    fn findings(&self, notes: &Notes) -> Findings {
        let evidence = &notes.evidence;
        let verdict = match notes.settling.moving() {
            [] => notes.judged.clone(),
            // What leaked by then still does.
            by => verdict_so_far(&whole_windows(evidence))
                .filter(|known| known.is_leak() || matches!(known, Verdict::Violated { .. }))
                .unwrap_or_else(|| Verdict::Unsettled { by: by.to_vec() }),
        };
        let mut findings = Findings {
            name: self.node.path(),
            place: self.place,
            verdict: as_expected(evidence, verdict),
            iterations: notes.iterations,
            windows: evidence.series.windows.len(),
            last_window: evidence.series.windows.last().map_or(0, |window| window.iterations),
            elapsed: notes.clock.passed(),
            rests_on: rests_on(evidence, &notes.judged, notes.iterations),
            warm_up: evidence.series.start.minus(evidence.series.before),
            growing: Vec::new(),
            outside: outside_leaks(evidence),
            handed_over: 0,
            given_away: 0,
            taken_over: 0,
            freed_by: Vec::new(),
            unattributed: Live::default(),
            unattributed_rate: Rate::default(),
            left_over: Rate::default(),
            ended_threads: 0,
            gave_back: None,
            threads: (self.threads)().into_iter().map(thread_name).collect(),
            files: open_files()
                .difference(&notes.files_before)
                .filter(|(_, target)| is_shown(evidence, target))
                .map(|(_, target)| target.clone())
                .collect(),
            counts_threads: self.test.threads,
            allowed_warmup: evidence.allowed_warmup,
            bounded: evidence.bounded,
            beyond: beyond_bounds(evidence),
            c_heap: 0.0,
            lines: None,
            warnings: warnings_of_outside(evidence, placed)
                .into_iter()
                .chain(unknown_files(evidence))
                .chain(no_more_files(evidence))
                .collect(),
            strict: self.test.strict,
        };
        findings.note_c_heap(evidence);
        if let [before, last] = notes.snapshots.as_slice() {
            let did = last - before;
            let operations = did.rows().filter(|(node, _)| node.id != LEDGER.id);
            findings.note_last_window(evidence, operations.map(|(node, row)| (node.id, row)));
            let freers = freers_in_last_window(evidence).into_iter();
            findings.freed_by = freers.filter_map(|(operation, bytes)| Some((placed(operation)?, bytes))).collect();
        }
        findings
    }
}

/// A run that ends by a panic of the closure: what it knows is not lost.
impl<T: Fn() -> Vec<Tid>> Drop for LeakRun<T> {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.began_in_panic {
            self.tell_so_far();
        }
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
            elapsed: self.clock.worked(),
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
