//! One assertion: an operation that nobody else enters, runs, readings, and the judgement at the end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::Location;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::disk::{Book, POLICY, RECORDING, shown};
use crate::front::process;
use crate::front::scope::Scope;
use crate::judging::budget::{
    Case, Figure, FigureLimit, Figures, Finding, Measured, Observed, Rules, Status, Unlisted, clamped, judge_assertion,
};
use crate::reading::{Environment, Snapshot, Watch, snapshot};
use crate::record::{self, Own, Running, SHARDS, Shard};
use crate::registry;
use crate::render::findings::{failure, warning};
use crate::words::{Error, Kind, Node, OTHER, Site, Tally};

/// How often an assertion runs its closure, if the policy says nothing else.
const RUNS: u32 = 3;
/// The fewest runs that tell what each iteration keeps: one that warms up, and one between two readings. What the last
/// one returns is not given back, so it has no reading.
const RUNS_OF_ITERATIONS: usize = 3;
/// How much more often at most, while counts do not repeat themselves.
const MORE_RUNS: usize = 6;
/// How long to wait until threads that the closure started, and did not wait for, come to rest.
const REST: Duration = Duration::from_millis(500);

/// An assertion under way.
pub(super) struct Assertion {
    claim: Claim,
    place: &'static Location<'static>,
    state: Own<State>,
}

/// What it keeps: the ledger's own memory.
struct State {
    /// The policy; nothing while figures are being recorded.
    judge: Option<&'static Judge>,
    rules: Rules,
    wanted: usize,
    watch: Watch,
    runs: Vec<Read>,
    /// What was live after each run, without what it returned.
    kept: Vec<i64>,
    patience: Duration,
}

/// What every operation did in one run, by path.
type Read = BTreeMap<String, (BTreeMap<Figure, i64>, Option<Site>)>;

/// A run under way.
pub(super) struct Started {
    scope: Scope,
    before: Snapshot,
}

impl Assertion {
    /// Begins one, or says why it cannot be judged. The allocator is seen to be installed before.
    pub(super) fn begin(name: &str, place: &'static Location<'static>) -> Result<Self, Own<String>> {
        let claim = Claim::of(name, place);
        match record::quietly(|| State::new(claim.node)) {
            Ok(state) => Ok(Self { claim, place, state: Own::new(|| state) }),
            Err(why) => Err(Own::new(|| why)),
        }
    }

    pub(super) fn start(&self) -> Started {
        let before = snapshot();
        let scope = enter(self.claim.node);
        assert!(scope.opened.is_some(), "no memory is left to measure this with");
        Started { scope, before }
    }

    /// Ends a run, and says what this thread did in it.
    pub(super) fn stop(&mut self, Started { scope, before }: Started) -> Tally {
        let node = self.claim.node;
        self.quietly(|state| settle(state, &scope));
        let tally = scope.finish();
        self.quietly(|state| {
            let mut read = read_of(node, &(&snapshot() - &before));
            if let Some((values, _)) = read.get_mut(&node.path()) {
                values.extend(tally.peak_bytes.map(|peak| (Figure::PeakBytes, clamped(peak))));
            }
            state.runs.push(read);
            drop(before);
        });
        tally
    }

    pub(super) fn runs_again(&self) -> bool {
        let done = self.state.runs.len();
        let again = done > 1 && done < self.state.wanted + MORE_RUNS && self.differs();
        done < self.state.wanted || again
    }

    /// Whether a figure that must repeat itself has not yet: of the operation, or of one inside it.
    fn differs(&self) -> bool {
        record::quietly(|| {
            let Ok(judge) = Judge::of_this_process() else { return false };
            let paths: BTreeSet<&String> = self.state.runs.iter().flat_map(BTreeMap::keys).collect();
            paths.into_iter().any(|path| {
                let rules = judge.book.policy.rules(path, &judge.environment);
                rules.limits.iter().any(|(figure, limit)| self.wobbles(path, *figure, limit))
            })
        })
    }

