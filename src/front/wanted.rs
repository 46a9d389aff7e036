//! A report that the environment asks for, of programs that nobody changes: `HEAPLEDGER_REPORT`. It is written when the
//! process ends: after `main`, after `std::process::exit`, after a panic and a failing test. What is wrong with it is
//! said on standard error, and never fails the program.

use std::env;
use std::path::{self, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use once_cell::race::OnceBox;

use super::save::{save, with_process};
use super::variables::{is_set, refuse};
use crate::reading::report;
use crate::record;
use crate::render::report::renderer;

/// The file, which ends with the form of the report; or where else it goes.
const VARIABLE: &str = "HEAPLEDGER_REPORT";
/// Stands for standard error in its place: there the table is printed.
const STDERR: &str = "stderr";

/// What is wanted of this process; holds `None` if nothing is.
static WANTED: OnceBox<Option<Wanted>> = OnceBox::new();

/// Whether it is wanted of the programs that this one runs, and not of itself.
static OF_OTHERS: AtomicBool = AtomicBool::new(false);

struct Wanted {
    to: Destination,
    /// The process that was asked. A child that it forks has not run the program, but a part of it.
    process: u32,
}

enum Destination {
    Stderr,
    /// Absolute: the program may go to another folder.
    File(PathBuf),
}

/// Whether the environment asks for a report.
pub(super) fn is_wanted() -> bool {
    is_set(VARIABLE)
}

/// Leaves the report to the programs that this one runs: its own would take the place of theirs.
#[cfg(feature = "cli")]
pub(crate) fn leave_to_others() {
    OF_OTHERS.store(true, Relaxed);
}

/// From now on a report is written when the process ends, if the environment asks for one. Not to be called from inside
/// the allocator.
pub(super) fn begin_wanted() {
    if WANTED.get().is_none() && record::installed() {
        record::quietly(|| {
            let mut wrong = None;
            record::lock_over_forks(|| WANTED.get_or_init(|| Box::new(wanted(&mut wrong))));
            // Standard error may be another thread's, which waits for the lock.
            if let Some(wrong) = wrong {
                refuse(VARIABLE, &wrong);
            }
        });
    }
}

/// What is wanted, and what is `wrong` with it.
fn wanted(wrong: &mut Option<String>) -> Option<Wanted> {
    let asked = env::var_os(VARIABLE).filter(|asked| !asked.is_empty())?;
    let to = if asked == STDERR {
        Destination::Stderr
    } else {
        let file = with_process(asked.as_ref()).into_owned();
        // Said now, and not after hours.
        if let Err(unknown) = renderer(&file.to_string_lossy()) {
            *wrong = Some(unknown);
            return None;
        }
        Destination::File(path::absolute(&file).unwrap_or(file))
    };
    if !record::at_exit(write_at_exit) {
        *wrong = Some("there is no place for work at the end of a process here".into());
    }
    Some(Wanted { to, process: process::id() })
}

extern "C" fn write_at_exit() {
    if OF_OTHERS.load(Relaxed) {
        return;
    }
    // Unwinding stops here.
    let _ = std::panic::catch_unwind(|| {
        let wanted = WANTED.get().and_then(Option::as_ref).filter(|wanted| wanted.process == process::id());
        let written = wanted.map(|wanted| match &wanted.to {
            // It may be closed.
            Destination::Stderr => report().eprint().map_err(|error| error.to_string()),
            Destination::File(file) => save(&report().0, file).map_err(|error| error.to_string()),
        });
        if let Some(Err(wrong)) = written {
            refuse(VARIABLE, &wrong);
        }
    });
}
