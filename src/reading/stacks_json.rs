//! The call stacks of a report as JSON, and back: one object with a table for each kind of thing, in which others name
//! it by its place.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use super::call_stack::CallStackKind;
use super::estimate::Estimate;
use super::rows::Rows;
use super::stacks::{FrameList, Stacks, StacksOfOne};
use super::sums::LineSums;
use crate::symbols::{CallFrame, InModule, Origin};
use crate::words::{ClassId, json_object};

/// The tables.
pub(super) struct StackTables {
    /// Names of functions and paths of files.
    strings: Vec<String>,
    /// Whose code there is.
    origins: Vec<OriginEntry>,
    /// Files of machine code of which symbols or lines are missing.
    modules: Vec<ModuleEntry>,
    frames: Vec<FrameEntry>,
    stacks: Vec<StackEntry>,
    operations: Vec<OperationEntry>,
}

json_object!(StackTables { strings, origins, modules, frames, stacks, operations });

#[derive(Clone, PartialEq, Eq, Hash)]
struct OriginEntry {
    kind: String,
    /// Only of a crate.
    name: Option<String>,
    version: Option<String>,
}

json_object!(OriginEntry { kind, name or None, version or None });

#[derive(Clone, PartialEq, Eq, Hash)]
struct ModuleEntry {
    name: String,
    build_id: Option<String>,
}

json_object!(ModuleEntry { name, build_id or None });

struct FrameEntry {
    /// In `strings`.
    function: Option<u32>,
    /// In `strings`.
    file: Option<u32>,
    line: Option<u32>,
    column: Option<u32>,
    /// In `origins`.
    origin: u32,
    /// Where it stands, if its module has no symbol or no line for it.
    place: Option<PlaceEntry>,
}

json_object!(FrameEntry { function or None, file or None, line or None, column or None, origin, place or None });

struct PlaceEntry {
    /// In `modules`.
    module: u32,
    /// In the module's file.
    offset: u64,
    /// That symbols have for it.
    address: Option<u64>,
    is_compressed: bool,
}

json_object!(PlaceEntry { module, offset, address or None, is_compressed as "compressed" or false });

struct StackEntry {
    kind: String,
    /// In `frames`, innermost first.
    frames: Vec<u32>,
}

json_object!(StackEntry { kind, frames });

struct OperationEntry {
    /// The place of its row.
    row: Option<u32>,
    stacks: Vec<ChargedEntry>,
    sizes: Vec<SizeEntry>,
    /// Where samples alone were captured: how many bytes lie between two on average.
    sampled_every: BTreeSet<u64>,
    /// How many stacks are in the one for which there was no room, because they were too small to be looked up.
    summed: u64,
    /// What files of schema 2 have instead of `row`.
    path: Option<String>,
}

json_object!(OperationEntry {
    row or None,
    stacks,
    sizes or Vec::new(),
    sampled_every or BTreeSet::new(),
    summed or 0;
    path or None,
});

/// What an operation alone did on one stack.
struct ChargedEntry {
    /// In `stacks`.
    stack: u32,
    allocs: u64,
    allocated_bytes: u64,
    live_blocks: i64,
    live_bytes: i64,
    /// Of how many samples the figures are an estimate.
    samples: Option<u64>,
}

json_object!(ChargedEntry { stack, allocs, allocated_bytes, live_blocks, live_bytes, samples or None });

/// What an operation alone did in one class of sizes.
struct SizeEntry {
    /// A power of two. The class reaches up to less than twice of it.
    min_size: u64,
    allocs: u64,
    allocated_bytes: u64,
    live_blocks: i64,
    live_bytes: i64,
}

json_object!(SizeEntry { min_size, allocs, allocated_bytes, live_blocks, live_bytes });

/// Values, each once, in the order in which they came.
struct Once<T>(HashMap<T, u32>, Vec<T>);

impl<T: Clone + Eq + Hash> Once<T> {
    fn place(&mut self, value: T) -> u32 {
        *self.0.entry(value).or_insert_with_key(|value| {
            self.1.push(value.clone());
            self.1.len() as u32 - 1
        })
    }
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(HashMap::new(), Vec::new())
    }
}

