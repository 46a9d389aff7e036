//! Stacks that look the same are one line, the largest first. A function of values: nothing is looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use super::fold::{Folded, folded};
use crate::judging::leak::{Live, OtherStacks, StackGrowth};
use crate::render::amounts::per_iteration;
use crate::symbols::{CallFrame, Origin};
use crate::words::{counted, printable};

/// Lines shown; what more there is stands in one line.
const MOST: usize = 5;

/// What stacks leave, per iteration and as a share of `total`, which is what is left over so many iterations. `beyond`
/// are stacks of which no frames are known.
#[cfg_attr(not(test), expect(dead_code, reason = "the door for leak tests, which do not show lines yet"))]
pub(crate) fn stacks(
    found: &[StackGrowth],
    beyond: OtherStacks,
    total: Live,
    iterations: u64,
    out: &mut impl Write,
) -> fmt::Result {
    let mut by_look: BTreeMap<String, Live> = BTreeMap::new();
    for stack in found {
        let sum = by_look.entry(folded(&stack.frames).to_string()).or_default();
        *sum = sum.plus(stack.live);
    }
    let mut sorted = Vec::from_iter(by_look);
    sorted.sort_by_key(|(_, live)| (-live.bytes, -live.blocks));
    let grows = |(_, live): &&(String, Live)| live.bytes > 0 || live.blocks > 0;
    let shown = sorted.iter().take(MOST).take_while(grows).count();
    let (shown, others) = sorted.split_at(shown);
    for (look, live) in shown {
        writeln!(out, "  lines    {}  {look}{}", each(*live, iterations), share(*live, total))?;
    }
    let count = others.len() as u64 + beyond.count;
    if count > 0 {
        let sum = others.iter().fold(beyond.live, |sum, (_, live)| sum.plus(*live));
        let stacks = counted(count, "other stack");
        writeln!(out, "  lines    and {stacks}: {}{}", each(sum, iterations), share(sum, total))?;
    }
    hints(found, out)
}

fn each(live: Live, iterations: u64) -> String {
    let iterations = iterations.max(1) as f64;
    per_iteration(live.bytes as f64 / iterations, live.blocks as f64 / iterations)
}

fn share(part: Live, total: Live) -> String {
    match total.bytes {
        ..=0 => String::new(),
        total => format!(" ({:.1} % of the leak)", 100.0 * part.bytes as f64 / total as f64),
    }
}

/// What would tell more than these lines can.
fn hints(found: &[StackGrowth], out: &mut impl Write) -> fmt::Result {
    let folded = Vec::from_iter(found.iter().map(|stack| folded(&stack.frames)));
    let shown = || folded.iter().flat_map(Folded::frames);
    if shown().any(is_name_alone) {
        let setting = "debug = \"line-tables-only\"";
        writeln!(out, "  lines    are not in the program: with `{setting}` in its profile they are")?;
    }
    let modules = shown().filter_map(|frame| frame.unresolved.as_ref());
    let ids = BTreeSet::from_iter(modules.filter_map(|at| Some((&at.module, at.build_id.as_ref()?))));
    for (module, build_id) in ids {
        writeln!(out, "  lines    {} has no symbols; its build id is {build_id}", printable(module))?;
    }
    Ok(())
}

fn is_name_alone(frame: &CallFrame) -> bool {
    frame.origin == Origin::Unknown && frame.function.is_some() && frame.file.is_none()
}
