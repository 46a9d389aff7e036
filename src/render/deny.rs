//! What an operation allocated although it must not, for people: the figures, the place, and which operations did it.

use std::fmt::{self, Write};

use crate::judging::{Allocated, Violation};
use crate::words::{Bytes, counted, exact, printable};

/// How many operations are shown of a list that may be long.
const SHOWN: usize = 8;

/// The message of the panic.
pub(crate) fn violation(found: &Violation, out: &mut impl Write) -> fmt::Result {
    let may = match found.allowed {
        0 => "none may be".into(),
        allowed => format!("at most {} may be", exact(allowed.into())),
    };
    writeln!(out, "deny_alloc \"{}\": {}, where {may}", printable(&found.path), in_full(found.did))?;
    writeln!(out, "  at       {}", found.caller)?;
    let by = found.by.iter().take(SHOWN).map(|(path, did)| format!("{}: {}", printable(path), in_short(*did)));
    let by = by.collect::<Vec<_>>().join("; ");
    let more = found.by.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("; and {}", counted(more as u64, "more operation")) } else { String::new() };
    writeln!(out, "  by       {by}{more}")?;
    write!(out, "  next     reuse a buffer, or reserve before the scope; frees are allowed")
}

/// `3 allocations of 1.20 KiB (1,234 B), 1 resize`; the bytes are those of both.
fn in_full(did: Allocated) -> String {
    /// From here on `Bytes` shows three digits and a unit, so the exact number is added.
    const SMALLEST_UNIT: u64 = 1 << 10;
    let bytes = match did.bytes {
        ..SMALLEST_UNIT => Bytes(did.bytes.into()).to_string(),
        bytes => format!("{} ({} B)", Bytes(bytes.into()), exact(bytes.into())),
    };
    match (did.allocs, did.reallocs) {
        (0, resizes) => format!("{} of {bytes}", counted(resizes, "resize")),
        (allocs, 0) => format!("{} of {bytes}", counted(allocs, "allocation")),
        (allocs, resizes) => format!("{} of {bytes}, {}", counted(allocs, "allocation"), counted(resizes, "resize")),
    }
}

/// `1 allocation, 1,034 B, 1 resize`.
fn in_short(did: Allocated) -> String {
    let bytes = format!("{} B", exact(did.bytes.into()));
    match (did.allocs, did.reallocs) {
        (0, resizes) => format!("{}, {bytes}", counted(resizes, "resize")),
        (allocs, 0) => format!("{}, {bytes}", counted(allocs, "allocation")),
        (allocs, resizes) => format!("{}, {bytes}, {}", counted(allocs, "allocation"), counted(resizes, "resize")),
    }
}
