//! The verdict on all of the evidence: what the operation owns, what it gave away or took over, and with them threads
//! and files. Pure; each kind of evidence is judged by a file of its own.

use super::c_heap::c_heap_growth;
use super::evidence::Evidence;
use super::left_open::left_open;
use super::outside::with_outside;
use super::owners::{leak_owned_by_others, verdict_without_taken_over};
use super::verdict::{Judged, Verdict, judge};
use super::violated::violated;

/// Judges what the operations of the test own; then what they gave away by resize, and what grows outside; and with
/// them threads and files.
pub(super) fn weigh(evidence: &Evidence) -> Judged {
    if let Some(violated) = violated(evidence) {
        return Judged::Decided(violated);
    }
    let judged = match judge(&evidence.series) {
        Judged::Decided(leak) if leak.is_leak() => {
            Judged::Decided(verdict_without_taken_over(evidence).unwrap_or(leak))
        }
        Judged::Decided(other) => Judged::Decided(leak_owned_by_others(evidence).unwrap_or(other)),
        undecided => undecided,
    };
    let judged = with_outside(evidence, judged);
    let judged = match c_heap_growth(evidence).filter(|_| evidence.judges_c_heap) {
        Some(growth) => with_c_heap(judged, growth),
        None => judged,
    };
    let Some(left) = left_open(evidence) else { return judged };
    // What the memory does is certain only if that is decided; threads and files are a leak in any case, if there are
    // enough of them.
    let (bytes_per_iteration, blocks_per_iteration, exact) = match judged {
        Judged::Decided(Verdict::Leak { bytes_per_iteration, blocks_per_iteration, exact, .. }) => {
            (bytes_per_iteration, blocks_per_iteration, exact)
        }
        _ if left.is_certain => (0.0, 0.0, true),
        Judged::Undecided(Verdict::Leak { .. } | Verdict::Unstable { .. } | Verdict::Undecided { .. }) => {
            return judged;
        }
        _ => {
            return Judged::Undecided(Verdict::Undecided {
                bytes_per_iteration: 0.0,
                blocks_per_iteration: 0.0,
                threads_per_iteration: left.threads,
                files_per_iteration: left.files,
                events: left.events,
            });
        }
    };
    Judged::Decided(Verdict::Leak {
        bytes_per_iteration,
        blocks_per_iteration,
        exact,
        threads_per_iteration: left.threads,
        files_per_iteration: left.files,
    })
}

/// What C code keeps is a leak in any case; what Rust's blocks do, only if that is decided.
fn with_c_heap(judged: Judged, growth: f64) -> Judged {
    let (bytes, blocks) = match judged {
        Judged::Decided(Verdict::Leak { bytes_per_iteration, blocks_per_iteration, .. }) => {
            (bytes_per_iteration, blocks_per_iteration)
        }
        _ => (0.0, 0.0),
    };
    Judged::Decided(Verdict::Leak {
        bytes_per_iteration: bytes + growth,
        blocks_per_iteration: blocks,
        exact: false,
        threads_per_iteration: 0.0,
        files_per_iteration: 0.0,
    })
}

#[cfg(test)]
mod tests;
