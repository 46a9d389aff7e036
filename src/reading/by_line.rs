//! What was charged to the lines of operations, by stack and by class of sizes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::call_stack::CallStack;
use super::estimate::{Estimate, estimate};
use super::size_class::SizeClass;
use super::sums::{LineReading, LineSums};
use crate::record::{self, StackId};
use crate::words::ClassId;

/// What each stack has of `whole`, which is that of the operations whose `lines` these are. Those that own the most
/// come first.
pub(super) fn by_stack(whole: LineSums, lines: impl Iterator<Item = LineReading>) -> Vec<CallStack> {
    let stacks = stacks_of(lines);
    let captured = stacks.values().fold(LineSums::default(), |sum, stack| sum.plus(&stack.sums));
    let rest = Estimate { sums: whole.minus(&captured), samples: None };
    let all = stacks.into_iter().map(|(stack, found)| (Some(stack), found)).chain([(None, rest)]);
    let moved = all.filter(|(_, found)| found.sums.moved());
    let mut all: Vec<CallStack> = moved.map(|(stack, found)| CallStack::new(stack, &found)).collect();
    all.sort_by_key(|stack| Reverse((stack.live_bytes, stack.allocated_bytes)));
    all
}

/// What each stack has that was taken, of operations whose `lines` these are.
pub(super) fn stacks_of(lines: impl Iterator<Item = LineReading>) -> BTreeMap<StackId, Estimate> {
    let (sampled, exact): (Vec<LineReading>, Vec<LineReading>) = lines.partition(|line| line.key.sampled);
    let mut stacks: BTreeMap<StackId, Estimate> = estimate(&sampled);
    for line in exact {
        // Where no stack can be taken, all of them are the other ones.
        if line.key.stack != StackId::OTHER || record::takes_stacks() {
            let known = stacks.entry(line.key.stack).or_default();
            known.sums = known.sums.plus(&line.since);
        }
    }
    stacks
}

/// What each class of sizes has in which anything moved.
pub(super) fn by_class(lines: impl Iterator<Item = LineReading>) -> BTreeMap<ClassId, LineSums> {
    let mut classes: BTreeMap<ClassId, LineSums> = BTreeMap::new();
    for line in lines {
        let known = classes.entry(line.key.class).or_default();
        *known = known.plus(&line.since);
    }
    classes.retain(|_, sums| sums.moved());
    classes
}

/// The classes as people read them, the smallest first.
pub(super) fn size_classes(classes: &BTreeMap<ClassId, LineSums>) -> Vec<SizeClass> {
    classes.iter().map(|(class, sums)| SizeClass::new(*class, sums)).collect()
}
