//! `captures` of `tests/stacks_oracle/fuzzed.rs`, with bytes that `libFuzzer` makes of `fuzz/corpus/captures/`. What
//! `libFuzzer` allocates comes from C, and what its door to Rust allocates is in no operation that is judged.

#![no_main]

/// A reading that balances.
#[path = "../../tests/common/mod.rs"]
mod common;
/// Programs that are made of bytes.
#[path = "../../tests/stacks_oracle/fuzzed.rs"]
mod fuzzed;
/// Programs, their model and its judges.
#[path = "../../tests/stacks_oracle/program.rs"]
mod program;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::captures(bytes));
