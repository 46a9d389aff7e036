//! Recorded figures: one TOML file for each environment.

/// From the file's text to figures, each with its line.
mod read;
/// Why a figure may be more than before: the comment beside it.
#[cfg(feature = "cli")]
mod reason;
/// From figures to the file's text.
#[cfg(feature = "cli")]
mod write;

pub(crate) use read::Figures;
#[cfg(feature = "cli")]
pub(crate) use write::figures;
