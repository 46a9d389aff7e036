//! An assertion under way: its operation, its runs, the readings between them, and the judgement at the end.

use std::future::Future;
use std::panic::Location;
use std::time::{Duration, Instant};

use super::claim::{self, Claim};
use super::doings::doings_of;
use super::judge::Judge;
use super::lines::{CapturedRun, MOST, MOST_RECORDED};
use crate::disk::{RECORDING, WITH_LINES};
use crate::front::found;
use crate::front::measured_future::MeasuredFuture;
use crate::front::scope::Scope;
use crate::front::turn::turns;
use crate::judging::budget::{
    Figure, FigureByStack, Finding, Measured, Rules, Runs, Status, Unlisted, figure_with_lines, judge_assertion,
    table_header,
};
use crate::reading::{Snapshot, Watch, snapshot};
use crate::record::{self, Own};
use crate::render::findings::{failure, warning};
use crate::words::{Error, Node, OTHER, Tally, counted};

/// How often an assertion runs its closure, if the policy says nothing else.
const RUNS: u32 = 3;
/// The fewest runs that show what each iteration keeps: one that warms up, and one between two readings. What the last
/// one returns is not given back, so it has no reading.
const RUNS_OF_ITERATIONS: usize = 3;
/// How many more runs there are at most while counts differ.
const MORE_RUNS: usize = 6;
/// How long to wait at first until threads that the closure started, and did not wait for, come to rest.
const LONGEST_REST: Duration = Duration::from_millis(500);
/// How long to wait at least, after threads that stay have used up longer waits.
const SHORTEST_REST: Duration = Duration::from_millis(10);
/// The first pause between two readings: most work is at rest already.
const FIRST_PAUSE: Duration = Duration::from_micros(1);
/// The longest pause between two readings.
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// An assertion under way.
pub(super) struct Assertion {
    claim: Claim,
    caller: &'static Location<'static>,
    state: Own<AssertionState>,
}

/// What an assertion keeps from run to run: the ledger's own memory.
struct AssertionState {
    /// Who judges the figures; `None` while figures are being recorded.
    judge: Option<&'static Judge>,
    /// What lines have is recorded, too.
    records_lines: bool,
    /// How many runs there are at least.
    wanted: usize,
    watch: Watch,
    runs: Runs,
    /// How long the next wait for threads may last.
    patience: Duration,
    /// Why no figure can be trusted.
    problem: Option<String>,
}

/// What judging the figures comes to.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    failing: Vec<Finding>,
    /// Findings that a passing assertion tells, too.
    warned: Vec<Finding>,
}

/// A run under way.
pub(super) struct StartedRun {
    scope: Scope,
    before: Snapshot,
}

impl Assertion {
    /// Begins one, or says why it cannot be judged. The caller has seen that the allocator is installed.
    pub(super) fn begin(name: &str, caller: &'static Location<'static>) -> Result<Self, Own<String>> {
        let claim = Claim::of(name, caller);
        match record::quietly(|| AssertionState::new(claim.node)) {
            Ok(state) => Ok(Self { claim, caller, state: Own::new(|| state) }),
            Err(why) => Err(Own::new(|| why)),
        }
    }

    pub(super) fn start(&self) -> StartedRun {
        let before = snapshot();
        let scope = with_threads_if_possible(Scope::enter(self.claim.node));
        assert!(scope.opened.is_some(), "no memory is left to measure this with");
        StartedRun { scope, before }
    }

    /// Ends a run, and says what this thread did in it.
    pub(super) fn stop(&mut self, StartedRun { scope, before }: StartedRun) -> Tally {
        self.quietly(|state| state.settle(&scope));
        let tally = scope.finish();
        self.note(before, &tally);
        tally
    }

    /// Runs a future as the operation, once, and says what it did, and what it returned.
    pub(super) async fn run_future<F: Future>(&mut self, future: F) -> F::Output {
        let before = snapshot();
        let (out, tally) = MeasuredFuture::within(future, self.claim.node).await;
        turns().await;
        // Threads that the future spawned are not known: whatever moves is waited for.
        self.quietly(|state| state.settle(&Scope::inert()));
        self.note(before, &tally);
        out
    }

