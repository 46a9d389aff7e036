//! Limits on live bytes: handlers, when they are called, and the thread that watches. Users decide what a handler does.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::lock::locked;
use crate::front::scope::Scope;
use crate::reading::{live_bytes_about, snapshot};
use crate::record::{self, Own};
use crate::registry;
use crate::words::{Bytes, LEDGER, UNATTRIBUTED};

/// How often the watching thread looks.
const PERIOD: Duration = Duration::from_millis(100);

type Handler = dyn Fn(&Pressure) + Send + Sync;

/// A limit, and the handler to call.
struct Limited {
    limit: Limit,
    handler: Box<Handler>,
    /// Whether the handler was called and the level has not been below the limit since.
    above: AtomicBool,
}

/// All limits of a monitor.
#[derive(Default)]
pub(super) struct Pressures(Mutex<Vec<Arc<Limited>>>);

impl Pressures {
    pub(super) fn push(&self, limit: Limit, handler: impl Fn(&Pressure) + Send + Sync + 'static) {
        let limited = Limited { limit, handler: Box::new(handler), above: AtomicBool::new(false) };
        locked(&self.0).push(Arc::new(limited));
    }

    /// Looks at every limit now, and runs the handlers that are due on this thread.
    pub(super) fn check(&self) {
        let limits = Own::new(|| locked(&self.0).clone());
        for limited in limits.iter() {
            let live_bytes = record::quietly(|| limited.limit.live_bytes());
            if live_bytes <= limited.limit.bytes {
                limited.above.store(false, Relaxed);
            } else if !limited.above.swap(true, Relaxed) {
                let operation = limited.limit.operation.clone();
                let _scope = Scope::enter(registry::operation(&UNATTRIBUTED, "pressure", None));
                (limited.handler)(&Pressure { operation, live_bytes, limit_bytes: limited.limit.bytes });
            }
        }
    }
}

/// The watching thread, if there is one. It ends when this is dropped.
#[derive(Default)]
pub(super) struct WatchingThread(Mutex<Option<Sender<()>>>);

impl WatchingThread {
    /// Starts the thread, unless it runs already: it calls `look` again and again until that returns `None`.
    pub(super) fn start(&self, look: impl Fn() -> Option<()> + Send + 'static) {
        let mut watching = locked(&self.0);
        if watching.is_none() {
            let (hold, hung_up) = channel();
            let name = "heapledger-watch".to_string();
            // Without the thread, `check_pressure` still works.
            let spawned = std::thread::Builder::new().name(name).spawn(move || watch(&hung_up, look));
            *watching = spawned.is_ok().then_some(hold);
        }
    }
}

/// What the watching thread does, until the monitor is gone.
fn watch(hung_up: &Receiver<()>, look: impl Fn() -> Option<()>) {
    record::adopt(&LEDGER);
    while hung_up.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
        // The panic hook has reported a handler that panics. Later looks call it again, and the other handlers.
        let looked = catch_unwind(AssertUnwindSafe(&look));
        if matches!(looked, Ok(None)) {
            return;
        }
    }
}

/// How much may be live before a handler is called: a number of bytes for the process, or [`Limit::operation`].
///
/// ```
/// use heapledger::monitor::Limit;
///
/// let process: Limit = (1 << 30).into();
/// let search = Limit::operation("search", 64 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    operation: Option<String>,
    bytes: u64,
}

impl Limit {
    /// For the operation at `path` and all operations below it.
    ///
    /// ```
    /// let limit = heapledger::monitor::Limit::operation("index_build/commit", 64 << 20);
    /// ```
    pub fn operation(path: &str, bytes: u64) -> Self {
        Self { operation: Some(path.into()), bytes }
    }

    fn live_bytes(&self) -> u64 {
        let live = match &self.operation {
            Some(path) => snapshot().operation(path).map_or(0, |row| row.total.live_bytes),
            // Below half the limit, the level that threads last told is exact enough.
            None if live_bytes_about() < self.bytes as i64 / 2 => live_bytes_about(),
            None => snapshot().process(),
        };
        live.max(0) as u64
    }
}

impl From<u64> for Limit {
    fn from(bytes: u64) -> Self {
        Self { operation: None, bytes }
    }
}

/// What a pressure handler gets.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let monitor = heapledger::monitor::MemoryMonitor::new(10);
/// monitor.on_pressure(1 << 30, |pressure: &heapledger::monitor::Pressure| eprintln!("{pressure}"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pressure {
    /// The operation that the limit is for; `None` for the process.
    pub operation: Option<String>,
    /// What is live now, in bytes.
    pub live_bytes: u64,
    /// What may be live, in bytes.
    pub limit_bytes: u64,
}

impl fmt::Display for Pressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (live, limit) = (Bytes(self.live_bytes.into()), Bytes(self.limit_bytes.into()));
        match &self.operation {
            Some(path) => write!(f, "operation {path:?} owns {live}, above its limit of {limit}"),
            None => write!(f, "the process owns {live}, above its limit of {limit}"),
        }
    }
}
