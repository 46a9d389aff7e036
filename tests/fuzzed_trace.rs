//! The fuzz target `trace`, with its corpus and what becomes of it by chance.

/// Texts of a corpus, and what is made of them.
#[path = "common/chance.rs"]
mod chance;
/// Programs that are made of bytes.
#[path = "oracle/fuzzed.rs"]
mod fuzzed;
/// What the ledger must say.
#[path = "oracle/model.rs"]
mod model;
/// Programs that run, and their judge.
#[path = "oracle/program.rs"]
mod program;

#[test]
fn whatever_bytes_a_program_is_made_of_every_counter_is_as_a_naive_model_says() {
    chance::holds("trace", &["\0", "\u{7f}"], 300, fuzzed::trace);
}
