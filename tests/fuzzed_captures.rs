//! The fuzz target `captures`, with its corpus and what becomes of it by chance.

#![cfg(all(feature = "lines", target_os = "linux", target_arch = "x86_64", not(miri)))]

/// Texts of a corpus, and what is made of them.
#[path = "common/chance.rs"]
mod chance;
mod common;
/// Programs that are made of bytes.
#[path = "stacks_oracle/fuzzed.rs"]
mod fuzzed;
/// Programs, their model and its judges.
#[path = "stacks_oracle/program.rs"]
mod program;

#[test]
fn whatever_bytes_a_program_is_made_of_every_stack_and_class_is_as_a_naive_model_says() {
    chance::holds("captures", &["\0", "\u{7f}"], 200, fuzzed::captures);
}
