//! Functions and lines of stripped programs, for `cargo heapledger show`: where files with their symbols may be, and
//! what is said where there are none.

use std::path::PathBuf;

use super::project::metadata;
use super::terminal::complain;
use crate::reading::{Data, Unfound};
use crate::words::printable;

/// Where the debug files of the system's packages are.
const SYSTEM: &str = "/usr/lib/debug";

/// Looks up of what the report knows no functions or no lines: in these folders, in the system's and in what the
/// project built. Says which symbols are missing then.
pub(super) fn find_symbols(mut report: Data, asked: &[PathBuf]) -> Data {
    let mut folders = asked.to_vec();
    folders.push(SYSTEM.into());
    // Outside a project nothing was built.
    folders.extend(metadata().map(|known| known.target_directory.as_std_path().to_path_buf()));
    for Unfound { module, build_id, has_names } in report.find_symbols(&folders) {
        let (module, what) = (printable(module), if has_names { "lines" } else { "symbols" });
        match build_id {
            Some(id) => complain(&format!(
                "note: the {what} of {module} with build id {} were not found: --debug-dir takes the folder of that \
                 program as it was before it was stripped, or of its debug file",
                printable(id)
            )),
            None => complain(&format!("note: {module} has no build id, without which nobody finds its {what}")),
        }
    }
    report
}
