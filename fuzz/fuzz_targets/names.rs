//! `names_in_one_form` of `src/command/fuzzed.rs`, with texts that `libFuzzer` makes of `fuzz/corpus/names/`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| heapledger::command::fuzzed::names_in_one_form(text));
