//! What tests measured: cargo runs them, each of their processes leaves a report, and the reports are added up. How the
//! sum is judged is `outcome`'s to say.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use super::arguments::{run_all, say_when_to_stop};
use super::patience::run_to_end;
use super::project::Project;
use super::reports_folder::ReportsFolder;
use super::terminal;
use crate::disk::{Book, FOLDER, POLICY_AT, RECORDING, Trace, WITH_LINES, read, shown, traces_in};
use crate::judging::budget::{Finding, Run};

/// No file of a run or of a report is larger, be it of one process or of many.
pub(super) const LARGEST: u64 = 1 << 30;

/// What is said of a process whose report is missing.
const MISSING: &str = "it ended without a report: it was killed, or aborted, or could not write (is the disk full?)";
/// What is said of a process that has no way to report.
const UNABLE: &str = "it is built without heapledger's feature `testing`, so it cannot report: add \
                      `features = [\"testing\"]` to the dependency";

/// What a run of the tests brought.
pub(super) struct Ran {
    pub(super) run: Run,
    /// Processes that left no report.
    pub(super) unseen: Vec<Finding>,
    /// All tests passed.
    pub(super) passed: bool,
}

/// Which tests run, and why.
#[derive(Default)]
pub(super) struct CargoRun<'a> {
    /// By cargo nextest instead of cargo test.
    pub(super) nextest: bool,
    /// What runs is all there is, whatever the arguments select.
    pub(super) complete: bool,
    pub(super) arguments: &'a [OsString],
    /// What is measured is recorded afterwards: then the command judges, not the tests.
    pub(super) recording: bool,
    /// What lines have of the figures is recorded, too.
    pub(super) lines: bool,
}

/// Runs the tests, and collects what they measured.
pub(super) fn run_tests(project: &Project, book: Option<&Book>, asked: &CargoRun<'_>) -> anyhow::Result<Ran> {
    let scratch = project.scratch()?;
    let reports = ReportsFolder::new(&scratch);
    let reports = reports.with_context(|| format!("no folder for reports can be made in {}", shown(&scratch)))?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    match asked.nextest {
        true => cargo.args(["nextest", "run"]),
        false => cargo.arg("test"),
    };
    // A binary that fails must not hide what those after it measure.
    if !say_when_to_stop(asked.arguments) {
        cargo.arg("--no-fail-fast");
    }
    cargo.args(asked.arguments).env(FOLDER, std::path::absolute(reports.path())?);
    // Tests run in the folder of their package, and name places from where the user stands.
    cargo.env("PWD", std::env::current_dir()?);
    if let Some(book) = book {
        cargo.env(POLICY_AT, std::path::absolute(&book.path)?);
    }
    if asked.recording {
        cargo.env(RECORDING, if asked.lines { WITH_LINES } else { "1" });
    }
    let status = run_to_end(&mut cargo).context("cargo cannot be run")?;
    // A signal ended it.
    if status.code().is_none() {
        bail!("the tests were ended ({status}): nothing was judged, and nothing recorded");
    }
    let (run, unseen) = collect(reports.path())?;
    if run.parts.is_empty() && unseen.is_empty() && !status.success() {
        bail!("the tests failed ({status}) before any of them reported what it measured");
    }
    let complete = asked.complete || run_all(asked.arguments)?;
    Ok(Ran {
        run: Run { complete, clean: status.success() && unseen.is_empty(), ..run },
        unseen,
        passed: status.success(),
    })
}

/// Adds up the reports in a folder. Processes that began and left none are findings.
pub(super) fn collect(folder: &Path) -> anyhow::Result<(Run, Vec<Finding>)> {
    let traces = traces_in(folder).with_context(|| format!("{} cannot be read", shown(folder)))?;
    let progress = terminal::progress("reading reports", traces.len());
    let mut unseen = Vec::new();
    let reports = traces.into_iter().filter_map(|trace| {
        progress.inc(1);
        match trace {
            Trace::Report(file) => return Some(read_run(&file)),
            Trace::Missing { program } => unseen.push(Finding::blind(&program, MISSING)),
            Trace::Unable { program } => unseen.push(Finding::blind(&program, UNABLE)),
        }
        None
    });
    let run = add_up(reports)?;
    progress.finish_and_clear();
    Ok((run, unseen))
}

/// A run from a file.
pub(super) fn read_run(file: &Path) -> anyhow::Result<Run> {
    let text = read(file, LARGEST)?;
    Run::from_json(&text).with_context(|| format!("{} cannot be read", shown(file)))
}

/// All runs as one, which is clean if every one is. Whether it is complete is for the caller to say: no run knows the
/// others.
pub(super) fn add_up(runs: impl IntoIterator<Item = anyhow::Result<Run>>) -> anyhow::Result<Run> {
    let mut sum = Run { clean: true, ..Run::default() };
    for run in runs {
        let run = run?;
        sum.clean &= run.clean;
        sum.merge(run)?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_clean_if_every_run_is_and_never_whole_by_itself() {
        let run = |clean| Ok(Run { complete: true, clean, ..Run::default() });
        for (runs, clean) in [(vec![], true), (vec![run(true), run(true)], true), (vec![run(true), run(false)], false)]
        {
            let sum = add_up(runs).expect("nothing overflows");
            assert_eq!((sum.complete, sum.clean, sum.parts.len()), (false, clean, 0));
        }
    }

    #[test]
    fn the_first_run_that_cannot_be_read_ends_the_sum() {
        let mut asked = 0;
        let runs = ["one", "two"].into_iter().map(|name| {
            asked += 1;
            Err(anyhow::anyhow!("{name} cannot be read"))
        });
        assert_eq!(add_up(runs).expect_err("none can be read").to_string(), "one cannot be read");
        assert_eq!(asked, 1);
    }
}
