//! Running tests: cargo in its own words, and then the reports that the test processes left.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::cli::{Exit, Project, RunOptions};
use super::outcome::{self, Outcome};

use crate::disk::{BEGUN, Book, FOLDER, POLICY, POLICY_AT, RECORDING, REPORT, UNABLE, read, shown};
use crate::judging::budget::{Finding, Run};

/// Reports of one process are no larger.
const LARGEST: u64 = 1 << 30;

/// What a run of the tests brought.
pub(super) struct Ran {
    pub(super) run: Run,
    /// Processes that left no report.
    pub(super) unseen: Vec<Finding>,
    /// All tests passed.
    pub(super) passed: bool,
}

impl Project {
    /// The policy.
    pub(super) fn book(&self) -> anyhow::Result<Book> {
        match self.find_book()? {
            Some(book) => Ok(book),
            None => bail!(
                "there is no {POLICY} here or above, up to the workspace: `cargo heapledger init` writes one from a first run"
            ),
        }
    }

    pub(super) fn find_book(&self) -> anyhow::Result<Option<Book>> {
        match &self.policy {
            Some(path) => Ok(Some(Book::open(path.clone())?)),
            None => Ok(Book::find(&std::env::current_dir()?)?),
        }
    }

    /// The folder for what the command keeps from run to run: in cargo's target folder.
    pub(super) fn scratch(&self) -> anyhow::Result<PathBuf> {
        let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec();
        let metadata = metadata.context("cargo cannot say where this project is")?;
        let folder = metadata.target_directory.into_std_path_buf().join("heapledger");
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", shown(&folder)))?;
        Ok(folder)
    }
}

/// Whether this is a machine that builds for others: then nothing in the project is written.
pub(super) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// `cargo heapledger test`.
pub(super) fn test(project: &Project, asked: &RunOptions) -> anyhow::Result<Exit> {
    let book = project.book()?;
    let ran = run_tests(project, Some(&book), asked, false)?;
    let outcome = Outcome::of(&book, &ran, asked.show.strict)?;
    outcome::keep(project, &ran.run);
    outcome.show(project, &asked.show, &ran.run)?;
    if in_ci() {
        super::keep::print_patches(&book, &ran.run)?;
    }
    Ok(outcome.exit())
}

/// Runs the tests, and collects what they measured.
pub(super) fn run_tests(
    project: &Project,
    book: Option<&Book>,
    asked: &RunOptions,
    recording: bool,
) -> anyhow::Result<Ran> {
    let scratch = project.scratch()?;
    // Gone when this is dropped, whatever happens.
    let reports = tempfile::Builder::new().prefix("reports-").tempdir_in(&scratch);
    let reports = reports.with_context(|| format!("no folder for reports can be made in {}", shown(&scratch)))?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    match asked.nextest {
        true => cargo.args(["nextest", "run"]),
        false => cargo.arg("test"),
    };
    // A binary that fails must not hide what those after it measure.
    if !asked.arguments.iter().any(|argument| says_when_to_stop(&argument.to_string_lossy())) {
        cargo.arg("--no-fail-fast");
    }
    cargo.args(&asked.arguments).env(FOLDER, std::path::absolute(reports.path())?);
    if let Some(book) = book {
        cargo.env(POLICY_AT, std::path::absolute(&book.path)?);
    }
    if recording {
        cargo.env(RECORDING, "1");
    }
    let status = cargo.status().context("cargo cannot be run")?;
    let (run, unseen) = collect(reports.path())?;
    if run.parts.is_empty() && unseen.is_empty() && !status.success() {
        bail!("the tests failed ({status}) before any of them reported what it measured");
    }
    let complete = asked.complete || (!selects(&asked.arguments) && every_member(&asked.arguments)?);
    Ok(Ran {
        run: Run { complete, clean: status.success() && unseen.is_empty(), ..run },
        unseen,
        passed: status.success(),
    })
}

/// Whether an argument of cargo test or nextest says what happens after a failure.
fn says_when_to_stop(argument: &str) -> bool {
    matches!(argument, "--no-fail-fast" | "--nff" | "--fail-fast" | "--ff") || argument.starts_with("--max-fail")
}

/// Whether the tests of every package of the workspace run where none is selected: not so in the folder of one of many,
/// and not beside a root package unless `--workspace` says so.
fn every_member(arguments: &[std::ffi::OsString]) -> anyhow::Result<bool> {
    if arguments.iter().any(|argument| argument == "--workspace" || argument == "--all") {
        return Ok(true);
    }
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec();
    let metadata = metadata.context("cargo cannot say where this project is")?;
    let here = std::env::current_dir()?.canonicalize()?;
    let package = here.ancestors().find(|folder| folder.join("Cargo.toml").exists());
    let at_root = package == Some(&*metadata.workspace_root.as_std_path().canonicalize()?);
    let selected = if at_root { metadata.workspace_default_members.len() } else { 1 };
    Ok(selected == metadata.workspace_members.len())
}

/// Whether arguments of cargo test select a part of the tests.
fn selects(arguments: &[std::ffi::OsString]) -> bool {
    const PLAIN: [&str; 16] = [
        "--release",
        "-r",
        "--all-features",
        "--no-default-features",
        "--workspace",
        "--all",
        "--locked",
        "--offline",
        "--frozen",
        "--no-fail-fast",
        "-q",
        "--quiet",
        "-v",
        "--verbose",
        "-vv",
        "--nocapture",
    ];
    const WITH_VALUE: [&str; 11] = [
        "--profile",
        "--features",
        "-F",
        "--target",
        "--target-dir",
        "--manifest-path",
        "-j",
        "--jobs",
        "--color",
        "--config",
        "--test-threads",
    ];
    let mut arguments = arguments.iter().map(|argument| argument.to_string_lossy());
    while let Some(argument) = arguments.next() {
        if WITH_VALUE.contains(&&*argument) {
            arguments.next();
        } else if argument != "--"
            && !PLAIN.contains(&&*argument)
            && !WITH_VALUE.iter().any(|known| argument.strip_prefix(known).is_some_and(|rest| rest.starts_with('=')))
        {
            return true;
        }
    }
    false
}

/// Adds up the reports in a folder. Processes that began and left none are findings.
pub(super) fn collect(folder: &Path) -> anyhow::Result<(Run, Vec<Finding>)> {
    let mut run = Run::default();
    let mut unseen = Vec::new();
    let files = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut files: Vec<PathBuf> =
        files.with_context(|| format!("{} cannot be read", shown(folder)))?.iter().map(|file| file.path()).collect();
    files.sort();
    let progress = outcome::progress("reading reports", files.len());
    for file in &files {
        progress.inc(1);
        match file.extension().and_then(OsStr::to_str) {
            Some(REPORT) => {
                let text = read(file, LARGEST)?;
                let one = Run::from_json(&text).with_context(|| format!("{} cannot be read", shown(file)))?;
                run.merge(one)?;
            }
            Some(BEGUN) => {
                let note =
                    "it ended without a report: it was killed, or aborted, or could not write (is the disk full?)";
                unseen.push(Finding::blind(&program(file), note));
            }
            Some(UNABLE) => {
                let note = "it is built without heapledger's feature `serde`, so it cannot report: add \
                            `features = [\"serde\"]` to the dependency";
                unseen.push(Finding::blind(&program(file), note));
            }
            _ => {}
        }
    }
    progress.finish_and_clear();
    Ok((run, unseen))
}

fn program(file: &Path) -> String {
    read(file, 1 << 16).ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "(unnamed)".into())
}
