//! What a run measured: one process, or many that were added up. Figures of different environments stay apart. How it
//! is written is for `run_json`.

use std::collections::BTreeMap;

use super::measured::{Denied, LeakTested, Measured};
use crate::reading::{Data, Environment};
use crate::words::json_object;
#[cfg(feature = "cli")]
use crate::words::{Cause, Error};

/// The figures of every environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// All tests ran, so that what was not measured is missing.
    pub(crate) complete: bool,
    /// No test failed, and every process reported: an operation that was not measured is gone, and no sum lacks a part.
    pub(crate) clean: bool,
    pub(crate) parts: Vec<Part>,
}

/// What processes of one environment measured.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) environment: Environment,
    /// Programs that do not have heapledger as their allocator, and asked it all the same. They do not count as
    /// processes.
    pub(crate) blind: Vec<Blind>,
    /// What assertions measured, by the operation's path.
    pub(crate) measured: BTreeMap<String, Measured>,
    /// What leak tests found.
    pub(crate) leak_tests: Vec<LeakTested>,
    /// What scopes that must not allocate allocated.
    pub(crate) denied: Vec<Denied>,
    /// The operations that must not allocate, whether they did or not; each once.
    pub(crate) denying: Vec<String>,
    /// What the environment asks of processes and they do not do, as a report that cannot be written; each once.
    pub(crate) unmet: Vec<String>,
    /// What every operation did over all.
    pub(crate) report: Data,
}

json_object!(Part {
    environment,
    blind,
    measured,
    leak_tests,
    denied,
    denying or Vec::new(),
    unmet or Vec::new(),
    report,
});

/// A program that does not have heapledger as its allocator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Blind {
    pub(crate) program: String,
    /// It asserted something of operations; else it only entered them.
    pub(crate) asserted: bool,
}

json_object!(Blind { program, asserted });

#[cfg(feature = "cli")]
impl Run {
    /// Adds what `other` measured; at the end, [`arrange`](Self::arrange) is to be called. Counters add up; of what
    /// assertions measured, the most stays, because the same operation may be asserted in several tests.
    pub(crate) fn merge(&mut self, other: Self) -> Result<(), Error> {
        for part in other.parts {
            match self.parts.iter().position(|known| known.environment.key() == part.environment.key()) {
                Some(known) => {
                    let sum = self.parts.swap_remove(known).plus(part)?;
                    self.parts.push(sum);
                }
                None => self.parts.push(part),
            }
        }
        self.parts.sort_by(|one, other| one.environment.cmp(&other.environment));
        Ok(())
    }

    /// Arranges what was added up.
    pub(crate) fn arrange(&mut self) {
        self.parts.iter_mut().for_each(|part| part.report.arrange());
    }

    /// How many processes it tells of that had heapledger as their allocator.
    pub(crate) fn processes(&self) -> u64 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.report.processes))
    }
}

impl Part {
    #[cfg(feature = "cli")]
    fn plus(mut self, other: Self) -> Result<Self, Error> {
        self.report = self.report.joined_with(other.report).ok_or(Error(Cause::Overflow))?;
        self.blind.extend(other.blind);
        self.blind.sort();
        self.blind.dedup();
        for (path, measured) in other.measured {
            self.note(path, measured);
        }
        self.leak_tests.extend(other.leak_tests);
        self.denied.extend(other.denied);
        self.denying.extend(other.denying);
        self.denying.sort();
        self.denying.dedup();
        self.unmet.extend(other.unmet);
        self.unmet.sort();
        self.unmet.dedup();
        Ok(self)
    }

    /// Takes note of what an assertion measured.
    pub(crate) fn note(&mut self, path: String, measured: Measured) {
        match self.measured.entry(path) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                vacant.insert(measured);
            }
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut().raise(measured),
        }
    }
}
