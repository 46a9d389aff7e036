//! Values to text, for people and for tools: nothing is read back, and nothing is asked of the terminal.

/// How amounts of memory are said.
#[cfg(feature = "testing")]
mod amounts;
/// A scope that must not allocate, and did.
#[cfg(feature = "testing")]
mod deny;
/// How figures with a fraction are said.
mod figure;
/// Judged figures, one output a file.
#[cfg(feature = "testing")]
pub(crate) mod findings;
/// Names of many things, the equal ones grouped.
#[cfg(feature = "testing")]
mod grouped;
/// What a leak test found.
#[cfg(feature = "testing")]
mod leak;
/// What a leak test found outside itself.
#[cfg(feature = "testing")]
mod leak_outside;
/// Width, colour, and texts that fit.
mod look;
/// Text that is no markup.
#[cfg(feature = "views")]
mod markup;
/// The report, one output a file.
pub(crate) mod report;
/// Call stacks by what they leave.
mod stacks;
/// Texts that go on in the next line.
mod wrap;

#[cfg(feature = "testing")]
pub(crate) use deny::{denied_and_corrupted, first_offender, violation};
#[cfg(feature = "testing")]
pub(crate) use leak::{leak, leak_so_far, sentence, sentence_so_far, warnings};
pub(crate) use look::{DEFAULT_WIDTH, Look};
pub(crate) use stacks::stack_line;
#[cfg(test)]
pub(crate) use stacks::stacks;
#[cfg(feature = "testing")]
pub(crate) use stacks::unnumbered_line;
