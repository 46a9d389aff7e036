//! A small code search engine on tantivy, with every byte charged to the operation that allocated it.
//!
//! ```text
//! cargo run --release --example code_search                  # the sources that cargo unpacked for this project
//! cargo run --release --example code_search -- FOLDER        # the text files of a folder
//! cargo run --release --example code_search -- --capture index_build   # and which lines allocated what it took
//! ```
//!
//! What a program needs for that is in this file: the allocator, and a report at the end. The engine names what it
//! does with `heapledger::track` (see `engine.rs`). `code_search_plain` is the same program without the allocator.

mod app;
mod engine;
mod progress;
mod sources;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, ensure};
use clap::Parser;
use heapledger::{Report, Snapshot};
use tempfile::NamedTempFile;

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Indexes source text with tantivy, searches it, and prints what every operation did to the heap.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: app::Options,

    /// Also show which lines allocated what the operation NAME took: a path or a glob, such as `search/*`.
    #[arg(long, value_name = "NAME")]
    capture: Option<String>,

    /// Only the summary: no report, whose lines take time to be looked up.
    #[arg(long, conflicts_with = "json")]
    no_report: bool,

    /// Also write the report to FILE, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    app::exit(demo(&cli))
}

fn demo(cli: &Cli) -> anyhow::Result<()> {
    // Before the work, so that a file that cannot be written is not found out after it.
    let json = cli.json.as_deref().map(JsonFile::create).transpose()?;

    let _capture = cli.capture.as_deref().map(heapledger::capture);

    // The index stays open while the report is made: `live` is what a running search engine holds.
    let done = app::run(&cli.options)?;
    let snapshot = settled();
    if cli.no_report {
        snapshot.check().context("the law does not hold")?;
        return done.print(&mut io::stdout().lock());
    }
    let report = snapshot.report();

    report.print()?;
    let mut out = io::stdout().lock();
    writeln!(out, "\n{}", whose_threads(&report))?;
    if let Some(json) = json {
        json.write(&report)?;
    }
    snapshot.check().context("the law does not hold")?;
    let (net, live, process) = (report.total().net_bytes(), report.total().live_bytes, report.process_bytes());
    ensure!(net == live && live == process, "the law does not hold: net {net} B, live {live} B, process {process} B");
    writeln!(out, "The law holds: sum of net = sum of live = process: {} B.\n", grouped(process))?;
    done.print(&mut out)?;
    Ok(())
}

/// A snapshot at rest. The last of tantivy's threads may still be going away, which disturbs a reading.
fn settled() -> Snapshot {
    for _ in 0..1000 {
        let snapshot = heapledger::snapshot();
        match snapshot.check() {
            Err(error) if error.is_unsettled() => thread::yield_now(),
            _ => return snapshot,
        }
    }
    heapledger::snapshot()
}

/// A number as people read it: `1,234,567`.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap_or("?")).collect();
    format!("{}{}", if number < 0 { "-" } else { "" }, groups.join(","))
}

/// Where to look for the work of the threads that tantivy spawned.
fn whose_threads(report: &Report) -> String {
    let threads = |path| report.operation(path).map_or(0, |row| row.threads);
    match (threads("index_build"), threads("(unattributed)")) {
        (0 | 1, outside) => format!(
            "tantivy's own threads ran outside every operation: what they did is in (unattributed), with its {outside} threads."
        ),
        (inside, _) => format!(
            "tantivy's own threads started in the operation that asked for them: index_build and its {inside} threads."
        ),
    }
}

/// A file that is written whole or not at all: it takes its name when it is complete.
struct JsonFile<'a> {
    path: &'a Path,
    file: NamedTempFile,
}

impl<'a> JsonFile<'a> {
    fn create(path: &'a Path) -> anyhow::Result<Self> {
        let takes_a_file = path.symlink_metadata().map_or(true, |there| there.is_file());
        ensure!(takes_a_file, "cannot write {path:?}: something that is no ordinary file has that name");
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask, as for any file
        let file = builder.tempfile_in(folder).with_context(|| format!("cannot write into the folder of {path:?}"))?;
        Ok(Self { path, file })
    }

    fn write(mut self, report: &Report) -> anyhow::Result<()> {
        let cannot = || format!("cannot write {:?}", self.path);
        self.file.write_all(report.to_json().as_bytes()).with_context(cannot)?;
        self.file.as_file().sync_all().with_context(cannot)?;
        self.file.persist(self.path).with_context(cannot)?;
        Ok(())
    }
}
