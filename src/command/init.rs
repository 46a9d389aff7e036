//! `cargo heapledger init`: a policy from a first run, with a table for every operation.

use std::ffi::OsString;
use std::fmt::Write as _;

use anyhow::bail;
use clap::Args;
use toml_edit::Value;

use super::change::record_all;
use super::collect::{CargoRun, run_tests};
use super::exit::Exit;
use super::last_run::keep;
use super::outcome::Outcome;
use super::project::{Project, in_ci, write};
use super::show::{ShowOptions, show};
use super::terminal::say;
use crate::disk::{Book, shown};
use crate::judging::budget::{Figure, Measured, Run, operations};

/// How every policy begins.
const HEAD: &str = r##"# Memory budgets: what operations may keep and allocate. `cargo heapledger test` judges them, `assert_budget` does in tests.
# A limit is one of
#   12            exactly so much                  "64 MiB"     at most so much
#   "ratchet"     what is recorded, exactly        "1%"         what is recorded, within 1 %
#   { tolerance = "1%", minimum = "4 KiB" }        what is recorded, within 1 % or 4 KiB, whichever is more
# of: allocs, allocated_bytes, peak_bytes, net_bytes, live_bytes, live_bytes_per_iteration. `cargo heapledger record` records.
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
    // A policy without a table would limit nothing, and be in the way of the next `init`.
    if ran.run.processes() > 0 && !ran.run.parts.iter().all(|part| operations(part).is_empty()) {
        write(&path, &text)?;
        say(&format!("{}: written\n", shown(&path)))?;
    }
    let Ok(book) = Book::open(path) else {
        bail!(
            "no operation was seen, so there is nothing to limit: make heapledger the global allocator of the test binaries, \
             enter operations with `track`, and give the dependency the feature `serde`"
        );
    };
    record_all(&book, &ran.run)?;
    keep(project, &ran.run);
    let outcome = Outcome::of(&book, &ran, false)?;
    show(&outcome, project, &ShowOptions::default(), &ran.run)?;
    say(&format!("\nread {}, tighten what matters, and commit it with the figures\n", shown(&book.path)))?;
    Ok(outcome.exit())
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
            let header = format!("[operation.{}]", Value::from(path.as_str()).to_string().trim());
            if (path.contains('/') && !asserted && !leak_test) || text.contains(&header) {
                continue;
            }
            // Writing to a string does not fail.
            let _ = writeln!(text, "\n{header}");
            for (figure, value) in &measured.values {
                if let Some(limit) = limit(*figure, value.value, asserted) {
                    let _ = writeln!(text, "{} # {}", limit, figure.shown(value.value));
                }
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
        Some(site) => format!("{how}, {}:{}", Value::from(&*site.file).to_string().trim().trim_matches('"'), site.line),
        None => how.into(),
    }
}

/// What a first policy says: figures of assertions repeat themselves, sums over tests less so.
fn limit(figure: Figure, value: i64, asserted: bool) -> Option<String> {
    Some(match figure {
        Figure::Allocs if asserted => "allocs = \"ratchet\"".into(),
        Figure::Allocs => "allocs = { tolerance = \"2%\", minimum = 10 }".into(),
        Figure::AllocatedBytes => "allocated_bytes = { tolerance = \"2%\", minimum = \"1 KiB\" }".into(),
        Figure::LiveBytesPerIteration => format!("live_bytes_per_iteration = {}", value.max(0)),
        Figure::LiveBytes => "live_bytes = { tolerance = \"2%\", minimum = \"1 KiB\" }".into(),
        Figure::PeakBytes => format!("peak_bytes = \"{}\"", roomy(value)),
        Figure::NetBytes => return None,
    })
}

/// Half as much again, in round numbers.
fn roomy(bytes: i64) -> String {
    let bytes = bytes.saturating_add(bytes / 2).max(1024);
    match bytes {
        small if small < 10 << 10 => format!("{} KiB", (small as u64).div_ceil(1 << 10)),
        small if small < 1 << 20 => format!("{} KiB", (small as u64).div_ceil(10 << 10) * 10),
        medium if medium < 100 << 20 => format!("{} MiB", (medium as u64).div_ceil(1 << 20)),
        large => format!("{} MiB", (large as u64).div_ceil(100 << 20) * 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_ceiling_is_half_as_much_again_in_round_numbers() {
        for (bytes, expected) in [
            (i64::MIN, "1 KiB"),
            (0, "1 KiB"),
            (682, "1 KiB"),
            (684, "2 KiB"),
            (6 << 10, "9 KiB"),
            ((20 << 10) / 3, "10 KiB"),
            (7 << 10, "20 KiB"),
            (20 << 10, "30 KiB"),
            (21 << 10, "40 KiB"),
            (682 << 10, "1030 KiB"),
            (699_051, "1 MiB"),
            (683 << 10, "2 MiB"),
            (40 << 20, "60 MiB"),
            (66 << 20, "99 MiB"),
            (67 << 20, "200 MiB"),
            (i64::MAX, "8796093022300 MiB"),
        ] {
            assert_eq!(roomy(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn figures_that_repeat_themselves_have_narrower_limits_than_sums() {
        let limits = |asserted| Figure::ALL.map(|figure| limit(figure, -5, asserted).unwrap_or_default());
        let bytes = "{ tolerance = \"2%\", minimum = \"1 KiB\" }";
        let expected = [
            "allocs = { tolerance = \"2%\", minimum = 10 }".into(),
            format!("allocated_bytes = {bytes}"),
            format!("live_bytes = {bytes}"),
            "live_bytes_per_iteration = 0".into(),
            String::new(),
            "peak_bytes = \"1 KiB\"".into(),
        ];
        assert_eq!(limits(false), expected);
        assert_eq!(limits(true)[0], "allocs = \"ratchet\"");
        assert_eq!(limits(true)[1..], expected[1..]);
    }
}
