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
    run_in(file, &read(file, LARGEST)?)
}

/// A run from the text of a file.
pub(super) fn run_in(file: &Path, text: &str) -> anyhow::Result<Run> {
    Run::from_json(text).with_context(|| format!("{} cannot be read", shown(file)))
}

/// All runs as one, which is clean if every one is. Whether it is complete is for the caller to say: no run knows the
/// others.
pub(super) fn add_up(runs: impl IntoIterator<Item = anyhow::Result<Run>>) -> anyhow::Result<Run> {
    let mut clean = true;
    // Sums of so many runs each, every one of more than the one behind it: so no figure is added more often than the
    // number of runs can be halved.
    let mut sums: Vec<(usize, Run)> = Vec::new();
    for run in runs {
        let mut last = (1, run?);
        clean &= last.1.clean;
        while let Some((count, mut sum)) = sums.pop_if(|(count, _)| *count <= last.0) {
            sum.merge(last.1)?;
            last = (count + last.0, sum);
        }
        sums.push(last);
    }
    let mut all = Run::default();
    while let Some((_, mut sum)) = sums.pop() {
        sum.merge(all)?;
        all = sum;
    }
    all.arrange();
    Ok(Run { complete: false, clean, parts: all.parts })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judging::budget::Part;
    use crate::reading::Environment;
    use crate::words::{Tally, json_text};

    #[test]
    fn a_sum_is_clean_if_every_run_is_and_never_whole_by_itself() {
        let run = |clean| Ok(Run { complete: true, clean, ..Run::default() });
        for (runs, clean) in [(vec![], true), (vec![run(true), run(true)], true), (vec![run(true), run(false)], false)]
        {
            let sum = add_up(runs).expect("nothing overflows");
            assert_eq!((sum.complete, sum.clean, sum.parts.len()), (false, clean, 0));
        }
    }

    /// A run of one process, in which `names` did something.
    fn run_of(names: impl Iterator<Item = String>) -> Run {
        let tally = Tally { allocs: 1, allocated_bytes: 64, live_blocks: 1, live_bytes: 64, ..Tally::default() };
        let tally = json_text(&tally);
        let row = |name| {
            format!(r#"{{"path":"{name}","scopes":1,"threads":1,"peak_error":0,"own":{tally},"total":{tally}}}"#)
        };
        let rows = Vec::from_iter(names.map(row)).join(",");
        let report = format!(
            r#"{{"schema":2,"processes":1,"difference":false,"process_bytes":0,"process_peak_error":0,"misnested":0,
            "refused":0,"foreign":0,"shards":1,"shard_bytes":1,"rows":[{rows}]}}"#
        );
        let report = crate::Report::from_json(&report).expect("it is a report");
        let part = Part {
            environment: Environment::here(),
            blind: Vec::new(),
            measured: Default::default(),
            leak_tests: Vec::new(),
            denied: Vec::new(),
            denying: Vec::new(),
            unmet: Vec::new(),
            report: crate::reading::Data::clone(&report.0),
        };
        Run { complete: true, clean: true, parts: vec![part] }
    }

    #[test]
    fn every_number_of_runs_adds_up_to_the_same_as_one_after_the_other() {
        for count in 0..20_u64 {
            let names = |at| (0..3_u64).map(move |name| format!("shared {name}/own {}", at * name));
            let run = add_up((0..count).map(|at| Ok(run_of(names(at))))).expect("nothing overflows");
            let reports = (0..count).map(|at| run_of(names(at)).parts.remove(0).report);
            let expected = reports.reduce(|sum, next| sum.plus(&next).expect("nothing overflows"));
            assert_eq!(run.parts.first().map(|part| &part.report), expected.as_ref(), "{count} runs");
        }
    }

    /// `cargo test --release --lib command::collect -- --nocapture` prints what 2,000 processes take.
    #[test]
    fn adding_up_processes_takes_time_and_memory_in_proportion_to_their_names() {
        let processes = if cfg!(debug_assertions) { 200 } else { 2_000 };
        let made = Vec::from_iter((0..processes).map(|at| run_of((0..500).map(|name| format!("p{at}/n{name}")))));
        let began = std::time::Instant::now();
        let (run, did) = crate::measure("adds up", || add_up(made.into_iter().map(Ok)).expect("nothing overflows"));
        println!("{processes} processes of 500 names: {:?}, {did}", began.elapsed());
        let rows = &run.parts[0].report.rows;
        assert_eq!((rows.len(), rows[0].total.live_bytes), (processes * 501, 500 * 64));
        // Rows are moved; what is allocated are lists of them, once for each time that the processes can be halved.
        let halvings = u64::from(processes.ilog2()) + 4;
        let most = rows.len() as u64 * halvings * 2 * size_of::<crate::Row>() as u64;
        assert!(did.allocated_bytes < most, "{did}, and {most} B are the most");
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
