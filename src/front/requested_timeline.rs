//! A timeline that the environment asks for, of programs that nobody changes: `HEAPLEDGER_TIMELINE`. It goes on until
//! the process ends.

use std::env;
use std::mem::forget;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::sampling::begin;
use super::variables::refuse;
use crate::record;
use crate::words::span;

/// How far points lie apart: `100ms`.
pub(crate) const TIMELINE: &str = "HEAPLEDGER_TIMELINE";

static BEGUN: AtomicBool = AtomicBool::new(false);

/// Begins the timeline, once, if the environment asks for one. What is wrong with it is said on standard error. Not to
/// be called from inside the allocator.
pub(super) fn begin_requested_timeline() {
    if BEGUN.swap(true, Relaxed) || !record::installed() {
        return;
    }
    let asked = record::quietly(|| {
        let asked = env::var_os(TIMELINE).filter(|asked| !asked.is_empty())?;
        let every = span(&asked.to_string_lossy());
        every.map_err(|wrong| refuse(TIMELINE, &wrong)).ok()
    });
    if let Some(every) = asked {
        forget(begin(every));
    }
}
