//! What an operation did although it must not, for people: the figures, the first one and its lines, and which
//! operations did it.

use std::fmt::{self, Write};
use std::panic::Location;

use super::amounts::bytes;
use super::stacks::stack_line;
use crate::judging::{FirstOffender, Offences, Violation};
use crate::words::{Error, counted, exact, printable};

/// How many operations are shown of a list that may be long.
const SHOWN: usize = 8;

/// The message of the panic.
pub(crate) fn violation(found: &Violation, out: &mut impl Write) -> fmt::Result {
    let may = match found.allowed {
        0 => "none may be".into(),
        allowed => format!("at most {} may be", exact(allowed.into())),
    };
    writeln!(out, "{}: {}, where {may}", guard(&found.path, found.caller), in_full(found.did()))?;
    if let Some(first) = &found.first {
        writeln!(out, "  first    {}", first_offender(first))?;
    }
    let by = found.by.iter().take(SHOWN).map(|(path, did)| format!("{}: {}", printable(path), in_short(*did)));
    let by = by.collect::<Vec<_>>().join("; ");
    let more = found.by.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("; and {}", counted(more as u64, "more operation")) } else { String::new() };
    writeln!(out, "  by       {by}{more}")?;
    let next = match found.denies_frees {
        true => "reuse a buffer, reserve before the scope, and drop behind it",
        false => "reuse a buffer, or reserve before the scope; frees are allowed",
    };
    write!(out, "  next     {next}; `permit` lets a part of it allocate")
}

/// The message of the panic where nothing can be said of what was denied.
pub(crate) fn denied_and_corrupted(path: &str, caller: &Location<'_>, error: &Error) -> String {
    format!("{}: {error}", guard(path, caller))
}

/// `deny_alloc "parse" (src/parse.rs:7)`.
fn guard(path: &str, caller: &Location<'_>) -> String {
    let place = printable(&format!("{}:{}", caller.file(), caller.line()));
    format!("deny_alloc \"{}\" ({place})", printable(path))
}

/// `1 allocation of 100 B in parse/tokens  src/parse.rs:41 tokens <- src/lib.rs:7 parse`.
pub(crate) fn first_offender(first: &FirstOffender) -> String {
    let lines = match &first.stack {
        Some((kind, frames)) => stack_line(*kind, frames),
        None => "where is not known: call stacks need unwind tables, and the feature `lines`".into(),
    };
    format!("{} in {}  {lines}", in_full(first.did), printable(&first.path))
}

/// `3 allocations of 1.20 KiB (1,234 B), 1 resize, 2 frees of 64 B`; the first bytes are those of allocations and
/// resizes.
fn in_full(did: Offences) -> String {
    in_words(did, |count, bytes_of| format!("{count} of {}", bytes(bytes_of)))
}

/// `1 allocation, 1,034 B, 1 resize`.
fn in_short(did: Offences) -> String {
    in_words(did, |count, bytes| format!("{count}, {} B", exact(bytes.into())))
}

fn in_words(did: Offences, with_bytes: impl Fn(String, u64) -> String) -> String {
    let allocs = || with_bytes(counted(did.allocs, "allocation"), did.bytes);
    let resizes = counted(did.reallocs, "resize");
    let allocated = match (did.allocs, did.reallocs) {
        (0, 0) => None,
        (0, _) => Some(with_bytes(resizes, did.bytes)),
        (_, 0) => Some(allocs()),
        _ => Some(format!("{}, {resizes}", allocs())),
    };
    let freed = (did.frees > 0).then(|| with_bytes(counted(did.frees, "free"), did.freed_bytes));
    allocated.into_iter().chain(freed).collect::<Vec<_>>().join(", ")
}
