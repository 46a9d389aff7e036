//! How a frame leads to its caller: one word for a return address.

use super::machine::{Registers, StackInUse, WORD};

/// How a frame leads to its caller. Zero is none: a rule that is not known yet.
///
/// The two lowest bits say what the frame's address (the CFA of DWARF) is counted from, the third whether `rbp` was
/// saved. Above them are the distance to the frame's address, and in the upper half where `rbp` was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnwindRule(u64);

/// What the frame's address is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Sp = 1,
    Bp = 2,
}

const BASE: u64 = 0b11;
const END: u64 = 0b11;
const SAVES_BP: u64 = 0b100;
const ABOVE_KIND: u32 = 3;
const UPPER_HALF: u32 = 32;
/// No frame is larger.
const LARGEST: u64 = 1 << (UPPER_HALF - ABOVE_KIND);

/// Why a walk ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WalkEnd {
    /// There is no caller: the stack is complete.
    Outermost,
    /// It is not known how the frame leads to its caller.
    NoRule,
    /// There are more frames than are kept.
    Cut,
    /// The caller's frame would not be on this stack.
    Outside,
}

/// One step outwards.
#[derive(Clone, Copy)]
pub(super) struct Caller {
    pub(super) registers: Registers,
    /// Where the return address is.
    pub(super) slot: u64,
    /// Whether `rbp` decided where.
    pub(super) bp_decided: bool,
    /// Where the caller's `rbp` was saved, if it was.
    pub(super) bp_slot: Option<u64>,
}

impl UnwindRule {
    /// The frame has no caller.
    pub(super) const OUTERMOST: Self = Self(END);
    /// It is not known how the frame leads to its caller.
    pub(super) const NONE: Self = Self(SAVES_BP);

    /// The frame's address is `distance` above `base`, and `rbp` was saved at `bp` from it. `None` if that does not fit
    /// into a rule.
    pub(super) fn new(base: Base, distance: i64, bp: Option<i64>) -> Option<Self> {
        let distance = u64::try_from(distance).ok()?;
        if !(WORD..LARGEST).contains(&distance) || distance % WORD != 0 {
            return None;
        }
        let saved = match bp {
            Some(bp) => SAVES_BP | u64::from(i32::try_from(bp).ok()?.cast_unsigned()) << UPPER_HALF,
            None => 0,
        };
        Some(Self(base as u64 | distance << ABOVE_KIND | saved))
    }

    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    /// The caller of the frame that stands at `frame`.
    #[inline(always)]
    pub(super) fn caller(self, frame: Registers, stack: StackInUse) -> Result<Caller, WalkEnd> {
        let Registers { sp, bp, .. } = frame;
        let (base, bp_decided) = match self.0 & BASE {
            1 => (sp, false),
            2 => (bp, true),
            END => return Err(WalkEnd::Outermost),
            _ => return Err(WalkEnd::NoRule),
        };
        let address = base.wrapping_add(self.0 << UPPER_HALF >> UPPER_HALF >> ABOVE_KIND);
        let slot = address.wrapping_sub(WORD);
        // The caller's frame is above this one.
        if stack.offset(slot) < stack.offset(sp) {
            return Err(WalkEnd::Outside);
        }
        let pc = stack.word(slot).ok_or(WalkEnd::Outside)?;
        let mut caller = Caller { registers: Registers { pc, sp: address, bp }, slot, bp_decided, bp_slot: None };
        if self.0 & SAVES_BP != 0 {
            let from = i64::from((self.0 >> UPPER_HALF) as u32 as i32);
            let bp_slot = address.wrapping_add_signed(from);
            caller.registers.bp = stack.word(bp_slot).ok_or(WalkEnd::Outside)?;
            caller.bp_slot = Some(bp_slot);
        }
        Ok(caller)
    }
}
