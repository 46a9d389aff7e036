//! The call stacks of a report as plain values: tables in which each function and each stack stands once, whatever
//! operations it is in, and what every operation did on each.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::by_line::size_classes;
use super::call_stack::{CallStackKind, addresses_of};
use super::charged::Charged;
use super::estimate::Estimate;
use super::size_class::SizeClass;
use super::sums::LineSums;
use crate::record::StackId;
#[cfg(all(feature = "cli", target_os = "linux"))]
use crate::symbols::InModule;
use crate::symbols::{CallFrame, symbolized};
use crate::words::{ClassId, Tally};

/// The call stacks of all operations. Two that say the same are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stacks {
    /// In order, each once.
    pub(super) frames: Vec<CallFrame>,
    /// In order, each once.
    pub(super) stacks: Vec<FrameList>,
    /// By path.
    pub(super) operations: BTreeMap<String, StacksOfOne>,
}

/// What one operation alone did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StacksOfOne {
    /// By the place of the stack in the table of stacks.
    pub(super) stacks: BTreeMap<u32, Estimate>,
    /// By class of sizes. A report of another version may not have them.
    pub(super) sizes: BTreeMap<ClassId, LineSums>,
    /// Where samples alone were captured: how many bytes lie between two on average, of each process.
    pub(super) every: BTreeSet<u64>,
    /// How many stacks were too small to be looked up: they are one, of the kind [`CallStackKind::Other`].
    pub(super) summed: u64,
}

impl StacksOfOne {
    /// The same with each stack at another place; `None` where figures overflow.
    fn moved(self, place: impl Fn(u32) -> u32) -> Option<Self> {
        let mut moved = Self { stacks: BTreeMap::new(), ..self };
        for (stack, found) in self.stacks {
            moved.charge(place(stack), &found)?;
        }
        Some(moved)
    }

    /// Adds what was found of one stack.
    fn charge(&mut self, stack: u32, more: &Estimate) -> Option<()> {
        let known = self.stacks.entry(stack).or_default();
        *known = known.checked_plus(more)?;
        Some(())
    }

    /// The sum of two whose stacks are in the same table; `None` where figures overflow.
    fn plus(mut self, other: Self) -> Option<Self> {
        for (stack, more) in other.stacks {
            self.charge(stack, &more)?;
        }
        for (class, more) in other.sizes {
            let known = self.sizes.entry(class).or_default();
            *known = known.checked_plus(&more)?;
        }
        self.every.extend(other.every);
        self.summed = self.summed.checked_add(other.summed)?;
        Some(self)
    }
}

/// One stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FrameList {
    pub(super) kind: CallStackKind,
    /// The places of its frames, innermost first.
    pub(super) frames: Vec<u32>,
}

/// What one call stack allocated, and what of it lives: one of those that [`Report::stacks`](crate::Report::stacks)
/// tells of. The figures are those of [`CallStack`](crate::CallStack).
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let _capture = heapledger::capture("index_build");
/// let (kept, _) = heapledger::measure("index_build", || vec![0u8; 4096]);
/// let report = heapledger::report();
/// assert_eq!(report.stacks("index_build")[0].live_bytes, 4096);
/// # drop(kept);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportedStack<'a> {
    /// Blocks newly allocated there.
    pub allocs: u64,
    /// Bytes handed out there: new blocks, and the new size of blocks that were resized there.
    pub allocated_bytes: u64,
    /// Blocks that were allocated or last resized there, and that nobody has freed yet. Negative only in a difference.
    pub live_blocks: i64,
    /// Their bytes. Negative only in a difference.
    pub live_bytes: i64,
    /// How much is known of where that is.
    pub kind: CallStackKind,
    /// Where the operation was [sampled](crate::Capture::every): of how many samples the figures are an estimate.
    /// `None` where they are exact.
    pub samples: Option<u64>,
    /// The functions on it, innermost first: those of heapledger, of std's allocation functions, and of the code that
    /// asked for the memory.
    pub frames: Vec<&'a CallFrame>,
}

