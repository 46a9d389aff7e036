//! Policies, places and environments for the tests of this folder.

use super::rules::Policy;
use crate::judging::budget::limit::{FigureLimit, Tolerance};
use crate::judging::budget::place::Place;
use crate::reading::Environment;

pub(super) const FILE: &str = "heapledger.toml";

pub(super) fn environment(cfg: &[&str]) -> Environment {
    let part = |text: &str| text.to_string();
    let cfg = cfg.iter().map(|cfg| part(cfg)).collect();
    Environment { target: part("t"), profile: part("p"), allocator: part("a"), rustc: part("r"), cfg }
}

pub(super) fn linux() -> Environment {
    environment(&["unix", "target_os=\"linux\"", "target_pointer_width=\"64\"", "target_endian=\"little\""])
}

pub(super) fn windows() -> Environment {
    environment(&["windows", "target_os=\"windows\"", "target_family=\"windows\"", "debug_assertions"])
}

pub(super) fn parsed(text: &str) -> Result<Policy, String> {
    Policy::parse(FILE, text).map_err(|error| error.to_string())
}

/// A policy with schema, of which `text` begins on the second line.
pub(super) fn policy(text: &str) -> Policy {
    parsed(&format!("schema = 1\n{text}")).expect(text)
}

pub(super) fn error(text: &str) -> String {
    parsed(&format!("schema = 1\n{text}")).expect_err(text)
}

pub(super) fn place(line: usize, column: usize) -> Place {
    Place { file: FILE.into(), line, column }
}

pub(super) fn limit(line: usize, column: usize) -> FigureLimit {
    let (exact, ratchet, max, tolerance) = (None, false, None, Tolerance::default());
    FigureLimit { exact, ratchet, max, tolerance, place: place(line, column) }
}
