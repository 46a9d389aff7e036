//! Traces that were taken before. If every word that decided a trace is as it was, the stack is the same, and nothing
//! is unwound.
//!
//! Why that is so: a frame's rule follows from its return address alone. With the same distance to the stack's end and
//! the same return address, the rule is the same; where it uses `rbp`, the word that this `rbp` was loaded from was
//! compared. So the frame's address is the same, and so is the place of the next return address, and that word was
//! compared too. Return addresses alone prove nothing: padding keeps old ones.

use super::interned::Interned;
use super::machine::{Registers, StackInUse};
use super::modules::Modules;
use super::recognize::WalkedTrace;
use super::rule::{UnwindRule, WalkEnd};
use super::rules::UnwindRules;
use super::stack_id::{StackExtent, StackId};
use super::walk::Walked;
use crate::record::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::record::atomic::{AtomicU32, AtomicU64};
use crate::record::memory::zeroed;
use crate::words::SPREAD;

/// How many traces the table has room for.
const ROOM: usize = 1 << 17;
/// Places where a trace may stand. Branching recursion fills them all: then stacks are walked, and found by their
/// addresses.
const PROBES: usize = 16;
/// Where the part of a hash begins that stands in the table.
const UPPER_HALF: u32 = 32;

/// All traces of the process, and what they are made from.
#[derive(Debug)]
pub(super) struct Traces {
    pub(super) modules: Modules,
    rules: UnwindRules,
    interned: Interned,
    /// The upper half of a trace's hash, and its number.
    places: [AtomicU64; ROOM],
}

zeroed!(Traces { modules, rules, interned, places });

impl Traces {
    /// The stack of the frame at `here`, if that is the one of trace `number`.
    #[inline(always)]
    pub(super) fn recognize(&self, number: u32, here: Registers, stack: StackInUse) -> Option<StackId> {
        self.interned.kept(number)?.recognizes(here, stack)
    }

    /// The stack of the frame at `here`. Notes in `last` the number of its trace.
    #[inline(never)]
    pub(super) fn find(&self, here: Registers, stack: StackInUse, last: &AtomicU32) -> StackId {
        let hash = self.hash(here, stack);
        for probe in 0..PROBES {
            let Some(place) = self.places.get((hash as usize).wrapping_add(probe) % ROOM) else { break };
            let word = place.load(Acquire);
            if word == 0 {
                return self.walk(here, stack, Some((place, hash)), last);
            }
            if (word ^ hash) >> UPPER_HALF == 0
                && let Some(stack) = self.recognize(word as u32, here, stack)
            {
                last.store(word as u32, Relaxed);
                return stack;
            }
        }
        self.walk(here, stack, None, last)
    }

    /// Whether there is a rule for the frame at `here`.
    pub(super) fn has_rule(&self, here: Registers) -> bool {
        self.rules.of(here.pc, &self.modules) != UnwindRule::NONE
    }

    /// Chooses where a trace stands: by two return addresses, which tell the callers of one function from each other.
    /// It proves nothing, so it may take any words.
    #[inline(always)]
    fn hash(&self, here: Registers, stack: StackInUse) -> u64 {
        let rule = |frame: Registers| self.rules.of(frame.pc, &self.modules);
        let mut hash = stack.distance() ^ here.pc.rotate_left(UPPER_HALF);
        if let Ok(caller) = rule(here).caller(here, stack) {
            hash = (hash.rotate_left(23) ^ caller.registers.pc).wrapping_mul(SPREAD);
            if let Some(pc) = rule(caller.registers).return_address(caller.registers, stack) {
                hash = (hash.rotate_left(23) ^ pc).wrapping_mul(SPREAD);
            }
        }
        hash ^ hash >> UPPER_HALF
    }

