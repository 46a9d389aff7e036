//! The corpus of a fuzz target, and what becomes of it by chance: the same in every run.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

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
    fn change(&mut self, text: &mut Vec<u8>, others: &[Vec<u8>], words: &[&str]) {
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
            _ => drop(text.splice(from..to, words[self.below(words.len())].bytes())),
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

/// Holds a target for its corpus, and for what is made of it, of these words too: for so many texts in all.
///
/// # Panics
/// Where the target does, with the text.
pub fn holds(name: &str, words: &[&str], many: usize, target: impl Fn(&[u8])) {
    for text in texts(name, words, many) {
        let held = catch_unwind(AssertUnwindSafe(|| target(&text)));
        let shown = String::from_utf8_lossy(&text);
        assert!(held.is_ok(), "`{name}` does not hold for:\n{}\n{text:?}", shown.escape_debug());
    }
}

/// The corpus of a target, and behind it what is made of it.
fn texts(name: &str, words: &[&str], many: usize) -> impl Iterator<Item = Vec<u8>> {
    let texts = corpus(name);
    let mut chance = Chance(name.len() as u64);
    (0..many).map(move |at| {
        let mut text = texts[at % texts.len()].clone();
        for _ in 0..if at < texts.len() { 0 } else { 1 + chance.below(4) } {
            chance.change(&mut text, &texts, words);
        }
        text
    })
}
