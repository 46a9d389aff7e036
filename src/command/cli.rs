//! What users type: the commands, their help, and the page of the manual. What each command does, and which options it
//! has, is in the file of its name.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use super::accept::{AcceptOptions, accept};
use super::diff::{DiffOptions, diff};
use super::exit::Exit;
use super::init::{InitOptions, init};
use super::merge::{MergeOptions, merge};
use super::project::Project;
use super::record::{RecordOptions, record};
use super::review::review;
use super::run::{RunOptions, run_program};
use super::self_test::{plant, self_test};
use super::show::{ShowOptions, show};
use super::terminal::{When, complain, print_verbatim, printable_lines};
use super::test::{TestOptions, test};
use crate::front::leave_to_others;

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
  cargo heapledger record                   run all tests, and record what they measured, but no breach
  cargo heapledger review                   look at what changed, figure by figure
  cargo heapledger accept                   record what is better, and leave what is worse
  cargo heapledger run --capture '**' -- target/release/app    a program, with call stacks
  cargo heapledger show report.json         look at a report that a program stored
  cargo heapledger show report.json --operation 'index/*' --sites    a part of it
  cargo heapledger show report.json --to report.pb.gz          convert it, here for pprof
  cargo heapledger test --strict --junit target/budgets.xml    in CI

Exit codes:
  0  everything is within its budget
  1  tests failed for another reason, or a file or an argument is wrong
  2  a figure exceeds its budget
  3  a leak test found a leak
  4  figures are to be recorded: an improvement (with --strict), or a new environment
  5  a figure does not repeat itself
  6  heapledger was not the global allocator, or a report is missing or cannot be trusted

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

#[derive(Subcommand)]
enum Command {
    /// Run the tests, and judge what they measured.
    ///
    /// Every test process that enters operations writes a report when it ends. They are added up, held against
    /// heapledger.toml and the recorded figures, and shown as a table: what matters first, and what is within its
    /// limits only with --all. Where the run fails, the last line says what failed. Nothing in the project is written.
    Test(TestOptions),
    /// Run the tests, and record what they measured.
    ///
    /// Writes one file for each environment (target, profile, inner allocator, version of rustc). Figures within their
    /// tolerance stay as they are; what is better or new is recorded, and listed. A breach is recorded only where its
    /// operation is named, or all are asked for, and with a reason, which is written beside the figure. In CI nothing
    /// is written: the patch is printed instead.
    Record(RecordOptions),
    /// Look at what the last run measured otherwise than recorded, and decide figure by figure.
    ///
    /// Shows of each figure whether it is better or worse, where it is recorded, what grew, and the policy's reason. A
    /// breach is recorded with a reason, which is written beside the figure.
    Review,
    /// Record what the last run measured better than recorded, or for the first time.
    ///
    /// Lists what it writes. A breach is recorded only where its operation is named, or all are asked for, and with a
    /// reason, which is written beside the figure. Exits with 2 where a breach is left.
    Accept(AcceptOptions),
    /// Compare two runs, written with --json, or two reports.
    ///
    /// Of two runs it shows every figure of every operation that differs. Runs of different environments are different,
    /// and compared only where both have the same one. Of two reports it shows what grew, shrank, is new or gone: live
    /// bytes by operation and by call stack.
    Diff(DiffOptions),
    /// Add up the runs of many machines, written with --json, and judge them as one.
    Merge(MergeOptions),
    /// Run a program that has the allocator, and show its report when it ends.
    ///
    /// The program needs no change: its report, and those of the programs that it starts, are added up. The table goes
    /// to standard error, as what the program says is its own. Ctrl-C and SIGTERM are for the program, and the command
    /// waits for it. Exits with what the program exits with, with 128 and the signal that ended it, and with 6 where it
    /// left no report, or one that cannot be trusted or lacks what was asked for.
    Run(RunOptions),
    /// Show stored reports, several added up, as the table that a program prints of its own.
    ///
    /// Judges nothing: it exits with 0 if every file can be read.
    Show(ShowOptions),
    /// Write heapledger.toml from a first run, with a table for every operation.
    ///
    /// A figure that is zero or was the same in all runs is limited exactly, one that no two runs agree on gets a
    /// ceiling, and all others a tolerance that is never larger than the figure.
    Init(InitOptions),
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

/// Runs the command.
pub fn main() -> ExitCode {
    leave_to_others();
    let Cargo::Heapledger(asked) = match Cargo::try_parse() {
        Ok(asked) => asked,
        Err(error) => {
            // Help and the version are what was asked for; clap would exit with 2, which is a breach.
            let _ = error.print();
            return if error.use_stderr() { Exit::Failed.into() } else { Exit::Within.into() };
        }
    };
    match run(asked) {
        Ok(exit) => exit,
        Err(error) => {
            complain(&format!("error: {}", printable_lines(&format!("{error:#}"))));
            Exit::Failed.into()
        }
    }
}

fn run(asked: Heapledger) -> anyhow::Result<ExitCode> {
    let project = Project { policy: asked.policy, colour: asked.color.colours() };
    let exit = match asked.command {
        Command::Run(options) => return run_program(&options),
        Command::Test(options) => test(&project, &options),
        Command::Record(options) => record(&project, &options),
        Command::Review => review(&project),
        Command::Accept(options) => accept(&project, &options),
        Command::Diff(options) => diff(&options),
        Command::Merge(options) => merge(&project, &options),
        Command::Show(options) => show(&project, &options),
        Command::Init(options) => init(&project, &options),
        Command::SelfTest => self_test(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cargo::command(), "cargo", &mut script);
            print_verbatim(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Within)
        }
        Command::Man => {
            let command = Heapledger::command().name("cargo-heapledger");
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            print_verbatim(&String::from_utf8_lossy(&page))?;
            Ok(Exit::Within)
        }
        Command::Plant { what } => plant(&what),
    };
    exit.map(ExitCode::from)
}
