//! From return addresses to functions and lines of source code: looked up when a report needs them, for the addresses
//! that are shown, as the ledger's own work, and forgotten. Nothing here runs while something is recorded.

/// Places in stripped programs, looked up in files with the symbols of the same build.
#[cfg(all(feature = "cli", target_os = "linux"))]
mod by_build_id;
/// What is known of one function on a call stack.
mod call_frame;
/// What the headers of a module say: where its segments lie, and its build id.
#[cfg(all(feature = "lines", any(target_os = "linux", not(heapledger_backtrace))))]
mod headers;
/// What was looked up, as debug information has it.
mod looked;
/// Debug information and symbol tables, asked for one module after the other.
#[cfg(all(feature = "lines", any(target_os = "linux", not(heapledger_backtrace))))]
mod lookup;
/// What `backtrace` knows, where that takes the stacks and Linux does not list the files.
#[cfg(all(heapledger_backtrace, not(target_os = "linux")))]
#[path = "resolved.rs"]
mod lookup;
/// Without debug information: addresses alone.
#[cfg(not(feature = "lines"))]
#[path = "without_lines.rs"]
mod lookup;
/// One file: debug information and symbols, mapped while they are asked.
#[cfg(all(feature = "lines", any(target_os = "linux", not(heapledger_backtrace))))]
mod machine_code;
/// The files whose code the process has mapped.
mod modules;
/// Whose code a function is, and its path as people read it.
mod origin;
/// Names of functions out of symbols.
#[cfg(all(feature = "lines", any(target_os = "linux", not(heapledger_backtrace))))]
mod raw_names;
/// Files of machine code by their build ids.
#[cfg(all(feature = "cli", target_os = "linux"))]
mod symbol_files;
/// From stacks of addresses to stacks of frames.
mod symbolize;
#[cfg(all(test, target_os = "linux"))]
mod tests;
/// Where the workspace lies on this machine.
mod workspace;

pub use call_frame::{CallFrame, InModule, Origin};

#[cfg(all(feature = "cli", target_os = "linux"))]
pub(crate) use by_build_id::symbolized_by_build_id;
pub(crate) use call_frame::own_line;
pub(crate) use lookup::build_id_of_this_program;
pub(crate) use symbolize::{symbolize, symbolized};