    /// Takes down what a run did since `before`; `tally` is what its scope says.
    fn note(&mut self, before: Snapshot, tally: &Tally) {
        let node = self.claim.node;
        self.quietly(|state| {
            let did = &snapshot() - &before;
            state.problem = state.problem.take().or_else(|| problem_of(&did));
            let mut run = doings_of(node, &did, &claim::claimed());
            if let Some(own) = run.get_mut(&node.path()) {
                own.values.extend(Figure::PeakBytes.taken_from(tally).map(|peak| (Figure::PeakBytes, peak)));
            }
            state.runs.push(run);
            drop(before);
        });
    }

    pub(super) fn runs_again(&self) -> bool {
        let AssertionState { runs, wanted, .. } = &*self.state;
        let done = runs.count();
        let may_yet_agree = (2..wanted + MORE_RUNS).contains(&done);
        done < *wanted || (may_yet_agree && record::quietly(|| differ(runs)))
    }

    /// Drops what a run returned, as part of the operation, without counting another scope.
    pub(super) fn give_back<R>(&mut self, out: R) {
        let scope = with_threads_if_possible(Scope::resume(self.claim.node, 0));
        drop(out);
        self.quietly(|state| {
            state.settle(&scope);
            let live = state.watch.read().live_bytes();
            state.runs.push_kept(live);
        });
    }

    /// The figure of which lines would say why the assertion fails, or any where lines are recorded.
    pub(super) fn figure_with_lines(&self, judged: &Judgement) -> Option<Figure> {
        if self.state.records_lines { Some(Figure::Allocs) } else { figure_with_lines(&judged.failing) }
    }

    /// Runs `work` once more, to say which lines a breach of `figure` comes from. What it does is in no figure.
    pub(super) fn lines<R>(&mut self, figure: Figure, work: impl FnOnce() -> R) -> Option<Own<FigureByStack>> {
        let run = record::quietly(|| CapturedRun::begin(self.claim.node))?;
        let scope = with_threads_if_possible(Scope::resume(self.claim.node, 0));
        let out = work();
        Some(self.end_lines(run, figure, &scope, out))
    }

    /// The same of a future.
    pub(super) async fn lines_of_future<F: Future>(&mut self, figure: Figure, future: F) -> Option<Own<FigureByStack>> {
        let run = record::quietly(|| CapturedRun::begin(self.claim.node))?;
        let (out, _) = MeasuredFuture::within(future, self.claim.node).await;
        turns().await;
        Some(self.end_lines(run, figure, &Scope::inert(), out))
    }

    /// Reads what the run did, while what it returned is there.
    fn end_lines<R>(&mut self, run: CapturedRun, figure: Figure, scope: &Scope, out: R) -> Own<FigureByStack> {
        self.quietly(|state| state.settle(scope));
        let most = if self.state.records_lines { MOST_RECORDED } else { MOST };
        let found = Own::new(|| run.end(figure, most, &[self.caller.file()]));
        drop(out);
        found
    }

    /// Panics where a figure failed, also with the lines that it comes from.
    #[track_caller]
    pub(super) fn end(self, judged: Own<Judgement>, lines: Option<Own<FigureByStack>>) {
        let said = Own::new(|| self.said(&judged, lines.as_deref()));
        record::quietly(|| lines.as_deref().map(|lines| self.note_lines(lines)));
        drop((self, judged, lines));
        match &*said {
            Ok(warning) if warning.is_empty() => {}
            // Where a test's output is captured, printing allocates: that must not be charged to the active operation.
            Ok(warning) => record::quietly(|| eprintln!("{warning}")),
            Err(failure) => panic!("{failure}"),
        }
    }

    /// Tells the command the lines that have most of the figures, or what all have.
    fn note_lines(&self, found: &FigureByStack) {
        let mut measured = Measured { site: Some(self.caller.into()), ..Measured::default() };
        match self.state.records_lines {
            true => measured.by_line.clone_from(&found.by_line),
            false => measured.lines.clone_from(&found.lines),
        }
        found::measured(&[(self.claim.node.path(), measured)].into());
    }

    /// Judges the figures.
    pub(super) fn judge(&self) -> Own<Judgement> {
        Own::new(|| {
            let path = self.claim.node.path();
            let measured = self.state.runs.measured(&path, self.caller.into());
            found::measured(&measured);
            let Some(judge) = self.state.judge else { return Judgement::default() };
            let mut findings = judge_assertion(&judge.case(), &path, &measured);
            findings.retain(|found| !matches!(found.status, Status::Within | Status::Unlisted | Status::NotRun));
            findings.extend(self.state.problem.as_ref().map(|problem| Finding::blind(&path, problem)));
            let strict = judge.policy().strict;
            let (failing, warned) = findings.into_iter().partition(|found| found.status.fails(strict));
            Judgement { failing, warned }
        })
    }

