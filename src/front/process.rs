//! What a process reports when it ends: everything it measured, written for `cargo heapledger` into the folder that an
//! environment variable names. The file that announces a process stays until the report is written, so a process that
//! left no report is seen to be missing. Reports are written whole or not at all.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use once_cell::race::OnceBox;

use crate::disk::{Announced, FOLDER, UNNAMED};
#[cfg(feature = "serde")]
use crate::judging::budget::{Blind, Part, Run};
use crate::judging::budget::{Denied, LeakTested, Measured};
use crate::record;
use crate::words::{Cause, Error, Node, OperationId};

/// Whether the process could not announce itself: then its report would not be missed.
static UNANNOUNCED: AtomicBool = AtomicBool::new(false);
/// Whether something was asserted although no allocation could be seen.
static ASSERTED_BLINDLY: AtomicBool = AtomicBool::new(false);
/// The reporter of this process; holds `None` if no report is asked for.
static REPORTER: OnceBox<Option<Reporter>> = OnceBox::new();
static LOG: Mutex<Log> =
    Mutex::new(Log { measured: Vec::new(), leak_tests: Vec::new(), denied: Vec::new(), denying: BTreeSet::new() });

/// A process that is to report what it measured.
struct Reporter {
    announced: Announced,
    program: String,
    /// The process that announced itself. A child that it forks has its figures, and must not report them.
    process: u32,
}

/// What assertions found, until it is reported. The ledger's own memory.
struct Log {
    measured: Vec<(String, Measured)>,
    leak_tests: Vec<LeakTested>,
    denied: Vec<Denied>,
    /// A hot loop may deny the same operation a million times.
    denying: BTreeSet<OperationId>,
}

/// Whether heapledger is the global allocator. Before this returns, the process has announced itself, if a report is
/// asked for.
#[inline]
pub(crate) fn announced_and_installed() -> bool {
    record::installed_after(|| {
        reporter();
    })
}

/// The gate for whatever means nothing without the allocator.
///
/// # Panics
/// When heapledger is not the global allocator.
#[track_caller]
pub(crate) fn must_be_installed() {
    if !record::installed() {
        panic!("{}", Error(Cause::NotInstalled));
    }
}

/// The gate for everything that judges: a check that cannot see must not pass.
///
/// # Panics
/// When heapledger is not the global allocator, and when a report is asked for and cannot be written.
#[track_caller]
pub(crate) fn must_see() {
    if !announced_and_installed() {
        ASSERTED_BLINDLY.store(true, Relaxed);
    }
    must_be_installed();
    assert!(!UNANNOUNCED.load(Relaxed), "what this process measures is asked for, and cannot be written");
}

/// The reporter of this process; `None` if no report is asked for. Other threads wait while one finds out, so that no
/// finding is missed. A fork waits too, so that the child does not wait for ever.
fn reporter() -> Option<&'static Reporter> {
    if let Some(reporter) = REPORTER.get() {
        return reporter.as_ref();
    }
    record::quietly(|| record::lock_over_forks(|| REPORTER.get_or_init(|| Box::new(Reporter::announced())).as_ref()))
}

fn complain(folder: &Path, what: &str) {
    // Standard error may be closed.
    let _ = writeln!(
        std::io::stderr(),
        "heapledger: the report of this process could not be written to {}: {what}",
        folder.display()
    );
}

extern "C" fn report_at_exit() {
    // Unwinding stops here. The announcement then stays, and shows that the report is missing.
    let _ = std::panic::catch_unwind(|| {
        record::quietly(|| {
            reporter().filter(|reporter| reporter.process == std::process::id()).map(Reporter::write_report)
        });
    });
}

impl Reporter {
    /// Announces this process, if a report is asked for.
    fn announced() -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os(FOLDER).filter(|folder| !folder.is_empty())?);
        let program = std::env::args_os().next().map(PathBuf::from);
        let program = program.as_deref().and_then(Path::file_name);
        let program = program.map_or(UNNAMED.into(), |name| name.to_string_lossy()).into_owned();
        let process = std::process::id();
        let announced = match Announced::announce(folder.clone(), process, &program) {
            Ok(announced) => announced,
            Err(error) => {
                complain(&folder, &error.to_string());
                UNANNOUNCED.store(true, Relaxed);
                return None;
            }
        };
        if !record::at_exit(report_at_exit) {
            complain(&folder, "there is no place for work at the end of a process here");
        }
        Some(Self { announced, program, process })
    }

    /// Writes the report, or the note that there can be none.
    fn write_report(&self) {
        #[cfg(feature = "serde")]
        let written = self.announced.report(&Run { complete: false, clean: true, parts: vec![self.part()] }.to_json());
        #[cfg(not(feature = "serde"))]
        let written = self.announced.report_unable(&self.program);
        if let Err(error) = written {
            complain(self.announced.folder(), &error.to_string());
        }
    }

    #[cfg(feature = "serde")]
    fn part(&self) -> Part {
        // A private operation is left out: the test that has it notes its figures itself.
        let shared = crate::reading::snapshot().report_of(|node| !node.private);
        let mut report = crate::reading::Data::clone(&shared.0);
        let mut blind = Vec::new();
        if !record::installed() {
            report.processes = 0;
            blind.push(Blind { program: self.program.clone(), asserted: ASSERTED_BLINDLY.load(Relaxed) });
        }
        let mut part = Part {
            environment: crate::reading::Environment::here(),
            blind,
            measured: Default::default(),
            leak_tests: Vec::new(),
            denied: Vec::new(),
            denying: Vec::new(),
            report,
        };
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        log.measured.drain(..).for_each(|(path, measured)| part.note(path, measured));
        part.leak_tests.append(&mut log.leak_tests);
        part.denied.append(&mut log.denied);
        part.denying = log.denying.iter().filter_map(|id| crate::registry::find_by_id(*id)).map(Node::path).collect();
        part.denying.sort();
        part.denying.dedup();
        part
    }
}

/// Whether findings of this process are to be reported.
pub(crate) fn is_reported() -> bool {
    reporter().is_some_and(|reporter| reporter.process == std::process::id())
}

/// Notes a finding, if it is to be reported.
fn note(add: impl FnOnce(&mut Log)) {
    if is_reported() {
        record::quietly(|| add(&mut LOG.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// Notes what an assertion measured.
pub(crate) fn measured(measured: &std::collections::BTreeMap<String, Measured>) {
    note(|log| log.measured.extend(measured.iter().map(|(path, measured)| (path.clone(), measured.clone()))));
}

/// Notes what an asserted leak test found.
pub(crate) fn leak_tested(found: impl FnOnce() -> LeakTested) {
    note(|log| log.leak_tests.push(found()));
}

/// Notes that an operation must not allocate.
pub(crate) fn denies(node: &Node) {
    note(|log| {
        log.denying.insert(node.id);
    });
}

/// Notes that a scope allocated although it must not.
pub(crate) fn denied(found: impl FnOnce() -> Denied) {
    note(|log| log.denied.push(found()));
}
