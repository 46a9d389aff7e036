//! A report as DHAT's JSON, read by Firefox's profiler on the command line: every function has the bytes of its stacks.

#![cfg(all(target_os = "linux", not(miri)))]

#[path = "common/charged.rs"]
mod charged;
#[path = "common/reader.rs"]
mod reader;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use charged::{TOTALS, report};
use reader::{PATIENCE, Server, has, is_there};
use serde_json::{Value, json};
use tempfile::TempDir;

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Where `.ci/run` installs it.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/readers/node_modules/@firefox-devtools/profiler-cli")
}

/// The process that has read a profile, which others ask over a socket. It would be given half a second to begin if
/// they began it, so it is begun here.
struct Profiler {
    process: Server,
    sessions: TempDir,
}

impl Profiler {
    fn open(file: &Path) -> Self {
        let sessions = tempfile::tempdir().expect("a folder can be made");
        let mut command = Self::command(&sessions, ["--daemon", file.to_str().expect("it is text")]);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it is there");
        let mut opened = Self { process: Server(process), sessions };
        // Whoever asks before it has said that it listens takes it for dead and removes its socket, so that it never
        // answers. This is the last file that it writes.
        opened.waits(|opened| opened.sessions.path().join("current.txt").exists().then_some(()));
        opened
    }

    fn command<'a>(sessions: &TempDir, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new("node");
        command.arg(installed().join("dist/profiler-cli.js")).args(arguments).args(["--session", "one"]);
        command.env("PROFILER_CLI_SESSION_DIR", sessions.path()).env("HOME", sessions.path());
        command.env("PROFILER_CLI_NO_SYMBOLICATE", "1");
        command
    }

    /// Tries until there is an answer.
    fn waits<R>(&mut self, attempt: impl Fn(&Self) -> Option<R>) -> R {
        let began = Instant::now();
        loop {
            if let Some(answer) = attempt(self) {
                return answer;
            }
            assert!(self.process.0.try_wait().expect("it is ours").is_none(), "it ended");
            assert!(began.elapsed() < PATIENCE, "it never answered");
            thread::yield_now();
        }
    }

    /// What it says, as soon as it has read the profile.
    fn says(&mut self, arguments: &str) -> String {
        self.waits(|opened| {
            let output = Self::command(&opened.sessions, arguments.split(' ')).output().expect("it is there");
            let said = || String::from_utf8(output.stdout).expect("it is text");
            output.status.success().then(said)
        })
    }
}

#[test]
fn firefox_gives_every_function_the_bytes_of_its_stacks() {
    if !is_there(&installed()) || !has("node", &["--version"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("report.dhat.json");
    report().save(&file).expect("it can be written");
    let written: Value = serde_json::from_str(&report().to_dhat()).expect("it is JSON");
    let mut profiler = Profiler::open(&file);
    let [_, allocated, _, live] = TOTALS;
    for (thread, name, figure, total) in [("t-0", "Total Bytes", "tb", allocated), ("t-3", "Bytes at End", "eb", live)]
    {
        let said = profiler.says(&format!("thread functions --thread {thread} --limit 0 --json"));
        let said: Value = serde_json::from_str(&said).expect("it is JSON");
        assert_eq!(said["friendlyThreadName"], json!(name), "{said}");
        let functions = said["functions"].as_array().expect("it is a list").iter();
        let itself = |one: &Value| Some((one["name"].as_str()?.to_string(), one["selfSamples"].as_i64()?));
        let shown = BTreeMap::from_iter(functions.filter_map(itself).filter(|(_, bytes)| *bytes != 0));
        let mut expected = BTreeMap::<String, i64>::new();
        for point in written["pps"].as_array().expect("it is a list") {
            let innermost = point["fs"][0].as_u64().expect("it is a place") as usize;
            let name = written["ftbl"][innermost].as_str().expect("it is text");
            *expected.entry(name.into()).or_default() += point[figure].as_i64().expect("it is a number");
        }
        assert_eq!((shown.values().sum(), &shown), (total, &expected), "{name}");
    }
}
