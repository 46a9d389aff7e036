//! From readings over iterations to a verdict: what a leak test saw goes in as plain values, findings come out.

/// More threads and files than a test expects.
mod beyond;
/// What C code keeps in C's heap.
mod c_heap;
/// Readings over windows, and what the shape of one counter says.
mod curve;
/// What growth rests on, and what chance explains.
mod events;
/// Everything that a leak test saw, as plain values.
mod evidence;
/// What a leak test found, as plain values.
mod findings;
/// Whether blocks that were taken over are fresh or old.
mod fresh;
/// What keeps step with the iterations beside other tests.
mod in_step;
/// Threads and files that iterations leave open.
mod left_open;
/// Evidence and findings that tests make up.
#[cfg(test)]
mod made_up;
/// Who opens files.
mod openings;
/// What grows outside the test.
mod outside;
/// Who owns what the operation's own figures do not show.
mod owners;
/// When a test goes on with another window.
mod patience;
/// How much every iteration leaves.
mod slope;
/// What is known of a test that did not end.
mod so_far;
/// What came to stay by call stack.
mod stack_growth;
/// The curve as reports tell it.
mod told_curve;
/// The doubling test.
mod verdict;
/// Blocks without a valid owner in the test's operations.
mod violated;
/// The verdict on all of the evidence.
mod weigh;

pub use verdict::Verdict;

pub(crate) use beyond::{Beyond, beyond_bounds};
pub(crate) use curve::{Live, Window};
pub(crate) use evidence::{CHeapRead, Evidence, WindowEnd};
pub(crate) use findings::{Findings, Growth, OutsideLeaks, Placed, Warning, as_expected};
pub(crate) use in_step::warnings_of_outside;
pub(crate) use left_open::{is_shown, learn_who_opens_files, no_more_files, unknown_files, without_ended_threads};
#[cfg(test)]
pub(crate) use made_up::bare_findings;
pub(crate) use openings::{OpenFiles, Openings, count_names};
pub(crate) use outside::{grown_outside, leaks_inside, leaks_outside, running_threads};
pub(crate) use owners::freers_in_last_window;
pub(crate) use patience::{MOST, NextStep, Spent, next_step, rests_on};
pub(crate) use slope::{RARE, Rate};
pub(crate) use so_far::{verdict_so_far, whole_windows};
pub(crate) use stack_growth::{LeakLines, SizeGrowth, StackGrowth};
pub(crate) use told_curve::curve_of;
