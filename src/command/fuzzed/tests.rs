//! The corpus of every target, and what becomes of it by chance: the same in every run.

use std::fs;
use std::path::Path;

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

/// Numbers by chance: `splitmix64`.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ word >> 31) as usize % end.max(1)
    }

    /// Changes a text once: a byte, a piece that is taken out or comes again, a word, or the end of another text.
    fn change(&mut self, text: &mut Vec<u8>, others: &[Vec<u8>]) {
        let (from, length) = (self.below(text.len() + 1), self.below(40));
        let to = (from + length).min(text.len());
        match self.below(6) {
            0 if from < text.len() => text[from] ^= 1 << self.below(8),
            1 => drop(text.drain(from..to)),
            2 => {
                let piece = text[from..to].to_vec();
                text.splice(from..from, piece);
            }
            3 => text.truncate(from),
            4 => {
                let other = &others[self.below(others.len())];
                text.truncate(from);
                text.extend(&other[self.below(other.len() + 1)..]);
            }
            _ => drop(text.splice(from..to, WORDS[self.below(WORDS.len())].bytes())),
        }
    }
}

/// The texts of a target's corpus, by the names of their files.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.iter().map(|file| fs::read(file).expect("the file can be read")).collect()
}

#[test]
fn whatever_is_read_neither_panics_nor_comes_back_changed() {
    for (name, target) in TARGETS {
        let texts = corpus(name);
        let mut chance = Chance(name.len() as u64);
        let made = (0..MADE).map(|at| {
            let mut text = texts[at % texts.len()].clone();
            // The first ones are the corpus itself.
            for _ in 0..if at < texts.len() { 0 } else { 1 + chance.below(4) } {
                chance.change(&mut text, &texts);
            }
            String::from_utf8_lossy(&text).into_owned()
        });
        for text in made {
            let held = std::panic::catch_unwind(|| target(&text));
            assert!(held.is_ok(), "`{name}` does not hold for:\n{}\n{text:?}", text.escape_debug());
        }
    }
}

#[test]
fn what_terminals_obey_is_seen() {
    for text in ["\u{1b}[2J", "a\rb", "\u{202e}txt", "\u{2066}", "\0"] {
        assert!(std::panic::catch_unwind(|| super::assert_harmless("text", text)).is_err(), "{text:?}");
    }
    super::assert_harmless("text", "größer\nals ─");
}
