//! Which lines a breached figure comes from: one more run of what was measured, with call stacks captured. It judges
//! nothing.

use std::cmp::Reverse;

use crate::front::capture::Capture;
use crate::judging::budget::{ByLine, FIGURES_OF_STACKS, Figure, FigureByStack, StackShare};
use crate::reading::{CallStack, Snapshot, snapshot};
use crate::render::unnumbered_line;
use crate::symbols::{CallFrame, own_line, symbolize};
use crate::words::{Node, Site};

/// So many stacks have their functions looked up: those that have the most.
pub(super) const MOST: usize = 32;
/// The same where lines are recorded: what was not is new later on.
pub(super) const MOST_RECORDED: usize = 512;

/// A run with call stacks captured.
#[derive(Debug)]
pub(super) struct CapturedRun {
    root: &'static Node,
    before: Snapshot,
    _capture: Capture,
}

impl CapturedRun {
    /// Begins one; `None` where no call stack can be captured.
    pub(super) fn begin(root: &'static Node) -> Option<Self> {
        let capture = Capture::of(move |node| node.is_judged_in(root));
        capture.is_possible().then(|| Self { root, before: snapshot(), _capture: capture })
    }

    /// What each stack has of `figure`, of which at most `most` are looked up. `sources` are files of the workspace.
    pub(super) fn end(self, figure: Figure, most: usize, sources: &[&str]) -> FigureByStack {
        let did = snapshot() - self.before;
        let mut stacks = did.stacks_of(|node| node.is_judged_in(self.root));
        stacks.retain(|stack| FIGURES_OF_STACKS.iter().any(|of| value(stack, *of) > 0));
        stacks.sort_by_key(|stack| Reverse(value(stack, figure)));
        let shown = &stacks[..stacks.len().min(most)];
        let addresses = Vec::from_iter(shown.iter().map(CallStack::addresses));
        let frames = symbolize(&addresses, sources).take().unwrap_or_default();
        let lines = FIGURES_OF_STACKS.iter().filter_map(|of| Some((*of, line_with_most(*of, &stacks, &frames)?)));
        let lines = lines.collect();
        let by_line = FIGURES_OF_STACKS.map(|of| (of, by_line(of, &stacks, &frames))).into();
        let mut frames = frames.into_iter();
        let shares = stacks.iter().map(|stack| StackShare {
            frames: frames.next().unwrap_or_default(),
            kind: stack.kind,
            value: value(stack, figure),
        });
        FigureByStack { figure, shares: shares.filter(|share| share.value > 0).collect(), lines, by_line }
    }
}

/// What a stack has of a figure.
fn value(stack: &CallStack, figure: Figure) -> i64 {
    match figure {
        Figure::AllocatedBytes => stack.allocated_bytes as i64,
        Figure::LiveBytes => stack.live_bytes,
        _ => stack.allocs as i64,
    }
}

/// The line of the workspace on the stack that has most of a figure, or on the next one; `None` where a stack that has
/// more was not looked up.
fn line_with_most(figure: Figure, stacks: &[CallStack], frames: &[Vec<CallFrame>]) -> Option<Site> {
    let mut order = Vec::from_iter(0..stacks.len());
    order.sort_by_key(|at| Reverse(value(&stacks[*at], figure)));
    let having = order.into_iter().take_while(|at| value(&stacks[*at], figure) > 0);
    having.map_while(|at| frames.get(at)).find_map(|frames| own_line(frames))
}

/// What each line has of a figure. Stacks that were not looked up are one.
fn by_line(figure: Figure, stacks: &[CallStack], frames: &[Vec<CallFrame>]) -> ByLine {
    let mut by_line = ByLine::new();
    for (at, stack) in stacks.iter().enumerate().filter(|(_, stack)| value(stack, figure) > 0) {
        let line = unnumbered_line(stack.kind, frames.get(at).map_or(&[], Vec::as_slice));
        *by_line.entry(line).or_default() += value(stack, figure);
    }
    by_line
}
