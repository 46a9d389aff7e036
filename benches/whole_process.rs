//! What heapledger costs a whole program: `code_search` against `code_search_plain`, the same search engine on the
//! same input with and without the allocator, as processes of their own, in turn.
//!
//! ```text
//! cargo bench --bench whole_process    # 7 rounds and one to warm up, 32 MiB of Rust sources
//! cargo bench --bench whole_process -- --rounds 15 --max-mib 64 --queries 4000
//! ```
//!
//! Times and peak RSS are what the kernel says of each process (`wait4`). The ratio is taken in each round, of two
//! processes that ran right after each other; its median is shown, with the lowest and the highest. Both programs must
//! index and find the same, and the ledger must balance.

#![allow(unsafe_code, reason = "wait4 tells what one child process used; std does not")]
#![cfg(unix)]

use std::error::Error;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use cargo_metadata::{Message, MetadataCommand};
use clap::Parser;
use heapledger::Report;

/// Compares whole runs of a search engine with and without heapledger.
#[derive(Parser)]
struct Cli {
    /// Folder to index [default: where cargo unpacked its packages].
    folder: Option<PathBuf>,

    /// Rounds that count; one more runs before them.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,

    /// Text to index, in MiB.
    #[arg(long, default_value_t = 32)]
    max_mib: u64,

    /// Queries to search for.
    #[arg(long, default_value_t = 4000)]
    queries: u32,

    /// Threads that index.
    #[arg(long, default_value_t = 2)]
    threads: u8,

    /// cargo says so to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What one process used and said.
struct Run {
    wall_ms: f64,
    cpu_ms: f64,
    peak_mib: f64,
    index_ms: f64,
    search_ms: f64,
    /// What it indexed and found.
    result: String,
}

/// Something measured of both: its name, its unit, where it stands in a run.
type Measure = (&'static str, &'static str, fn(&Run) -> f64);

const MEASURES: [Measure; 5] = [
    ("wall time", "ms", |run| run.wall_ms),
    ("  indexing", "ms", |run| run.index_ms),
    ("  searching", "ms", |run| run.search_ms),
    ("user + system CPU time", "ms", |run| run.cpu_ms),
    ("peak RSS", "MiB", |run| run.peak_mib),
];

fn main() -> Result<(), Box<dyn Error>> {
    let cli = Cli::parse();
    let [plain, with] = build(["code_search_plain", "code_search"])?;
    let input = match &cli.folder {
        Some(folder) => folder.clone(),
        None => unpacked()?,
    };
    let scratch = tempfile::tempdir()?;
    let json = scratch.path().join("report.json");
    let command = |program: &Path| {
        let mut command = Command::new(program);
        command.args(["--timing", "--max-mib", &cli.max_mib.to_string(), "--queries", &cli.queries.to_string()]);
        command.args(["--threads", &cli.threads.to_string()]).arg(&input);
        command
    };

    let (mut plain_runs, mut with_runs) = (Vec::new(), Vec::new());
    for round in 0..=cli.rounds {
        let mut with_report = command(&with);
        with_report.arg("--json").arg(&json);
        let (one, other) = (run(&mut command(&plain))?, run(&mut with_report)?);
        assert_eq!(one.result, other.result, "both programs index and find the same");
        eprintln!("round {round} of {}: {:.0} ms, {:.0} ms", cli.rounds, one.wall_ms, other.wall_ms);
        // The first fills the caches of the system.
        if round > 0 {
            plain_runs.push(one);
            with_runs.push(other);
        }
    }

    println!("{} rounds, each: {}", cli.rounds, with_runs[0].result);
    println!("{:24}{:>12}{:>12}    {:<8}lowest .. highest", "median", "System", "heapledger", "ratio");
    for (name, unit, measure) in MEASURES {
        let ratios: Vec<f64> =
            plain_runs.iter().zip(&with_runs).map(|(one, two)| measure(two) / measure(one)).collect();
        let (lowest, highest) =
            ratios.iter().fold((f64::MAX, f64::MIN), |(low, high), &one| (low.min(one), high.max(one)));
        let of = |runs: &[Run]| median(runs.iter().map(measure).collect());
        println!(
            "{name:24}{:>12}{:>12}    {:<8.3}{lowest:.3} .. {highest:.3}",
            format!("{:.1} {unit}", of(&plain_runs)),
            format!("{:.1} {unit}", of(&with_runs)),
            median(ratios),
        );
    }
    memory(&Report::from_json(&fs::read_to_string(&json)?)?);
    Ok(())
}

/// What the ledger of the last run says it took itself.
fn memory(report: &Report) {
    assert_eq!(report.problem(), None, "the ledger of the last run balances");
    let all = report.total();
    assert!(all.allocs > 0, "the allocator is installed");
    let footprint = report.operation("(heapledger)").map_or(0, |row| row.own.live_bytes);
    println!("\nthe ledger's own memory, of the last run");
    println!("blocks allocated        {:>12}, and {} resized", all.allocs, all.reallocs);
    println!("blocks live at the end  {:>12}, of {} B", all.live_blocks, all.live_bytes);
    println!("tags, 4 B for each      {:>12} B requested for the blocks live at the end", 4 * all.live_blocks);
    println!("footprint on the heap   {footprint:>12} B");
    println!("shards beside it        {:>12} B", report.shard_bytes());
}

/// Builds examples for release, and says where they are.
fn build<const N: usize>(names: [&str; N]) -> Result<[PathBuf; N], Box<dyn Error>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--message-format=json-render-diagnostics"]);
    cargo.arg("--manifest-path").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"));
    cargo.args(names.iter().flat_map(|name| ["--example", name]));
    let built = cargo.stderr(Stdio::inherit()).output()?;
    if !built.status.success() {
        return Err(format!("cargo could not build the examples: {}", built.status).into());
    }
    let mut found = names.map(|_| PathBuf::new());
    for message in Message::parse_stream(built.stdout.as_slice()) {
        if let Message::CompilerArtifact(artifact) = message?
            && let Some(at) = names.iter().position(|name| artifact.target.name == *name)
            && let Some(executable) = artifact.executable
        {
            found[at] = executable.into();
        }
    }
    match found.iter().position(|program| program.as_os_str().is_empty()) {
        Some(missing) => Err(format!("cargo did not say where it put {}", names[missing]).into()),
        None => Ok(found),
    }
}

