//! What an operation allocated although it must not, for people: the figures, the place, and which operations did it.

use std::fmt::{self, Write};
use std::panic::Location;

use super::text::{counted, printable};
use crate::size::{Bytes, exact};
use crate::snapshot::Own;

/// Allocations and resizes, and the bytes of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allocated {
    pub(crate) allocs: u64,
    pub(crate) reallocs: u64,
    pub(crate) bytes: u64,
}

/// An operation that allocated more than it may.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) path: String,
    pub(crate) place: &'static Location<'static>,
    /// What the thread did in the scope, everything inside it included.
    pub(crate) did: Allocated,
    /// How many allocations and resizes were allowed.
    pub(crate) allowed: u64,
    /// The operations that did it, each alone, the largest first.
    pub(crate) by: Vec<(String, Allocated)>,
}

/// Operations shown of a list that may be long.
const SHOWN: usize = 8;

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is written is the caller's, what it is made with the ledger's own.
        let text = Own::new(|| {
            let mut text = String::new();
            // Writing to a string does not fail.
            let _ = write(self, &mut text);
            text
        });
        f.write_str(&text)
    }
}

fn write(found: &Violation, out: &mut impl Write) -> fmt::Result {
    let may = match found.allowed {
        0 => "none may be".into(),
        allowed => format!("at most {} may be", exact(allowed.into())),
    };
    writeln!(out, "deny_alloc \"{}\": {}, where {may}", printable(&found.path), whole(found.did))?;
    writeln!(out, "  at       {}", found.place)?;
    let by = found.by.iter().take(SHOWN).map(|(path, did)| format!("{}: {}", printable(path), part(*did)));
    let by = by.collect::<Vec<_>>().join("; ");
    let more = found.by.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("; and {}", counted(more as u64, "more operation")) } else { String::new() };
    writeln!(out, "  by       {by}{more}")?;
    write!(out, "  next     reuse a buffer, or reserve before the scope; frees are allowed")
}

/// `3 allocations of 1.20 KiB (1,234 B), 1 resize`; the bytes are those of both.
fn whole(did: Allocated) -> String {
    let bytes = match did.bytes {
        ..1024 => Bytes(did.bytes.into()).to_string(),
        bytes => format!("{} ({} B)", Bytes(bytes.into()), exact(bytes.into())),
    };
    match (did.allocs, did.reallocs) {
        (0, resizes) => format!("{} of {bytes}", counted(resizes, "resize")),
        (allocs, 0) => format!("{} of {bytes}", counted(allocs, "allocation")),
        (allocs, resizes) => format!("{} of {bytes}, {}", counted(allocs, "allocation"), counted(resizes, "resize")),
    }
}

/// `1 allocation, 1,034 B, 1 resize`.
fn part(did: Allocated) -> String {
    let bytes = format!("{} B", exact(did.bytes.into()));
    match (did.allocs, did.reallocs) {
        (0, resizes) => format!("{}, {bytes}", counted(resizes, "resize")),
        (allocs, 0) => format!("{}, {bytes}", counted(allocs, "allocation")),
        (allocs, resizes) => format!("{}, {bytes}, {}", counted(allocs, "allocation"), counted(resizes, "resize")),
    }
}
