//! The way from frame to frame, outwards, and which words of the stack decided it.

use super::machine::{Registers, StackInUse};
use super::modules::Modules;
use super::rule::WalkEnd;
use super::rules::UnwindRules;
use crate::record::memory::RoomFor;

/// The most frames of a stack; what is further out is cut off.
pub(super) const MOST_FRAMES: usize = 128;
/// The most words that held an `rbp` on which a frame's place depends.
pub(super) const MOST_DECIDING: usize = 32;

/// A word of the stack: how far it is above the stack pointer, and what it is.
pub(super) type StackWord = (u64, u64);

/// A stack as it was walked.
pub(super) struct Walked {
    /// Each return address, from the innermost out.
    frames: RoomFor<StackWord, MOST_FRAMES>,
    /// Each word from which an `rbp` was loaded that decided where a frame is; its value as the distance to the end.
    deciding: RoomFor<StackWord, MOST_DECIDING>,
    /// Whether `rbp`, as it was in the register, decided.
    pub(super) register_decided: bool,
    pub(super) end: WalkEnd,
}

impl Walked {
    pub(super) fn frames(&self) -> &[StackWord] {
        self.frames.items()
    }

    pub(super) fn deciding(&self) -> &[StackWord] {
        self.deciding.items()
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = u64> {
        self.frames().iter().map(|(_, address)| *address).filter(|address| *address != 0)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.end == WalkEnd::Outermost
    }

    /// Whether its trace is worth keeping. Recursion that is too deep would fill all memory with traces of a few
    /// stacks.
    pub(super) fn is_worth_keeping(&self) -> bool {
        matches!(self.end, WalkEnd::Outermost | WalkEnd::NoRule)
    }

    /// No frame yet.
    pub(super) fn new() -> Self {
        let (frames, deciding) = (RoomFor::new(), RoomFor::new());
        Self { frames, deciding, register_decided: false, end: WalkEnd::Outermost }
    }

    /// Walks the whole stack of the frame at `here`.
    #[inline(always)]
    pub(super) fn walk(&mut self, here: Registers, stack: StackInUse, rules: &UnwindRules, modules: &Modules) {
        self.end = follow(self, here, stack, rules, modules).err().unwrap_or(WalkEnd::Outermost);
    }

    fn note_deciding(&mut self, word: StackWord) -> Result<(), WalkEnd> {
        match self.deciding().last() {
            Some(known) if *known == word => Ok(()),
            _ => self.deciding.push(word).ok_or(WalkEnd::Cut),
        }
    }
}

fn follow(
    walked: &mut Walked,
    mut frame: Registers,
    stack: StackInUse,
    rules: &UnwindRules,
    modules: &Modules,
) -> Result<(), WalkEnd> {
    // Where `rbp` of the frame comes from: a word of the stack, or the register itself.
    let mut bp_slot = None;
    loop {
        let caller = rules.of(frame.pc, modules).caller(frame, stack)?;
        if caller.bp_decided {
            match bp_slot {
                Some(slot) => walked.note_deciding((stack.offset(slot), stack.to_end(frame.bp)))?,
                None => walked.register_decided = true,
            }
        }
        walked.frames.push((stack.offset(caller.slot), caller.registers.pc)).ok_or(WalkEnd::Cut)?;
        // The outermost frame of a thread may return to nowhere.
        if caller.registers.pc == 0 {
            return Ok(());
        }
        bp_slot = caller.bp_slot.or(bp_slot);
        frame = caller.registers;
    }
}
