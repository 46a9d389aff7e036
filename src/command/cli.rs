//! The command `cargo heapledger`: runs tests, collects what their processes measured, judges it, and keeps the figures.
//!
//! Here is what users type, and what the command exits with. `tests` runs cargo and collects, `outcome` judges and shows,
//! `keep` writes figures, `init` and `self_test` are the commands of that name. Outside this module only values and pure
//! functions know of budgets.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{collect, init, keep, outcome, self_test};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

/// What the command exits with. The first one in this order that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// The allocator was not active, or a process left no report: nothing can be said.
    Blind = 6,
    /// A leak test found a leak.
    Leak = 3,
    /// A figure exceeds its limit.
    Breach = 2,
    /// A figure does not repeat itself.
    Unstable = 5,
    /// Tests failed for other reasons, or a file or an argument is wrong.
    Failed = 1,
    /// Figures are to be recorded: an improvement in strict mode, or a new environment.
    ToRecord = 4,
    /// Everything is within its budget.
    Within = 0,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Cargo gives the subcommand's name as the first argument.
#[derive(Parser)]
#[command(name = "cargo", bin_name = "cargo", disable_help_subcommand = true)]
enum Cargo {
    #[command(name = "heapledger")]
    Heapledger(Heapledger),
}

const EXAMPLES: &str = "\
Examples:
  cargo heapledger init                     write heapledger.toml from a first run of all tests
  cargo heapledger test                     run all tests, and judge what they measured
  cargo heapledger test -- --test search    only one test binary
  cargo heapledger record                   run all tests, and record what they measured
  cargo heapledger review                   look at what changed, figure by figure
  cargo heapledger test --strict --junit target/budgets.xml    in CI

Exit codes:
  0  everything is within its budget
  1  tests failed for another reason, or a file or an argument is wrong
  2  a figure exceeds its budget
  3  a leak test found a leak
  4  figures are to be recorded: an improvement (with --strict), or a new environment
  5  a figure does not repeat itself
  6  heapledger was not the global allocator, or a process left no report: nothing can be said

The manual is docs/ci-budgets.md.";

/// Memory budgets: what operations may keep and allocate, judged test by test, to the byte.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 100)]
struct Heapledger {
    #[command(subcommand)]
    command: Command,
    /// The policy's file, instead of the heapledger.toml here or above.
    #[arg(long, global = true, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// When to colour what is printed.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: When,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum When {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl When {
    fn colours(self) -> bool {
        let wanted = || std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        self == Self::Always || (self == Self::Auto && std::io::stdout().is_terminal() && wanted())
    }
}

#[derive(Subcommand)]
enum Command {
    /// RunOptions the tests, and judge what they measured.
    ///
    /// Every test process that enters operations writes a report when it ends. They are added up, held against
    /// heapledger.toml and the recorded figures, and shown as a table. Nothing in the project is written.
    Test(RunOptions),
    /// RunOptions the tests, and record what they measured.
    ///
    /// Writes one file for each environment (target, profile, inner allocator, version of rustc). Figures within their
    /// tolerance stay as they are. In CI nothing is written: the patch is printed instead.
    Record(RunOptions),
    /// Look at what the last run measured otherwise than recorded, and decide figure by figure.
    Review,
    /// Record what the last run measured, or what a log of CI has.
    Accept(Accept),
    /// Compare two runs, written with --json.
    ///
    /// Shows every figure of every operation that differs. Runs of different environments are different, and compared
    /// only where both have the same one.
    Diff {
        /// The run to compare with.
        base: PathBuf,
        /// The run that is compared.
        head: PathBuf,
    },
    /// Add up the runs of many machines, written with --json, and judge them as one.
    Merge(Merge),
    /// Write heapledger.toml from a first run, with a table for every operation.
    Init(Init),
    /// Plant a leak and a regression, and see them turn red.
    SelfTest,
    /// Print a script that completes this command's arguments in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, for man(1).
    Man,
    #[command(hide = true)]
    Plant { what: String },
}

#[derive(Args, Default)]
pub(super) struct RunOptions {
    #[command(flatten)]
    pub(super) show: Show,
    /// Use cargo nextest instead of cargo test.
    #[arg(long)]
    pub(super) nextest: bool,
    /// What runs is all there is: an operation that the policy names and nobody enters is a breach. So it is anyway when
    /// no argument after `--` selects tests.
    #[arg(long)]
    pub(super) complete: bool,
    /// Arguments for cargo test, such as `--test search` or `--release`.
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub(super) arguments: Vec<OsString>,
}

#[derive(Args, Default)]
pub(super) struct Show {
    /// Improvements, and figures that nobody recorded yet, fail.
    #[arg(long)]
    pub(super) strict: bool,
    /// Show every figure, however many there are.
    #[arg(long)]
    pub(super) all: bool,
    /// Write what was measured, for `diff` and `merge`.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write the findings as JUnit's XML.
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// Write the findings as Markdown.
    #[arg(long, value_name = "FILE")]
    pub(super) markdown: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Accept {
    /// A log of CI in which `cargo heapledger` printed a patch; `-` is standard input.
    #[arg(long, value_name = "LOG")]
    pub(super) from: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Merge {
    #[command(flatten)]
    pub(super) show: Show,
    /// The shards were not all: an operation that nobody entered is no breach.
    #[arg(long)]
    pub(super) partial: bool,
    /// Runs, written with --json.
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

#[derive(Args)]
pub(super) struct Init {
    /// Write over a policy that is there.
    #[arg(long)]
    pub(super) force: bool,
    /// Use cargo nextest instead of cargo test.
    #[arg(long)]
    pub(super) nextest: bool,
    /// Arguments for cargo test.
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub(super) arguments: Vec<OsString>,
}

/// Where the command works, and how it shows.
pub(super) struct Project {
    /// The policy that was asked for.
    pub(super) policy: Option<PathBuf>,
    pub(super) colour: bool,
}

/// Runs the command.
pub fn main() -> ExitCode {
    let Cargo::Heapledger(asked) = match Cargo::try_parse() {
        Ok(asked) => asked,
        Err(error) => {
            // Help and the version are what was asked for; clap would exit with 2, which is a breach.
            let _ = error.print();
            return if error.use_stderr() { Exit::Failed.into() } else { Exit::Within.into() };
        }
    };
    match run(asked) {
        Ok(exit) => exit.into(),
        Err(error) => {
            outcome::complain(&format!("error: {}", outcome::plain(&format!("{error:#}"))));
            Exit::Failed.into()
        }
    }
}

fn run(asked: Heapledger) -> anyhow::Result<Exit> {
    let project = Project { policy: asked.policy, colour: asked.color.colours() };
    match asked.command {
        Command::Test(run) => collect::test(&project, &run),
        Command::Record(run) => keep::record(&project, &run),
        Command::Review => keep::review(&project),
        Command::Accept(accept) => keep::accept(&project, accept.from.as_deref()),
        Command::Diff { base, head } => outcome::diff(&base, &head),
        Command::Merge(merge) => outcome::merge(&project, &merge),
        Command::Init(init) => init::init(&project, &init),
        Command::SelfTest => self_test::self_test(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cargo::command(), "cargo", &mut script);
            outcome::print_whole(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Within)
        }
        Command::Man => {
            let command = Heapledger::command().name("cargo-heapledger");
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            outcome::print_whole(&String::from_utf8_lossy(&page))?;
            Ok(Exit::Within)
        }
        Command::Plant { what } => self_test::plant(&what),
    }
}
