//! The report as profilers take it: what each operation itself did on each of its call stacks, with the operation, and
//! those it is nested in, as the outermost frames. What all of them have adds up to the report's totals.

use std::collections::{BTreeMap, HashMap};
use std::ptr;

use crate::reading::{CallStackKind, Data, OperationRow, ReportedStack};
use crate::render::stacks::{in_module, stack_line};
use crate::symbols::{CallFrame, InModule, Origin};
use crate::words::printable;

/// The whole report.
#[derive(Default)]
pub(super) struct Charges<'a> {
    /// Its name, safe to show.
    pub(super) program: Option<String>,
    /// Operations and functions, each once.
    pub(super) frames: Vec<ChargedFrame<'a>>,
    /// In the order of their frames. No two have the same.
    pub(super) stacks: Vec<ChargedStack>,
}

/// An operation or a function. All text is safe to show.
pub(super) struct ChargedFrame<'a> {
    pub(super) name: String,
    pub(super) file: Option<String>,
    pub(super) line: Option<u32>,
    pub(super) column: Option<u32>,
    /// Where it stands, if that is to be looked up later.
    #[cfg_attr(not(feature = "pprof"), allow(dead_code, reason = "only pprof shows it"))]
    pub(super) place: Option<&'a InModule>,
}

/// What one operation did on one stack.
pub(super) struct ChargedStack {
    /// The place of the operation's row.
    #[cfg_attr(not(feature = "pprof"), allow(dead_code, reason = "only pprof shows it"))]
    pub(super) operation: usize,
    /// Outermost first.
    pub(super) frames: Vec<u32>,
    pub(super) charge: Charge,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Charge {
    pub(super) allocs: i64,
    pub(super) allocated_bytes: i64,
    /// Negative only in a difference, as is the next.
    pub(super) live_blocks: i64,
    pub(super) live_bytes: i64,
}

impl<'a> Charges<'a> {
    pub(super) fn of(data: &'a Data) -> Self {
        let program = data.program.as_ref().map(|program| printable(&program.name));
        let mut made = Self { program, ..Self::default() };
        let (mut functions, mut others) = (HashMap::new(), HashMap::new());
        let mut all: BTreeMap<Vec<u32>, (usize, Charge)> = BTreeMap::new();
        let operations = Vec::from_iter(data.rows.iter().map(|row| made.operation(row)));
        for at in 0..data.rows.len() {
            let mut outermost = Vec::from_iter(data.rows.outward(at).map(|around| operations[around]));
            outermost.reverse();
            let stacks = data.own_stacks(at);
            let is_captured = stacks.iter().any(|stack| stack.kind != CallStackKind::NotCaptured);
            for stack in &stacks {
                let mut frames = outermost.clone();
                if let Some(what) = is_captured.then(|| beyond_functions(stack)).flatten() {
                    frames.push(*others.entry(what.clone()).or_insert_with(|| made.other(what)));
                }
                frames.extend(
                    shown(&stack.frames)
                        .iter()
                        .rev()
                        .map(|&frame| *functions.entry(ptr::from_ref(frame)).or_insert_with(|| made.function(frame))),
                );
                let (_, charge) = all.entry(frames).or_insert((at, Charge::default()));
                charge.add(stack);
            }
        }
        made.stacks = Vec::from_iter(all.into_iter().map(|(frames, (operation, charge))| ChargedStack {
            operation,
            frames,
            charge,
        }));
        made
    }

    fn operation(&mut self, row: &OperationRow) -> u32 {
        let site = row.site.as_ref();
        self.push(ChargedFrame {
            name: printable(&row.name),
            file: site.map(|site| printable(&site.file)),
            line: site.map(|site| site.line),
            column: site.map(|site| site.column),
            place: None,
        })
    }

    fn function(&mut self, frame: &'a CallFrame) -> u32 {
        let place = frame.unresolved.as_ref();
        let name = match (&frame.function, place) {
            (Some(function), _) => printable(function),
            (None, Some(at)) => printable(&in_module(at)),
            (None, None) => "(unknown)".into(),
        };
        let file = frame.file.as_deref().map(printable);
        self.push(ChargedFrame { name, file, line: frame.line, column: frame.column, place })
    }

    fn other(&mut self, name: String) -> u32 {
        self.push(ChargedFrame { name, file: None, line: None, column: None, place: None })
    }

    fn push(&mut self, frame: ChargedFrame<'a>) -> u32 {
        self.frames.push(frame);
        self.frames.len() as u32 - 1
    }
}

impl Charge {
    fn add(&mut self, stack: &ReportedStack) {
        // No counter of a process has 63 bits, but a file can hold any.
        let add = |to: &mut i64, more: u64| *to = to.saturating_add(i64::try_from(more).unwrap_or(i64::MAX));
        add(&mut self.allocs, stack.allocs);
        add(&mut self.allocated_bytes, stack.allocated_bytes);
        self.live_blocks = self.live_blocks.saturating_add(stack.live_blocks);
        self.live_bytes = self.live_bytes.saturating_add(stack.live_bytes);
    }
}

/// The functions but for the innermost ones, through which all blocks are asked for.
fn shown<'a, 'b>(frames: &'b [&'a CallFrame]) -> &'b [&'a CallFrame] {
    let own = frames.iter().take_while(|frame| frame.origin == Origin::Heapledger).count();
    if own < frames.len() { &frames[own..] } else { frames }
}

/// What stands between the operation and the outermost function that is known; nothing where all of them are.
fn beyond_functions(stack: &ReportedStack) -> Option<String> {
    match stack.kind {
        CallStackKind::Complete => None,
        CallStackKind::Incomplete => Some("(further functions are not known)".into()),
        CallStackKind::Unloaded => Some("(through a library that was unloaded)".into()),
        _ => Some(stack_line(stack.kind, [])),
    }
}
