//! `recorded_figures` of `src/command/fuzzed.rs`, with texts that `libFuzzer` makes of `fuzz/corpus/figures/`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| heapledger::command::fuzzed::recorded_figures(text));
