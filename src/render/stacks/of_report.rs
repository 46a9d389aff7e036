//! The call stacks of a report below its table: of every operation that was captured, those that own the most and those
//! that allocated the most.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::fold::folded;
use super::hints::{hints, later};
use super::largest::{Largest, class, largest};
use super::look::look as look_of;
use crate::reading::{CallStackKind, Data, ReportedStack, Selection, SizeClass};
use crate::render::look::{FAINT, HEADER, Look};
use crate::render::wrap::wrapped;
use crate::words::{Bytes, counted, printable};

/// So many are shown for what they own, and as many more for what they allocated, unless others are asked for. All
/// others stand in one line.
const MOST: usize = 3;
/// Operations shown, not counting those within them, unless stacks are asked for.
const MOST_OPERATIONS: usize = 8;
/// Of so many stacks it is asked whether they look the same, unless more are to be shown.
const COMPARED: usize = 4096;
/// The least width of a stack, in columns.
const NARROWEST: usize = 40;

/// The figures of stacks that look the same.
#[derive(Clone, Copy, Default)]
struct StackSum {
    live_bytes: i64,
    allocated_bytes: u64,
    allocs: u64,
    is_estimate: bool,
}

impl StackSum {
    fn of(stack: &ReportedStack) -> Self {
        let ReportedStack { live_bytes, allocated_bytes, allocs, .. } = *stack;
        // Of sizes without a sample all is counted, but the stacks.
        let is_estimate = stack.samples.is_some() && stack.kind != CallStackKind::NotSampled;
        Self { live_bytes, allocated_bytes, allocs, is_estimate }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            live_bytes: self.live_bytes.saturating_add(other.live_bytes),
            allocated_bytes: self.allocated_bytes.saturating_add(other.allocated_bytes),
            allocs: self.allocs.saturating_add(other.allocs),
            is_estimate: self.is_estimate || other.is_estimate,
        }
    }

    fn cells(self, look: &Look) -> [String; 3] {
        let cells =
            [look.size(self.live_bytes.into()), look.size(self.allocated_bytes.into()), look.count(self.allocs)];
        cells.map(|cell| if self.is_estimate { format!("~{cell}") } else { cell })
    }
}

/// The stacks of the operations that are selected and were captured; nothing where none was.
pub(crate) fn stacks_of_report(data: &Data, selection: &Selection, look: &Look, out: &mut impl Write) -> fmt::Result {
    let most = selection.stacks.unwrap_or(MOST);
    if most == 0 {
        return Ok(());
    }
    let captured = Vec::from_iter(data.outermost_captured(|path| selection.wants(path)));
    let shown = selection.stacks.map_or(MOST_OPERATIONS, |_| captured.len());
    for path in captured.iter().take(shown) {
        operation(path, data, most, look, out)?;
    }
    match captured.len().saturating_sub(shown) {
        0 => Ok(()),
        more => write!(out, "\n\ncall stacks of {} are in the report too", counted(more as u64, "other operation")),
    }
}

fn operation(path: &str, data: &Data, most: usize, look: &Look, out: &mut impl Write) -> fmt::Result {
    let stacks = data.stacks(path);
    let (compared, others) = stacks.split_at(stacks.len().min(COMPARED.max(most)));
    let mut by_look: BTreeMap<String, StackSum> = BTreeMap::new();
    for stack in compared {
        let known = by_look.entry(look_of(stack.kind, stack.frames.iter().copied())).or_default();
        *known = known.plus(StackSum::of(stack));
    }
    let mut rest = Vec::from_iter(by_look);
    rest.sort_by_key(|(_, figures)| Reverse((figures.live_bytes, figures.allocated_bytes)));
    let owning = rest.iter().take(most).take_while(|(_, figures)| figures.live_bytes > 0).count();
    let mut rows = Vec::from_iter(rest.drain(..owning));
    rest.sort_by_key(|(_, figures)| Reverse((figures.allocated_bytes, figures.live_bytes)));
    rows.extend(rest.drain(..rest.len().min(most)));
    let more = (rest.len() + others.len()) as u64;
    if more > 0 {
        let rest = rest.into_iter().map(|(_, figures)| figures).chain(others.iter().map(StackSum::of));
        rows.push((counted(more, "other stack"), rest.fold(StackSum::default(), StackSum::plus)));
    }
    let titles = ["live", "allocated", "allocs"].map(String::from);
    let lines = rows.iter().map(|(stack, figures)| (figures.cells(look), stack.clone()));
    let lines = Vec::from_iter([(titles, format!("call stacks of {}", printable(path)))].into_iter().chain(lines));
    let width = |column: usize| lines.iter().map(|(cells, _)| cells[column].width()).max().unwrap_or(0);
    let widths = [0, 1, 2].map(width);
    let indent = widths.iter().map(|width| width + 2).sum::<usize>();
    writeln!(out)?;
    for (at, (cells, stack)) in lines.iter().enumerate() {
        let mut figures = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            write!(figures, "{}{cell}  ", " ".repeat(width - cell.width()))?;
        }
        let style = |text: &str| if at == 0 { look.paint(HEADER, text) } else { text.into() };
        for (part, text) in wrapped(stack, look.width.saturating_sub(indent).max(NARROWEST)).iter().enumerate() {
            let before = if part == 0 { style(&figures) } else { " ".repeat(indent) };
            write!(out, "\n{before}{}", style(text))?;
        }
    }
    let notes = sizes_note(&data.size_classes(path), look).into_iter();
    let notes = notes.chain(estimate_note(&stacks, data.sampled_every(path)));
    for note in notes.chain(summed_note(data.summed_stacks(path))) {
        write!(out, "\n{}", wrapped(&note, look.width.max(NARROWEST)).join("\n"))?;
    }
    let shown = || stacks.iter().take(most.saturating_mul(2)).map(|stack| folded(stack.frames.iter().copied()));
    for hint in hints(shown()).into_iter().chain(later(shown())) {
        write!(out, "\n{}", look.paint(FAINT, &format!("lines {hint}")))?;
    }
    Ok(())
}

/// How large the blocks are that an operation owns, as far as it was captured.
fn sizes_note(sizes: &[SizeClass], look: &Look) -> Option<String> {
    let Largest { shown, more } = largest(sizes.iter().map(|size| (size.min_size, size.live_blocks, size.live_bytes)));
    let shown = shown.iter().map(|(size, blocks)| format!("{} x {}", look.count(*blocks), class(*size)));
    let shown = Vec::from_iter(shown).join(", ");
    (!shown.is_empty()).then(|| format!("sizes of what lives: {shown}{more}"))
}

/// How good figures are that samples tell.
fn estimate_note(stacks: &[ReportedStack], every: BTreeSet<u64>) -> Option<String> {
    let samples = stacks.iter().filter_map(|stack| stack.samples).reduce(u64::saturating_add)?;
    let every = Vec::from_iter(every.into_iter().map(|every| Bytes(every.into()).to_string()));
    let every = if every.is_empty() { String::new() } else { format!(", one every {}", every.join(" or ")) };
    Some(format!("~ estimated from {}{every}", counted(samples, "sample")))
}

/// How many stacks are shown together that a report of fewer would show one by one.
fn summed_note(summed: u64) -> Option<String> {
    let stacks = counted(summed, "small stack");
    (summed > 0).then(|| format!("{stacks} not looked up: with those for which there was no room"))
}
