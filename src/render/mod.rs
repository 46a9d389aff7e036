//! Rendering: one output per file, each a function of the same report and a writer.

pub(crate) mod budget;
mod deny;
#[cfg(feature = "cli")]
mod figures;
#[cfg(feature = "cli")]
mod github;
#[cfg(feature = "serde")]
mod json;
#[cfg(feature = "cli")]
mod junit;
mod leak;
#[cfg(feature = "cli")]
mod markdown;
#[cfg(feature = "cli")]
mod table;
mod text;

pub(crate) use deny::{Allocated, Violation};
#[cfg(feature = "cli")]
pub(crate) use figures::figures;
#[cfg(feature = "cli")]
pub(crate) use github::annotations;
#[cfg(feature = "cli")]
pub(crate) use junit::junit;
pub(crate) use leak::sentence;
#[cfg(feature = "cli")]
pub(crate) use markdown::markdown;
#[cfg(feature = "cli")]
pub(crate) use table::table;
pub(crate) use text::printable;
