//! Changes as patches: CI prints them, since it writes nothing, and `accept` takes them out of its log. Both directions
//! stand here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use super::change::Change;
use super::figure_change::FigureChange;
use super::terminal::{printable_lines, say};
use crate::disk::{Book, read, shown};
use crate::judging::budget::{Figures, Run, figures};
use crate::reading::Environment;

/// The line before a patch.
pub(super) const BEGIN: &str = "-----BEGIN HEAPLEDGER PATCH-----";
/// The line after it.
const END: &str = "-----END HEAPLEDGER PATCH-----";
/// Begins the line that names the environment whose figures are changed.
const FIGURES_OF: &str = "figures: ";

/// No file of figures that is patched is larger.
const LARGEST_PATCHED: u64 = 256 << 20;
/// The key of an environment is the name of a file, so no real one is as long.
const LONGEST_KEY: usize = 500;

/// A patch in a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoggedPatch {
    /// The environment's.
    key: String,
    pub(super) text: String,
}

/// Prints what would be recorded, so that `accept --from` can take it out of the log.
pub(super) fn print_patches(book: &Book, run: &Run) -> anyhow::Result<()> {
    for change in Change::all(book, run)? {
        let (before, after) = change.texts()?;
        let meant = change.figures.iter().any(FigureChange::is_breach);
        let meant = if meant { ", and where more is meant --breaches --reason \"..\"" } else { "" };
        say(&format!(
            "\n{BEGIN}\n{FIGURES_OF}{}\n{}{END}\nto record this: cargo heapledger accept --from <this log>{meant}\n",
            change.environment.key(),
            diffy::create_patch(&before, &after)
        ))?;
    }
    Ok(())
}

/// The patches in a log, the last one of every environment. CI may put a time in front of every line, and colours into
/// it.
pub(super) fn patches_in(log: &str) -> Vec<LoggedPatch> {
    let mut all: Vec<LoggedPatch> = Vec::new();
    let mut lines = log.lines();
    while let Some(line) = lines.next() {
        let line = without_colours(line);
        let Some(at) = line.find(BEGIN) else { continue };
        // Whatever stands in front of this line stands in front of all.
        let ahead = line[..at].chars().count();
        let strip = |line: &str| -> String { without_colours(line).chars().skip(ahead).collect() };
        let Some(key) = lines.next().map(strip).and_then(|line| line.strip_prefix(FIGURES_OF).map(String::from)) else {
            continue;
        };
        let mut text = String::new();
        for line in lines.by_ref() {
            let line = strip(line);
            if line == END {
                all.push(LoggedPatch { key, text });
                break;
            }
            text.push_str(&line);
            text.push('\n');
        }
    }
    let mut later = BTreeSet::new();
    let mut last: Vec<_> = all.into_iter().rev().filter(|patch| later.insert(patch.key.clone())).collect();
    last.reverse();
    last
}

/// The line without escape sequences that colour it.
fn without_colours(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("\u{1b}[") {
        text.push_str(&rest[..at]);
        let sequence = &rest[at + 2..];
        let end = sequence.find(|one: char| one.is_ascii_alphabetic()).map_or(sequence.len(), |end| end + 1);
        rest = &sequence[end..];
    }
    text.push_str(rest);
    text
}

/// What a patch changes in the figures of its environment. Nothing is written.
pub(super) fn apply(book: &Book, LoggedPatch { key, text }: &LoggedPatch) -> anyhow::Result<Change> {
    let name = || printable_lines(key);
    if !is_name_of_a_file(key) {
        bail!("the patch is for `{}`, which is no environment's name", name());
    }
    let path = book.figures_at(&Environment::default()).with_file_name(format!("{key}.toml"));
    let before = match fs::symlink_metadata(&path) {
        // Git may have checked it out with other ends of lines than figures are written with.
        Ok(_) => read(&path, LARGEST_PATCHED)?.replace("\r\n", "\n"),
        Err(_) => String::new(),
    };
    let patch = diffy::Patch::from_str(text).with_context(|| format!("the patch for {} is damaged", name()))?;
    let after = match diffy::apply(&before, &patch) {
        Ok(after) => after,
        Err(_) if is_applied(&path, &before, &patch.reverse()) => {
            bail!("the patch is in {} already", shown(&path))
        }
        Err(_) => {
            bail!("the patch does not fit {}: it was made for another state of it. Check out what CI ran", shown(&path))
        }
    };
    let after = Figures::parse(&shown(&path), &after).context("what the patch makes of it is no file of figures")?;
    if after.environment.key() != *key {
        bail!(
            "the patch for {} holds figures of another environment ({})",
            name(),
            printable_lines(&after.environment.to_string())
        );
    }
    let before = (!before.is_empty()).then(|| Figures::parse(&shown(&path), &before)).transpose()?;
    Ok(Change::between(path, before, &after))
}

