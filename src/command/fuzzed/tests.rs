//! The corpus of every target, and what becomes of it by chance: the same in every run.

/// Texts of a corpus, and what is made of them.
#[path = "../../../tests/common/chance.rs"]
mod chance;

use super::TARGETS;

/// How many texts are made of those of each corpus.
const MADE: usize = 500;
/// What means something to one of the readers.
const WORDS: [&str; 24] = [
    "\"",
    "'",
    "\\",
    "\n",
    "\r\n",
    "\0",
    "\u{1b}[2J",
    "\u{202e}",
    "{",
    "}",
    "[",
    "]",
    "=",
    "#",
    "**",
    "-1",
    "9223372036854775807",
    "18446744073709551616",
    "1e999",
    "null",
    "<script>",
    "]]>",
    "\"\"\"",
    "-----END HEAPLEDGER PATCH-----",
];

#[test]
fn whatever_is_read_neither_panics_nor_comes_back_changed() {
    for (name, target) in TARGETS {
        chance::holds(name, &WORDS, MADE, |text| target(&String::from_utf8_lossy(text)));
    }
}

#[test]
fn the_names_of_a_text_are_in_the_report_that_its_forms_are_made_of() {
    let report = super::report_of("one\n\ntwo\none");
    assert!(report.operation("one").is_some() && report.operation("two").is_some(), "{report}");
    assert!(report.to_json().contains("\"problem\":\"one\"") && report.to_json().contains("\"verdict\":\"two\""));
}

#[test]
fn what_terminals_obey_is_seen() {
    for text in ["\u{1b}[2J", "a\rb", "\u{202e}txt", "\u{2066}", "\0"] {
        assert!(std::panic::catch_unwind(|| super::assert_harmless("text", text)).is_err(), "{text:?}");
    }
    super::assert_harmless("text", "größer\nals ─");
}
