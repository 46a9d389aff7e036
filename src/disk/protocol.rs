//! What `cargo heapledger` and the test processes agree on: variables of the environment, and the files in the folder
//! that one of them names. This file has both what a process writes there and what the command finds there.
//! `judging::budget::Run` says what is in a report.
//!
//! A process that is asked to report writes a file that announces it, then measures. Where it ends well, its report
//! takes the place of the announcement. So an announcement that stays means that a report is missing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(feature = "cli")]
use super::read::read;
use super::write::write_whole_for_now;

/// Names the folder that reports are written to.
pub(crate) const FOLDER: &str = "HEAPLEDGER_REPORTS";
/// Set where processes that enter no operation are to report, too.
pub(crate) const EVERY_PROCESS: &str = "HEAPLEDGER_EVERY_PROCESS";
/// Names the policy's file, for tests that cannot find it themselves.
pub(crate) const POLICY_AT: &str = "HEAPLEDGER_POLICY";
/// Set while figures are being recorded: then the command judges, not the test.
pub(crate) const RECORDING: &str = "HEAPLEDGER_RECORDING";
/// What it holds where lines are recorded with the figures.
pub(crate) const WITH_LINES: &str = "lines";

/// Ends the name of a file that announces a process. It holds the program's name.
const BEGUN: &str = "begun";
/// Ends the name of a report.
#[cfg(feature = "testing")]
const REPORT: &str = "json";
/// Ends the name of a file that stands for a report which could not be written: the feature `testing` is missing.
/// It holds the program's name.
#[cfg(any(feature = "cli", not(feature = "testing")))]
const UNABLE: &str = "unable";

/// Stands for the name of a program where it is not known.
pub(crate) const UNNAMED: &str = "(unnamed)";
/// The most bytes of a program's name: none comes near.
#[cfg(feature = "cli")]
const LONGEST_PROGRAM: u64 = 1 << 16;

/// A process that has announced itself: the command expects its report.
pub(crate) struct Announced {
    folder: PathBuf,
    /// The names of its files, without the ending. No other process has the same.
    name: String,
}

impl Announced {
    /// Announces a process that runs `program`.
    pub(crate) fn announce(folder: PathBuf, process: u32, program: &str) -> io::Result<Self> {
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let announced = Self { folder, name: format!("{process}-{}", began.as_nanos()) };
        fs::write(announced.file(BEGUN), program)?;
        Ok(announced)
    }

    /// Where the report is to be.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the report in the place of the announcement: a run as JSON.
    #[cfg(feature = "testing")]
    pub(crate) fn report(&self, run: &str) -> io::Result<()> {
        self.replace_announcement(REPORT, run)
    }

    /// Says in the place of the announcement that `program` cannot write a report.
    #[cfg(not(feature = "testing"))]
    pub(crate) fn report_unable(&self, program: &str) -> io::Result<()> {
        self.replace_announcement(UNABLE, program)
    }

    fn replace_announcement(&self, ending: &str, text: &str) -> io::Result<()> {
        write_whole_for_now(&self.file(ending), text.as_bytes())?;
        // If the announcement stays, the command counts the process as missing: a false alarm, but never a false pass.
        let _ = fs::remove_file(self.file(BEGUN));
        Ok(())
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.name))
    }
}

/// What a process left in the folder.
#[cfg(feature = "cli")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    /// A report, in this file.
    Report(PathBuf),
    /// It began, and its report is missing.
    Missing { program: String },
    /// It is built without the feature that a report needs.
    Unable { program: String },
}

/// What processes left in the folder, by the names of their files.
#[cfg(feature = "cli")]
pub(crate) fn traces_in(folder: &Path) -> io::Result<Vec<Trace>> {
    let files = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>)?;
    let mut files: Vec<PathBuf> = files.iter().map(fs::DirEntry::path).collect();
    files.sort();
    Ok(files.into_iter().filter_map(trace).collect())
}

/// `None` for a file that is no part of this protocol, such as one that is not whole yet.
#[cfg(feature = "cli")]
fn trace(file: PathBuf) -> Option<Trace> {
    match file.extension()?.to_str()? {
        REPORT => Some(Trace::Report(file)),
        BEGUN => Some(Trace::Missing { program: program_in(&file) }),
        UNABLE => Some(Trace::Unable { program: program_in(&file) }),
        _ => None,
    }
}

/// The program that a file names. The process may have been killed before it wrote the name.
#[cfg(feature = "cli")]
fn program_in(file: &Path) -> String {
    let name = read(file, LONGEST_PROGRAM).ok();
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| UNNAMED.into())
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_missing_from_its_announcement_to_its_report() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        assert_eq!(traces_in(folder.path()).expect("it can be read"), []);
        let announced = Announced::announce(folder.path().into(), 7, "budgets-1f").expect("it can be written");
        assert!(announced.name.starts_with("7-"), "{}", announced.name);
        let missing = Trace::Missing { program: "budgets-1f".into() };
        assert_eq!(traces_in(folder.path()).expect("it can be read"), [missing]);
        announced.report("{}").expect("it can be written");
        let report = folder.path().join(format!("{}.json", announced.name));
        assert_eq!(fs::read_to_string(&report).expect("it is there"), "{}");
        assert_eq!(traces_in(folder.path()).expect("it can be read"), [Trace::Report(report)]);
    }

    #[test]
    fn a_report_that_cannot_be_written_leaves_the_announcement() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let announced = Announced::announce(folder.path().into(), 7, "budgets").expect("it can be written");
        fs::create_dir(announced.file(REPORT)).expect("it can be made");
        announced.report("{}").expect_err("a folder is in its place");
        fs::remove_dir(announced.file(REPORT)).expect("it is empty");
        let missing = Trace::Missing { program: "budgets".into() };
        assert_eq!(traces_in(folder.path()).expect("it can be read"), [missing]);
        // The folder that the command has removed is not made again.
        fs::remove_dir_all(folder.path()).expect("it is ours");
        announced.report("{}").expect_err("the folder is gone");
        assert!(!folder.path().exists());
    }

    #[test]
    fn files_are_told_apart_by_their_endings_and_others_are_ignored() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = |name: &str| folder.path().join(name);
        let files =
            [("4.begun", ""), ("3.unable", "plugin"), ("2.json", "{}"), ("1.begun", "one"), (".heapledger-1-0", "{")];
        for (name, text) in files.into_iter().chain([("5.jso", "{}"), ("json", "{}")]) {
            fs::write(file(name), text).expect("it can be written");
        }
        let expected = [
            Trace::Missing { program: "one".into() },
            Trace::Report(file("2.json")),
            Trace::Unable { program: "plugin".into() },
            Trace::Missing { program: "(unnamed)".into() },
        ];
        assert_eq!(traces_in(folder.path()).expect("it can be read"), expected);
        assert_eq!(traces_in(&file("nowhere")).expect_err("there is none").kind(), io::ErrorKind::NotFound);
    }
}
