//! A few generations of `examples/stress.rs`, which runs as long as one likes: over each allocator in a process of its
//! own.

#![cfg(not(miri))]
#![allow(unsafe_code, reason = "it forks, and chooses the allocator beneath")]

mod common;
#[path = "../examples/stress.rs"]
mod stress;

use std::process::Command;

use common::plays;

const GENERATIONS: &str = "the_generations";

#[test]
fn the_generations() {
    if plays(GENERATIONS) {
        (0..6).for_each(stress::generation);
        println!("6 generations over {}", stress::name_of_beneath());
    }
}

fn must_have_the_figures_of_the_model_over(allocator: &str) {
    let mut command = Command::new(std::env::current_exe().expect("a running test has an executable"));
    command.args(["--exact", GENERATIONS, "--nocapture", "--test-threads=1"]).env("HEAPLEDGER_TEST_ROLE", GENERATIONS);
    command.env(stress::OVER.to_str().expect("it is"), allocator);
    let output = command.output().expect("the test's own executable runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let complete = said.contains(&format!("6 generations over {allocator}\n"));
    assert!(output.status.success() && complete, "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn threads_that_exchange_blocks_and_die_leave_the_figures_of_the_model() {
    must_have_the_figures_of_the_model_over("system");
}

#[test]
fn so_they_do_over_mimalloc() {
    must_have_the_figures_of_the_model_over("mimalloc");
}

#[test]
fn so_they_do_over_jemalloc() {
    must_have_the_figures_of_the_model_over("jemalloc");
}
