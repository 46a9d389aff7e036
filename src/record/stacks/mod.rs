//! Call stacks: which chain of return addresses leads to an allocation. A stack is unwound once, and recognized ever
//! after. What runs here runs inside the allocator: it neither allocates through the ledger, nor locks, nor unwinds.

/// Words that are written once and stay.
#[cfg(any(heapledger_lines, heapledger_backtrace))]
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
#[cfg(any(heapledger_lines, heapledger_backtrace))]
mod interned;
/// What is kept of a stack.
#[cfg(any(heapledger_lines, heapledger_backtrace))]
mod kept;
/// Registers, and the memory of this thread's stack.
#[cfg(heapledger_lines)]
mod machine;
/// Every order in which threads may see the tables.
#[cfg(all(test, heapledger_loom))]
pub(super) mod models;
/// The program's modules and their unwind tables.
#[cfg(heapledger_lines)]
mod modules;
/// Where there are no stacks to be had.
#[cfg(not(any(heapledger_lines, heapledger_backtrace)))]
mod nowhere;
/// What is kept of a stack recognizes it.
#[cfg(heapledger_lines)]
mod recognize;
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
/// The stack at this place, where there are no rules.
#[cfg(heapledger_backtrace)]
mod unwound;
/// The way from frame to frame.
#[cfg(heapledger_lines)]
mod walk;

pub(super) use bounds::StackBounds;
#[cfg(heapledger_lines)]
pub(super) use here::{MAY_ALLOCATE, begin, here};
#[cfg(heapledger_lines)]
pub(crate) use here::{is_possible, look_at_modules, read};
#[cfg(heapledger_lines)]
pub(super) use machine::bounds_of_this_thread;
#[cfg(not(any(heapledger_lines, heapledger_backtrace)))]
pub(super) use nowhere::{MAY_ALLOCATE, begin, bounds_of_this_thread, here};
#[cfg(not(any(heapledger_lines, heapledger_backtrace)))]
pub(crate) use nowhere::{is_possible, look_at_modules, read};
pub(crate) use stack_id::{StackExtent, StackId};
#[cfg(heapledger_backtrace)]
pub(super) use unwound::{MAY_ALLOCATE, begin, bounds_of_this_thread, here};
#[cfg(heapledger_backtrace)]
pub(crate) use unwound::{is_possible, look_at_modules, read};
