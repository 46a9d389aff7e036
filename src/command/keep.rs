//! Keeping figures: they are written whole or not at all, by one writer at a time, and in CI not at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::cli::{Exit, Project, RunOptions};
use super::collect::{in_ci, run_tests};
use super::outcome::{self, LAST, Outcome, plain, read_run};

use crate::disk::{Book, shown, write_whole};
use crate::judging::budget::{Case, Figure, Figures, Part, Run, figures, to_record};
use crate::reading::Environment;
use crate::words::printable;

/// Held while figures are read, changed and written: two commands at once follow each other.
fn alone(book: &Book) -> anyhow::Result<File> {
    let file = File::open(&book.path).with_context(|| shown(&book.path))?;
    file.lock().with_context(|| format!("{} cannot be locked", shown(&book.path)))?;
    Ok(file)
}

type Values = BTreeMap<(String, Figure), i64>;
/// A figure, what it was, and what it will be.
type Difference<'a> = (&'a (String, Figure), Option<i64>, Option<i64>);

/// What is recorded of one environment, and what is to be.
struct Change {
    environment: Environment,
    path: PathBuf,
    before: Option<Figures>,
    after: Values,
}

impl Change {
    fn of(book: &Book, part: &Part, complete: bool) -> anyhow::Result<Self> {
        let environment = part.environment.clone();
        let before = book.figures(&environment)?;
        let case = Case { policy: &book.policy, recorded: before.as_ref(), environment: &environment, complete };
        let after = to_record(&case, part);
        Ok(Self { path: book.figures_at(&environment), environment, before, after })
    }

    /// All parts that are to be recorded otherwise than they are.
    fn all(book: &Book, run: &Run) -> anyhow::Result<Vec<Self>> {
        let seeing = run.parts.iter().filter(|part| part.report.processes > 0);
        let all =
            seeing.map(|part| Self::of(book, part, run.complete && run.clean)).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(all.into_iter().filter(|change| !change.differences().is_empty()).collect())
    }

    fn recorded(&self) -> Values {
        let values = self.before.iter().flat_map(|before| &before.values);
        values.map(|(key, (value, _))| (key.clone(), *value)).collect()
    }

    /// What changes: the figure, what it was, and what it will be.
    fn differences(&self) -> Vec<Difference<'_>> {
        let before =
            |key: &(String, Figure)| self.before.as_ref().and_then(|all| all.values.get(key)).map(|(at, _)| *at);
        let gone = self.before.iter().flat_map(|all| all.values.keys()).filter(|key| !self.after.contains_key(key));
        let mut all: Vec<_> = gone.map(|key| (key, before(key), None)).collect();
        all.extend(self.after.iter().map(|(key, value)| (key, before(key), Some(*value))));
        all.retain(|(_, then, now)| then != now);
        all.sort();
        all
    }

    fn write(&self) -> anyhow::Result<()> {
        write_whole(&self.path, &figures(&self.environment, &self.after))?;
        outcome::say(&format!("{}: {}\n", shown(&self.path), said(self.differences().len())))
    }

    /// The change as a patch of the file.
    fn patch(&self) -> anyhow::Result<String> {
        let before = match &self.before {
            Some(_) => fs::read_to_string(&self.path).with_context(|| shown(&self.path))?,
            None => String::new(),
        };
        Ok(diffy::create_patch(&before, &figures(&self.environment, &self.after)).to_string())
    }
}

fn said(figures: usize) -> String {
    match figures {
        1 => "1 figure recorded".into(),
        more => format!("{more} figures recorded"),
    }
}

fn line(key: &(String, Figure), then: Option<i64>, now: Option<i64>) -> String {
    let (path, figure) = key;
    let shown = |value: Option<i64>| value.map_or("nothing".into(), |value| figure.shown(value));
    let change = then.zip(now).map_or_else(String::new, |(then, now)| {
        let change = now.saturating_sub(then);
        format!(" ({}{})", if change > 0 { "+" } else { "" }, figure.shown(change))
    });
    format!("{} {figure}: {} -> {}{change}", printable(path), shown(then), shown(now))
}

/// `cargo heapledger record`.
pub(super) fn record(project: &Project, asked: &RunOptions) -> anyhow::Result<Exit> {
    let book = project.book()?;
    let ran = run_tests(project, Some(&book), asked, true)?;
    outcome::keep(project, &ran.run);
    // What is wrong besides what is recorded now must be seen.
    let judged = Outcome::of(&book, &ran, false)?;
    if !ran.passed || judged.exit() == Exit::Blind {
        judged.show(project, &asked.show, &ran.run)?;
        outcome::complain(&format!("nothing was recorded: {}", if ran.passed { "see above" } else { "tests failed" }));
        return Ok(judged.exit());
    }
    if in_ci() {
        print_patches(&book, &ran.run)?;
    } else {
        write_all(&book, &ran.run)?;
    }
    let book = project.book()?;
    let outcome = match in_ci() {
        true => judged,
        false => Outcome::of(&book, &ran, false)?,
    };
    outcome.show(project, &asked.show, &ran.run)?;
    Ok(outcome.exit())
}

