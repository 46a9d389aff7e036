//! What a leak test found, as values.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::snapshot::Own;
use crate::verdict::{Live, Verdict};

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
pub struct LeakReport(pub(crate) Own<Findings>);

/// One operation, and what of its bytes and blocks came to stay in the last window.
#[derive(Clone, Debug)]
pub(crate) struct Growth {
    pub(crate) path: String,
    pub(crate) live: Live,
}

#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) name: String,
    pub(crate) place: &'static Location<'static>,
    pub(crate) verdict: Verdict,
    pub(crate) iterations: u64,
    pub(crate) windows: usize,
    /// Iterations of the last window, to which the figures below refer.
    pub(crate) last_window: u64,
    pub(crate) elapsed: Duration,
    /// What the iterations before the first window kept.
    pub(crate) warm_up: Live,
    /// Operations that grew, the largest first.
    pub(crate) growing: Vec<Growth>,
    /// Bytes of its blocks that others freed, took over by resize, or that it took over.
    pub(crate) handed_over: u64,
    pub(crate) given_away: u64,
    pub(crate) taken_over: u64,
    /// Other operations that freed others' blocks, and how many bytes.
    pub(crate) freed_by: Vec<(String, u64)>,
    pub(crate) unattributed: Live,
    /// Threads that began in the test and have not ended, by name.
    pub(crate) threads: Vec<String>,
    /// Files that were opened meanwhile and are open.
    pub(crate) files: Vec<String>,
    pub(crate) counts_threads: bool,
    pub(crate) allowed_warm_up: Option<u64>,
    pub(crate) bounded: Option<u64>,
}

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

    /// How many iterations were run, the warm-up included.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let outcome = heapledger::LeakTest::new("two").warmup(1).iterations(2).run(|_| ());
    /// assert!(outcome.iterations() >= 1 + 2 + 4 + 8);
    /// ```
    pub fn iterations(&self) -> u64 {
        self.0.iterations
    }

    /// Threads that began in the test and have not ended, by name. Empty where threads are not counted.
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

impl Findings {
    pub(crate) fn passes(&self) -> bool {
        let within = |bytes: i64, allowed: Option<u64>| allowed.is_none_or(|allowed| bytes <= allowed as i64);
        match self.verdict {
            Verdict::Clean => true,
            Verdict::WarmUp { bytes, .. } => within(bytes, self.allowed_warm_up),
            Verdict::Bounded { bytes, .. } => within(bytes, self.bounded),
            Verdict::Leak { .. } | Verdict::Unstable { .. } | Verdict::Unsettled { .. } => false,
        }
    }
}

impl fmt::Debug for LeakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::record::thread::quietly(|| f.debug_tuple("LeakReport").field(&*self.0).finish())
    }
}
