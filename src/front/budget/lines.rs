//! Which lines a breached figure comes from: one more run of what was measured, with call stacks captured. It judges
//! nothing.

use crate::front::capture::Capture;
use crate::judging::budget::{Figure, FigureByStack, StackShare};
use crate::reading::{CallStack, Snapshot, snapshot};
use crate::symbols::symbolize;
use crate::words::Node;

/// So many stacks have their functions looked up: those that have the most.
const MOST: usize = 32;

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
        let capture = Capture::of(move |node| node.is_within(root));
        capture.is_possible().then(|| Self { root, before: snapshot(), _capture: capture })
    }

    /// What each stack has of `figure`. `sources` are files of the workspace.
    pub(super) fn end(self, figure: Figure, sources: &[&str]) -> FigureByStack {
        let did = snapshot() - self.before;
        let value = |stack: &CallStack| match figure {
            Figure::AllocatedBytes => stack.allocated_bytes as i64,
            Figure::LiveBytes => stack.live_bytes,
            _ => stack.allocs as i64,
        };
        let mut stacks = did.stacks_of(|node| node.is_within(self.root));
        stacks.retain(|stack| value(stack) > 0);
        stacks.sort_by_key(|stack| std::cmp::Reverse(value(stack)));
        let shown = &stacks[..stacks.len().min(MOST)];
        let addresses = Vec::from_iter(shown.iter().map(CallStack::addresses));
        let mut frames = symbolize(&addresses, sources).take().unwrap_or_default().into_iter();
        let shares = stacks.iter().map(|stack| StackShare {
            frames: frames.next().unwrap_or_default(),
            kind: stack.kind,
            value: value(stack),
        });
        FigureByStack { figure, shares: shares.collect() }
    }
}
