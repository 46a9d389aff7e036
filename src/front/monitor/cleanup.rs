//! Callbacks that give memory back: registered, run on request, and checked against what they claim. The monitor itself
//! frees no memory of the program.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::caught::caught;
use super::given::{Callable, release_all};
use super::report::percentage;
use crate::front::scope::Scope;
use crate::record::{Own, quietly};
use crate::registry::{self, Gated};
use crate::words::{Bytes, UNATTRIBUTED, counted, exact};

struct Cleanup {
    name: String,
    callback: Box<dyn Callable<(), anyhow::Result<usize>>>,
}

/// All callbacks of a monitor, and how they fared so far.
#[derive(Default)]
pub(super) struct Cleanups {
    callbacks: Gated<Vec<Arc<Cleanup>>>,
    /// How often a callback was run.
    run: AtomicU64,
    /// How often a callback did what it said.
    succeeded: AtomicU64,
}

impl Cleanups {
    pub(super) fn push(&self, name: &str, callback: impl Fn() -> anyhow::Result<usize> + Send + Sync + 'static) {
        let callback = Box::new(Some(move |(): &()| callback()));
        let cleanup = Arc::new(Cleanup { name: name.into(), callback });
        self.callbacks.with(|callbacks| callbacks.push(cleanup));
    }

    /// Runs every callback. Says how many bytes they freed, and the names of those that failed, with the reason.
    pub(super) fn run_all(&self) -> (usize, Vec<(String, String)>) {
        let cleanups = Own::new(|| self.callbacks.with(|callbacks| callbacks.clone()));
        let mut failures = Vec::new();
        let mut freed_bytes = 0;
        for cleanup in cleanups.iter() {
            let (freed, outcome) = run_cleanup(cleanup);
            freed_bytes += freed;
            self.run.fetch_add(1, Relaxed);
            match outcome {
                Ok(()) => {
                    self.succeeded.fetch_add(1, Relaxed);
                }
                Err(why) => failures.push((cleanup.name.clone(), why)),
            }
        }
        (freed_bytes, failures)
    }

    /// Drops all callbacks, for good.
    pub(super) fn release(&self) {
        let mut all = quietly(|| self.callbacks.with(std::mem::take));
        release_all(&mut all, |cleanup| cleanup.callback.release());
        quietly(|| drop(all));
    }

    /// Of all callbacks run so far, the percentage that did what they said.
    pub(super) fn success_rate(&self) -> f64 {
        percentage(self.succeeded.load(Relaxed), self.run.load(Relaxed))
    }
}

/// What the callback freed, and whether it did what it said.
fn run_cleanup(cleanup: &Cleanup) -> (usize, Result<(), String>) {
    let above = registry::operation(&UNATTRIBUTED, "cleanup", None);
    let scope = Scope::enter(registry::operation(above, &cleanup.name, None));
    let returned = caught(|| cleanup.callback.call(&()).unwrap_or(Ok(0)));
    let net = scope.finish().net_bytes();
    let freed = usize::try_from(-net).unwrap_or(0);
    let outcome = match returned {
        Ok(Ok(claimed)) if claimed > freed => {
            Err(format!("claimed to free {} B, but freed {} B", exact(claimed as i128), exact(freed as i128)))
        }
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("failed: {error:#}")),
        Err(message) => Err(format!("panicked: {message}")),
    };
    (freed, outcome)
}

/// Cleanup callbacks that did not do what they said.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// use heapledger::monitor::{CleanupError, MemoryMonitor};
///
/// let monitor = MemoryMonitor::new(10);
/// monitor.on_cleanup("cache", || anyhow::bail!("it is locked"));
/// let error = monitor.force_cleanup().unwrap_err();
/// let error = error.downcast_ref::<CleanupError>().unwrap();
/// assert_eq!(error.failures[0], ("cache".to_string(), "failed: it is locked".to_string()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CleanupError {
    /// What all callbacks freed, these included, in bytes.
    pub freed_bytes: usize,
    /// The names of those that failed, and why.
    pub failures: Vec<(String, String)>,
}

impl fmt::Display for CleanupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = counted(self.failures.len() as u64, "cleanup");
        write!(f, "{} freed, but {failed} failed", Bytes(self.freed_bytes as i128))?;
        self.failures.iter().try_for_each(|(name, why)| write!(f, "\n  {name}: {why}"))
    }
}

impl std::error::Error for CleanupError {}
