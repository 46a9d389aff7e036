//! `pthread_create`, interposed: a thread spawned inside a `with_threads()` scope starts in its operation, and while
//! `(unattributed)` is captured, any other thread is captured from its start.
//!
//! The program's own definition comes before the C library's, for std, rayon and whatever else is linked into the
//! program. It looks at the spawning thread, hands the operation over in a small block from `System`, and calls the
//! real function, found as the next definition.

#![allow(unsafe_code, reason = "it defines a C function and calls the one behind it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{c_int, c_void};
use std::mem;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use once_cell::race::OnceBool;

use super::opened::{adopt, inheritance, open, start_in, start_watched, started_for_ledger};
use super::quiet::quietly;
use super::shared_level::SharedLevel;
use crate::words::{LEDGER, UNATTRIBUTED};

type Start = extern "C" fn(*mut c_void) -> *mut c_void;
type Create = unsafe extern "C" fn(*mut libc::pthread_t, *const libc::pthread_attr_t, Start, *mut c_void) -> c_int;

/// What a new thread needs to know.
struct Spawned {
    start: Start,
    argument: *mut c_void,
    /// That of the scope; `None` outside of them.
    level: Option<&'static SharedLevel>,
}

const SPAWNED: Layout = Layout::new::<Spawned>();

/// The C library's own `pthread_create`.
fn real() -> Option<Create> {
    static REAL: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    let mut found = REAL.load(Relaxed);
    if found.is_null() {
        // SAFETY: the name is a C string, and `RTLD_NEXT` is a valid handle in a dynamic program.
        found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"pthread_create".as_ptr()) };
        REAL.store(found, Relaxed);
    }
    if found.is_null() {
        return None;
    }
    // SAFETY: the C library defines `pthread_create` with this signature.
    Some(unsafe { mem::transmute::<*mut c_void, Create>(found) })
}

/// Stands before the C library's `pthread_create`; POSIX says what it does.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    let Some(real) = real() else { return libc::EAGAIN };
    let level = inheritance();
    if level.is_none() && !UNATTRIBUTED.is_captured() {
        // SAFETY: the caller's own promise.
        return unsafe { real(thread, attributes, start, argument) };
    }
    // SAFETY: the layout's size is not zero.
    let spawned = unsafe { System.alloc(SPAWNED) }.cast::<Spawned>();
    if spawned.is_null() {
        return libc::EAGAIN;
    }
    // SAFETY: fresh memory for one `Spawned`.
    unsafe { spawned.write(Spawned { start, argument, level }) };
    level.inspect(|level| level.join());
    // SAFETY: the caller's own promise; `begin` takes what it is given here.
    let failed = unsafe { real(thread, attributes, begin, spawned.cast()) };
    if failed != 0 {
        level.inspect(|level| level.release());
        // SAFETY: allocated above with the same layout, and no thread came to be that would free it.
        unsafe { System.dealloc(spawned.cast(), SPAWNED) };
    }
    failed
}

/// The first function of a thread spawned in a `with_threads()` scope, or while `(unattributed)` is captured.
extern "C" fn begin(spawned: *mut c_void) -> *mut c_void {
    // SAFETY: `pthread_create` wrote it, for this thread alone.
    let Spawned { start, argument, level } = unsafe { spawned.cast::<Spawned>().read() };
    // SAFETY: allocated there with this layout; read above for the last time.
    unsafe { System.dealloc(spawned.cast(), SPAWNED) };
    match level {
        Some(level) => start_in(level),
        None => start_watched(),
    }
    start(argument)
}

/// Whether threads that std spawns in this program come through here; found out once, by spawning one. A thread of the
/// ledger's own spawns it, so that no scope of this thread counts it. `None` where there is no memory to find out.
pub(crate) fn is_active() -> Option<bool> {
    static ACTIVE: OnceBool = OnceBool::new();
    ACTIVE.get().or_else(|| {
        let active = quietly(|| answer_of_new_thread(probe))?;
        Some(ACTIVE.get_or_init(|| active))
    })
}

fn probe() -> Option<bool> {
    adopt(&LEDGER);
    let opened = open(&LEDGER)?;
    let active = opened.share().then(|| answer_of_new_thread(|| Some(started_for_ledger()))).flatten();
    opened.close();
    active
}

/// What `question` returns on a new thread; `None` where none can be spawned.
fn answer_of_new_thread(question: fn() -> Option<bool>) -> Option<bool> {
    std::thread::Builder::new().spawn(question).ok()?.join().ok()?
}
