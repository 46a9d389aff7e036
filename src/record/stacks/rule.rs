//! How a frame leads to its caller: one word for a return address.

use super::machine::{Registers, StackInUse, WORD};

/// How a frame leads to its caller. Zero is none: a rule that is not known yet.
///
/// The lowest bit says that there is a caller; the second that the frame's address (the CFA of DWARF) is counted from
/// `rbp` and not from the stack pointer; the third that `rbp` was saved. Above them is the distance to the frame's
/// address, and in the upper half where `rbp` was saved, counted from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnwindRule(u64);

/// What the frame's address is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Sp,
    Bp,
}

const HAS_CALLER: u64 = 0b001;
const FROM_BP: u64 = 0b010;
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
pub(super) struct CallerFrame {
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
    pub(super) const OUTERMOST: Self = Self(FROM_BP);
    /// It is not known how the frame leads to its caller.
    pub(super) const NONE: Self = Self(SAVES_BP);

    /// The frame's address is `distance` above `base`, and `rbp` was saved at `bp` from it. `None` if that does not fit
    /// into a rule.
    pub(super) fn new(base: Base, distance: i64, bp: Option<i64>) -> Option<Self> {
        let distance = u64::try_from(distance).ok()?;
        if !(WORD..LARGEST).contains(&distance) || !distance.is_multiple_of(WORD) {
            return None;
        }
        let base = if base == Base::Bp { FROM_BP } else { 0 };
        let saved = match bp {
            Some(bp) => SAVES_BP | u64::from(i32::try_from(bp).ok()?.cast_unsigned()) << UPPER_HALF,
            None => 0,
        };
        Some(Self(HAS_CALLER | base | distance << ABOVE_KIND | saved))
    }

    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    /// The address of the frame that stands at `frame`, if it has a caller.
    #[inline(always)]
    fn address(self, frame: Registers) -> Option<u64> {
        if self.0 & HAS_CALLER == 0 {
            return None;
        }
        let base = if self.0 & FROM_BP == 0 { frame.sp } else { frame.bp };
        Some(base.wrapping_add(u64::from(self.0 as u32 >> ABOVE_KIND)))
    }

    /// Where the frame that stands at `frame` returns to, if it has a caller on this stack.
    #[inline(always)]
    pub(super) fn return_address(self, frame: Registers, stack: StackInUse) -> Option<u64> {
        stack.word_above(frame.sp, self.address(frame)?.wrapping_sub(WORD))
    }

    /// The caller of the frame that stands at `frame`.
    #[inline(always)]
    pub(super) fn caller(self, frame: Registers, stack: StackInUse) -> Result<CallerFrame, WalkEnd> {
        let Some(address) = self.address(frame) else {
            return Err(if self == Self::OUTERMOST { WalkEnd::Outermost } else { WalkEnd::NoRule });
        };
        let slot = address.wrapping_sub(WORD);
        let pc = stack.word_above(frame.sp, slot).ok_or(WalkEnd::Outside)?;
        let (mut bp, mut bp_slot) = (frame.bp, None);
        if self.0 & SAVES_BP != 0 {
            let saved = address.wrapping_add_signed(self.0 as i64 >> UPPER_HALF);
            bp = stack.word_above(frame.sp, saved).ok_or(WalkEnd::Outside)?;
            bp_slot = Some(saved);
        }
        let registers = Registers { pc, sp: address, bp };
        Ok(CallerFrame { registers, slot, bp_decided: self.0 & FROM_BP != 0, bp_slot })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_into_a_word_is_no_rule() {
        for distance in [8, 16, 4096, (1 << 29) - 8] {
            for bp in [None, Some(-16), Some(-1_000_000)] {
                let rules = [Base::Sp, Base::Bp].map(|base| UnwindRule::new(base, distance, bp));
                let [Some(sp), Some(from_bp)] = rules else { panic!("{distance} fits") };
                assert!(sp != from_bp && ![sp, from_bp].contains(&UnwindRule::NONE), "{distance} {bp:?}");
                assert_ne!(sp.bits(), 0);
            }
        }
        for (distance, bp) in [(0, None), (-8, None), (12, None), (1 << 29, None), (16, Some(1 << 40))] {
            assert_eq!(UnwindRule::new(Base::Sp, distance, bp), None, "{distance} {bp:?}");
        }
        assert!(UnwindRule::NONE.bits() != 0 && UnwindRule::OUTERMOST.bits() != 0);
    }
}
