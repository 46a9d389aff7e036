//! Stacks that look the same are one line, the largest first; and what sizes there are. A function of values: nothing
//! is looked up.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::fold::folded;
use super::hints::hints;
use super::look::look;
use super::sizes::sizes_line;
use crate::judging::leak::{LeakLines, Live, Rate, StackGrowth};
use crate::render::amounts::per_iteration;
use crate::words::counted;

/// Lines shown; what more there is stands in one line.
const MOST: usize = 5;
const NOT_KNOWN: &str = "  lines    are not known here";

/// What stacks left per iteration, and as a share of all that was left; and in blocks of what sizes.
pub(crate) fn stacks(lines: &LeakLines, out: &mut impl Write) -> fmt::Result {
    let LeakLines::Found { stacks, others, sizes, total, iterations } = lines else {
        return writeln!(out, "{NOT_KNOWN}: the system is out of memory");
    };
    if total.bytes <= 0 && total.blocks <= 0 {
        let next = counted(*iterations, "iteration");
        return writeln!(out, "  lines    are not known: the next {next}, with call stacks captured, left nothing");
    }
    match stacks {
        Some(stacks) => by_stack(stacks, *others, *total, *iterations, out)?,
        None => writeln!(out, "{NOT_KNOWN}: call stacks need unwind tables")?,
    }
    sizes_line(sizes, *iterations, out)?;
    let hints = hints(stacks.iter().flatten().map(|stack| folded(&stack.frames)));
    hints.iter().try_for_each(|hint| writeln!(out, "  lines    {hint}"))
}

fn by_stack(
    stacks: &[StackGrowth],
    others: (usize, Live),
    total: Live,
    iterations: u64,
    out: &mut impl Write,
) -> fmt::Result {
    let mut by_look: BTreeMap<String, Live> = BTreeMap::new();
    for stack in stacks {
        let sum = by_look.entry(look(stack.kind, &stack.frames)).or_default();
        *sum = sum.plus(stack.live);
    }
    let mut sorted = Vec::from_iter(by_look);
    sorted.sort_by_key(|(_, live)| (-live.bytes, -live.blocks));
    let grows = |(_, live): &&(String, Live)| live.bytes > 0 || live.blocks > 0;
    let shown = sorted.iter().take(MOST).take_while(grows).count();
    let (shown, more) = sorted.split_at(shown);
    for (look, live) in shown {
        writeln!(out, "  lines    {}  {look}{}", each(*live, iterations), share(*live, total))?;
    }
    let (count, rest) = others;
    let count = (count + more.len()) as u64;
    if count > 0 {
        let sum = more.iter().fold(rest, |sum, (_, live)| sum.plus(*live));
        let stacks = counted(count, "other stack");
        writeln!(out, "  lines    and {stacks}: {}{}", each(sum, iterations), share(sum, total))?;
    }
    Ok(())
}

fn each(live: Live, iterations: u64) -> String {
    per_iteration(Rate::of(live, iterations))
}

fn share(part: Live, total: Live) -> String {
    match total.bytes {
        ..=0 => String::new(),
        total => format!(" ({:.1} % of the leak)", 100.0 * part.bytes as f64 / total as f64),
    }
}
