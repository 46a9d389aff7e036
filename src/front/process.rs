//! What a process tells when it ends: everything it measured, written for `cargo heapledger` into the folder that an
//! environment variable names. A process that began and left no report is seen to be missing: the file that announces
//! it stays. Files are written whole or not at all.

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
use crate::words::{Cause, Error};

/// The process could not announce itself, so nobody will miss its report.
static UNANNOUNCED: AtomicBool = AtomicBool::new(false);
/// Something was asserted, and nothing could be seen.
static ASSERTED_BLINDLY: AtomicBool = AtomicBool::new(false);
/// Nobody, if nobody asked.
static TELLER: OnceBox<Option<Teller>> = OnceBox::new();
static LOG: Mutex<Log> = Mutex::new(Log { measured: Vec::new(), leak_tests: Vec::new(), denied: Vec::new() });

/// A process that is to tell what it measured.
struct Teller {
    announced: Announced,
    program: String,
    /// A forked child has its parent's figures, and tells nothing.
    process: u32,
}

/// What assertions found, until it is told. The ledger's own memory.
struct Log {
    measured: Vec<(String, Measured)>,
    leak_tests: Vec<LeakTested>,
    denied: Vec<Denied>,
}

/// Whether heapledger is the global allocator. The first to ask has the process tell what it measured when it ends, if
/// somebody asked for that.
#[inline]
pub(crate) fn begun() -> bool {
    record::installed_after(|| {
        teller();
    })
}

/// For whatever judges: a check that cannot see must not pass.
///
/// # Panics
/// When heapledger is not the global allocator, and when what is measured is asked for and cannot be told.
#[track_caller]
pub(crate) fn must_see() {
    if !begun() {
        ASSERTED_BLINDLY.store(true, Relaxed);
        panic!("{}", Error(Cause::NotInstalled));
    }
    assert!(!UNANNOUNCED.load(Relaxed), "what this process measures is asked for, and cannot be written");
}

/// Whoever tells. Others wait while one finds out, so that nothing is missed; a fork waits too, so that the child does
/// not wait for ever.
fn teller() -> Option<&'static Teller> {
    if let Some(teller) = TELLER.get() {
        return teller.as_ref();
    }
    record::quietly(|| record::lock_over_forks(|| TELLER.get_or_init(|| Box::new(Teller::announced())).as_ref()))
}

fn complain(folder: &Path, what: &str) {
    // Nobody may be there to read it.
    let _ = writeln!(
        std::io::stderr(),
        "heapledger: the report of this process could not be written to {}: {what}",
        folder.display()
    );
}

extern "C" fn tell() {
    // Unwinding stops here; the announcement that stays says that something is missing.
    let _ = std::panic::catch_unwind(|| {
        record::quietly(|| teller().filter(|teller| teller.process == std::process::id()).map(Teller::tell));
    });
}

impl Teller {
    /// Announces this process, if somebody wants to know of it.
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
        if !record::at_exit(tell) {
            complain(&folder, "there is no place for work at the end of a process here");
        }
        Some(Self { announced, program, process })
    }

    /// Writes the report, or says that there can be none.
    fn tell(&self) {
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
        // What one test has for itself it tells itself.
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
            report,
        };
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        log.measured.drain(..).for_each(|(path, measured)| part.note(path, measured));
        part.leak_tests.append(&mut log.leak_tests);
        part.denied.append(&mut log.denied);
        part
    }
}

/// Takes note of a finding, if it is to be told.
fn note(add: impl FnOnce(&mut Log)) {
    if teller().is_some_and(|teller| teller.process == std::process::id()) {
        record::quietly(|| add(&mut LOG.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// Takes note of what an assertion measured.
pub(crate) fn measured(measured: &std::collections::BTreeMap<String, Measured>) {
    note(|log| log.measured.extend(measured.iter().map(|(path, measured)| (path.clone(), measured.clone()))));
}

/// Takes note of what an asserted leak test found.
pub(crate) fn leak_tested(found: impl FnOnce() -> LeakTested) {
    note(|log| log.leak_tests.push(found()));
}

/// Takes note of a scope that allocated, and must not have.
pub(crate) fn denied(found: impl FnOnce() -> Denied) {
    note(|log| log.denied.push(found()));
}
