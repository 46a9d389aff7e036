//! What a leak test found, as users get it.

use std::fmt;

use crate::front::found;
use crate::judging::budget::LeakTested;
use crate::judging::leak::{Findings, LeakLines, Verdict};
use crate::reading::LeakWindow;
use crate::record::{self, Own};
use crate::render;

/// What a [`LeakTest`](crate::LeakTest) found.
///
/// `Display` is for people: the verdict in one sentence, the figures, which operation grows, what was handed over, what
/// stays open, what could still hide, and what to do next. `docs/finding-leaks.md` explains every line.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let outcome = heapledger::LeakTest::new("format").run(|i| format!("{i}"));
/// assert!(outcome.passes(), "{outcome}");
/// ```
#[must_use = "a leak that nobody looks at passes: ask `passes` or `verdict`, or call `LeakTest::assert`"]
pub struct LeakReport(pub(crate) Own<Findings>);

impl LeakReport {
    /// The verdict.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let outcome = heapledger::LeakTest::new("box").run(|_| Box::leak(Box::new(7u64)));
    /// assert!(outcome.verdict().is_leak());
    /// ```
    pub fn verdict(&self) -> &Verdict {
        &self.0.verdict
    }

    /// Whether [`LeakTest::assert`](crate::LeakTest::assert) is content: the verdict is clean, or warm-up or bounded
    /// growth within what was allowed.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::LeakTest::new("nothing").run(|_| ()).passes());
    /// ```
    pub fn passes(&self) -> bool {
        self.0.passes()
    }

    /// How many iterations were run, the warm-up included, and those not that were run on to tell lines.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let outcome = heapledger::LeakTest::new("two").warmup(1).iterations(2).run(|_| ());
    /// assert!(outcome.iterations() >= 1 + 2 + 4 + 8);
    /// ```
    pub fn iterations(&self) -> u64 {
        self.0.iterations
    }

    /// The curve that was judged: the windows of iterations, each twice as long as the one before, with what lives at
    /// the end of each.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let outcome = heapledger::LeakTest::new("format").run(|i| format!("{i}"));
    /// assert!(outcome.windows().iter().all(|window| window.live_bytes == 0));
    /// ```
    pub fn windows(&self) -> &[LeakWindow] {
        &self.0.curve.windows
    }

    /// Threads that began in the test and have not ended, by name. Those that are not counted are not named.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::LeakTest::new("none").run(|_| ()).threads().is_empty());
    /// ```
    pub fn threads(&self) -> &[String] {
        &self.0.threads
    }

    /// Files that were opened during the test, by this process, and are still open: what each descriptor refers to.
    /// Empty where that cannot be known.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::LeakTest::new("none").run(|_| ()).files().is_empty());
    /// ```
    pub fn files(&self) -> &[String] {
        &self.0.files
    }
}

impl LeakReport {
    /// Ends an assertion: panics unless the test passes, and says on standard error what it warns of if it does.
    #[track_caller]
    pub(super) fn end_assertion(&self) {
        found::leak_tested(|| self.as_tested());
        assert!(self.passes(), "{self}");
        if !self.0.warnings.is_empty() {
            say(|| render::warnings(&self.0));
        }
    }

    /// What the process tells of it when it ends.
    fn as_tested(&self) -> LeakTested {
        let found = &self.0;
        let bytes_per_iteration = match found.verdict {
            _ if found.passes() => 0.0,
            Verdict::Unstable { median, .. } => median,
            Verdict::Leak { bytes_per_iteration, .. } | Verdict::Undecided { bytes_per_iteration, .. } => {
                bytes_per_iteration
            }
            _ => 0.0,
        };
        let (path, site) = (found.name.clone(), Some(found.place.into()));
        let line = found.lines.as_ref().and_then(LeakLines::own_line);
        LeakTested {
            path,
            verdict: found.outcome(),
            sentence: render::sentence(found),
            bytes_per_iteration,
            site,
            line,
        }
    }
}

/// Says something on standard error; where a test's output is captured, there. Whoever is active does not pay for it.
pub(super) fn say(text: impl FnOnce() -> String) {
    record::quietly(|| eprintln!("{}", text()));
}

impl fmt::Display for LeakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is written is the caller's, what it is made with the ledger's own.
        let text = Own::new(|| {
            let mut text = String::new();
            // Writing to a string does not fail.
            let _ = render::leak(&self.0, &mut text);
            text
        });
        f.write_str(&text)
    }
}

impl fmt::Debug for LeakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        record::quietly(|| f.debug_tuple("LeakReport").field(&*self.0).finish())
    }
}
