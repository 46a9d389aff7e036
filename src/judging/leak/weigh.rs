//! The verdict on all of the evidence: what the operation owns, what it gave away or took over, and with them threads
//! and files. Pure; each kind of evidence is judged by a file of its own.

use super::evidence::Evidence;
use super::left_open::left_open;
use super::owners::{leak_owned_by_others, verdict_without_taken_over};
use super::verdict::{Judged, Verdict, judge};

/// Judges what the operations of the test own; then what they gave away by resize, and the unattributed; and with them
/// threads and files.
pub(super) fn weigh(evidence: &Evidence) -> Judged {
    let judged = match judge(&evidence.series) {
        Judged::Decided(leak) if leak.is_leak() => {
            Judged::Decided(verdict_without_taken_over(evidence).unwrap_or(leak))
        }
        Judged::Decided(other) => Judged::Decided(leak_owned_by_others(evidence).unwrap_or(other)),
        undecided => undecided,
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

#[cfg(test)]
mod tests;