pub(super) fn write_all(book: &Book, run: &Run) -> anyhow::Result<()> {
    let _alone = alone(book)?;
    let changes = Change::all(book, run)?;
    for change in &changes {
        change.write()?;
    }
    if changes.is_empty() {
        let sums = "; what is added up over all tests is recorded only where all ran (--complete)";
        let sums = if run.complete { "" } else { sums };
        outcome::say(&format!("nothing to record: every figure is as it was, or within its tolerance{sums}\n"))?;
    }
    Ok(())
}

const BEGIN: &str = "-----BEGIN HEAPLEDGER PATCH-----";
const END: &str = "-----END HEAPLEDGER PATCH-----";
const FILE: &str = "figures: ";

/// Prints what would be recorded, so that `accept --from` can take it out of the log.
pub(super) fn print_patches(book: &Book, run: &Run) -> anyhow::Result<()> {
    for change in Change::all(book, run)? {
        outcome::say(&format!(
            "\n{BEGIN}\n{FILE}{}\n{}{END}\nto record this: cargo heapledger accept --from <this log>\n",
            change.environment.key(),
            change.patch()?
        ))?;
    }
    Ok(())
}

/// `cargo heapledger accept`.
pub(super) fn accept(project: &Project, from: Option<&Path>) -> anyhow::Result<Exit> {
    let book = project.book()?;
    if in_ci() {
        bail!(
            "in CI nothing is written: accept the patch of its log elsewhere, with `cargo heapledger accept --from LOG`"
        );
    }
    match from {
        Some(log) => accept_from(&book, log)?,
        None => write_all(&book, &last_run(project)?)?,
    }
    Ok(Exit::Within)
}

fn last_run(project: &Project) -> anyhow::Result<Run> {
    let file = project.scratch()?.join(LAST);
    if !file.exists() {
        bail!("no run is known: `cargo heapledger test` first");
    }
    read_run(&file)
}

/// No log is larger.
const LARGEST_LOG: u64 = 256 << 20;

fn bytes_of(log: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let too_large = || {
        anyhow::anyhow!(
            "{} has more than {LARGEST_LOG} bytes: cut out what is around the patch",
            plain(&log.to_string_lossy())
        )
    };
    match log == Path::new("-") {
        true => std::io::stdin().take(LARGEST_LOG + 1).read_to_end(&mut bytes).context("standard input")?,
        // Opening a pipe would wait for a writer, and a device may never end.
        false if !fs::metadata(log).with_context(|| shown(log))?.is_file() => {
            bail!("{} is no file: to read from a pipe, use `--from -`", shown(log))
        }
        false if fs::metadata(log).is_ok_and(|known| known.len() > LARGEST_LOG) => return Err(too_large()),
        false => File::open(log)
            .and_then(|file| file.take(LARGEST_LOG + 1).read_to_end(&mut bytes))
            .with_context(|| shown(log))?,
    };
    if bytes.len() as u64 > LARGEST_LOG {
        return Err(too_large());
    }
    Ok(bytes)
}

fn accept_from(book: &Book, log: &Path) -> anyhow::Result<()> {
    let patches = patches_in(&String::from_utf8_lossy(&bytes_of(log)?));
    if patches.is_empty() {
        bail!("{} has no patch of heapledger's in it: `{BEGIN}` begins one", plain(&log.to_string_lossy()));
    }
    let _alone = alone(book)?;
    let mut written = Vec::new();
    for (key, patch) in &patches {
        written.push(patched(book, key, patch)?);
    }
    // All of them apply: now they are written.
    for (path, text, change) in written {
        write_whole(&path, &text)?;
        outcome::say(&format!("{}: written\n{change}", shown(&path)))?;
    }
    Ok(())
}

/// The file that a patch is for, what will be in it, and what changes, for people.
fn patched(book: &Book, key: &str, patch: &str) -> anyhow::Result<(PathBuf, String, String)> {
    let name = || plain(key);
    let folder = book.figures_at(&Environment::default());
    // The name of a file, and no way to another folder.
    let safe = !key.is_empty() && !key.starts_with('.') && key.len() < 500;
    if !safe || !key.chars().all(|one| one.is_ascii_alphanumeric() || "-_.+".contains(one)) {
        bail!("the patch is for `{}`, which is no environment's name", name());
    }
    let path = folder.with_file_name(format!("{key}.toml"));
    let before = match fs::symlink_metadata(&path) {
        // As git may have checked it out; figures are written with plain ends of lines.
        Ok(_) => crate::disk::read(&path, LARGEST_LOG)?.replace("\r\n", "\n"),
        Err(_) => String::new(),
    };
    let patch = diffy::Patch::from_str(patch).with_context(|| format!("the patch for {} is damaged", name()))?;
    let after = match diffy::apply(&before, &patch) {
        Ok(after) => after,
        Err(_) if diffy::apply(&before, &patch.reverse()).is_ok() => {
            bail!("the patch is in {} already", shown(&path))
        }
        Err(_) => {
            bail!("the patch does not fit {}: it was made for another state of it. Check out what CI ran", shown(&path))
        }
    };
    let read = Figures::parse(&shown(&path), &after).context("what the patch makes of it is no file of figures")?;
    if read.environment.key() != key {
        bail!(
            "the patch for {} holds figures of another environment ({})",
            name(),
            plain(&read.environment.to_string())
        );
    }
    let before = (!before.is_empty()).then(|| Figures::parse(&shown(&path), &before)).transpose()?;
    let values = read.values.iter().map(|(key, (value, _))| (key.clone(), *value)).collect();
    let change = Change { environment: read.environment, path: path.clone(), before, after: values };
    let lines = change.differences().into_iter().map(|(key, then, now)| format!("  {}\n", line(key, then, now)));
    let lines = lines.collect();
    Ok((path, after, lines))
}

