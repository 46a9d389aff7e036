//! Judging a run and showing it: as a table, and in the forms that CI reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::cli::{Exit, Merge, Project, Show};
use super::collect::Ran;
use super::keep;
use crate::disk::{Book, read, shown, write_whole};
use crate::judging::budget::{Basis, Case, Figure, Finding, Measured, Run, Status, judge, missing, operations};
use crate::render::findings::{annotations, junit, markdown, share, table};
use crate::words::printable;

/// No file of runs is larger.
const LARGEST: u64 = 1 << 30;
/// The file of the last run, for `review` and `accept`.
pub(super) const LAST: &str = "last-run.json";

/// What became of a run.
pub(super) struct Outcome {
    /// By environment.
    pub(super) parts: Vec<(String, Vec<Finding>)>,
    passed: bool,
    strict: bool,
    /// The policy itself is strict: then assertions fail on what is to be recorded, and tests with them.
    strict_tests: bool,
    seen: bool,
}

impl Outcome {
    pub(super) fn of(book: &Book, ran: &Ran, strict: bool) -> anyhow::Result<Self> {
        let mut parts: Vec<(String, Vec<Finding>)> = Vec::new();
        for part in &ran.run.parts {
            let recorded = book.figures(&part.environment)?;
            let (environment, complete) = (&part.environment, ran.run.complete);
            let case = Case { policy: &book.policy, recorded: recorded.as_ref(), environment, complete };
            let place = match part.report.processes {
                0 => "without heapledger as global allocator".into(),
                _ => part.environment.to_string(),
            };
            parts.push((place, judge(&case, part)));
        }
        let mut others = missing(&book.policy, &ran.run, ran.run.complete);
        others.extend(ran.unseen.iter().cloned());
        if !others.is_empty() {
            parts.push(("of no environment".into(), others));
        }
        let strict_tests = book.policy.strict;
        let seen = ran.run.processes() > 0;
        Ok(Self { parts, passed: ran.passed, strict: strict || strict_tests, strict_tests, seen })
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.parts.iter().flat_map(|(_, findings)| findings)
    }

    pub(super) fn exit(&self) -> Exit {
        let has = |status| self.findings().any(|finding| finding.status == status);
        let to_record = self.strict && (has(Status::New) || has(Status::Improvement));
        let explained = self.passed || (to_record && self.strict_tests);
        match () {
            () if !self.seen || has(Status::Blind) => Exit::Blind,
            () if has(Status::Leak) => Exit::Leak,
            () if has(Status::Breach) => Exit::Breach,
            () if has(Status::Unstable) => Exit::Unstable,
            () if !explained => Exit::Failed,
            () if to_record => Exit::ToRecord,
            // Where nothing recorded could be compared, a regression would pass.
            () if self.parts.iter().any(|(_, findings)| is_new(findings)) => Exit::ToRecord,
            () => Exit::Within,
        }
    }

    /// One sentence on what comes next.
    fn sentence(&self) -> Option<String> {
        let exact = |found: &&Finding| found.against.as_ref().is_some_and(|against| against.basis == Basis::Exact);
        let improved = || self.findings().filter(|found| found.status == Status::Improvement);
        let to_lower = improved().filter(exact).count();
        let new = self.findings().filter(|found| found.status == Status::New).count();
        let to_record = new + improved().count() - to_lower;
        match self.exit() {
            Exit::Blind if !self.seen => Some(
                "heapledger was not active: no test process that has it as its global allocator entered an operation. Put\n\
                 \n    #[global_allocator]\n    static ALLOC: heapledger::Allocator = heapledger::Allocator::system();\n\
                 \ninto the test binaries, `track(\"..\")` into what they test, and `features = [\"serde\"]` to the dependency"
                    .into(),
            ),
            Exit::Failed => Some("tests failed, and no figure of the whole run is the reason: see above".into()),
            Exit::ToRecord if !self.passed => Some(format!("{to_record} to record; tests failed too, for that or for more")),
            _ if to_record > 0 => Some(format!(
                "{to_record} to record: `cargo heapledger review` shows each, `cargo heapledger accept` takes them all"
            )),
            _ if to_lower > 0 => Some(format!("{to_lower} to lower in the policy: what is exact there is less now")),
            _ => None,
        }
    }

