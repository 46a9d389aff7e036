//! Words that are written once and stay: what is kept of stacks. Taken from the system in chunks, up to a limit.

use super::stack_id::StackId;
use crate::record::atomic::Ordering::Relaxed;
use crate::record::atomic::{AtomicU64, AtomicUsize};
use crate::record::memory::{Link, linked_or_new, zeroed};

/// Words of a chunk: 256 KiB.
const CHUNK: usize = 1 << 15;
/// The most chunks: 32 MiB.
const CHUNKS: usize = 1 << 7;
/// Pieces begin at multiples of so many words.
const STEP: usize = 4;

// Every piece has a name of its own, and none is zero.
const _: () = assert!(CHUNK * CHUNKS / STEP <= 1 << StackId::BITS);

#[derive(Debug)]
struct Chunk {
    words: [AtomicU64; CHUNK],
}

#[derive(Debug)]
pub(super) struct Arena {
    chunks: [Link<Chunk>; CHUNKS],
    /// Words that were given out, and those left at the ends of chunks.
    used: AtomicUsize,
}

zeroed!(Chunk { words });
zeroed!(Arena { chunks, used });

/// Words that are to be written, and the number under which they are found.
pub(super) struct Piece {
    pub(super) number: u32,
    pub(super) words: &'static [AtomicU64],
}

impl Arena {
    /// A piece of zeroed words that nobody else has; `None` where there is no room left.
    pub(super) fn take(&self, words: usize) -> Option<Piece> {
        let size = words.next_multiple_of(STEP);
        if size > CHUNK {
            return None;
        }
        // The first piece is nobody's: its number would be zero.
        let _ = self.used.compare_exchange(0, STEP, Relaxed, Relaxed);
        while self.used.load(Relaxed) + size <= CHUNK * CHUNKS {
            let at = self.used.fetch_add(size, Relaxed);
            let (chunk, within) = (at / CHUNK, at % CHUNK);
            if within + size <= CHUNK {
                let chunk = linked_or_new(self.chunks.get(chunk)?)?;
                return Some(Piece { number: (at / STEP) as u32, words: chunk.words.get(within..within + words)? });
            }
        }
        None
    }

    /// Whether less than half of the room is used.
    #[cfg(heapledger_lines)]
    pub(super) fn is_roomy(&self) -> bool {
        self.used.load(Relaxed) < CHUNK * CHUNKS / 2
    }

    /// The words from the beginning of a piece to the end of its chunk.
    #[inline(always)]
    pub(super) fn from(&self, number: u32) -> Option<&'static [AtomicU64]> {
        let at = number as usize * STEP;
        self.chunks.get(at / CHUNK)?.get()?.words.get(at % CHUNK..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::memory::new_permanent;

    #[test]
    fn pieces_do_not_overlap_and_there_is_an_end_to_them() {
        let arena: &Arena = new_permanent().expect("there is memory");
        let sizes = [1, 4, 5, 300, 7_000];
        let mut mark = 0;
        while let Some(piece) = arena.take(sizes[mark % sizes.len()]) {
            assert_ne!(piece.number, 0);
            assert_eq!(piece.words.len(), sizes[mark % sizes.len()]);
            mark += 1;
            for word in piece.words {
                assert_eq!(word.swap(mark as u64, Relaxed), 0, "nobody else has it");
            }
            let found = arena.from(piece.number).expect("it was taken");
            assert_eq!(found[0].load(Relaxed), mark as u64);
        }
        assert!(!arena.is_roomy());
        assert!(mark > 2_000, "{mark} pieces in 32 MiB");
        assert!(arena.take(CHUNK + 1).is_none());
    }
}
