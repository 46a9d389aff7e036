//! Rules by return address, for the whole process: a table that only grows, without a lock.

use super::compile::compile;
use super::modules::Modules;
use super::rule::UnwindRule;
use crate::record::atomic::AtomicU64;
use crate::record::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::record::memory::zeroed;
use crate::words::SPREAD;

/// How many rules the table has room for.
const ROOM: usize = 1 << 16;
/// A product that is shifted right by so many bits is a place in the table.
const ABOVE_PLACE: u32 = u64::BITS - ROOM.trailing_zeros();
/// Places where a rule may stand.
const PROBES: usize = 32;

#[derive(Debug)]
struct Entry {
    /// The return address; zero where there is none yet.
    pc: AtomicU64,
    /// Its rule; zero where it is being written.
    rule: AtomicU64,
}

#[derive(Debug)]
pub(super) struct UnwindRules {
    entries: [Entry; ROOM],
}

zeroed!(Entry { pc, rule });
zeroed!(UnwindRules { entries });

impl UnwindRules {
    /// The rule for the frame that goes on at `pc`.
    #[inline(always)]
    pub(super) fn of(&self, pc: u64, modules: &Modules) -> UnwindRule {
        let place = (pc.wrapping_mul(SPREAD) >> ABOVE_PLACE) as usize;
        if let Some(entry) = self.entries.get(place)
            && entry.pc.load(Acquire) == pc
        {
            let rule = entry.rule.load(Acquire);
            if rule != 0 {
                return UnwindRule::from_bits(rule);
            }
        }
        self.look_further(place, pc, modules)
    }

    /// Looks in the places behind the first one, and compiles the rule where it is in none.
    #[cold]
    #[inline(never)]
    fn look_further(&self, place: usize, pc: u64, modules: &Modules) -> UnwindRule {
        let mut unused = None;
        for entry in (0..PROBES).filter_map(|probe| self.entries.get((place + probe) % ROOM)) {
            match entry.pc.load(Acquire) {
                0 => {
                    unused = Some(entry);
                    break;
                }
                // Whoever writes the rule may be interrupted for ever, so nobody waits for it.
                known if known == pc => match entry.rule.load(Acquire) {
                    0 => break,
                    rule => return UnwindRule::from_bits(rule),
                },
                _ => {}
            }
        }
        // A call may be the last instruction of its function: the address before the one that it returns to is in it.
        let Some(module) = modules.of(pc.wrapping_sub(1)) else { return UnwindRule::NONE };
        let rule = compile(module, pc.wrapping_sub(1));
        if let Some(entry) = unused
            && entry.pc.compare_exchange(0, pc, Relaxed, Relaxed).is_ok()
        {
            entry.rule.store(rule.bits(), Release);
        }
        rule
    }

    /// Forgets all rules.
    pub(super) fn forget(&self) {
        for entry in &self.entries {
            entry.rule.store(0, Relaxed);
            entry.pc.store(0, Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::memory::new_permanent;
    use crate::record::stacks::machine::registers;

    #[test]
    fn a_rule_is_compiled_once_and_what_is_in_no_known_module_has_none() {
        let rules: &UnwindRules = new_permanent().expect("there is memory");
        let modules: &Modules = new_permanent().expect("there is memory");
        let here = registers().pc;
        assert_eq!(rules.of(here, modules), UnwindRule::NONE, "no module is listed");
        assert!(modules.list().is_none());
        let rule = rules.of(here, modules);
        assert!(![UnwindRule::NONE, UnwindRule::OUTERMOST].contains(&rule), "asked again, and not remembered");
        assert_eq!(rules.of(here, modules), rule);
        assert!(modules.list().is_none(), "nothing was unloaded");
        let remembered = || rules.entries.iter().filter(|entry| entry.pc.load(Relaxed) != 0).count();
        assert_eq!(remembered(), 1);
        let nowhere = std::ptr::from_ref(&here).addr() as u64;
        assert_eq!(rules.of(nowhere, modules), UnwindRule::NONE, "the stack is no code");
        rules.forget();
        assert_eq!((remembered(), rules.of(here, modules)), (0, rule));
    }

    #[test]
    fn a_rule_that_somebody_began_to_write_and_never_finished_is_compiled_by_everybody() {
        let rules: &UnwindRules = new_permanent().expect("there is memory");
        let modules: &Modules = new_permanent().expect("there is memory");
        assert!(modules.list().is_none());
        let here = registers().pc;
        let place = (here.wrapping_mul(SPREAD) >> ABOVE_PLACE) as usize;
        rules.entries[place].pc.store(here, Relaxed);
        let fresh: &UnwindRules = new_permanent().expect("there is memory");
        assert_eq!(rules.of(here, modules), fresh.of(here, modules));
        assert_eq!(rules.entries[place].rule.load(Relaxed), 0);
    }
}