    /// Walks the whole stack, and keeps it for the next time: by its hash in the place that is `unused`, and in `last`.
    #[cold]
    #[inline(never)]
    fn walk(&self, here: Registers, stack: StackInUse, unused: Option<(&AtomicU64, u64)>, last: &AtomicU32) -> StackId {
        let changes = self.modules.changes();
        // Filled where it stands: it is too large to be moved.
        let mut walked = Walked::new();
        walked.walk(here, stack, &self.rules, &self.modules);
        if walked.end == WalkEnd::Outside || walked.frames().is_empty() {
            return StackId::OTHER;
        }
        self.keep(&WalkedTrace { walked: &walked, here, stack }, changes, unused, last)
    }

    /// Keeps a stack that was walked after the modules had changed so often, and says what it is.
    fn keep(
        &self,
        trace: &WalkedTrace<'_>,
        changes: u64,
        unused: Option<(&AtomicU64, u64)>,
        last: &AtomicU32,
    ) -> StackId {
        let Some((known, new)) = self.interned.intern(trace) else { return StackId::OTHER };
        let mut kept = None;
        if let Some((place, hash)) = unused.filter(|_| trace.walked.is_worth_keeping())
            && let Some(number) = new.or_else(|| self.interned.keep_trace(trace, known))
        {
            kept = self.interned.kept(number);
            let entry = hash >> UPPER_HALF << UPPER_HALF | u64::from(number);
            // Where another thread was faster, this trace is not found; the next walk keeps it.
            if place.compare_exchange(0, entry, AcqRel, Relaxed).is_ok() {
                last.store(number, Relaxed);
            }
        }
        // Rules of modules that are gone may have led here, and all others were forgotten by now.
        if self.modules.changes() == changes {
            return known;
        }
        if let Some(kept) = kept {
            kept.forget();
        }
        StackId::OTHER
    }

    /// Calls `see` with each return address of a stack, from the innermost out, and says how much of it that is.
    pub(super) fn read(&self, stack: StackId, see: impl FnMut(u64)) -> StackExtent {
        self.interned.read(stack, see)
    }

    /// Learns which modules came and went. Not to be called from inside the allocator, nor by two threads at once.
    pub(super) fn look_at_modules(&self) {
        if let Some(changed) = self.modules.list() {
            self.forget(|address| changed.lost(address));
        }
    }

    /// Forgets rules and traces, because a module that they were made from is gone, or one came that has the rules
    /// which were missing. Stacks that were kept stay, without their return addresses in code that `is_gone`.
    pub(super) fn forget(&self, is_gone: impl Fn(u64) -> bool) {
        self.rules.forget();
        for place in &self.places {
            if let Some(kept) = self.interned.kept(place.swap(0, AcqRel) as u32) {
                kept.forget();
            }
        }
        self.interned.void(is_gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::memory::new_permanent;
    use crate::record::stacks::machine::{bounds_of_this_thread, registers};

    #[test]
    fn a_stack_that_was_walked_while_modules_changed_is_none_whether_it_is_kept_or_not() {
        let traces: &Traces = new_permanent().expect("there is memory");
        traces.look_at_modules();
        let here = registers();
        let stack = StackInUse::new(bounds_of_this_thread(), here).expect("it is this thread's own");
        let mut walked = Walked::new();
        walked.walk(here, stack, &traces.rules, &traces.modules);
        let trace = WalkedTrace { walked: &walked, here, stack };
        let now = traces.modules.changes();
        let (place, last) = (AtomicU64::new(0), AtomicU32::new(0));
        for unused in [None, Some((&place, 0))] {
            assert_eq!(traces.keep(&trace, now - 1, unused, &last), StackId::OTHER);
        }
        assert_eq!(traces.recognize(last.load(Relaxed), here, stack), None, "it was kept, and is forgotten");
        place.store(0, Relaxed);
        let known = traces.keep(&trace, now, Some((&place, 0)), &last);
        assert_ne!(known, StackId::OTHER);
        assert_eq!(traces.recognize(last.load(Relaxed), here, stack), Some(known));
    }
}