impl StackTables {
    /// What is said of the stacks of operations that have these rows; `None` where there are none.
    pub(super) fn of(of: &Stacks, rows: &Rows) -> Option<Self> {
        if of.operations.is_empty() {
            return None;
        }
        let (mut strings, mut origins, mut modules) = (Once::default(), Once::default(), Once::default());
        let frames = of.frames.iter().map(|frame| FrameEntry {
            function: frame.function.clone().map(|function| strings.place(function)),
            file: frame.file.clone().map(|file| strings.place(file)),
            line: frame.line,
            column: frame.column,
            origin: origins.place(OriginEntry::of(&frame.origin)),
            place: frame.unresolved.as_ref().map(|at| {
                let module = ModuleEntry { name: at.module.clone(), build_id: at.build_id.clone() };
                let InModule { offset, address, is_compressed, .. } = *at;
                PlaceEntry { module: modules.place(module), offset, address, is_compressed }
            }),
        });
        let frames = frames.collect();
        let stacks = of.stacks.iter();
        let stacks =
            stacks.map(|stack| StackEntry { kind: kind_name(stack.kind).into(), frames: stack.frames.clone() });
        let places = rows.places();
        let operation = |(path, of): (&String, &StacksOfOne)| OperationEntry::of(places.find(path), of);
        Some(Self {
            frames,
            stacks: stacks.collect(),
            operations: of.operations.iter().map(operation).collect(),
            strings: strings.1,
            origins: origins.1,
            modules: modules.1,
        })
    }

    /// What the tables say of these rows; an error says where one names what is not there.
    pub(super) fn stacks(self, rows: &Rows) -> Result<Stacks, String> {
        let origins = self.origins.into_iter().map(OriginEntry::origin).collect::<Result<Vec<_>, _>>()?;
        let frame = |frame: FrameEntry| {
            let string = |at: Option<u32>| at.map(|at| found(&self.strings, "string", at).cloned()).transpose();
            let place = |place: PlaceEntry| {
                let module = found(&self.modules, "module", place.module)?.clone();
                let PlaceEntry { offset, address, is_compressed, .. } = place;
                let ModuleEntry { name, build_id } = module;
                Ok::<_, String>(InModule { module: name, offset, build_id, address, is_compressed })
            };
            Ok::<_, String>(CallFrame {
                function: string(frame.function)?,
                file: string(frame.file)?,
                line: frame.line,
                column: frame.column,
                origin: found(&origins, "origin", frame.origin)?.clone(),
                unresolved: frame.place.map(place).transpose()?,
            })
        };
        let frames = self.frames.into_iter().map(frame).collect::<Result<Vec<_>, _>>()?;
        let stack = |stack: StackEntry| {
            stack.frames.iter().try_for_each(|at| found(&frames, "frame", *at).map(drop))?;
            Ok::<_, String>(FrameList { kind: kind_named(&stack.kind)?, frames: stack.frames })
        };
        let stacks = self.stacks.into_iter().map(stack).collect::<Result<Vec<_>, _>>()?;
        let mut operations = BTreeMap::new();
        for (at, mut entry) in self.operations.into_iter().enumerate() {
            let path = match (entry.path.take(), entry.row) {
                (Some(path), None) => path,
                (None, Some(row)) => found(rows, "row", row).map(|_| rows.path(row as usize))?,
                _ => return Err(format!("stacks.operations[{at}] has no `row`, or a `path` beside it")),
            };
            let of = entry.stacks_of_one(&path, &stacks)?;
            if operations.insert(path.clone(), of).is_some() {
                return Err(format!("the stacks of operation {path:?} are there twice"));
            }
        }
        let stacks = Stacks { frames, stacks, operations };
        stacks.arranged().ok_or_else(|| "the figures of stacks overflow when they are added up".into())
    }
}

impl OperationEntry {
    fn of(row: Option<u32>, of: &StacksOfOne) -> Self {
        let stacks = of.stacks.iter().map(|(&stack, Estimate { sums, samples })| {
            let LineSums { allocs, allocated_bytes, live_blocks, live_bytes, .. } = *sums;
            ChargedEntry { stack, allocs, allocated_bytes, live_blocks, live_bytes, samples: *samples }
        });
        let sizes = of.sizes.iter().map(|(class, sums)| {
            let LineSums { allocs, allocated_bytes, live_blocks, live_bytes, .. } = *sums;
            SizeEntry { min_size: class.smallest(), allocs, allocated_bytes, live_blocks, live_bytes }
        });
        let (stacks, sizes) = (stacks.collect(), sizes.collect());
        Self { row, stacks, sizes, sampled_every: of.every.clone(), summed: of.summed, path: None }
    }

