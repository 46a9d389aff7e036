//! A few generations of `examples/stress.rs`, which runs as long as one likes.

#![cfg(not(miri))]
#![allow(unsafe_code, reason = "it forks")]

#[path = "../examples/stress.rs"]
mod stress;

#[test]
fn threads_that_exchange_blocks_and_die_leave_the_figures_of_the_model() {
    (0..6).for_each(stress::generation);
}
