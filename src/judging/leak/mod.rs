//! From readings over iterations to a verdict: what a leak test saw goes in as plain values, findings come out.

/// Readings over windows, and what the shape of one counter says.
mod curve;
/// What growth rests on, and what chance explains.
mod events;
/// Everything that a leak test saw, as plain values.
mod evidence;
/// What a leak test found, as plain values.
mod findings;
/// Threads and files that iterations leave open, and who opens the files.
mod left_open;
/// Evidence that tests make up.
#[cfg(test)]
mod made_up;
/// Who owns what the operation's own figures do not show.
mod owners;
/// When a test goes on with another window.
mod patience;
/// The doubling test.
mod verdict;
/// The verdict on all of the evidence.
mod weigh;

pub use verdict::Verdict;

pub(crate) use curve::{Live, Window};
pub(crate) use evidence::{Evidence, WindowEnd};
pub(crate) use findings::{Findings, Warning, as_expected};
pub(crate) use left_open::{OpenFiles, Openings, count_names, is_shown, learn_who_opens_files, without_ended_threads};
pub(crate) use owners::freers_in_last_window;
pub(crate) use patience::{MOST, NextStep, Spent, is_out_of_iterations, next_step, rests_on};
