//! How a run ends: with what it found, or, where its closure panicked, with what it knows by then. It judges nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;

use super::files::{open_files, process_threads, thread_name};
use super::lines::{Covered, LinesPass, are_worth_it};
use super::outside::{outside_leaks, placed};
use super::report::{LeakReport, say};
use super::run::{LeakRun, Notes};
use super::settle::most_threads_end;
use crate::front::process::must_have_seen;
use crate::judging::leak::{
    Findings, LeakLines, Live, Placed, Verdict, WindowEnd, as_expected, beyond_bounds, curve_of, freers_in_last_window,
    grown_outside, is_shown, leaks_outside, no_more_files, rests_on, unknown_files, verdict_so_far,
    warnings_of_outside, whole_windows, without_ended_threads,
};
use crate::reading::{LeakVerdict, ReportedLeakTest, keep_leak_test, program, snapshot};
use crate::record::{self, Own};
use crate::render;
use crate::words::{LEDGER, Tid, UNATTRIBUTED};

impl<T: Fn() -> Vec<Tid>> LeakRun<T> {
    /// Ends the run with its report.
    pub(super) fn end(mut self) -> LeakReport {
        must_have_seen(self.unopened);
        let report = self.quietly(|run, notes| {
            let mut found = notes.found.take().unwrap_or_else(|| run.over(notes));
            if let Some(lines) = notes.lines.take() {
                notes.settling.settle(&run.threads, None);
                found.lines = lines.end(&Vec::from_iter(found.sources()));
            }
            keep(&found, found.outcome(), render::sentence(&found));
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

    /// Notes what the test found, and begins the iterations that tell lines, if they would.
    pub(super) fn begin_lines(&self, notes: &mut Notes) {
        let mut found = self.over(notes);
        if self.test.lines && are_worth_it(&found) {
            let outside = leaks_outside(&notes.evidence).into_iter().map(|leak| leak.operation).collect();
            let covered = Covered { root: self.node, everything: self.test.whole_process, outside };
            notes.lines = LinesPass::begin(&found, covered);
            found.lines = notes.lines.is_none().then_some(LeakLines::NotPossible);
        }
        notes.found = Some(found);
    }

    /// Gives threads that seem to stay some time to end. If most of them do, they are no leak, and what they held is
    /// judged without them.
    fn wait_for_threads(&self, notes: &mut Notes) {
        let Verdict::Leak { threads_per_iteration, .. } = notes.judged else { return };
        let left = notes.evidence.ends.last().map_or(0, |end| end.threads);
        if threads_per_iteration == 0.0 || !most_threads_end(|| self.running_threads(notes, process_threads()), left) {
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
            let found = self.findings(&notes);
            // Writing to a string does not fail.
            let _ = render::leak_so_far(&found, known.is_some(), &mut text);
            // What leaked by then still does; else nobody knows.
            keep(&found, found.outcome().min(LeakVerdict::Unstable), render::sentence_so_far(&found, known.is_some()));
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
            iterations: notes.iterations,
            windows: evidence.series.windows.len(),
            curve: curve_of(&evidence.series, self.test.warmup),
            last_window: evidence.series.windows.last().map_or(0, |window| window.iterations),
            elapsed: notes.clock.passed(),
            rests_on: rests_on(evidence, &notes.judged, notes.iterations),
            warm_up: evidence.series.start.minus(evidence.series.before),
            outside: outside_leaks(evidence),
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
            warnings: warnings_of_outside(evidence, placed)
                .into_iter()
                .chain(unknown_files(evidence))
                .chain(no_more_files(evidence))
                .collect(),
            strict: self.test.strict,
            ..Findings::new(self.node.path(), self.place, as_expected(evidence, verdict))
        };
        findings.note_c_heap(evidence);
        if let [before, last] = notes.snapshots.as_slice() {
            let did = last - before;
            let operations = did.rows().filter(|(node, _)| node.id != LEDGER.id);
            findings
                .note_last_window(evidence, operations.map(|(node, row)| (node.id, row.own, move || Placed::of(node))));
            let freers = freers_in_last_window(evidence).into_iter();
            findings.freed_by = freers.filter_map(|(operation, bytes)| Some((placed(operation)?, bytes))).collect();
        }
        findings
    }
}

/// Keeps the test for the reports of this process.
fn keep(found: &Findings, outcome: LeakVerdict, verdict: String) {
    keep_leak_test(ReportedLeakTest {
        path: found.name.clone(),
        program: program().unwrap_or_default(),
        process: process::id(),
        site: Some(found.place.into()),
        outcome,
        verdict,
        curve: found.curve.clone(),
    });
}

/// A run that ends by a panic of the closure: what it knows is not lost.
impl<T: Fn() -> Vec<Tid>> Drop for LeakRun<T> {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.began_in_panic {
            self.tell_so_far();
        }
    }
}
