//! Captures that the environment asks for, of programs that nobody changes: `HEAPLEDGER_CAPTURE`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::variables::refuse;
use crate::words::{CaptureRequest, capture_requests, short};
use crate::{record, registry};

/// What is to be captured: paths or globs, with commas in between, each with `@512KiB` behind it where samples are
/// enough.
pub(crate) const CAPTURES: &str = "HEAPLEDGER_CAPTURE";

static BEGUN: AtomicBool = AtomicBool::new(false);

/// Begins the captures that the environment asks for, once; they go on until the process ends. What is wrong with them
/// is said on standard error. Not to be called from inside the allocator.
pub(super) fn begin_requested() {
    if BEGUN.swap(true, Relaxed) || !record::installed() {
        return;
    }
    record::quietly(|| {
        let Some(asked) = std::env::var_os(CAPTURES) else { return };
        let Some(asked) = asked.to_str() else { return refuse(CAPTURES, "it is not Unicode: nothing is captured") };
        for request in capture_requests(asked) {
            match request {
                Ok(request) => begin(request),
                Err(wrong) => refuse(CAPTURES, &format!("{wrong}; it is not captured")),
            }
        }
    });
    record::look_again();
}

fn begin(CaptureRequest { glob, every }: CaptureRequest) {
    let pattern = glob.written.clone();
    let Some(id) = registry::begin_capture(Some(&pattern), move |node| node.with_names(|names| glob.covers(names)))
    else {
        return refuse(CAPTURES, "the system is out of memory: nothing is captured");
    };
    if every > 1 {
        registry::sample_capture(id, every);
    }
    if !record::takes_stacks() {
        refuse(CAPTURES, &format!("`{}`: no call stacks can be taken here, only sizes", short(&pattern)));
    }
}
