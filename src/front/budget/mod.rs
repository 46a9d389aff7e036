//! Budgets in tests: an assertion runs what it measures as an operation of its own, and compares the figures with the
//! policy and with what was recorded.

/// What users call.
mod assert;
/// An assertion under way: runs, readings, and the judgement at the end.
mod assertion;
/// Operations that one assertion has for itself, and the pool that they come from.
mod claim;
/// What operations did in one run.
mod doings;
/// The judge of this process: the policy and the recorded figures of its package, read once.
mod judge;
/// Which lines a breached figure comes from.
mod lines;

pub use assert::{Budget, assert_budget, assert_budget_async, budget};
