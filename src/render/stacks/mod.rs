//! Call stacks by what they leave: a few lines that say where in the user's own code it comes from.

/// What of a stack is shown.
mod fold;
/// What would tell more.
mod hints;
/// Classes of sizes in words.
mod largest;
/// Stacks that look the same are one line, the largest first.
#[cfg(feature = "testing")]
mod lines;
/// A stack in one line.
mod look;
/// The call stacks of a report.
mod of_report;
/// What stacks have of a figure.
#[cfg(feature = "testing")]
mod shares;
/// Names of functions, short enough to be read.
mod short;
/// Sizes of blocks in one line.
#[cfg(feature = "testing")]
mod sizes;
#[cfg(test)]
mod tests;

#[cfg(feature = "views")]
pub(crate) use fold::{in_brief, in_module};
#[cfg(feature = "testing")]
pub(crate) use lines::stacks;
pub(crate) use look::look as stack_line;
#[cfg(feature = "testing")]
pub(crate) use look::unnumbered as unnumbered_line;
pub(crate) use of_report::stacks_of_report;
#[cfg(feature = "testing")]
pub(crate) use shares::shares;
