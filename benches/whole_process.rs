//! What heapledger costs a whole program: `code_search_plain` and `code_search`, the same search engine on the same
//! input without and with the allocator, as processes of their own, in turn. And what call stacks cost it: those of
//! every block, and those of a sample.
//!
//! ```text
//! cargo bench --bench whole_process    # 7 rounds and one to warm up, 32 MiB of Rust sources
//! cargo bench --bench whole_process -- --rounds 15 --max-mib 64 --queries 4000
//! cargo bench --bench whole_process -- --peers    # beside dhat, and heaptrack if it is installed: takes minutes
//! ```
//!
//! Times and peak RSS are what the kernel says of each process and of those it waited for (`wait4`). A ratio is taken
//! in each round; the median is shown, and the interval that has the true one with 95 % or more (by the order of the
//! rounds' ratios, whatever their distribution). All programs must index and find the same, and the ledger must
//! balance.

#![allow(unsafe_code, reason = "wait4 tells what one child process used; std does not")]
#![cfg(unix)]

use std::error::Error;
use std::ffi::OsString;
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

    /// Also with dhat, and with heaptrack if it is installed.
    #[arg(long)]
    peers: bool,

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

/// Something measured of all: its name, its unit, where it stands in a run.
type Measure = (&'static str, &'static str, fn(&Run) -> f64);

const MEASURES: [Measure; 5] = [
    ("wall time", "ms", |run| run.wall_ms),
    ("  indexing", "ms", |run| run.index_ms),
    ("  searching", "ms", |run| run.search_ms),
    ("user + system CPU time", "ms", |run| run.cpu_ms),
    ("peak RSS", "MiB", |run| run.peak_mib),
];

/// A way to run the search engine.
struct Way {
    name: &'static str,
    /// The program, or the one under which it runs, with the arguments that come first.
    command: Vec<OsString>,
    /// The value of `HEAPLEDGER_CAPTURE`.
    capture: &'static str,
    /// Which way it is compared with.
    base: usize,
    runs: Vec<Run>,
}

/// The ways that others are compared with.
const SYSTEM: usize = 0;
const LEDGER: usize = 1;
const NO_REPORT: usize = 2;

fn ways(cli: &Cli, scratch: &Path) -> Result<Vec<Way>, Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [plain, with] = build(&here.join("../Cargo.toml"), "--example", ["code_search_plain", "code_search"], &[])?;
    let way = |name, command: Vec<OsString>, capture, base| Way { name, command, capture, base, runs: Vec::new() };
    // What it costs to look up the names of stacks has nothing to do with what it costs to take them.
    let silent = || vec![with.clone().into(), "--no-report".into()];
    let mut ways = vec![
        way("System", vec![plain.clone().into()], "", SYSTEM),
        way("heapledger", vec![with.clone().into(), "--json".into(), json(scratch).into()], "", SYSTEM),
        way("no report", silent(), "", LEDGER),
        way("all stacks", silent(), "**", NO_REPORT),
        way("every 512 KiB", silent(), "**@512KiB", NO_REPORT),
    ];
    if cli.peers {
        let [dhat] = build(&here.join("Cargo.toml"), "--bin", ["code_search_dhat"], &["--features", "engine"])?;
        ways.push(way("dhat", vec![dhat.into()], "", SYSTEM));
        if Command::new("heaptrack").arg("--version").stdout(Stdio::null()).status().is_ok_and(|code| code.success()) {
            let recorded = scratch.join("heaptrack");
            let command = vec!["heaptrack".into(), "-o".into(), recorded.into(), plain.into()];
            ways.push(way("heaptrack", command, "", SYSTEM));
        } else {
            eprintln!("heaptrack is not installed: the others run without it");
        }
    }
    Ok(ways)
}

/// Where the run without a capture writes its report.
fn json(scratch: &Path) -> PathBuf {
    scratch.join("report.json")
}

fn main() -> Result<(), Box<dyn Error>> {
    let cli = Cli::parse();
    let scratch = tempfile::tempdir()?;
    let mut ways = ways(&cli, scratch.path())?;
    let input = match &cli.folder {
        Some(folder) => folder.canonicalize()?,
        None => unpacked()?,
    };
    for round in 0..=cli.rounds {
        let mut took = format!("round {round} of {}:", cli.rounds);
        let ways_in_turn = ways.len();
        for turn in 0..ways_in_turn {
            let way = &mut ways[(turn + round as usize) % ways_in_turn];
            let mut command = Command::new(&way.command[0]);
            command.args(&way.command[1..]).current_dir(&scratch).env("HEAPLEDGER_CAPTURE", way.capture);
            command.args(["--timing", "--max-mib", &cli.max_mib.to_string(), "--queries", &cli.queries.to_string()]);
            command.args(["--threads", &cli.threads.to_string()]).arg(&input);
            let run = run(&mut command)?;
            took += &format!(" {} {:.0} ms", way.name, run.wall_ms);
            // The first fills the caches of the system.
            if round > 0 {
                way.runs.push(run);
            }
        }
        eprintln!("{took}");
    }

    let result = &ways[SYSTEM].runs[0].result;
    let all_runs = || ways.iter().flat_map(|way| &way.runs);
    assert!(all_runs().all(|run| run.result == *result), "all programs index and find the same");
    println!("{} rounds, each: {result}", cli.rounds);
    for (name, unit, measure) in MEASURES {
        println!("\n{name:28}{:>12}    ratio", "median");
        for way in &ways {
            let middle = median(way.runs.iter().map(measure).collect());
            let mut line = format!("  {:26}{:>12}", way.name, format!("{middle:.1} {unit}"));
            let base = &ways[way.base];
            if way.name != base.name {
                let pairs = base.runs.iter().zip(&way.runs);
                let mut ratios: Vec<f64> = pairs.map(|(base, run)| measure(run) / measure(base)).collect();
                ratios.sort_unstable_by(f64::total_cmp);
                let out = outside(ratios.len());
                let (lowest, highest) = (ratios[out], ratios[ratios.len() - 1 - out]);
                line += &format!("    {:.3} ({lowest:.3} to {highest:.3}) of {}", median(ratios), base.name);
            }
            println!("{line}");
        }
    }
    memory(&Report::from_json(&fs::read_to_string(json(scratch.path()))?)?);
    Ok(())
}

/// How many of so many sorted values lie outside the interval of their median, on each side: as many as leave the
/// interval with 95 % at least. Each value is below the true median with one half, so the number below is binomial.
/// With five values and fewer the whole range has less than that; it is all there is.
fn outside(values: usize) -> usize {
    let (mut chance, mut below) = (0.5f64.powi(values as i32), 0.0);
    for out in 0..values / 2 {
        below += chance;
        if below > 0.025 {
            return out.saturating_sub(1);
        }
        chance *= (values - out) as f64 / (out + 1) as f64;
    }
    0
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

/// Builds programs of a package for release, and says where they are.
fn build<const N: usize>(
    manifest: &Path,
    kind: &str,
    names: [&str; N],
    more: &[&str],
) -> Result<[PathBuf; N], Box<dyn Error>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--message-format=json-render-diagnostics", "--manifest-path"]).arg(manifest);
    cargo.args(more).args(names.iter().flat_map(|name| [kind, name]));
    let built = cargo.stderr(Stdio::inherit()).output()?;
    if !built.status.success() {
        return Err(format!("cargo could not build {names:?}: {}", built.status).into());
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
    let line = said.lines().rfind(|line| line.starts_with("timing ")).unwrap_or_default();
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
