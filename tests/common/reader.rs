//! Programs of others that read what a report is saved as.

#![allow(dead_code, reason = "every test binary uses its own part of this")]

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Whether the program is there, which `arguments` make say so. Where it is missing, that is said, and where everything
/// must be there it fails.
///
/// # Panics
/// When the program is missing and the environment variable `CI` is set.
pub fn has(program: &str, arguments: &[&str]) -> bool {
    found(program, Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success()))
}

/// The same of a file.
///
/// # Panics
/// When the file is missing and the environment variable `CI` is set.
pub fn is_there(file: &Path) -> bool {
    found(&file.display().to_string(), file.exists())
}

fn found(what: &str, found: bool) -> bool {
    let in_ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    assert!(found || !in_ci, "{what} is missing: .ci/run installs it");
    if !found {
        // Not by a macro: the harness keeps to itself what those say in a test that passes.
        let _ = std::io::stderr().write_all(format!("not run here: {what} is missing\n").as_bytes());
    }
    found
}

/// No program that reads takes longer, whatever else the machine does.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A program that reads and answers until this is dropped.
pub struct Server(pub Child);

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.0.kill().and_then(|()| self.0.wait());
        ended.expect("it can be ended");
    }
}

/// A program that reads.
pub struct Reader(Command);

impl Reader {
    pub fn new(program: &str) -> Self {
        Self(Command::new(program))
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.0.args(arguments);
        self
    }

    /// What it says.
    ///
    /// # Panics
    /// When it fails.
    pub fn says(self) -> String {
        self.reads("")
    }

    /// What it says of a text on its standard input.
    ///
    /// # Panics
    /// When it fails.
    pub fn reads(mut self, text: &str) -> String {
        let pipes = self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", self.0));
        let mut stdin = child.stdin.take().expect("it is piped");
        let output = std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(text.as_bytes()));
            child.wait_with_output().expect("it ends")
        });
        let [out, err] = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).into_owned());
        assert!(output.status.success(), "{:?}: {}\n{out}{err}", self.0, output.status);
        out
    }
}