/// Whether a patch whose `reverse` this is was applied, whatever reasons were given for it.
fn is_applied(path: &Path, before: &str, reverse: &diffy::Patch<'_, str>) -> bool {
    let plain = || {
        let read = Figures::parse(&shown(path), before).ok()?;
        let values = read.values.into_iter().map(|(key, (value, _))| (key, value)).collect();
        Some(figures(&read.environment, &values, &BTreeMap::new(), &read.lines))
    };
    let fits = |text: &str| diffy::apply(text, reverse).is_ok();
    fits(before) || plain().is_some_and(|text| fits(&text))
}

/// Whether an environment's key is the name of a file, and no way to another folder.
fn is_name_of_a_file(key: &str) -> bool {
    let known = |one: char| one.is_ascii_alphanumeric() || "-_.+".contains(one);
    !key.is_empty() && !key.starts_with('.') && key.len() < LONGEST_KEY && key.chars().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(key: &str, text: &str) -> LoggedPatch {
        LoggedPatch { key: key.into(), text: text.into() }
    }

    /// A log with one patch, each line as `line` makes it.
    fn log(line: impl Fn(&str) -> String) -> String {
        let lines = ["before", BEGIN, "figures: linux", "@@ -1 +1 @@", "-a = 1", "+a = 2", "", END, "after"];
        lines.map(|one| line(one) + "\n").concat()
    }

    const TEXT: &str = "@@ -1 +1 @@\n-a = 1\n+a = 2\n\n";

    #[test]
    fn a_patch_is_what_stands_between_its_two_lines() {
        assert_eq!(patches_in(&log(str::to_string)), [patch("linux", TEXT)]);
        assert_eq!(patches_in(&log(|line| format!("{line}\r"))), [patch("linux", TEXT)]);
        assert_eq!(patches_in("nothing\nof the kind\n"), []);
    }

    #[test]
    fn a_time_and_colours_in_front_of_every_line_are_none_of_it() {
        let expected = [patch("linux", TEXT)];
        let time = |line: &str| format!("2026-02-03T04:05:06.7890123Z {line}");
        assert_eq!(patches_in(&log(time)), expected);
        // As wide as it looks, not as many bytes as it has.
        let name = |line: &str| format!("test · größe | {line}");
        assert_eq!(patches_in(&log(name)), expected);
        let colours = |line: &str| format!("\u{1b}[36;1m[12:00:01]\u{1b}[0m \u{1b}[2m{line}\u{1b}[0m\u{1b}[K");
        assert_eq!(patches_in(&log(colours)), expected);
        let both = |line: &str| time(&colours(line));
        assert_eq!(patches_in(&log(both)), expected);
    }

    #[test]
    fn of_several_patches_for_an_environment_the_last_one_counts() {
        let one = |key: &str, text: &str| format!("{BEGIN}\nfigures: {key}\n{text}\n{END}\n");
        let log = [one("linux", "old"), one("macos", "only"), one("linux", "new")].concat();
        assert_eq!(patches_in(&log), [patch("macos", "only\n"), patch("linux", "new\n")]);
    }

    #[test]
    fn what_is_cut_off_or_names_no_environment_is_no_patch() {
        let whole = log(str::to_string);
        let cut = whole.split(END).next().expect("there is a first part");
        assert_eq!(patches_in(cut), []);
        assert_eq!(patches_in(&format!("{BEGIN}\n+a = 2\n{END}\n")), []);
        assert_eq!(patches_in(BEGIN), []);
        // The line of an end counts only as a whole.
        assert_eq!(patches_in(&whole.replace(END, &format!("{END}."))), []);
    }

    #[test]
    fn colours_are_taken_out_wherever_they_stand() {
        for (line, text) in [
            ("", ""),
            ("a = 1", "a = 1"),
            ("\u{1b}[31ma\u{1b}[0m = \u{1b}[1;32m1", "a = 1"),
            ("a = 1\u{1b}[", "a = 1"),
            ("a = 1\u{1b}[12;", "a = 1"),
            ("a \u{1b}= 1", "a \u{1b}= 1"),
        ] {
            assert_eq!(without_colours(line), text);
        }
    }

    #[test]
    fn a_key_leads_to_no_other_folder() {
        for key in ["x86_64-unknown-linux-gnu-debug-system-1.95.0", "a+b", "a..b"] {
            assert!(is_name_of_a_file(key), "{key}");
        }
        for key in ["", ".", "..", ".hidden", "a/b", "a\\b", "../a", "a b", "a\n", "ä", "C:a", &"a".repeat(500)] {
            assert!(!is_name_of_a_file(key), "{key}");
        }
    }
}
