//! What the report of a leak test says of operations and threads outside the test. It judges nothing.

use crate::judging::leak::{Findings, Growth, Placed, Warning};
use crate::words::printable;

/// Names shown in a headline.
const SHOWN: usize = 3;

fn names<'a>(paths: impl Iterator<Item = &'a str>) -> String {
    let paths: Vec<String> = paths.map(printable).collect();
    let more = paths.len().saturating_sub(SHOWN);
    let shown = paths[..paths.len() - more].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// Where the memory of the verdict is, if it is not the test's own: `, in history, outside the test`.
pub(super) fn place(found: &Findings) -> String {
    let outside = &found.outside;
    if outside.leaks.is_empty() || !outside.are_the_verdict {
        return String::new();
    }
    format!(", in {}, outside the test", names(outside.leaks.iter().map(|leak| leak.operation.path.as_str())))
}

/// The paths of operations outside that grow, and that the verdict does not name.
fn beside(found: &Findings) -> Vec<&str> {
    let outside = &found.outside;
    let leaks = outside.leaks.iter().filter(|_| !outside.are_the_verdict).map(|leak| leak.operation.path.as_str());
    leaks.chain(in_step(found)).collect()
}

fn in_step(found: &Findings) -> impl Iterator<Item = &str> {
    found.warnings.iter().filter_map(|warning| match warning {
        Warning::OutsideInStep { operation, .. } => Some(operation.path.as_str()),
        _ => None,
    })
}

/// What the headline adds to any verdict: `; outside, history grows in step with it`.
pub(super) fn added(found: &Findings) -> String {
    let beside = beside(found);
    let grow = if beside.len() == 1 { "grows" } else { "grow" };
    if beside.is_empty() {
        return String::new();
    }
    format!("; outside, {} {grow} in step with it", names(beside.into_iter()))
}

/// The headline of a clean test: not every iteration gives everything back where something outside keeps step with it.
pub(super) fn clean(found: &Findings) -> &'static str {
    match in_step(found).next() {
        None => "clean: every iteration gives back what it takes",
        Some(_) => "clean inside: the test's own operations keep nothing",
    }
}

/// Behind the name of an operation that grows: that it is not the test's. What no scope is open for says so by its
/// name.
pub(super) fn whereabouts(found: &Findings, operation: &Placed) -> &'static str {
    let is_outside = found.outside.leaks.iter().any(|leak| leak.operation == *operation);
    if is_outside && operation.site.is_some() { ", outside the test," } else { "" }
}

/// Operations outside that leak and that are not among those that grow already.
pub(super) fn growing(found: &Findings) -> impl Iterator<Item = &Growth> {
    let known = |leak: &&Growth| found.growing.iter().any(|growth| growth.operation == leak.operation);
    found.outside.leaks.iter().filter(move |leak| !known(leak))
}

/// What to do about it; `None` where there is nothing of the kind.
pub(super) fn advice(found: &Findings) -> Option<&'static str> {
    if found.verdict.is_leak() && !found.outside.leaks.is_empty() && found.outside.are_the_verdict {
        return Some(
            "look at what works for the test there: a pool, a channel, a cache; carried in by `current().run(..)` or \
             `tracked`, it is judged as the test's own",
        );
    }
    if !found.verdict.is_leak() && in_step(found).next().is_some() {
        return Some(
            "run it alone (`cargo nextest run`, or `--test-threads=1`) or with `.whole_process()`: what grows outside \
             is judged then",
        );
    }
    let unseen = found.warnings.iter().any(|warning| matches!(warning, Warning::UnseenThreads { .. }));
    (found.passes() && unseen).then_some(
        "carry the operation to those threads with `tracked` or `Operation::run`, or use the feature `threads`: what \
         they keep is not seen",
    )
}

#[cfg(test)]
mod tests;
