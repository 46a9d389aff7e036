//! Budgets: what operations may keep and allocate, and whether they did.

/// The one list of figures, which are what can be limited.
mod figure;
/// What was recorded before, one file for each environment: read and written.
mod figures;
/// What judging finds, as values.
mod finding;
/// Every figure of an operation beside its limit.
mod judge;
/// All figures of a run, and what is to be recorded.
#[cfg(feature = "cli")]
mod judge_run;
/// How far a figure may be from another one.
mod limit;
/// Lines and columns of a text.
mod lines;
/// What one process measured of one operation.
mod measured;
/// A place in a file that people wrote.
mod place;
/// The limits that people wrote into `heapledger.toml`.
mod policy;
/// All that is wrong with a file, told at once.
mod problem;
/// What one or many processes measured.
mod run;
/// A run as JSON, and back.
mod run_json;
/// The runs of one assertion: what they add up to, and whether they agree.
mod runs;
/// What call stacks have of a figure.
mod stack_share;
/// What both kinds of TOML files have in common.
mod syntax;
/// Text as it may stand in a file of TOML.
mod toml_text;
/// What the policy names and no test entered.
#[cfg(feature = "cli")]
mod unmatched;

pub(crate) use figure::Figure;
pub(crate) use figures::Figures;
#[cfg(feature = "cli")]
pub(crate) use figures::figures;
#[cfg(test)]
pub(crate) use finding::Against;
pub(crate) use finding::{Basis, Finding, Status};
pub(crate) use judge::{Case, judge_assertion};
#[cfg(feature = "cli")]
pub(crate) use judge_run::{incomplete, is_within, judge, operations, to_record};
pub(crate) use limit::Unlisted;
#[cfg(feature = "cli")]
pub(crate) use measured::Observed;
pub(crate) use measured::{ByLine, Denied, LeakTested, Measured};
pub(crate) use place::Place;
pub(crate) use policy::{Policy, Rules};
pub(crate) use run::{Blind, Part, Run};
pub(crate) use runs::{Doing, Doings, Runs};
pub(crate) use stack_share::{FIGURES_OF_STACKS, FigureByStack, StackShare, figure_with_lines};
#[cfg(feature = "cli")]
pub(crate) use syntax::nearest;
pub(crate) use toml_text::table_header;
#[cfg(feature = "cli")]
pub(crate) use unmatched::unmatched;
