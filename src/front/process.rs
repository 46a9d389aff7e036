//! When a process reports what it found, and the gate for everything that judges. A report is for the command: it goes
//! into the folder that an environment variable names. The file that announces a process stays until the report is
//! written, so a process that left no report is seen to be missing. Reports are written whole or not at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use once_cell::race::OnceBox;

use super::found;
#[cfg(feature = "lines")]
use super::requested::begin_requested;
use super::requested_timeline::{TIMELINE, begin_requested_timeline};
use super::variables::is_set;
use super::wanted::{begin_wanted, is_wanted};
use crate::disk::{Announced, EVERY_PROCESS, FOLDER, UNNAMED};
use crate::reading::program;
use crate::record;
use crate::words::{Cause, Error};

/// Whether the process could not announce itself: then its report would not be missed.
static UNANNOUNCED: AtomicBool = AtomicBool::new(false);
/// Whether something was asserted although no allocation could be seen.
static ASSERTED_BLINDLY: AtomicBool = AtomicBool::new(false);
/// The reporter of this process; holds `None` if no report is asked for.
static REPORTER: OnceBox<Option<Reporter>> = OnceBox::new();

/// A process that is to report what it measured.
struct Reporter {
    announced: Announced,
    program: String,
    /// The process that announced itself. A child that it forks must not report for it.
    process: u32,
}

record::before_main!(begin);

/// Before `main`: a process of which a report is wanted may never enter an operation. And what libraries do before a
/// fork must come before the registry's lock is taken, so that none of them waits for a thread that waits for it: what
/// is registered first is done last.
extern "C" fn begin() {
    // Now that the inner allocator has served, its own handlers are registered: they come after the lock is taken.
    if record::installed() {
        record::watch_forks();
    }
    if is_wanted() || is_set(EVERY_PROCESS) || is_set(TIMELINE) {
        announced_and_installed();
    }
}

/// Whether heapledger is the global allocator. Before this returns, the process has announced itself, if a report is
/// asked for, and begun the captures and the timeline that the environment asks for.
#[inline]
pub(crate) fn announced_and_installed() -> bool {
    record::installed_after(|| {
        reporter();
        #[cfg(feature = "lines")]
        begin_requested();
        begin_wanted();
        begin_requested_timeline();
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

/// The gate behind everything that judges one operation, `unopened` scopes after it began.
///
/// # Panics
/// When there was no memory for a scope since: then something was charged to the operation around the one that is
/// judged.
#[track_caller]
pub(crate) fn must_have_seen(unopened: u64) {
    assert!(record::unopened() == unopened, "there was no memory to count everything apart: nothing can be judged");
}

/// The reporter of this process; `None` if no report is asked for. Other threads wait while one finds out, so that no
/// finding is missed. A fork waits too, so that the child does not wait for ever.
fn reporter() -> Option<&'static Reporter> {
    if let Some(reporter) = REPORTER.get() {
        return reporter.as_ref();
    }
    record::quietly(|| {
        let mut wrong = None;
        let announced = || Box::new(Reporter::announced(&mut wrong));
        let reporter = record::lock_over_forks(|| REPORTER.get_or_init(announced));
        // Standard error may be another thread's, which waits for the lock.
        if let Some((folder, what)) = wrong {
            complain(&folder, &what);
        }
        reporter.as_ref()
    })
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
    /// Announces this process, if a report is asked for. Notes what goes `wrong`, and in which folder.
    fn announced(wrong: &mut Option<(PathBuf, String)>) -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os(FOLDER).filter(|folder| !folder.is_empty())?);
        let program = program().unwrap_or_else(|| UNNAMED.into());
        let process = std::process::id();
        let announced = match Announced::announce(folder.clone(), process, &program) {
            Ok(announced) => announced,
            Err(error) => {
                *wrong = Some((folder, error.to_string()));
                UNANNOUNCED.store(true, Relaxed);
                return None;
            }
        };
        if !record::at_exit(report_at_exit) {
            *wrong = Some((folder, "there is no place for work at the end of a process here".into()));
        }
        found::is_asked_of(process);
        Some(Self { announced, program, process })
    }

    /// Writes the report, or the note that there can be none.
    fn write_report(&self) {
        let asserted_blindly = ASSERTED_BLINDLY.load(Relaxed);
        if let Err(error) = found::report(&self.announced, &self.program, asserted_blindly) {
            complain(self.announced.folder(), &error.to_string());
        }
    }
}
