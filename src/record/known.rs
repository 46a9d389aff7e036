//! The operations that a thread entered last by name, found without a lock and without allocating. They are part of
//! the thread's slot, so that entering an operation looks at one thread-local. The registry says what stands here.

use std::cell::Cell;

use super::account::{Account, UNUSED};
use crate::words::{Node, SPREAD, UNATTRIBUTED};

/// How many operations a thread remembers: some fifty are entered in turn without being looked up. Each takes 40 bytes
/// of the thread's own memory.
const MOST: usize = 64;

/// What a thread remembers.
pub(super) struct Known([Remembered; MOST]);

/// An operation, and what it was entered as.
pub(super) struct Remembered {
    entered: Cell<Entered>,
    pub(super) node: Cell<&'static Node>,
    /// Its account in the shard that the thread had when it was looked up; one that counts no thread if it was not.
    pub(super) account: Cell<&'static Account>,
}

impl Remembered {
    const fn nothing() -> Self {
        const NOTHING: Entered = Entered { first: 0, last: 0, around: 0 };
        Self { entered: Cell::new(NOTHING), node: Cell::new(&UNATTRIBUTED), account: Cell::new(&UNUSED) }
    }
}

/// A name within an operation, in short. Two that differ differ here, if they have at most [`WHOLE`] bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entered {
    first: u64,
    last: u64,
    /// Where the operation is, and the length of the name added to that: more lies between two operations. Zero: none.
    around: usize,
}

/// The longest name that [`Entered`] holds whole.
const WHOLE: usize = 2 * size_of::<u64>();

impl Entered {
    #[inline(always)]
    fn new(within: &Node, name: &str) -> Self {
        let bytes = name.as_bytes();
        let (first, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
                (Some(first), Some(last)) => (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()),
                _ => {
                    let byte = |at: usize| u64::from(bytes.get(at).copied().unwrap_or(0));
                    (byte(0) << 8 | byte(1), byte(2))
                }
            },
        };
        // Lengths of longer names all are one.
        const { assert!(size_of::<Node>() > WHOLE + 1) };
        Self { first, last, around: (&raw const *within).addr() + bytes.len().min(WHOLE + 1) }
    }

    /// Where it is remembered.
    #[inline(always)]
    fn place(self) -> usize {
        // The rotation keeps two equal ends from cancelling each other.
        let mixed = (self.first ^ self.last.rotate_left(23) ^ self.around as u64).wrapping_mul(SPREAD);
        (mixed >> BELOW_PLACE) as usize % MOST
    }
}

const BELOW_PLACE: u32 = u64::BITS - MOST.trailing_zeros();

impl Known {
    pub(super) const fn nothing() -> Self {
        Self([const { Remembered::nothing() }; MOST])
    }

    /// The operation that was entered lately as `name` within `within`, if the name is short: found without a call, so
    /// that whoever asks keeps its registers.
    #[inline(always)]
    pub(super) fn find_short(&self, within: &Node, name: &str) -> Option<&Remembered> {
        if name.len() <= WHOLE { self.find_alike(Entered::new(within, name)) } else { None }
    }

    /// The operation that was entered lately as `name` within `within`.
    pub(super) fn find(&self, within: &Node, name: &str) -> Option<&'static Node> {
        let remembered = self.find_alike(Entered::new(within, name))?;
        Some(remembered.node.get()).filter(|node| node.name == name)
    }

    #[inline(always)]
    fn find_alike(&self, entered: Entered) -> Option<&Remembered> {
        self.0.get(entered.place()).filter(|remembered| remembered.entered.get() == entered)
    }

    /// Remembers that `name` within `within` is `node`, and always will be.
    pub(super) fn note(&self, within: &Node, name: &str, node: &'static Node) {
        let entered = Entered::new(within, name);
        if let Some(remembered) = self.0.get(entered.place()) {
            remembered.entered.set(entered);
            remembered.node.set(node);
            remembered.account.set(&UNUSED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{OTHER, UNATTRIBUTED};

    #[test]
    fn two_names_of_up_to_sixteen_bytes_never_look_the_same() {
        let around: Vec<Entered> = [&OTHER, &UNATTRIBUTED].map(|within| Entered::new(within, "name")).into();
        assert!(around[0] != around[1]);
        for length in 0..=WHOLE {
            let name = "a".repeat(length);
            let entered = Entered::new(&OTHER, &name);
            assert!(entered == Entered::new(&OTHER, &name.clone()));
            assert!(entered != Entered::new(&OTHER, &"a".repeat(length + 1)), "{length} bytes, and one more");
            for at in 0..length {
                let mut other = name.clone();
                other.replace_range(at..=at, "b");
                assert!(entered != Entered::new(&OTHER, &other), "{name} and {other}");
            }
        }
    }
}