/// The patches in a log, by the name of their environment. CI may put a time in front of every line, and colours into it.
fn patches_in(log: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut lines = log.lines();
    while let Some(line) = lines.next() {
        let line = without_colours(line);
        let Some(at) = line.find(BEGIN) else { continue };
        // Whatever stands in front of this line stands in front of all.
        let ahead = line[..at].chars().count();
        let strip = |line: &str| -> String { without_colours(line).chars().skip(ahead).collect() };
        let Some(key) = lines.next().map(strip).and_then(|line| line.strip_prefix(FILE).map(String::from)) else {
            continue;
        };
        let mut patch = String::new();
        for line in lines.by_ref() {
            let line = strip(line);
            if line == END {
                found.push((key, patch));
                break;
            }
            patch.push_str(&line);
            patch.push('\n');
        }
    }
    // The last one of an environment is the one that counts.
    let mut last: Vec<(String, String)> = Vec::new();
    for (key, patch) in found {
        last.retain(|(known, _)| *known != key);
        last.push((key, patch));
    }
    last
}

/// The line without escape sequences that colour it.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        let sequence = &rest[at + 2..];
        let end = sequence.find(|one: char| one.is_ascii_alphabetic()).map_or(sequence.len(), |end| end + 1);
        rest = &sequence[end..];
    }
    plain.push_str(rest);
    plain
}

/// `cargo heapledger review`.
pub(super) fn review(project: &Project) -> anyhow::Result<Exit> {
    let book = project.book()?;
    if in_ci() {
        bail!("in CI nobody answers: use `cargo heapledger test --strict` there");
    }
    let changes = Change::all(&book, &last_run(project)?)?;
    if changes.is_empty() {
        outcome::say("nothing to review: every figure is as it was, or within its tolerance\n")?;
        return Ok(Exit::Within);
    }
    if !std::io::stdin().is_terminal() {
        for change in &changes {
            outcome::say(&format!("{}\n", printable(&change.environment.to_string())))?;
            for (key, then, now) in change.differences() {
                outcome::say(&format!("  {}\n", line(key, then, now)))?;
            }
        }
        outcome::say("answers are read from a terminal; `cargo heapledger accept` takes them all\n")?;
        return Ok(Exit::Within);
    }
    let kept = ask(&changes)?;
    let _alone = alone(&book)?;
    for (change, kept) in changes.iter().zip(kept) {
        let mut after = change.recorded();
        for (key, value) in kept {
            match value {
                Some(value) => after.insert(key, value),
                None => after.remove(&key),
            };
        }
        let change = Change {
            environment: change.environment.clone(),
            path: change.path.clone(),
            before: book.figures(&change.environment)?,
            after,
        };
        if !change.differences().is_empty() {
            change.write()?;
        }
    }
    Ok(Exit::Within)
}

type Kept = Vec<((String, Figure), Option<i64>)>;

/// Asks for every figure.
fn ask(changes: &[Change]) -> anyhow::Result<Vec<Kept>> {
    let mut answers = std::io::stdin().lock().lines();
    let mut all = false;
    let mut kept = Vec::new();
    let total: usize = changes.iter().map(|change| change.differences().len()).sum();
    let mut at = 0;
    for change in changes {
        let mut of_this = Kept::new();
        outcome::say(&format!("{}\n", printable(&change.environment.to_string())))?;
        for (key, then, now) in change.differences() {
            at += 1;
            outcome::say(&format!("  {at}/{total}  {}\n", line(key, then, now)))?;
            let mut records = all;
            while !all {
                outcome::say("  record it? [y]es, [n]o, [a]ll from here, [q]uit without recording: ")?;
                let answer = answers.next().transpose()?;
                match answer.as_deref().map(str::trim) {
                    Some("y" | "yes") => records = true,
                    Some("n" | "no") => {}
                    Some("a" | "all") => (all, records) = (true, true),
                    None | Some("q" | "quit") => return Ok(vec![Kept::new(); changes.len()]),
                    Some(_) => continue,
                }
                break;
            }
            if records {
                of_this.push((key.clone(), now));
            }
        }
        kept.push(of_this);
    }
    Ok(kept)
}
