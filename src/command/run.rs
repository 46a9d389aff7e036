//! `cargo heapledger run`: runs any program that has the allocator, and shows its report.

use std::ffi::OsString;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, bail};
use clap::Args;

use super::collect::collect;
use super::elsewhere::ElsewhereOptions;
use super::exit::Exit;
use super::patience::run_to_end;
use super::terminal::complain;
use crate::disk::{EVERY_PROCESS, FOLDER};
use crate::front::{CAPTURES, TIMELINE};
use crate::reading::{Data, Report};
use crate::record::Own;
use crate::words::{printable, span};

/// What is said where no process announced itself.
const NOBODY: &str = "there is nothing to show: heapledger is not the global allocator of this program. Add\n\n    \
                      #[global_allocator]\n    static ALLOC: heapledger::Allocator = \
                      heapledger::Allocator::system();\n\nto it";
/// Added to the signal that ended a program.
const SIGNAL: i32 = 128;

#[derive(Args)]
pub(super) struct RunOptions {
    /// Take call stacks of these operations: a path or a glob, with `@512KiB` behind it for samples; repeatable.
    #[arg(long, value_name = "GLOB")]
    capture: Vec<String>,
    /// Take down what every operation owns this often: `100ms`, `1s`.
    #[arg(long, value_name = "TIME", value_parser = as_span)]
    timeline: Option<String>,
    #[command(flatten)]
    elsewhere: ElsewhereOptions,
    /// The program, and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

/// `cargo heapledger run`.
pub(super) fn run_program(asked: &RunOptions) -> anyhow::Result<ExitCode> {
    let Some((program, arguments)) = asked.program.split_first() else { bail!("there is no program") };
    let name = printable(&program.to_string_lossy());
    // Gone when this is dropped, whatever happens.
    let reports = tempfile::tempdir().context("no folder for reports can be made")?;
    let mut command = Command::new(program);
    command.args(arguments).env(FOLDER, reports.path()).env(EVERY_PROCESS, "1");
    if !asked.capture.is_empty() {
        command.env(CAPTURES, asked.capture.join(","));
    }
    command.envs(asked.timeline.iter().map(|every| (TIMELINE, every)));
    let status = run_to_end(&mut command).with_context(|| format!("{name} cannot be run"))?;
    let (run, unseen) = collect(reports.path())?;
    for finding in &unseen {
        complain(&format!("{}: {}", printable(&finding.path), finding.note.as_deref().unwrap_or_default()));
    }
    let mut sum: Option<Data> = None;
    for report in run.parts.into_iter().map(|part| part.report).filter(|report| report.processes > 0) {
        sum = Some(match sum {
            Some(sum) => sum.plus(&report).context("the reports of its processes cannot be added up")?,
            None => report,
        });
    }
    let blind = sum.is_none();
    match sum {
        Some(report) => show(report, asked)?,
        None if unseen.is_empty() => complain(&format!("{name}: {NOBODY}")),
        None => {}
    }
    match code(status) {
        0 if blind => Ok(Exit::Blind.into()),
        code => Ok(code.into()),
    }
}

/// What is a span of time stays as it is written.
fn as_span(text: &str) -> Result<String, String> {
    span(text).map(|_| text.into())
}

/// Writes the report where it is asked for, or prints it beside what the program itself says.
fn show(report: Data, asked: &RunOptions) -> anyhow::Result<()> {
    match asked.elsewhere.take(&report)? {
        true => Ok(()),
        false => Ok(Report(Own::new(|| report)).eprint()?),
    }
}

/// What a shell says of how a program ended.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    let code = status.code().or(signal.map(|signal| SIGNAL + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
