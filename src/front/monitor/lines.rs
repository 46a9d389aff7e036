//! Which lines of the program allocated what finished operations still own, where their call stacks were captured.

use super::report::MemorySnapshot;
use crate::front::capture::symbolize;
use crate::reading::{CallStack, CallStackKind, Snapshot};
use crate::words::{Bytes, counted};

/// Lines of one operation: those that own the most.
const MOST: usize = 3;

/// Gives each of `leaks` its lines. Nothing is looked up where none was captured.
pub(super) fn note_lines(leaks: &mut [MemorySnapshot], now: &Snapshot) {
    let survivors = |leak: &MemorySnapshot| {
        let mut stacks = now.stacks(&leak.operation);
        stacks.retain(|stack| stack.kind != CallStackKind::NotCaptured && stack.live_bytes > 0);
        stacks.truncate(MOST);
        stacks
    };
    let by_leak = Vec::from_iter(leaks.iter().map(survivors));
    let stacks: Vec<CallStack> = by_leak.iter().flatten().cloned().collect();
    if stacks.is_empty() {
        return;
    }
    let mut lines = stacks.iter().zip(symbolize(&stacks)).map(|(stack, line)| {
        let blocks = counted(stack.live_blocks.max(0) as u64, "block");
        format!("{} in {blocks}  {line}", Bytes(stack.live_bytes.into()))
    });
    for (leak, stacks) in leaks.iter_mut().zip(&by_leak) {
        leak.lines.extend(lines.by_ref().take(stacks.len()));
    }
}
