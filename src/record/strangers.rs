//! Numbers threads, and counts the strangers among them: threads that began and have worked for no test so far. A leak
//! test tells from their number whether threads began whose memory it does not see. It counts and judges nothing.

use super::atomic::{AtomicU32, Ordering::Relaxed};

/// How many threads have been numbered.
static NUMBERED: AtomicU32 = AtomicU32::new(0);
/// The latest thread that was there when a test began.
static OLD: AtomicU32 = AtomicU32::new(0);
/// How many threads that are no older than the latest test came to work for one.
static ENGAGED: AtomicU32 = AtomicU32::new(0);

/// The number of a thread that begins: never zero.
pub(super) fn number() -> u32 {
    NUMBERED.fetch_add(1, Relaxed).wrapping_add(1).max(1)
}

/// A thread works for a test, or for the ledger, for the first time.
pub(super) fn engaged(thread: u32) {
    // Older ones are no strangers to the test: they did not begin in it.
    if thread > OLD.load(Relaxed) {
        ENGAGED.fetch_add(1, Relaxed);
    }
}

/// A test begins: whoever is here is no stranger to it.
pub(crate) fn begin_test() {
    OLD.store(NUMBERED.load(Relaxed), Relaxed);
}

/// How many threads have begun that worked for no test. Only differences say something; wraps after 2^32 threads.
pub(crate) fn strangers() -> u32 {
    NUMBERED.load(Relaxed).wrapping_sub(ENGAGED.load(Relaxed))
}