    pub(super) fn show(&self, project: &Project, show: &Show, run: &Run) -> anyhow::Result<()> {
        let mut out = String::new();
        let width = terminal_size::terminal_size().map_or(120, |(width, _)| usize::from(width.0));
        for (environment, findings) in &self.parts {
            out += &format!("\n{}\n{}", printable(environment), table(findings, width, project.colour, show.all));
        }
        if !run.complete {
            out += "\nonly a part of the tests ran: of what they did not enter, nothing is judged\n";
        }
        if let Some(sentence) = self.sentence() {
            out += &format!("\n{sentence}\n");
        }
        say(&out)?;
        let failed = self.exit() != Exit::Within;
        if let Some(file) = &show.json {
            write_whole(file, &run.to_json())?;
        }
        if let Some(file) = &show.junit {
            write_whole(file, &junit(&self.parts, self.strict))?;
        }
        let text = || markdown(&self.parts, failed);
        if let Some(file) = &show.markdown {
            write_whole(file, &text())?;
        }
        self.tell_github(text)
    }

    /// Annotations at the lines that enter the operations, and the summary of the job.
    fn tell_github(&self, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        if !on_github() {
            return Ok(());
        }
        let findings: Vec<Finding> = self.findings().cloned().collect();
        print_whole(&annotations(&findings, &prefix(), self.strict))?;
        if let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) {
            let appended = fs::OpenOptions::new().append(true).create(true).open(&file);
            let written = appended.and_then(|mut file| file.write_all(text().as_bytes()));
            // The verdict does not depend on the summary.
            if let Err(error) = written {
                complain(&format!("warning: the summary of the job could not be written: {error}"));
            }
        }
        Ok(())
    }
}

/// Whether figures are to be held against recorded ones, and none is recorded: a new environment.
fn is_new(findings: &[Finding]) -> bool {
    let recorded = |one: &Finding| one.against.as_ref().is_some_and(|against| against.basis == Basis::Recorded);
    findings.iter().any(|one| one.status == Status::New) && !findings.iter().any(recorded)
}

/// What stands between the repository's folder and the workspace's: rustc names files from the latter.
fn prefix() -> String {
    let repository = std::env::var_os("GITHUB_WORKSPACE").map(std::path::PathBuf::from);
    let workspace = cargo_metadata::MetadataCommand::new().no_deps().exec().ok();
    let workspace = workspace.map(|metadata| metadata.workspace_root.into_std_path_buf());
    let below = repository.zip(workspace).and_then(|(repository, workspace)| {
        workspace
            .canonicalize()
            .ok()?
            .strip_prefix(repository.canonicalize().ok()?)
            .ok()
            .map(|below| below.to_path_buf())
    });
    let below = below.unwrap_or_default().to_string_lossy().replace('\\', "/");
    if below.is_empty() { below } else { format!("{below}/") }
}

/// Keeps the run for `review` and `accept`. Not in CI, where nobody comes back to it.
pub(super) fn keep(project: &Project, run: &Run) {
    if super::collect::in_ci() {
        return;
    }
    let kept = project.scratch().and_then(|scratch| write_whole(&scratch.join(LAST), &run.to_json()));
    if let Err(error) = kept {
        complain(&format!("warning: `review` and `accept` will not know this run: {error:#}"));
    }
}

/// A run from a file.
pub(super) fn read_run(file: &Path) -> anyhow::Result<Run> {
    let text = read(file, LARGEST)?;
    Run::from_json(&text).with_context(|| format!("{} cannot be read", shown(file)))
}

/// `cargo heapledger merge`.
pub(super) fn merge(project: &Project, asked: &Merge) -> anyhow::Result<Exit> {
    let book = project.book()?;
    let mut run = Run { clean: true, ..Run::default() };
    let mut paths = BTreeSet::new();
    for file in &asked.files {
        if !paths.insert(file.canonicalize().with_context(|| shown(file))?) {
            bail!("{} is given twice: its figures would count twice", shown(file));
        }
        let one = read_run(file)?;
        run.clean &= one.clean;
        run.merge(one)?;
    }
    run.complete = !asked.partial;
    let ran = Ran { run, unseen: Vec::new(), passed: true };
    let outcome = Outcome::of(&book, &ran, asked.show.strict)?;
    keep(project, &ran.run);
    outcome.show(project, &asked.show, &ran.run)?;
    if super::collect::in_ci() {
        keep::print_patches(&book, &ran.run)?;
    }
    Ok(outcome.exit())
}