    /// What it says of the operation at `path`.
    fn stacks_of_one(self, path: &str, table: &[FrameList]) -> Result<StacksOfOne, String> {
        let mut of = StacksOfOne { every: self.sampled_every, summed: self.summed, ..StacksOfOne::default() };
        for ChargedEntry { stack, allocs, allocated_bytes, live_blocks, live_bytes, samples } in self.stacks {
            found(table, "stack", stack)?;
            let sums = LineSums { allocs, allocated_bytes, reallocs: 0, live_blocks, live_bytes };
            if of.stacks.insert(stack, Estimate { sums, samples }).is_some() {
                return Err(format!("operation {path:?} has stack {stack} twice"));
            }
        }
        for SizeEntry { min_size, allocs, allocated_bytes, live_blocks, live_bytes } in self.sizes {
            let class = ClassId::beginning_with(min_size);
            let class =
                class.ok_or_else(|| format!("operation {path:?} has blocks of {min_size} B, which is no class"))?;
            let sums = LineSums { allocs, allocated_bytes, reallocs: 0, live_blocks, live_bytes };
            if of.sizes.insert(class, sums).is_some() {
                return Err(format!("operation {path:?} has blocks of {min_size} B twice"));
            }
        }
        Ok(of)
    }
}

fn found<'a, T>(table: &'a [T], what: &str, at: u32) -> Result<&'a T, String> {
    table.get(at as usize).ok_or_else(|| format!("{what} {at} is named, and there are {}", table.len()))
}

impl OriginEntry {
    fn of(origin: &Origin) -> Self {
        let plain = |kind: &str| Self { kind: kind.into(), name: None, version: None };
        match origin {
            Origin::Workspace => plain("workspace"),
            Origin::PathDependency => plain("path_dependency"),
            Origin::Crate { name, version } => {
                Self { name: Some(name.clone()), version: version.clone(), ..plain("crate") }
            }
            Origin::Std => plain("std"),
            Origin::Heapledger => plain("heapledger"),
            Origin::Unknown => plain("unknown"),
        }
    }

    fn origin(self) -> Result<Origin, String> {
        Ok(match (self.kind.as_str(), self.name) {
            ("workspace", _) => Origin::Workspace,
            ("path_dependency", _) => Origin::PathDependency,
            ("crate", Some(name)) => Origin::Crate { name, version: self.version },
            ("std", _) => Origin::Std,
            ("heapledger", _) => Origin::Heapledger,
            ("unknown", _) => Origin::Unknown,
            (kind, _) => return Err(format!("an origin is of the kind {kind:?}, which cannot be")),
        })
    }
}

/// The kinds of stacks that are in a table. Of what was not captured there is no stack.
const KINDS: [CallStackKind; 5] = [
    CallStackKind::Complete,
    CallStackKind::Incomplete,
    CallStackKind::Unloaded,
    CallStackKind::Other,
    CallStackKind::NotSampled,
];

fn kind_name(kind: CallStackKind) -> &'static str {
    match kind {
        CallStackKind::Complete => "complete",
        CallStackKind::Incomplete => "incomplete",
        CallStackKind::Unloaded => "unloaded",
        CallStackKind::NotSampled => "not_sampled",
        CallStackKind::Other | CallStackKind::NotCaptured => "other",
    }
}

fn kind_named(name: &str) -> Result<CallStackKind, String> {
    let kind = KINDS.into_iter().find(|kind| kind_name(*kind) == name);
    kind.ok_or_else(|| format!("a stack is of the kind {name:?}, which cannot be"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_stack_is_read_back_as_it_was() {
        for kind in KINDS {
            assert_eq!(kind_named(kind_name(kind)), Ok(kind));
        }
        assert!(kind_named("hidden").is_err_and(|said| said.contains("\"hidden\"")));
    }
}