impl Stacks {
    /// What was charged to operations, and the functions on its stacks. `sources` are files of the workspace.
    pub(super) fn of(charged: Vec<Charged>, sources: &[&str]) -> Self {
        let ids = BTreeSet::from_iter(charged.iter().flat_map(|one| one.stacks.keys().copied()));
        let stacks = Vec::from_iter(ids.iter().map(|id| addresses_of(*id)));
        let mut made = Self::default();
        // The frames of an address stand in a row.
        let mut of_address = HashMap::new();
        for (address, frames) in symbolized(stacks.iter().flat_map(|(_, addresses)| addresses).copied(), sources) {
            let first = made.frames.len() as u32;
            made.frames.extend(frames);
            of_address.insert(address, first..made.frames.len() as u32);
        }
        made.stacks.extend(stacks.iter().map(|(kind, addresses)| {
            let frames = addresses.iter().filter_map(|address| of_address.get(address).cloned()).flatten();
            FrameList { kind: *kind, frames: frames.collect() }
        }));
        let places: BTreeMap<StackId, u32> = ids.into_iter().zip(0..).collect();
        for Charged { path, stacks, sizes, every, summed } in charged {
            let stacks = stacks.into_iter().map(|(id, found)| (places[&id], found)).collect();
            made.add(path, StacksOfOne { stacks, sizes, every, summed });
        }
        made.arranged().unwrap_or_default()
    }

    /// Adds what an operation did on stacks that are in the table; `None` where figures overflow.
    fn add(&mut self, path: String, of: StacksOfOne) -> Option<()> {
        let known = self.operations.entry(path).or_default();
        *known = std::mem::take(known).plus(of)?;
        Some(())
    }

    /// The same with every frame and every stack once, and in order; `None` where figures overflow.
    pub(super) fn arranged(self) -> Option<Self> {
        let (frames, frame_at) = sorted(self.frames);
        let renumbered = self.stacks.into_iter().map(|mut stack| {
            stack.frames.iter_mut().for_each(|frame| *frame = frame_at[*frame as usize]);
            stack
        });
        let (stacks, stack_at) = sorted(renumbered.collect());
        let operations = self.operations.into_iter();
        let operations = operations.map(|(path, of)| Some((path, of.moved(|stack| stack_at[stack as usize])?)));
        let operations = operations.collect::<Option<_>>()?;
        Some(Self { frames, stacks, operations })
    }

    /// Functions without symbols or lines, each with where it stands. The C library is the same below every stack, and
    /// of no use there.
    #[cfg(all(feature = "cli", target_os = "linux"))]
    pub(super) fn without_lines(&self) -> impl Iterator<Item = (&CallFrame, &InModule)> {
        let frames = self.frames.iter().filter(|frame| frame.file.is_none());
        let places = frames.filter_map(|frame| Some((frame, frame.unresolved.as_ref()?)));
        places.filter(|(_, at)| !at.is_in_c_library())
    }

    /// The same with these functions instead of the places where they stand; `None` where figures overflow.
    #[cfg(all(feature = "cli", target_os = "linux"))]
    pub(super) fn with_functions(&self, found: &BTreeMap<InModule, Vec<CallFrame>>) -> Option<Self> {
        let mut frames = Vec::new();
        let places = Vec::from_iter(self.frames.iter().map(|frame| {
            let first = frames.len() as u32;
            match frame.unresolved.as_ref().filter(|_| frame.file.is_none()).and_then(|at| found.get(at)) {
                Some(functions) => frames.extend_from_slice(functions),
                None => frames.push(frame.clone()),
            }
            first..frames.len() as u32
        }));
        let stacks = self.stacks.iter().map(|stack| {
            let frames = stack.frames.iter().flat_map(|frame| places[*frame as usize].clone()).collect();
            FrameList { kind: stack.kind, frames }
        });
        Self { stacks: stacks.collect(), frames, operations: self.operations.clone() }.arranged()
    }

    /// The sum; `None` where figures overflow.
    pub(super) fn plus(&self, other: &Self) -> Option<Self> {
        let mut sum = self.clone();
        let (frames, stacks) = (u32::try_from(self.frames.len()).ok()?, u32::try_from(self.stacks.len()).ok()?);
        sum.frames.extend(other.frames.iter().cloned());
        sum.stacks.extend(other.stacks.iter().map(|stack| FrameList {
            kind: stack.kind,
            frames: stack.frames.iter().map(|frame| frames + frame).collect(),
        }));
        for (path, of) in &other.operations {
            sum.add(path.clone(), of.clone().moved(|at| stacks + at)?)?;
        }
        sum.arranged()
    }