    /// A warning, which may be empty, or why the assertion fails.
    fn said(&self, judged: &Judgement, lines: Option<&FigureByStack>) -> Result<String, String> {
        let path = self.claim.node.path();
        match judged.failing.is_empty() {
            true if judged.warned.is_empty() => Ok(String::new()),
            true => Ok(warning(&path, &judged.warned)),
            false => {
                let recorded = self.state.judge.zip(lines).and_then(|(judge, lines)| judge.lines(&path, lines.figure));
                Err(failure(&path, &self.caller, &judged.failing, lines, recorded))
            }
        }
    }

    /// Works on the state, as work of the ledger.
    fn quietly<R>(&mut self, work: impl FnOnce(&mut AssertionState) -> R) -> R {
        let _quiet = record::quiet();
        let mut state = self.state.take().expect("it is put back below");
        let out = work(&mut state);
        self.state.put(state);
        out
    }
}

/// Why figures of a run cannot be trusted: a broken law, a foreign tag, or scopes that are not counted apart.
fn problem_of(did: &Snapshot) -> Option<String> {
    let broken = did.check().err().filter(Error::is_violated).map(|error| error.to_string());
    let refused = did.overflowed();
    broken.or_else(|| (refused > 0).then(|| format!("{} could not be counted apart", counted(refused, "scope"))))
}

/// Whether a figure that must be the same in every run still differs. Where there is a policy, it decides, also while
/// figures are recorded.
fn differ(runs: &Runs) -> bool {
    Judge::of_this_process().as_ref().is_ok_and(|judge| judge.sees_difference(runs))
}

/// Has threads that are spawned in the scope counted, where that is possible.
fn with_threads_if_possible(scope: Scope) -> Scope {
    #[cfg(heapledger_interpose)]
    let scope = scope.with_threads();
    scope
}

impl AssertionState {
    fn new(node: &'static Node) -> Result<Self, String> {
        if node.id == OTHER.id {
            let what =
                "there are too many operations, they are nested too deep, or there is no memory, to measure another";
            return Err(what.into());
        }
        let judge = Judge::of_this_process().as_ref();
        let asked = std::env::var_os(RECORDING);
        let (recording, records_lines) = (asked.is_some(), asked.is_some_and(|what| what == WITH_LINES));
        let rules = match judge {
            Ok(judge) => rules_of(judge, &node.path(), recording)?,
            Err(_) if recording => Rules::default(),
            Err(error) => return Err(error.to_string()),
        };
        let mut wanted = rules.runs.unwrap_or(RUNS) as usize;
        if rules.limits.contains_key(&Figure::LiveBytesPerIteration) {
            wanted = wanted.max(RUNS_OF_ITERATIONS);
        }
        let judge = judge.ok().filter(|_| !recording);
        let watch = Watch::new(node, false);
        Ok(Self { judge, records_lines, wanted, watch, runs: Runs::default(), patience: LONGEST_REST, problem: None })
    }

    /// Waits, bounded, until two readings are equal and every thread that began in the operation has ended.
    fn settle(&mut self, scope: &Scope) {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut last = self.watch.read();
        loop {
            let running = !scope.threads().is_empty();
            let now = self.watch.read();
            if now == last && !running {
                return;
            }
            if began.elapsed() > self.patience {
                // Threads that stay are not waited for as long again.
                self.patience = (self.patience / 2).max(SHORTEST_REST);
                return;
            }
            last = now;
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// What the policy says of the operation, or why that is not enough to judge it by.
fn rules_of(judge: &Judge, path: &str, recording: bool) -> Result<Rules, String> {
    let rules = judge.rules(path);
    if rules.limits.is_empty() && judge.policy().unlisted != Unlisted::Allow && !recording {
        return Err(format!(
            "budget {path:?}: no limit in {} applies to it, so there is nothing to hold it against: add\n\
             \n    {}\n    allocs = \"ratchet\"\n",
            judge.policy().file,
            table_header(path)
        ));
    }
    Ok(rules)
}
