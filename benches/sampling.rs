//! How far estimates from samples are from the truth: tantivy indexes the same text again and again, once with the call
//! stack of every block, then with samples of another seed each time.
//!
//! ```text
//! cargo bench --features engine --bench sampling    # 100 seeds, 8 MiB of Rust sources, a sample every 512 KiB
//! cargo bench --features engine --bench sampling -- --seeds 1000 --every-kib 64
//! ```
//!
//! Each line is a call stack that allocated a hundredth of the bytes or more. `rms` is the root of the mean square of
//! its estimates' relative errors, and `theory` the relative standard deviation of a Poisson sample of as many bytes,
//! the square root of distance over bytes: what a sampler without further knowledge comes to.

#[path = "../examples/code_search/engine.rs"]
#[allow(dead_code, reason = "it searches, too")]
mod engine;
#[path = "../examples/code_search/sources.rs"]
#[allow(dead_code, reason = "it says what was skipped, too")]
mod sources;
/// Nobody looks at the progress of a hundred builds.
mod progress {
    pub struct Progress;

    impl Progress {
        pub fn at(&self, _done: u64, _all: u64) {}
        pub fn reached(&self, _what: std::fmt::Arguments<'_>) {}
    }
}

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Parser;
use heapledger::capture;

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Compares what samples say of call stacks with what they allocated.
#[derive(Parser)]
struct Cli {
    /// Folder to index [default: where cargo unpacked its packages].
    folder: Option<PathBuf>,

    /// So many builds are sampled, each with a seed of its own.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(2..))]
    seeds: u64,

    /// KiB between two samples, on average.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..))]
    every_kib: u64,

    /// Text to index, in MiB.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..))]
    max_mib: u64,

    /// cargo says so to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Allocated bytes by call stack, and of how many samples they are the estimate.
struct Built {
    stacks: HashMap<Vec<usize>, f64>,
    samples: u64,
}

impl Built {
    fn bytes_of(&self, stack: &[usize]) -> f64 {
        self.stacks.get(stack).copied().unwrap_or(0.0)
    }

    fn all_bytes(&self) -> f64 {
        self.stacks.values().sum()
    }
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    // Twice exactly, then by samples. One call for all, so that the same code has the same call stack each time.
    let mut builds = Vec::new();
    for number in 0..cli.seeds + 2 {
        builds.push(build(&cli, number.checked_sub(1).filter(|seed| *seed > 0))?);
        if number.is_multiple_of(10) {
            eprintln!("{number} of {} builds", cli.seeds + 2);
        }
    }
    let ([exact, again], sampled) = builds.split_first_chunk().expect("two are exact");

    let mut stacks: Vec<_> = exact.stacks.iter().filter(|(_, bytes)| **bytes >= exact.all_bytes() / 100.0).collect();
    stacks.sort_unstable_by(|one, other| other.1.total_cmp(one.1));
    let samples: u64 = sampled.iter().map(|built| built.samples).sum();
    println!(
        "{} builds of {:.0} MiB allocated, a sample every {} KiB: {} of each on average",
        cli.seeds,
        exact.all_bytes() / f64::from(1 << 20),
        cli.every_kib,
        samples / cli.seeds,
    );
    println!("{:>8} {:>10} {:>12} {:>9} {:>9} {:>9}", "share", "MiB", "next build", "mean", "rms", "theory");
    let percent = |ratio: f64| format!("{:+.1} %", 100.0 * ratio);
    let (mut squares, mut expected) = (0.0, 0.0);
    for (stack, bytes) in stacks {
        let errors = Vec::from_iter(sampled.iter().map(|built| built.bytes_of(stack) / bytes - 1.0));
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let square = errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64;
        let theory = (cli.every_kib << 10) as f64 / bytes;
        squares += square;
        expected += theory;
        println!(
            "{:>8} {:>10.1} {:>12} {:>9} {:>9} {:>9}",
            format!("{:.1} %", 100.0 * bytes / exact.all_bytes()),
            bytes / f64::from(1 << 20),
            percent(again.bytes_of(stack) / bytes - 1.0),
            percent(mean),
            format!("{:.1} %", 100.0 * square.sqrt()),
            format!("{:.1} %", 100.0 * theory.sqrt()),
        );
    }
    println!("all of them: rms over theory {:.2}", (squares / expected).sqrt());
    Ok(())
}

/// Builds an index with one thread, and says which stacks allocated how much in it: exactly, or by samples with a seed.
fn build(cli: &Cli, seed: Option<u64>) -> anyhow::Result<Built> {
    let folder = tempfile::tempdir()?;
    let mut sources = sources::Sources::of(cli.folder.as_deref())?;
    let work =
        engine::Work { folder: folder.path(), threads: 1, most_bytes: cli.max_mib << 20, carry_to_threads: true };
    let before = heapledger::snapshot();
    let capture = match seed {
        None => capture("index_build"),
        Some(seed) => capture("index_build").every(cli.every_kib << 10).seed(seed),
    };
    anyhow::ensure!(capture.is_possible(), "no call stacks can be taken here");
    engine::build(&work, &mut sources, &progress::Progress)?;
    let after = heapledger::snapshot() - before;
    drop(capture);

    let all = after.operation("index_build").map_or(0, |operation| operation.total.allocated_bytes);
    let (mut stacks, mut samples, mut sum) = (HashMap::new(), 0, 0);
    for stack in after.stacks("index_build") {
        sum += stack.allocated_bytes;
        samples += stack.samples.unwrap_or(0);
        *stacks.entry(stack.addresses().to_vec()).or_insert(0.0) += stack.allocated_bytes as f64;
    }
    anyhow::ensure!(sum == all, "the stacks add up to {sum} B, and the operation allocated {all} B");
    Ok(Built { stacks, samples })
}
