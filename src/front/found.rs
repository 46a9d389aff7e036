//! What assertions, leak tests and scopes found, kept until the process ends, and all that is reported then. Whether it
//! is asked for, and where it goes, is for `process`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::disk::Announced;
use crate::judging::budget::{Blind, Denied, LeakTested, Measured, Part, Run};
use crate::reading::{Data, Environment, snapshot};
use crate::record;
use crate::registry::{self, Gated};
use crate::words::{Node, OperationId};

/// The process that is to report, by its number; zero is none. A child that it forks has its findings, and must not
/// report them.
static REPORTING: AtomicU32 = AtomicU32::new(0);
static LOG: Gated<Log> = Gated::new(Log {
    measured: Vec::new(),
    leak_tests: Vec::new(),
    denied: Vec::new(),
    denying: BTreeSet::new(),
    unmet: Vec::new(),
});

/// The ledger's own memory.
#[derive(Default)]
struct Log {
    measured: Vec<(String, Measured)>,
    leak_tests: Vec<LeakTested>,
    denied: Vec<Denied>,
    /// A hot loop may deny the same operation a million times.
    denying: BTreeSet<OperationId>,
    unmet: Vec<String>,
}

/// From now on findings are kept, in the process with this number.
pub(super) fn is_asked_of(process: u32) {
    REPORTING.store(process, Relaxed);
}

/// Writes the report of this process, which runs `program`.
pub(super) fn report(announced: &Announced, program: &str, asserted_blindly: bool) -> io::Result<()> {
    let run = Run { complete: false, clean: true, parts: vec![part(program, asserted_blindly)] };
    announced.report(&run.to_json())
}

fn part(program: &str, asserted_blindly: bool) -> Part {
    // A private operation is left out: the test that has it notes its figures itself.
    let shared = snapshot().report_of(|node| !node.private);
    let mut report = Data::clone(&shared.0);
    let mut blind = Vec::new();
    if !record::installed() {
        report.processes = 0;
        blind.push(Blind { program: program.into(), asserted: asserted_blindly });
    }
    let mut part = Part {
        environment: Environment::here(),
        blind,
        measured: Default::default(),
        leak_tests: Vec::new(),
        denied: Vec::new(),
        denying: Vec::new(),
        unmet: Vec::new(),
        report,
    };
    let log = LOG.with(std::mem::take);
    log.measured.into_iter().for_each(|(path, measured)| part.note(path, measured));
    part.leak_tests = log.leak_tests;
    part.denied = log.denied;
    part.unmet = log.unmet;
    part.denying = log.denying.iter().filter_map(|id| registry::find_by_id(*id)).map(Node::path).collect();
    part.denying.sort();
    part.denying.dedup();
    part
}

/// Whether findings of this process are to be reported.
pub(super) fn is_reported() -> bool {
    REPORTING.load(Relaxed) == std::process::id()
}

/// Notes a finding, if it is to be reported.
fn note<T>(found: impl FnOnce() -> T, add: impl FnOnce(&mut Log, T)) {
    if is_reported() {
        record::quietly(|| {
            let found = found();
            LOG.with(|log| add(log, found));
        });
    }
}

/// Notes what an assertion measured.
pub(super) fn measured(measured: &BTreeMap<String, Measured>) {
    note(|| measured.clone(), |log, measured| log.measured.extend(measured));
}

/// Notes what an asserted leak test found.
pub(super) fn leak_tested(found: impl FnOnce() -> LeakTested) {
    note(found, |log, found| log.leak_tests.push(found));
}

/// Notes that what a variable of the environment asks for is not done.
pub(super) fn unmet(variable: &str, what: &str) {
    note(|| format!("{variable}: {what}"), |log, unmet| log.unmet.push(unmet));
}

/// Notes that an operation must not allocate.
pub(super) fn denies(node: &Node) {
    note(|| node.id, |log, id| log.denying.extend([id]));
}

/// Notes that a scope allocated although it must not.
pub(super) fn denied(found: impl FnOnce() -> Denied) {
    note(found, |log, found| log.denied.push(found));
}