/// The folder that has the sources of tantivy, and of every other package.
fn unpacked() -> Result<PathBuf, Box<dyn Error>> {
    let metadata = MetadataCommand::new()
        .cargo_path(env!("CARGO"))
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
        .other_options(["--filter-platform".to_string(), "host-tuple".to_string()])
        .exec()?;
    let tantivy = metadata.packages.iter().find(|package| package.name == "tantivy");
    let folder = tantivy.and_then(|package| package.manifest_path.parent()?.parent());
    Ok(folder.ok_or("tantivy is nowhere to be found")?.into())
}

/// Runs a program to its end.
fn run(command: &mut Command) -> Result<Run, Box<dyn Error>> {
    // A file, not a pipe: nobody need read it while the program runs.
    let mut said = tempfile::tempfile()?;
    let start = Instant::now();
    let child = command.stdout(Stdio::null()).stderr(said.try_clone()?).spawn()?;
    let (status, used) = wait(child.id())?;
    let wall_ms = start.elapsed().as_secs_f64() * 1e3;
    io::Seek::rewind(&mut said)?;
    let said = io::read_to_string(said)?;
    if status != 0 {
        return Err(format!("{command:?} failed with wait status {status}:\n{said}").into());
    }
    let line = said.lines().last().unwrap_or_default();
    let value = |name: &str| -> Result<f64, Box<dyn Error>> {
        let word = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        Ok(word.ok_or_else(|| format!("no {name} in {line:?}"))?.parse()?)
    };
    let result = line.split(' ').filter(|word| word.contains('=') && !word.contains("_ms=")).collect::<Vec<_>>();
    let ms = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_vendor = "apple") { 1.0 } else { 1024.0 };
    Ok(Run {
        wall_ms,
        cpu_ms: ms(used.ru_utime) + ms(used.ru_stime),
        peak_mib: used.ru_maxrss as f64 * unit / f64::from(1 << 20),
        index_ms: value("index_ms")?,
        search_ms: value("search_ms")?,
        result: result.join(" "),
    })
}

/// Waits for the child: its status, and what it used.
fn wait(child: u32) -> io::Result<(libc::c_int, libc::rusage)> {
    let (mut status, mut used) = (0, MaybeUninit::<libc::rusage>::zeroed());
    loop {
        // SAFETY: both pointers are to our own memory, of the right types and for this call only.
        let ended = unsafe { libc::wait4(child.cast_signed(), &raw mut status, 0, used.as_mut_ptr()) };
        if ended >= 0 {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // SAFETY: wait4 filled it in, and zeroes were a value before.
    Ok((status, unsafe { used.assume_init() }))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