    fn wobbles(&self, path: &str, figure: Figure, limit: &FigureLimit) -> bool {
        if limit.exact.is_none() && !limit.ratchet {
            return false;
        }
        let of = |run: &Read| run.get(path).map_or(Some(0), |(values, _)| values.get(&figure).copied());
        let Some(over) = self.state.runs.iter().map(of).collect::<Option<Vec<i64>>>() else { return false };
        let wobbles = |value: Observed| value.highest.saturating_sub(value.value) > limit.tolerance.around(value.value);
        summed_up(figure, &over).is_some_and(|value| value.unstable && wobbles(value))
    }

    /// Drops what a run returned, as the operation's doing, and not as another time that it is entered.
    pub(super) fn give_back<R>(&mut self, out: R) {
        let scope = sharing(Scope::resume(self.claim.node, 0));
        drop(out);
        self.quietly(|state| {
            settle(state, &scope);
            let live = state.watch.read().live_bytes();
            state.kept.push(live);
        });
    }

    /// Judges the figures, and panics where one fails.
    #[track_caller]
    pub(super) fn end(self) {
        let said = Own::new(|| {
            let path = self.claim.node.path();
            let measured = measured(&path, &self.state, self.place);
            process::measured(&measured);
            let Some(judge) = self.state.judge else { return Ok(String::new()) };
            let case = judge.case();
            let mut findings = judge_assertion(&case, &path, &measured);
            findings.retain(|found| !matches!(found.status, Status::Within | Status::Unlisted | Status::NotRun));
            let (failing, warned): (Vec<Finding>, Vec<Finding>) =
                findings.into_iter().partition(|found| found.status.fails(case.policy.strict));
            match failing.is_empty() {
                true if warned.is_empty() => Ok(String::new()),
                true => Ok(warning(&path, &warned)),
                false => Err(failure(&path, &self.place, &failing)),
            }
        });
        drop(self);
        match &*said {
            Ok(nothing) if nothing.is_empty() => {}
            // Where output is captured, whoever is active would pay for it.
            Ok(warning) => record::quietly(|| eprintln!("{warning}")),
            Err(failure) => panic!("{failure}"),
        }
    }

    /// Works on the state for the ledger.
    fn quietly<R>(&mut self, work: impl FnOnce(&mut State) -> R) -> R {
        let _quiet = record::quiet();
        let mut state = self.state.take().expect("it is put back below");
        let out = work(&mut state);
        self.state.put(state);
        out
    }
}

impl State {
    fn new(node: &'static Node) -> Result<Self, String> {
        if node.id == OTHER.id {
            return Err("there are too many operations, or they are nested too deep, to measure another one".into());
        }
        let mut state = Self {
            judge: None,
            rules: Rules::default(),
            wanted: RUNS as usize,
            watch: Watch::new(node, false),
            runs: Vec::new(),
            kept: Vec::new(),
            patience: REST,
        };
        let path = node.path();
        let judge = Judge::of_this_process().as_ref();
        if std::env::var_os(RECORDING).is_none() {
            let judge = judge.map_err(|error| error.to_string())?;
            state.judge = Some(judge);
        }
        if let Ok(judge) = judge {
            state.rules = judge.book.policy.rules(&path, &judge.environment);
            let Judge { book, .. } = judge;
            if state.rules.limits.is_empty() && book.policy.unlisted != Unlisted::Allow && state.judge.is_some() {
                return Err(format!(
                    "budget {path:?}: no limit in {} applies to it, so there is nothing to hold it against: add\n\
                     \n    [operation.{path:?}]\n    allocs = \"ratchet\"\n",
                    book.policy.file
                ));
            }
        }
        state.wanted = state.rules.runs.unwrap_or(RUNS) as usize;
        if state.rules.limits.contains_key(&Figure::LiveBytesPerIteration) {
            state.wanted = state.wanted.max(RUNS_OF_ITERATIONS);
        }
        Ok(state)
    }
}

/// Enters the operation, so that threads which are spawned in it count, where that can be had.
fn enter(node: &'static Node) -> Scope {
    sharing(Scope::enter(node))
}

fn sharing(scope: Scope) -> Scope {
    #[cfg(heapledger_interpose)]
    let scope = scope.with_threads();
    scope
}

