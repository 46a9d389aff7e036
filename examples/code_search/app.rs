//! The program around the engine: options, one run, its summary, and how it ends. Knows nothing of the ledger.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use tempfile::TempDir;

use crate::engine::{self, Built, Found};
use crate::progress::{self, Progress};
use crate::sources::{Skipped, Sources};

/// What both programs can be told.
#[derive(clap::Args)]
pub struct Options {
    /// Folder to index: every text file below it, but nothing whose name starts with a dot [default: the Rust sources
    /// that cargo unpacked for this project]
    folder: Option<PathBuf>,

    /// Stop after this much text, in MiB.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    max_mib: u64,

    /// Threads that index.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
    threads: u8,

    /// Queries to search for.
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    queries: u32,

    /// Do not let tantivy's own threads start in `index_build`: see what nobody asked for, as (unattributed).
    #[arg(long)]
    no_threads: bool,

    /// Print the times and counts on the last line of stderr, as `timing name=value ..`.
    #[arg(long)]
    timing: bool,
}

/// A run that is over. The index is still open, as in a server between two requests.
pub struct Done {
    built: Built,
    found: Found,
    skipped: Skipped,
    indexing: Duration,
    searching: Duration,
    timing: bool,
    /// Below the index that is open in it, which is dropped first.
    _index_folder: TempDir,
}

/// Indexes and searches.
pub fn run(options: &Options) -> anyhow::Result<Done> {
    let mut sources = Sources::of(options.folder.as_deref())?;
    let index_folder = tempfile::tempdir().context("cannot make a temporary folder for the index")?;
    let progress = Progress::new();

    let start = Instant::now();
    let work = engine::Work {
        folder: index_folder.path(),
        threads: options.threads.into(),
        most_bytes: options.max_mib << 20,
        carry_to_threads: !options.no_threads,
    };
    let built = engine::build(&work, &mut sources, &progress)?;
    let indexing = start.elapsed();

    let start = Instant::now();
    let found = engine::search(&built, options.queries, &progress)?;
    let searching = start.elapsed();
    progress.finish();

    let timing = options.timing;
    Ok(Done { built, found, skipped: sources.skipped(), indexing, searching, timing, _index_folder: index_folder })
}

impl Done {
    /// The summary; the line for machines goes to standard error, if asked for.
    pub fn print(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let (built, found) = (&self.built, &self.found);
        let (indexing, searching) = (self.indexing.as_secs_f64(), self.searching.as_secs_f64());
        let mib = built.bytes as f64 / f64::from(1 << 20);
        writeln!(
            out,
            "indexing  {indexing:.2} s: files {}, text {mib:.1} MiB, indexed again {}, commits {}, segments {} merged into {}",
            built.files, built.again, built.commits, built.segments, found.segments,
        )?;
        writeln!(
            out,
            "searching {searching:.2} s: queries {}, hits {}, documents fetched {}",
            found.queries, found.hits, found.fetched,
        )?;
        write!(out, "{}", self.skipped)?;
        out.flush()?;
        if self.timing {
            progress::say(format_args!(
                "timing index_ms={:.3} search_ms={:.3} files={} bytes={} queries={} hits={} fetched={}",
                indexing * 1e3,
                searching * 1e3,
                built.files,
                built.bytes,
                found.queries,
                found.hits,
                found.fetched,
            ));
        }
        Ok(())
    }
}

/// How the program ends: what went wrong goes to standard error.
pub fn exit(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::say(format_args!("error: {}", progress::printable(format!("{error:#}").trim_end())));
            ExitCode::FAILURE
        }
    }
}
