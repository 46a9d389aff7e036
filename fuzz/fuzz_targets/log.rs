//! `log` of `src/command/fuzzed.rs`, with texts that `libFuzzer` makes of `fuzz/corpus/log/`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| heapledger::command::fuzzed::log(text));
