//! Showing what became of a run: a table for people, and the files and messages that CI reads. How each of them looks
//! is `render`'s to say.

use std::path::PathBuf;

use clap::Args;

use super::collect::Ran;
use super::exit::Exit;
use super::github::{annotations_of, append_to_summary, on_github};
use super::last_run::keep;
use super::outcome::Outcome;
use super::patch::print_patches;
use super::project::{Project, in_ci, write};
use super::terminal::{complain, look, print_verbatim, say};
use crate::disk::Book;
use crate::judging::budget::Run;
use crate::render::findings::{junit, markdown, table};
use crate::words::printable;

#[derive(Args, Default)]
pub(super) struct ConcludeOptions {
    /// Improvements, and figures that nobody recorded yet, fail.
    #[arg(long)]
    strict: bool,
    /// Show every figure, those within their limits too.
    #[arg(long)]
    all: bool,
    /// Write what was measured, for `diff` and `merge`.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the findings as JUnit's XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the findings as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl ConcludeOptions {
    /// Every figure, and nothing else.
    pub(super) fn of_all() -> Self {
        Self { all: true, ..Self::default() }
    }
}

/// Judges what ran, keeps it for the commands that come back to it, and shows it in every form that is asked for.
pub(super) fn conclude(project: &Project, book: &Book, ran: &Ran, options: &ConcludeOptions) -> anyhow::Result<Exit> {
    let outcome = Outcome::of(book, ran, options.strict)?;
    keep(project, &ran.run);
    show(&outcome, project, options, &ran.run)?;
    if in_ci() {
        print_patches(book, &ran.run)?;
    }
    end(&outcome)
}

/// Says in the last line what failed, if anything did.
pub(super) fn end(outcome: &Outcome) -> anyhow::Result<Exit> {
    if let Some(failure) = outcome.failure() {
        say(&format!("\n{failure}\n"))?;
    }
    Ok(outcome.exit())
}

/// Shows what became of `run`: the table, the files that are asked for, and on GitHub what its workflows read.
pub(super) fn show(outcome: &Outcome, project: &Project, options: &ConcludeOptions, run: &Run) -> anyhow::Result<()> {
    say(&text(outcome, project, options, run)?)?;
    let markdown = || markdown(&outcome.parts, outcome.exit() != Exit::Within);
    if let Some(file) = &options.json {
        write(file, &run.to_json())?;
    }
    if let Some(file) = &options.junit {
        write(file, &junit(&outcome.parts, outcome.strict))?;
    }
    if let Some(file) = &options.markdown {
        write(file, &markdown())?;
    }
    if !on_github() {
        return Ok(());
    }
    print_verbatim(&annotations_of(outcome.findings(), outcome.strict))?;
    // The verdict does not depend on the summary.
    if let Err(error) = append_to_summary(markdown) {
        complain(&format!("warning: the summary of the job could not be written: {error}"));
    }
    Ok(())
}

/// What people read.
fn text(outcome: &Outcome, project: &Project, options: &ConcludeOptions, run: &Run) -> anyhow::Result<String> {
    let mut text = String::new();
    let look = look(project.colour);
    for (environment, findings) in &outcome.parts {
        text += &format!("\n{}\n", printable(environment));
        table(findings, options.all, &look, &mut text)?;
    }
    if !run.complete {
        text += "\nonly a part of the tests ran: of what they did not enter, nothing is judged\n";
    }
    if let Some(step) = outcome.next_step() {
        text += &format!("\n{step}\n");
    }
    Ok(text)
}
