//! The call stacks of a report as plain values: tables in which each function and each stack stands once, whatever
//! operations it is in, and what every operation did on each.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::call_stack::{CallStack, CallStackKind};
use super::estimate::Estimate;
use super::sums::LineSums;
use crate::record::StackId;
#[cfg(all(feature = "cli", target_os = "linux"))]
use crate::symbols::InModule;
use crate::symbols::{CallFrame, symbolized};
use crate::words::Tally;

/// The call stacks of all operations. Two that say the same are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stacks {
    /// In order, each once.
    pub(super) frames: Vec<CallFrame>,
    /// In order, each once.
    pub(super) stacks: Vec<FrameList>,
    /// By path: what the operation alone did, by the place of the stack above.
    pub(super) operations: BTreeMap<String, BTreeMap<u32, LineSums>>,
}

/// One stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FrameList {
    pub(super) kind: CallStackKind,
    /// The places of its frames, innermost first.
    pub(super) frames: Vec<u32>,
}

/// What one call stack allocated, and what of it lives: one of those that [`Report::stacks`](crate::Report::stacks)
/// tells of. The figures are those of [`CallStack`].
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
    /// The functions on it, innermost first: those of heapledger, of std's allocation functions, and of the code that
    /// asked for the memory.
    pub frames: Vec<&'a CallFrame>,
}

impl Stacks {
    /// What was charged to stacks, each with the path of its operation, and the functions on them. `sources` are files
    /// of the workspace.
    pub(super) fn of(charged: &[(String, StackId, Estimate)], sources: &[&str]) -> Self {
        let ids = BTreeSet::from_iter(charged.iter().map(|(_, id, _)| *id));
        let stacks = Vec::from_iter(ids.iter().map(|id| CallStack::new(Some(*id), &Estimate::default())));
        let mut made = Self::default();
        // The frames of an address stand in a row.
        let mut of_address = HashMap::new();
        for (address, frames) in symbolized(stacks.iter().flat_map(|stack| stack.addresses().iter().copied()), sources)
        {
            let first = made.frames.len() as u32;
            made.frames.extend(frames);
            of_address.insert(address, first..made.frames.len() as u32);
        }
        made.stacks.extend(stacks.iter().map(|stack| {
            let frames = stack.addresses().iter().filter_map(|address| of_address.get(address).cloned()).flatten();
            FrameList { kind: stack.kind, frames: frames.collect() }
        }));
        let places: BTreeMap<StackId, u32> = ids.into_iter().zip(0..).collect();
        for (path, id, found) in charged {
            let known = made.operations.entry(path.clone()).or_default().entry(places[id]).or_default();
            *known = known.plus(&LineSums { reallocs: 0, ..found.sums });
        }
        made.arranged().unwrap_or_default()
    }

    /// The same with every frame and every stack once, and in order; `None` where figures overflow.
    pub(super) fn arranged(self) -> Option<Self> {
        let (frames, frame_at) = sorted(self.frames);
        let renumbered = self.stacks.into_iter().map(|mut stack| {
            stack.frames.iter_mut().for_each(|frame| *frame = frame_at[*frame as usize]);
            stack
        });
        let (stacks, stack_at) = sorted(renumbered.collect());
        let mut operations = BTreeMap::new();
        for (path, of) in self.operations {
            let mut sums: BTreeMap<u32, LineSums> = BTreeMap::new();
            for (stack, more) in of {
                let known = sums.entry(stack_at[stack as usize]).or_default();
                *known = known.checked_plus(&more)?;
            }
            operations.insert(path, sums);
        }
        Some(Self { frames, stacks, operations })
    }

    /// Of code without symbols, where it stands. The C library is the same below every stack, and of no use there.
    #[cfg(all(feature = "cli", target_os = "linux"))]
    pub(super) fn places(&self) -> impl Iterator<Item = &InModule> {
        self.frames
            .iter()
            .filter(|frame| frame.file.is_none())
            .filter_map(|frame| frame.unresolved.as_ref())
            .filter(|at| !at.is_in_c_library())
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
            sum.operations.entry(path.clone()).or_default().extend(of.iter().map(|(at, sums)| (stacks + at, *sums)));
        }
        sum.arranged()
    }

    /// Each stack of the operations that are `wanted`, and what of their `total` is on none.
    pub(super) fn within(&self, total: &Tally, wanted: impl Fn(&str) -> bool) -> Vec<ReportedStack<'_>> {
        let mut sums: BTreeMap<u32, LineSums> = BTreeMap::new();
        for (at, of_one) in self.operations.iter().filter(|(path, _)| wanted(path)).flat_map(|(_, of)| of) {
            let known = sums.entry(*at).or_default();
            *known = known.plus(of_one);
        }
        let rest = sums.values().fold(LineSums::of_tally(total), |rest, sums| rest.minus(sums));
        let captured = sums.iter().map(|(at, sums)| {
            let stack = &self.stacks[*at as usize];
            let frames = stack.frames.iter().map(|frame| &self.frames[*frame as usize]).collect();
            (stack.kind, frames, sums)
        });
        let all = captured.chain([(CallStackKind::NotCaptured, Vec::new(), &rest)]);
        let moved = all.filter(|(_, _, sums)| sums.moved());
        let mut all = Vec::from_iter(moved.map(|(kind, frames, sums)| {
            let LineSums { allocs, allocated_bytes, live_blocks, live_bytes, .. } = *sums;
            ReportedStack { allocs, allocated_bytes, live_blocks, live_bytes, kind, frames }
        }));
        all.sort_by_key(|stack| Reverse((stack.live_bytes, stack.allocated_bytes)));
        all
    }

    /// The outermost operations of which stacks are known.
    pub(super) fn outermost(&self) -> impl Iterator<Item = &str> {
        let is_known = |path: &str| self.operations.contains_key(path);
        let is_within = move |path: &str| path.match_indices('/').any(|(at, _)| is_known(&path[..at]));
        self.operations.keys().map(String::as_str).filter(move |path| !is_within(path))
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
