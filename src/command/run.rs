//! `cargo heapledger run`: runs any program that has the allocator, and shows its report.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, bail};
use clap::Args;

use super::collect::collect;
use super::elsewhere::ElsewhereOptions;
use super::exit::Exit;
use super::patience::run_to_end;
use super::terminal::complain;
use crate::disk::{EVERY_PROCESS, FOLDER, RECORDING};
use crate::front::{CAPTURES, TIMELINE};
use crate::judging::budget::{Part, incomplete};
use crate::reading::{Data, Report, ReportedTimeline};
use crate::record::Own;
use crate::words::{capture_requests, printable, span};

/// What is said where no process announced itself.
const NOBODY: &str = "there is nothing to show: heapledger is not the global allocator of this program. Add\n\n    \
                      #[global_allocator]\n    static ALLOC: heapledger::Allocator = \
                      heapledger::Allocator::system();\n\nto it";
/// Added to the signal that ended a program.
const SIGNAL: i32 = 128;

#[derive(Args)]
pub(super) struct RunOptions {
    /// Take call stacks of these operations: a path or a glob, with `@512KiB` behind it for samples; repeatable.
    #[arg(long, value_name = "GLOB", value_parser = as_captures)]
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
    asked.elsewhere.must_have_a_form()?;
    let name = printable(&program.to_string_lossy());
    // Gone when this is dropped, whatever happens.
    let reports = tempfile::tempdir().context("no folder for reports can be made")?;
    let mut command = Command::new(program);
    command.args(arguments).env(FOLDER, reports.path()).env(EVERY_PROCESS, "1").env_remove(RECORDING);
    if !asked.capture.is_empty() {
        command.env(CAPTURES, asked.capture.join(","));
    }
    command.envs(asked.timeline.iter().map(|every| (TIMELINE, every)));
    let status = run_to_end(&mut command).with_context(|| format!("{name} cannot be run"))?;
    let (run, unseen) = collect(reports.path())?;
    let mut wrong = Vec::new();
    for finding in &unseen {
        complain(&format!("{}: {}", printable(&finding.path), finding.note.as_deref().unwrap_or_default()));
    }
    let mut sum: Option<Data> = None;
    for Part { report, unmet, .. } in run.parts {
        wrong.extend(unmet);
        if report.processes == 0 {
            continue;
        }
        sum = Some(match sum {
            Some(sum) => sum.plus(&report).context("the reports of its processes cannot be added up")?,
            None => report,
        });
    }
    if let Some(report) = &sum {
        let captures =
            if asked.capture.is_empty() { Vec::from_iter(env::var(CAPTURES)) } else { asked.capture.clone() };
        let has_timeline = asked.timeline.is_some() || env::var_os(TIMELINE).is_some_and(|every| !every.is_empty());
        wrong.extend(wrong_with(report, &captures, has_timeline));
    }
    let blind = sum.is_none() || !wrong.is_empty();
    match sum {
        Some(report) => show(report, asked)?,
        None if unseen.is_empty() => complain(&format!("{name}: {NOBODY}")),
        None => {}
    }
    wrong.iter().for_each(|wrong| complain(&printable(wrong)));
    match code(status) {
        0 if blind => Ok(Exit::Blind.into()),
        code => Ok(code.into()),
    }
}

/// Why the report cannot be trusted, and what of it was asked for in vain.
fn wrong_with(report: &Data, captures: &[String], has_timeline: bool) -> Vec<String> {
    let matched =
        |glob: &str| report.captures.iter().filter(|rule| rule.pattern == glob).map(|rule| rule.matched).max();
    let requests = captures.iter().flat_map(|one| capture_requests(one)).flatten();
    let in_vain = requests.map(|request| request.glob.written).filter_map(|glob| match matched(&glob) {
        Some(true) => None,
        Some(false) => Some(format!("captured nothing of {glob}: there was no such operation")),
        None => Some(format!("captured nothing of {glob}: the program lacks heapledger's feature `lines`")),
    });
    let timeline = has_timeline.then(|| problem_of(&report.timelines)).flatten();
    let timeline = timeline.map(|wrong| format!("there is no timeline: {wrong}"));
    incomplete(report).into_iter().chain(in_vain).chain(timeline).collect()
}

/// Why timelines do not tell what was asked for, if so.
fn problem_of(timelines: &[ReportedTimeline]) -> Option<String> {
    let is_settled = |timeline: &ReportedTimeline| timeline.unsettled.len() < timeline.elapsed_us.len();
    match timelines {
        [] => Some("no process has one".into()),
        all if !all.iter().any(is_settled) => Some("threads moved memory at each of its points".into()),
        all => all.iter().find_map(|timeline| timeline.problem.clone()),
    }
}

/// What can be captured stays as it is written.
fn as_captures(text: &str) -> Result<String, String> {
    let requests = capture_requests(text).collect::<Result<Vec<_>, _>>()?;
    if requests.is_empty() {
        return Err("it names no operation: write a path or a glob".into());
    }
    Ok(text.into())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::CaptureRule;

    fn timeline(points: u64, unsettled: &[usize], problem: Option<&str>) -> ReportedTimeline {
        ReportedTimeline {
            program: String::new(),
            process: 1,
            every_us: 1,
            elapsed_us: (0..points).collect(),
            unsettled: unsettled.to_vec(),
            operations: Vec::new(),
            others: vec![0; points as usize],
            problem: problem.map(String::from),
        }
    }

    #[test]
    fn what_no_process_captured_was_captured_in_vain() {
        let rule =
            |pattern: &str, sampled_every, matched| CaptureRule { pattern: pattern.into(), sampled_every, matched };
        let mut report: Data = serde_json::from_value(serde_json::json!({
            "processes": 1, "difference": false, "problem": null, "rows": [],
            "process_bytes": 0, "process_peak_bytes": null, "process_peak_error": 0,
            "misnested": 0, "refused": 0, "foreign": 0, "shards": 0, "shard_bytes": 0,
        }))
        .expect("it is a report of nothing");
        report.captures = vec![rule("a", None, true), rule("a", Some(9), false), rule("b", None, false)];
        let wrong = wrong_with(&report, &["a,b@9B".into(), "c".into()], false);
        let [b, c] = ["there was no such operation", "the program lacks heapledger's feature `lines`"];
        assert_eq!(wrong, [format!("captured nothing of b: {b}"), format!("captured nothing of c: {c}")]);
    }

    #[test]
    fn a_timeline_without_a_settled_point_or_with_a_problem_is_none() {
        assert_eq!(problem_of(&[timeline(2, &[1], None)]), None);
        for (timelines, problem) in [
            (vec![], "no process has one"),
            (vec![timeline(0, &[], None)], "threads moved memory at each of its points"),
            (vec![timeline(2, &[0, 1], None)], "threads moved memory at each of its points"),
            (vec![timeline(1, &[], None), timeline(1, &[], Some("it ended early"))], "it ended early"),
        ] {
            assert_eq!(problem_of(&timelines).as_deref(), Some(problem));
        }
    }
}
