//! Budgets in tests: an assertion runs what it measures as an operation of its own, and holds the figures against the
//! policy and what was recorded.

/// What users call.
mod assert;
/// Runs, readings, and the judgement at the end.
mod measure;

pub use assert::{Budget, assert_budget, budget};
