//! The way from frame to frame, outwards, and which words of the stack decided it.

use super::machine::{Registers, StackInUse};
use super::modules::Modules;
use super::rule::WalkEnd;
use super::rules::UnwindRules;

/// The most frames of a stack; what is further out is cut off.
pub(super) const MOST_FRAMES: usize = 128;
/// The most words that held an `rbp` on which a frame's place depends.
pub(super) const MOST_DECIDING: usize = 32;

/// A word of the stack: how far it is above the stack pointer, and what it is.
pub(super) type StackWord = (u64, u64);

/// A stack as it was walked.
pub(super) struct Walked {
    /// Each return address, from the innermost out.
    frames: [StackWord; MOST_FRAMES],
    frame_count: usize,
    /// Each word from which an `rbp` was loaded that decided where a frame is; its value as the distance to the end.
    deciding: [StackWord; MOST_DECIDING],
    deciding_count: usize,
    /// Whether `rbp`, as it was in the register, decided.
    pub(super) register_decided: bool,
    pub(super) end: WalkEnd,
}

impl Walked {
    pub(super) fn frames(&self) -> impl ExactSizeIterator<Item = StackWord> {
        self.frames.iter().take(self.frame_count).copied()
    }

    pub(super) fn deciding(&self) -> impl ExactSizeIterator<Item = StackWord> {
        self.deciding.iter().take(self.deciding_count).copied()
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = u64> {
        self.frames().map(|(_, address)| address).filter(|address| *address != 0)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.end == WalkEnd::Outermost
    }

    /// Whether its trace is worth keeping. Recursion that is too deep would fill all memory with traces of a few
    /// stacks.
    pub(super) fn is_worth_keeping(&self) -> bool {
        matches!(self.end, WalkEnd::Outermost | WalkEnd::NoRule)
    }

    fn note_frame(&mut self, word: StackWord) -> Result<(), WalkEnd> {
        *self.frames.get_mut(self.frame_count).ok_or(WalkEnd::Cut)? = word;
        self.frame_count += 1;
        Ok(())
    }

    fn note_deciding(&mut self, word: StackWord) -> Result<(), WalkEnd> {
        let known = self.deciding.get(self.deciding_count.wrapping_sub(1));
        if known == Some(&word) {
            return Ok(());
        }
        *self.deciding.get_mut(self.deciding_count).ok_or(WalkEnd::Cut)? = word;
        self.deciding_count += 1;
        Ok(())
    }
}

/// Walks the whole stack of the frame at `here`.
pub(super) fn walk(here: Registers, stack: StackInUse, rules: &UnwindRules, modules: &Modules) -> Walked {
    let mut walked = Walked {
        frames: [(0, 0); MOST_FRAMES],
        frame_count: 0,
        deciding: [(0, 0); MOST_DECIDING],
        deciding_count: 0,
        register_decided: false,
        end: WalkEnd::Outermost,
    };
    walked.end = follow(&mut walked, here, stack, rules, modules).err().unwrap_or(WalkEnd::Outermost);
    walked
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
        walked.note_frame((stack.offset(caller.slot), caller.registers.pc))?;
        // The outermost frame of a thread may return to nowhere.
        if caller.registers.pc == 0 {
            return Ok(());
        }
        bp_slot = caller.bp_slot.or(bp_slot);
        frame = caller.registers;
    }
}
