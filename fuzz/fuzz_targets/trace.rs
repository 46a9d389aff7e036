//! `trace` of `tests/oracle/fuzzed.rs`, with bytes that `libFuzzer` makes of `fuzz/corpus/trace/`. What `libFuzzer`
//! allocates comes from C, and what its door to Rust allocates is in no operation that is judged.

#![no_main]

/// Programs that are made of bytes.
#[path = "../../tests/oracle/fuzzed.rs"]
mod fuzzed;
/// What the ledger must say.
#[path = "../../tests/oracle/model.rs"]
mod model;
/// Programs that run, and their judge.
#[path = "../../tests/oracle/program.rs"]
mod program;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::trace(bytes));
