//! Rendering: one output per file, each a function of the same report and a writer.

#[cfg(feature = "serde")]
mod json;
mod leak;
mod text;

pub(crate) use text::printable;
