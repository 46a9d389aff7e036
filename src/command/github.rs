//! What GitHub's workflows read: annotations, the summary of a job, and how to tell the runner to take no command from
//! a text. Nothing is printed here.

use std::borrow::Cow;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::PathBuf;

use crate::judging::budget::Finding;
use crate::render::findings::annotations;

/// Whether a workflow of GitHub's reads what is printed.
pub(super) fn on_github() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// The text, so that the runner takes no command from it. Names of operations and environments may begin as commands
/// do.
pub(super) fn without_commands(text: &str) -> Cow<'_, str> {
    if !has_commands(text) {
        return text.into();
    }
    // Whoever chose the names must not know it.
    let [one, other] = [(); 2].map(|()| RandomState::new().hash_one(0));
    let token = format!("heapledger-{one:016x}{other:016x}");
    format!("::stop-commands::{token}\n{text}\n::{token}::\n").into()
}

fn has_commands(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with("::") || line.contains("##["))
}

/// Annotations at the lines that enter the operations.
pub(super) fn annotations_of<'a>(findings: impl Iterator<Item = &'a Finding>, strict: bool) -> String {
    let findings: Vec<Finding> = findings.cloned().collect();
    annotations(&findings, &prefix(), strict)
}

/// Appends to the summary of the job, if it has one.
pub(super) fn append_to_summary(text: impl FnOnce() -> String) -> io::Result<()> {
    let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) else { return Ok(()) };
    let mut file = fs::OpenOptions::new().append(true).create(true).open(&file)?;
    file.write_all(text().as_bytes())
}

/// What stands between the repository's folder and the current one, from which places are named.
fn prefix() -> String {
    let repository = std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
    let here = std::env::current_dir().ok();
    let below = repository.zip(here).and_then(|(repository, here)| {
        let (repository, here) = (repository.canonicalize().ok()?, here.canonicalize().ok()?);
        Some(here.strip_prefix(repository).ok()?.to_path_buf())
    });
    let below = below.unwrap_or_default().to_string_lossy().replace('\\', "/");
    if below.is_empty() { below } else { format!("{below}/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_commands_stays_as_it_is() {
        for text in ["", "search::parse 12", "a ::b::", "#[test]"] {
            assert!(matches!(without_commands(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn commands_in_a_text_stand_between_two_lines_that_nobody_can_guess() {
        for text in ["::error::a", "one\n  ::warning::b\ntwo", "in the middle ##[error]c"] {
            let stopped = || without_commands(text).into_owned();
            let shown = stopped();
            let (first, rest) = shown.split_once('\n').expect("it has lines");
            let token = first.strip_prefix("::stop-commands::heapledger-").expect("commands stop");
            assert_eq!((token.len(), rest), (32, &*format!("{text}\n::heapledger-{token}::\n")));
            assert_ne!(shown, stopped());
        }
    }
}
