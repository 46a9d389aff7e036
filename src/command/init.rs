//! `cargo heapledger init`: a policy from a first run, with a table for every operation.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;

use super::change::record_all;
use super::collect::{CargoRun, run_tests};
use super::conclude::{ConcludeOptions, end, show};
use super::exit::Exit;
use super::first_limit::first_limit;
use super::last_run::keep;
use super::outcome::Outcome;
use super::project::{Project, in_ci, write_inside};
use super::terminal::say;
use crate::disk::{Book, shown};
use crate::judging::budget::{Figure, Measured, Policy, Run, is_within, operations, table_header};
use crate::words::printable;

/// How every policy begins.
const HEAD: &str = r##"# Memory budgets: what operations may keep and allocate. `cargo heapledger test` judges them, `assert_budget` does in tests.
# A limit is one of
#   12            exactly so much                  "64 MiB"     at most so much
#   "ratchet"     what is recorded, exactly        "1%"         what is recorded, within 1 %
#   { tolerance = "1%", minimum = "4 KiB" }        what is recorded, within 1 % or 4 KiB, whichever is more
# of: allocs, allocated_bytes, peak_bytes, net_bytes, live_bytes, live_bytes_per_iteration. `cargo heapledger record` records.
# What was zero or the same in all runs is exact here; where no two runs agreed, there is a ceiling.
schema = 1

# Operations that no table below names: "fail", "warn" or "allow".
unlisted = "warn"

# For every operation, where its own table says nothing else:
# [defaults]
# live_bytes_per_iteration = 0
"##;

#[derive(Args)]
pub(super) struct InitOptions {
    /// Write over a policy that is there.
    #[arg(long)]
    force: bool,
    /// Use cargo nextest instead of cargo test.
    #[arg(long)]
    nextest: bool,
    /// Arguments for cargo test.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

/// `cargo heapledger init`.
pub(super) fn init(project: &Project, asked: &InitOptions) -> anyhow::Result<Exit> {
    if in_ci() {
        bail!("in CI nothing is written: run `cargo heapledger init` elsewhere, and commit what it writes");
    }
    let path = project.new_policy()?;
    if std::fs::symlink_metadata(&path).is_ok() && !asked.force {
        bail!("{} is there already: edit it, or write over it with --force", shown(&path));
    }
    let tests =
        CargoRun { nextest: asked.nextest, arguments: &asked.arguments, recording: true, ..CargoRun::default() };
    let ran = run_tests(project, None, &tests)?;
    if !ran.passed {
        bail!("tests failed: make them pass first, nothing was written");
    }
    let text = policy(&ran.run);
    // What is there must not be in the way of the next `init`: neither what cannot be read, nor what limits nothing.
    Policy::parse(&shown(&path), &text).context("nothing was written: what there is to limit makes no policy")?;
    if ran.run.processes() > 0 && !ran.run.parts.iter().all(|part| operations(part).is_empty()) {
        write_inside(path.parent().unwrap_or(Path::new("")), &path, &text)?;
        say(&format!("{}: written\n", shown(&path)))?;
    }
    let Ok(book) = Book::open(path) else {
        bail!(
            "no operation was seen, so there is nothing to limit: make heapledger the global allocator of the test binaries, \
             and enter operations with `track`"
        );
    };
    record_all(&book, &ran.run)?;
    keep(project, &ran.run);
    let outcome = Outcome::of(&book, &ran, false)?;
    show(&outcome, project, &ConcludeOptions::of_all(), &ran.run)?;
    say(&format!("\nread {}, tighten what matters, and commit it with the figures\n", shown(&book.path)))?;
    end(&outcome)
}

/// The policy's text: every operation that nothing else is above, and everything that tests assert.
fn policy(run: &Run) -> String {
    let mut text = String::from(HEAD);
    for part in &run.parts {
        let operations = operations(part);
        let leak_tests: Vec<&str> = part.leak_tests.iter().map(|test| test.path.as_str()).collect();
        for (path, measured) in &operations {
            let asserted = part.measured.get(path).is_some_and(|measured| measured.inside.is_none());
            let leak_test = leak_tests.contains(&path.as_str());
            let header = table_header(path);
            if (path.contains('/') && !asserted && !leak_test) || text.contains(&header) {
                continue;
            }
            let denied = part.denying.iter().any(|denied| is_within(path, denied));
            // Writing to a string does not fail.
            let _ = writeln!(text, "\n{header}");
            for (figure, observed) in measured.values.iter().filter(|(figure, _)| !denied || **figure != Figure::Allocs)
            {
                if let Some(limit) = first_limit(*figure, *observed) {
                    let leaks = *figure == Figure::LiveBytesPerIteration && observed.value > 0;
                    let leaks = if leaks { ": a leak" } else { "" };
                    let _ = writeln!(text, "{figure} = {limit} # {}{leaks}", figure.shown(observed.value));
                }
            }
            if denied {
                text += "# `deny_alloc` says how many allocations there may be\n";
            }
            let _ = writeln!(text, "# {}", what_it_is(measured, asserted, leak_test));
        }
    }
    text
}

fn what_it_is(measured: &Measured, asserted: bool, leak_test: bool) -> String {
    let how = match (asserted, leak_test) {
        (true, _) => "measured by an assertion",
        (_, true) => "measured by a leak test",
        _ => "added up over all tests that enter it",
    };
    match &measured.site {
        Some(site) => format!("{how}, {}:{}", printable(&site.file), site.line),
        None => how.into(),
    }
}