    /// Each stack of the operations that are `wanted`, and what of their `total` is on none.
    pub(super) fn within(&self, total: &Tally, wanted: impl Fn(&str) -> bool) -> Vec<ReportedStack<'_>> {
        self.reported(&self.sum_of(wanted).stacks, total)
    }

    /// Each stack of the operation at `path` alone, and what of its `own` is on none.
    #[cfg(feature = "views")]
    pub(super) fn alone(&self, path: &str, own: &Tally) -> Vec<ReportedStack<'_>> {
        let none = BTreeMap::new();
        self.reported(self.operations.get(path).map_or(&none, |of| &of.stacks), own)
    }

    /// The stacks with these figures, and what of `total` is on none.
    fn reported(&self, found: &BTreeMap<u32, Estimate>, total: &Tally) -> Vec<ReportedStack<'_>> {
        let captured = found.values().fold(LineSums::default(), |sum, one| sum.plus(&one.sums));
        let rest = Estimate { sums: LineSums::of_tally(total).minus(&captured), samples: None };
        let captured = found.iter().map(|(at, found)| {
            let stack = &self.stacks[*at as usize];
            let frames = stack.frames.iter().map(|frame| &self.frames[*frame as usize]).collect();
            (stack.kind, frames, found)
        });
        let all = captured.chain([(CallStackKind::NotCaptured, Vec::new(), &rest)]);
        let moved = all.filter(|(_, _, found)| found.sums.moved());
        let mut all = Vec::from_iter(moved.map(|(kind, frames, Estimate { sums, samples })| {
            let LineSums { allocs, allocated_bytes, live_blocks, live_bytes, .. } = *sums;
            ReportedStack { allocs, allocated_bytes, live_blocks, live_bytes, kind, samples: *samples, frames }
        }));
        all.sort_by_key(|stack| Reverse((stack.live_bytes, stack.allocated_bytes)));
        all
    }

    /// Each class of sizes of the operations that are `wanted`.
    pub(super) fn sizes_within(&self, wanted: impl Fn(&str) -> bool) -> Vec<SizeClass> {
        size_classes(&self.sum_of(wanted).sizes)
    }

    /// How many bytes lie between two samples of the operations that are `wanted`.
    pub(super) fn every_within(&self, wanted: impl Fn(&str) -> bool) -> BTreeSet<u64> {
        self.wanted(wanted).flat_map(|of| &of.every).copied().collect()
    }

    /// How many stacks of the operations that are `wanted` were too small to be looked up.
    pub(super) fn summed_within(&self, wanted: impl Fn(&str) -> bool) -> u64 {
        self.wanted(wanted).fold(0, |sum, of| sum.saturating_add(of.summed))
    }

    fn wanted(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &StacksOfOne> {
        self.operations.iter().filter(move |(path, _)| wanted(path)).map(|(_, of)| of)
    }

    /// What the operations that are `wanted` did together: no figures of a report that was checked overflow.
    fn sum_of(&self, wanted: impl Fn(&str) -> bool) -> StacksOfOne {
        self.wanted(wanted).cloned().fold(StacksOfOne::default(), |sum, of| sum.plus(of).unwrap_or_default())
    }

    #[cfg(feature = "views")]
    pub(super) fn frames(&self) -> &[CallFrame] {
        &self.frames
    }

    /// The outermost operations, of those that are `wanted`, of which stacks are known.
    pub(super) fn outermost(&self, wanted: impl Fn(&str) -> bool) -> HashSet<&str> {
        let known = HashSet::<&str>::from_iter(self.operations.keys().map(String::as_str).filter(|path| wanted(path)));
        let is_within = |path: &str| path.match_indices('/').any(|(at, _)| known.contains(&path[..at]));
        known.iter().copied().filter(|path| !is_within(path)).collect()
    }
}

/// The values in order, each once, and where each of those that were given stands now.
fn sorted<T: Ord>(values: Vec<T>) -> (Vec<T>, Vec<u32>) {
    let mut numbered = Vec::from_iter(values.into_iter().zip(0_usize..));
    numbered.sort();
    let mut places = vec![0; numbered.len()];
    let mut sorted: Vec<T> = Vec::with_capacity(numbered.len());
    for (value, before) in numbered {
        if sorted.last() != Some(&value) {
            sorted.push(value);
        }
        places[before] = sorted.len() as u32 - 1;
    }
    (sorted, places)
}
