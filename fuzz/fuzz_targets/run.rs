//! `run` of `src/command/fuzzed.rs`, with texts that `libFuzzer` makes of `fuzz/corpus/run/`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| heapledger::command::fuzzed::run(text));
