//! Call stacks: which chain of return addresses leads to an allocation. A stack is unwound once, and recognized ever
//! after. What runs here runs inside the allocator: it neither allocates through the ledger, nor locks, nor unwinds.

/// Words that are written once and stay.
#[cfg(heapledger_lines)]
mod arena;
/// Where a thread's stack is.
mod bounds;
/// From the program's unwind tables to one rule.
#[cfg(heapledger_lines)]
mod compile;
/// The stack at this place, and what was recorded of it.
#[cfg(heapledger_lines)]
mod here;
/// Stacks by their return addresses, each once.
#[cfg(heapledger_lines)]
mod interned;
/// What is kept of a stack, and recognizes it.
#[cfg(heapledger_lines)]
mod kept;
/// Registers, and the memory of this thread's stack.
#[cfg(heapledger_lines)]
mod machine;
/// The program's modules and their unwind tables.
#[cfg(heapledger_lines)]
mod modules;
/// Where there are no stacks to be had.
#[cfg(not(heapledger_lines))]
mod nowhere;
/// How a frame leads to its caller.
#[cfg(heapledger_lines)]
mod rule;
/// Rules by return address.
#[cfg(heapledger_lines)]
mod rules;
/// How a stack is named.
mod stack_id;
/// Traces that were taken before, recognized by the words that decide.
#[cfg(heapledger_lines)]
mod traces;
/// The way from frame to frame.
#[cfg(heapledger_lines)]
mod walk;

pub(super) use bounds::StackBounds;
#[cfg(heapledger_lines)]
pub(super) use here::{begin, here};
#[cfg(heapledger_lines)]
pub(crate) use here::{is_possible, look_at_modules, read};
#[cfg(heapledger_lines)]
pub(super) use machine::bounds_of_this_thread;
#[cfg(not(heapledger_lines))]
pub(super) use nowhere::{begin, bounds_of_this_thread, here};
#[cfg(not(heapledger_lines))]
pub(crate) use nowhere::{is_possible, look_at_modules, read};
pub(crate) use stack_id::{StackExtent, StackId};
