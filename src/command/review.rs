//! `cargo heapledger review`: shows what the last run measured otherwise than recorded, and records what is agreed to,
//! figure by figure.

use std::io::{BufRead, IsTerminal};

use anyhow::bail;

use super::change::{Agreed, Change, lock};
use super::exit::Exit;
use super::last_run::last_run;
use super::project::{Project, in_ci};
use super::terminal::say;
use crate::words::printable;

/// `cargo heapledger review`.
pub(super) fn review(project: &Project) -> anyhow::Result<Exit> {
    let book = project.book()?;
    if in_ci() {
        bail!("in CI nobody answers: use `cargo heapledger test --strict` there");
    }
    let changes = Change::all(&book, &last_run(project)?)?;
    if changes.is_empty() {
        say("nothing to review: every figure is as it was, or within its tolerance\n")?;
        return Ok(Exit::Within);
    }
    if !std::io::stdin().is_terminal() {
        list(&changes)?;
        return Ok(Exit::Within);
    }
    let agreed = ask(&changes, std::io::stdin().lock())?;
    let _lock = lock(&book)?;
    for (change, agreed) in changes.iter().zip(agreed) {
        let change = change.limited_to(agreed, &book)?;
        if !change.differences().is_empty() {
            change.write()?;
        }
    }
    Ok(Exit::Within)
}

/// Shows every figure, where nobody can be asked.
fn list(changes: &[Change]) -> anyhow::Result<()> {
    for change in changes {
        say(&format!("{}\n", printable(&change.environment.to_string())))?;
        for difference in change.differences() {
            say(&format!("  {difference}\n"))?;
        }
    }
    say("answers are read from a terminal; `cargo heapledger accept` takes them all\n")
}

/// Asks for every figure of every change.
fn ask(changes: &[Change], answers: impl BufRead) -> anyhow::Result<Vec<Agreed>> {
    let mut answers = answers.lines();
    let mut all = false;
    let mut agreed = Vec::new();
    let total: usize = changes.iter().map(|change| change.differences().len()).sum();
    let mut at = 0;
    for change in changes {
        let mut of_this = Agreed::new();
        say(&format!("{}\n", printable(&change.environment.to_string())))?;
        for difference in change.differences() {
            at += 1;
            say(&format!("  {at}/{total}  {difference}\n"))?;
            let mut records = all;
            while !all {
                say("  record it? [y]es, [n]o, [a]ll from here, [q]uit without recording: ")?;
                let answer = answers.next().transpose()?;
                match answer.as_deref().map(str::trim) {
                    Some("y" | "yes") => records = true,
                    Some("n" | "no") => {}
                    Some("a" | "all") => (all, records) = (true, true),
                    None | Some("q" | "quit") => return Ok(vec![Agreed::new(); changes.len()]),
                    Some(_) => continue,
                }
                break;
            }
            if records {
                of_this.push((difference.key.clone(), difference.now));
            }
        }
        agreed.push(of_this);
    }
    Ok(agreed)
}
