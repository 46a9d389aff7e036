//! Call stacks by what they leave: a few lines that say where in the user's own code it comes from.

/// What of a stack is shown.
mod fold;
/// Stacks that look the same are one line, the largest first.
mod lines;
/// A stack in one line.
mod look;
/// What stacks have of a figure.
mod shares;
/// Names of functions, short enough to be read.
mod short;
/// Sizes of blocks in one line.
mod sizes;
#[cfg(test)]
mod tests;

pub(crate) use lines::stacks;
pub(crate) use look::look as stack_line;
pub(crate) use shares::shares;
