//! The run before: `test`, `record`, `merge` and `init` keep what was measured, `review` and `accept` come back to it.

use anyhow::bail;

use super::collect::read_run;
use super::project::{Project, in_ci, write_scratch};
use super::terminal::complain;
use crate::disk::shown;
use crate::judging::budget::Run;

/// The file, in the folder that stays from run to run.
const LAST: &str = "last-run.json";

/// Keeps the run for `review` and `accept`. Not in CI, where nobody comes back to it. A run that cannot be kept is
/// judged all the same.
pub(super) fn keep(project: &Project, run: &Run) {
    if in_ci() {
        return;
    }
    let kept = project.scratch().and_then(|scratch| write_scratch(&scratch.join(LAST), &run.to_json()));
    if let Err(error) = kept {
        complain(&format!("warning: `review` and `accept` will not know this run: {error:#}"));
    }
}

/// The run that was kept last.
pub(super) fn last_run(project: &Project) -> anyhow::Result<Run> {
    let file = project.scratch()?.join(LAST);
    if !file.exists() {
        bail!("no run is known: `cargo heapledger test` first, which writes {}", shown(&file));
    }
    read_run(&file)
}
