//! Limits on live bytes: handlers, when they are called, and the thread that watches. Users decide what a handler does.

use std::fmt;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::caught::caught;
use super::given::{Callable, release_all};
use crate::front::scope::Scope;
use crate::reading::{live_bytes_about, snapshot};
use crate::record::{self, Own};
use crate::registry::{self, Gated};
use crate::words::{Bytes, LEDGER, UNATTRIBUTED};

/// How often the watching thread looks.
const PERIOD: Duration = Duration::from_millis(100);

/// A limit, and the handler to call.
struct Limited {
    limit: Limit,
    handler: Box<dyn Callable<Pressure, ()>>,
    /// Whether the handler was called and the level has not been below the limit since.
    above: AtomicBool,
}

impl Limited {
    /// Runs the handler on this thread.
    fn call(&self, pressure: &Pressure) {
        let _scope = Scope::enter(registry::operation(&UNATTRIBUTED, "pressure", None));
        self.handler.call(pressure);
    }
}

/// All limits of a monitor.
#[derive(Default)]
pub(super) struct Pressures(Gated<Vec<Arc<Limited>>>);

impl Pressures {
    pub(super) fn push(&self, limit: Limit, handler: impl Fn(&Pressure) + Send + Sync + 'static) {
        let limited = Arc::new(Limited { limit, handler: Box::new(Some(handler)), above: AtomicBool::new(false) });
        self.0.with(|all| all.push(limited));
    }

    /// Drops all handlers, for good.
    pub(super) fn release(&self) {
        let mut all = record::quietly(|| self.0.with(std::mem::take));
        release_all(&mut all, |limited| limited.handler.release());
        record::quietly(|| drop(all));
    }

    /// Looks at every limit now, and runs the handlers that are due on this thread.
    pub(super) fn check(&self) {
        self.for_each_due(|limited, pressure| limited.call(&pressure));
    }

    /// The same for the watching thread: each handler that is due has a thread of its own, so that none waits for
    /// another one.
    pub(super) fn watch(&self) {
        self.for_each_due(|limited, pressure| {
            let (limited, pressure) = (Arc::clone(limited), Pressure::clone(&pressure));
            let spawned = thread::Builder::new().name("heapledger-pressure".into()).spawn(move || {
                record::adopt(&LEDGER);
                // The panic hook has reported a handler that panics.
                let _ = caught(|| limited.call(&pressure));
            });
            // Without the thread, `check_pressure` still works.
            drop(spawned);
        });
    }

    fn for_each_due(&self, call: impl Fn(&Arc<Limited>, Own<Pressure>)) {
        let limits = Own::new(|| self.0.with(|all| all.clone()));
        for limited in limits.iter() {
            let live_bytes = record::quietly(|| limited.limit.live_bytes());
            if live_bytes <= limited.limit.bytes {
                limited.above.store(false, Relaxed);
            } else if !limited.above.swap(true, Relaxed) {
                let Limit { operation, bytes } = &limited.limit;
                let pressure = Own::new(|| Pressure { operation: operation.clone(), live_bytes, limit_bytes: *bytes });
                call(limited, pressure);
            }
        }
    }
}

/// The watching thread, if there is one. It ends when this is dropped.
#[derive(Default)]
pub(super) struct WatchingThread {
    /// The process in which it was started, by its number; zero is none. A child that it forks has no such thread.
    process: AtomicU32,
    hold: Gated<Option<Sender<()>>>,
}

impl WatchingThread {
    /// Starts the thread, unless it runs already: it calls `look` again and again until that returns `None`.
    pub(super) fn start(&self, look: impl Fn() -> Option<()> + Send + 'static) {
        let here = process::id();
        if self.process.swap(here, Relaxed) == here {
            return;
        }
        let (hold, hung_up) = channel();
        let name = "heapledger-watch".to_string();
        match thread::Builder::new().name(name).spawn(move || watch(&hung_up, look)) {
            Ok(_) => drop(self.hold.with(|held| held.replace(hold))),
            // Without the thread, `check_pressure` still works.
            Err(_) => self.process.store(0, Relaxed),
        }
    }
}

/// What the watching thread does, until the monitor is gone.
fn watch(hung_up: &Receiver<()>, look: impl Fn() -> Option<()>) {
    record::adopt(&LEDGER);
    while hung_up.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
        if look().is_none() {
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
