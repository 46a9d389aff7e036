//! A stack in one line, whatever is known of it.

use super::fold::folded;
use crate::reading::CallStackKind;
use crate::symbols::CallFrame;

/// `src/cache.rs:41 ResultCache::insert <- src/search.rs:88 Searcher::run`.
pub(crate) fn look<'a>(kind: CallStackKind, frames: impl IntoIterator<Item = &'a CallFrame>) -> String {
    match kind {
        CallStackKind::NotCaptured => "(blocks of which no call stack was captured)".into(),
        CallStackKind::NotSampled => "(blocks of sizes of which there was no sample)".into(),
        CallStackKind::Other => "(stacks for which there was no room)".into(),
        CallStackKind::Unloaded => format!("{}, through a library that was unloaded", folded(frames)),
        CallStackKind::Complete | CallStackKind::Incomplete => folded(frames).to_string(),
    }
}

/// The same without line numbers, which move: `src/cache.rs ResultCache::insert <- src/search.rs Searcher::run`.
#[cfg(feature = "testing")]
pub(crate) fn unnumbered(kind: CallStackKind, frames: &[CallFrame]) -> String {
    let frames = Vec::from_iter(frames.iter().map(|frame| CallFrame { line: None, ..frame.clone() }));
    look(kind, &frames)
}