/// Waits, bounded, until two readings are equal and every thread that began in the operation has ended.
fn settle(state: &mut State, scope: &Scope) {
    let began = Instant::now();
    let mut wait = Duration::from_micros(1);
    let mut last = state.watch.read();
    loop {
        let running = !scope.threads().is_empty();
        let now = state.watch.read();
        if now == last && !running {
            return;
        }
        if began.elapsed() > state.patience {
            // Threads that stay are not waited for as long again.
            state.patience = (state.patience / 2).max(Duration::from_millis(10));
            return;
        }
        last = now;
        std::thread::sleep(wait);
        wait = (wait * 2).min(Duration::from_millis(10));
    }
}

/// What the operation and those inside it did, each with all that is below it. Several inside may have one path. Those
/// that are asserted by themselves are judged there, for what they do here is that of several runs.
fn read_of(node: &'static Node, did: &Snapshot) -> Read {
    let claimed = pooled(|pool| pool.claimed.clone());
    let within = |one: &'static Node| std::iter::successors(Some(one), |one| one.parent);
    let up_to_here = |one| within(one).take_while(|above| above.id != node.id);
    let inside: Vec<_> = did.rows().filter(|(one, _)| one.is_within(node)).collect();
    let mut totals: HashMap<u32, Tally> = HashMap::new();
    for (one, row) in &inside {
        for above in up_to_here(*one).chain([node]) {
            let total = totals.entry(above.id).or_default();
            *total = total.plus(&row.own).unwrap_or(*total);
        }
    }
    let mut by_path: BTreeMap<&str, (Tally, Option<Site>)> = BTreeMap::new();
    for (one, row) in &inside {
        let total = totals.get(&one.id).copied().unwrap_or_default();
        // What did not run in this run is not in it.
        let ran = row.scopes > 0 || !total.is_idle() || one.id == node.id;
        if !ran || up_to_here(*one).any(|above| claimed.contains(&above.id)) {
            continue;
        }
        let (sum, site) = by_path.entry(&row.path).or_default();
        *sum = sum.plus(&total).unwrap_or(*sum);
        *site = site.take().or_else(|| row.site.clone());
    }
    by_path.into_iter().map(|(path, (total, site))| (path.to_string(), (values_of(&total), site))).collect()
}

fn values_of(total: &Tally) -> BTreeMap<Figure, i64> {
    BTreeMap::from([
        (Figure::Allocs, clamped(total.allocs)),
        (Figure::AllocatedBytes, clamped(total.allocated_bytes)),
        (Figure::LiveBytes, total.live_bytes),
        (Figure::NetBytes, total.net_bytes()),
    ])
}

/// Sums up the runs.
fn measured(path: &str, state: &State, place: &'static Location<'static>) -> BTreeMap<String, Measured> {
    let mut all: BTreeMap<String, Measured> = BTreeMap::new();
    let paths: BTreeSet<&String> = state.runs.iter().flat_map(BTreeMap::keys).collect();
    for inner in paths {
        let mut values = BTreeMap::new();
        for figure in Figure::ALL {
            // An operation that a run did not enter did nothing in it.
            let of = |run: &Read| match run.get(inner) {
                Some((values, _)) => values.get(&figure).copied(),
                None => (figure != Figure::PeakBytes && figure != Figure::LiveBytesPerIteration).then_some(0),
            };
            let over: Option<Vec<i64>> = state.runs.iter().map(of).collect();
            values.extend(over.and_then(|over| Some((figure, summed_up(figure, &over)?))));
        }
        let site = state.runs.iter().find_map(|run| run.get(inner)?.1.clone());
        let inside = (inner != path).then(|| path.to_string());
        all.insert(inner.clone(), Measured { values, site, inside });
    }
    if let Some(own) = all.get_mut(path) {
        own.site = Some(place.into());
        if let [first, .., last] = state.kept.as_slice() {
            let iterations = state.kept.len() as i64 - 1;
            let each = (last - first).div_euclid(iterations) + i64::from((last - first).rem_euclid(iterations) > 0);
            own.values.insert(Figure::LiveBytesPerIteration, Observed::of(each));
        }
    }
    all
}

