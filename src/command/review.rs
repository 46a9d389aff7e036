//! `cargo heapledger review`: shows what the last run measured otherwise than recorded, and records what is agreed to,
//! figure by figure.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};

use anyhow::bail;

use super::change::{Change, lock};
use super::exit::Exit;
use super::figure_change::{FigureChange, FigureKey};
use super::last_run::last_run;
use super::project::{Project, in_ci};
use super::terminal::say;
use crate::render::findings::one_line;
use crate::words::printable;

/// What was agreed to in one environment: the figures, and why those that are more may be so.
type Agreed = BTreeMap<FigureKey, Option<String>>;

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
    let Some(agreed) = ask(&changes, std::io::stdin().lock())? else { return Ok(Exit::Within) };
    let _lock = lock(&book)?;
    for (mut change, agreed) in changes.into_iter().zip(agreed) {
        change.keep(|one| agreed.contains_key(&one.key));
        change.figures.iter_mut().for_each(|one| one.reason = agreed.get(&one.key).cloned().flatten());
        for one in change.leave_overtaken(book.figures(&change.environment)?.as_ref()) {
            let (path, figure) = &one.key;
            say(&format!("  {} {figure}: recorded otherwise meanwhile, and left so: review again\n", printable(path)))?;
        }
        change.write(&book, |_| true)?;
    }
    Ok(Exit::Within)
}

/// Shows every figure, where nobody can be asked.
fn list(changes: &[Change]) -> anyhow::Result<()> {
    for change in changes {
        say(&format!("{}\n", printable(&change.environment.to_string())))?;
        change.figures.iter().try_for_each(FigureChange::show)?;
    }
    say("answers are read from a terminal; `cargo heapledger accept` takes all but the breaches\n")
}

/// What somebody answers.
enum Answer {
    /// Record it; what is more, with this reason.
    Yes(Option<String>),
    No,
    Quit,
}

/// Asks for every figure of every change that does not share the fate of another one; `None` where nothing is to be
/// recorded.
fn ask(changes: &[Change], answers: impl BufRead) -> anyhow::Result<Option<Vec<Agreed>>> {
    let mut answers = answers.lines();
    let mut next = || answers.next().transpose();
    let mut all = false;
    let mut agreed = Vec::new();
    let asked = |change: &&FigureChange| change.owner().is_none();
    let total = changes.iter().flat_map(|change| &change.figures).filter(asked).count();
    let mut at = 0;
    for change in changes {
        let mut of_this = Agreed::new();
        say(&format!("{}\n", printable(&change.environment.to_string())))?;
        for one in change.figures.iter().filter(asked) {
            at += 1;
            say(&format!("{at}/{total}"))?;
            one.show()?;
            match ask_for(one, &mut all, &mut next)? {
                Answer::Yes(reason) => drop(of_this.insert(one.key.clone(), reason)),
                Answer::No => {}
                Answer::Quit => return Ok(None),
            }
        }
        agreed.push(of_this);
    }
    Ok(Some(agreed))
}

/// Asks for one figure. `all` that follow may be agreed to already, but for what is more than recorded.
fn ask_for(
    one: &FigureChange,
    all: &mut bool,
    next: &mut impl FnMut() -> std::io::Result<Option<String>>,
) -> anyhow::Result<Answer> {
    while !*all || one.is_breach() {
        say("  record it? [y]es, [n]o, [a]ll from here but breaches, [q]uit without recording: ")?;
        match next()?.as_deref().map(str::trim) {
            Some("y" | "yes") => break,
            Some("n" | "no") => return Ok(Answer::No),
            Some("a" | "all") => *all = true,
            None | Some("q" | "quit") => return Ok(Answer::Quit),
            Some(_) => {}
        }
    }
    let mut reason = None;
    while one.is_breach() && reason.is_none() {
        say("  why may it be more? The answer is written beside the figure: ")?;
        let Some(given) = next()? else { return Ok(Answer::Quit) };
        reason = Some(one_line(&given)).filter(|given| !given.is_empty());
    }
    Ok(Answer::Yes(reason))
}