/// `cargo heapledger diff`.
pub(super) fn diff(base: &Path, head: &Path) -> anyhow::Result<Exit> {
    let (base, head) = (read_run(base)?, read_run(head)?);
    let mut out = String::new();
    for part in &head.parts {
        out += &format!("{}\n", printable(&part.environment.to_string()));
        let Some(before) = base.parts.iter().find(|before| before.environment.key() == part.environment.key()) else {
            out += "  the base has no such environment: nothing to compare with\n";
            continue;
        };
        let lines = differences(&operations(before), &operations(part));
        for line in &lines {
            out += &format!("  {line}\n");
        }
        if lines.is_empty() {
            out += "  no figure differs\n";
        }
    }
    let gone =
        base.parts.iter().filter(|part| head.parts.iter().all(|one| one.environment.key() != part.environment.key()));
    for part in gone {
        out += &format!("{}\n  only the base has this environment\n", printable(&part.environment.to_string()));
    }
    say(&out)?;
    Ok(Exit::Within)
}

/// Every figure that is not the same, aligned in columns.
fn differences(before: &BTreeMap<String, Measured>, after: &BTreeMap<String, Measured>) -> Vec<String> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut rows: Vec<[String; 5]> = Vec::new();
    for path in paths {
        for figure in Figure::ALL {
            let of = |run: &BTreeMap<String, Measured>| Some(run.get(path)?.values.get(&figure)?.value);
            let (then, now) = (of(before), of(after));
            if then == now {
                continue;
            }
            let shown = |value: Option<i64>| value.map_or("-".into(), |value| figure.short(value));
            let change = then.zip(now).map(|(then, now)| now.saturating_sub(then));
            let change = change.map_or_else(String::new, |change| {
                let sign = if change > 0 { "+" } else { "" };
                let share = share(change, then.unwrap_or(0)).map_or_else(String::new, |share| format!(" ({share})"));
                format!("{sign}{}{share}", figure.short(change))
            });
            rows.push([printable(path), figure.to_string(), shown(then), shown(now), change]);
        }
    }
    let width = |column: usize| rows.iter().map(|row| unicode_width::UnicodeWidthStr::width(&*row[column])).max();
    let widths: Vec<usize> = (0..5).map(|column| width(column).unwrap_or(0)).collect();
    let pad = |text: &str, width: usize| " ".repeat(width.saturating_sub(unicode_width::UnicodeWidthStr::width(text)));
    rows.iter()
        .map(|[path, figure, then, now, change]| {
            format!(
                "{path}{}  {figure}{}  {}{then} -> {}{now}  {change}",
                pad(path, widths[0]),
                pad(figure, widths[1]),
                pad(then, widths[2]),
                pad(now, widths[3])
            )
        })
        .collect()
}

/// A bar on a terminal, for what takes longer than people like to wait.
pub(super) fn progress(what: &'static str, steps: usize) -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr_with_hz(10),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(Some(steps as u64), target).with_message(what);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
    bar.set_style(style.expect("the template is well-formed"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn on_github() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// Prints to standard output. Names of operations and environments may begin as commands of GitHub's do: it is told to
/// take none from such a text.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    let commands = |line: &str| line.trim_start().starts_with("::") || line.contains("##[");
    if !on_github() || !text.lines().any(commands) {
        return print_whole(text);
    }
    // Whoever chose the names must not know it.
    let [one, other] = [(); 2].map(|()| RandomState::new().hash_one(0));
    let token = format!("heapledger-{one:016x}{other:016x}");
    print_whole(&format!("::stop-commands::{token}\n{text}\n::{token}::\n"))
}

/// Whoever reads it may have gone: neither the verdict nor what else is written depends on them.
pub(super) fn print_whole(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("standard output cannot be written"),
        _ => Ok(()),
    }
}

/// Prints to standard error, if that is there.
pub(super) fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// A message as it may stand in a terminal: lines stay lines.
pub(super) fn plain(message: &str) -> String {
    message.lines().map(printable).collect::<Vec<_>>().join("\n")
}