/// Pollution only adds to counts and peaks: the least of them counts. What is kept counts in full. The first run may warm
/// up: neither what it keeps counts, nor how far it is from the others.
fn summed_up(figure: Figure, over: &[i64]) -> Option<Observed> {
    let warm = if over.len() > 1 { &over[1..] } else { over };
    let (least, most) = (*over.iter().min()?, *warm.iter().max()?);
    Some(match figure {
        Figure::Allocs | Figure::AllocatedBytes | Figure::PeakBytes => {
            let repeats = over.len() == 1 || over.iter().filter(|value| **value == least).count() > 1;
            Observed { value: least, highest: most, unstable: !repeats }
        }
        Figure::LiveBytes | Figure::NetBytes | Figure::LiveBytesPerIteration => Observed::of(most),
    })
}

/// The policy and the figures of this process's package, read once.
struct Judge {
    book: Book,
    recorded: Option<Figures>,
    environment: Environment,
}

impl Judge {
    fn of_this_process() -> &'static Result<Self, Error> {
        static JUDGE: OnceLock<Result<Judge, Error>> = OnceLock::new();
        JUDGE.get_or_init(|| {
            let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
            let folder = folder.or_else(|| std::env::current_dir().ok()).unwrap_or_default();
            let Some(book) = Book::find(&folder)? else {
                let what = format!(
                    "there is no {POLICY} in {} or above it in the workspace, so no figure can be judged: write one, or \
                     let `cargo heapledger init` write it from a first run",
                    shown(&folder)
                );
                return Err(Error(Kind::Unreadable { what }));
            };
            let environment = Environment::here();
            let recorded = book.figures(&environment)?;
            Ok(Self { book, recorded, environment })
        })
    }

    fn case(&self) -> Case<'_> {
        let Self { book, recorded, environment } = self;
        Case { policy: &book.policy, recorded: recorded.as_ref(), environment, complete: true }
    }
}

/// An operation that one assertion has for itself, from a pool: assertions may be made for ever, operations not.
struct Claim {
    node: &'static Node,
    key: Own<(u32, String)>,
}

/// Operations of assertions.
#[derive(Default)]
struct Pool {
    /// Those that none has, by what they are nested in and their name. What was given back last stands last.
    spare: HashMap<(u32, String), Vec<&'static Node>>,
    /// The ids of all.
    claimed: BTreeSet<u32>,
}

/// The ledger's own memory.
static POOL: Mutex<Option<Pool>> = Mutex::new(None);

/// How many operations of one name wait until what they own is freed, before one is taken all the same: what owns
/// something for ever, as by filling a cache, must not use up the operations that there can be.
const MOST_SPARE: usize = 16;

fn pooled<R>(work: impl FnOnce(&mut Pool) -> R) -> R {
    record::quietly(|| work(POOL.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default()))
}

impl Claim {
    fn of(name: &str, place: &'static Location<'static>) -> Self {
        let within = record::active();
        let key = Own::new(|| (within.id, name.to_string()));
        let spare = pooled(|pool| {
            let spares = pool.spare.get_mut(&*key)?;
            let at_rest = spares.iter().rposition(|node| is_at_rest(node));
            // Whoever waits longest is least likely to be touched again.
            let taken = at_rest.or((spares.len() >= MOST_SPARE).then_some(0))?;
            Some(spares.remove(taken))
        });
        let node = spare.unwrap_or_else(|| {
            let node = registry::apart(within, name, Some(place));
            pooled(|pool| pool.claimed.insert(node.id));
            node
        });
        Self { node, key }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        pooled(|pool| pool.spare.entry((*self.key).clone()).or_default().push(self.node));
    }
}

/// Whether nothing can happen in the operation any more: it owns nothing that somebody may free, and no thread is in it.
/// A thread that began in it and runs owns what `JoinHandle` waits for.
fn is_at_rest(node: &'static Node) -> bool {
    let owns = Watch::new(node, false).read().tally(None);
    let mut running = Vec::new();
    let is_left = |shard: &'static Shard, running: &mut Vec<Running>| {
        running.clear();
        shard.running(running) && !running.iter().any(|scope| scope.node.is_within(node))
    };
    owns.live_blocks == 0 && owns.live_bytes == 0 && SHARDS.iter().all(|shard| is_left(shard, &mut running))
}
