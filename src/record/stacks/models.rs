//! Models of the tables of stacks.

use loom::thread;

use super::interned::Interned;
use super::kept::{Kept, TakenStack};
use super::stack_id::{StackExtent, StackId};
use crate::record::atomic::{AtomicU64, Ordering::Relaxed};
use crate::record::memory::{Link, linked_or_new};

/// A stack of two frames.
struct TwoFrames;

impl TakenStack for TwoFrames {
    fn addresses(&self) -> impl Iterator<Item = u64> {
        [7, 9].into_iter()
    }

    fn is_complete(&self) -> bool {
        true
    }

    fn words(&self) -> usize {
        Kept::words(2, 0)
    }

    fn write(&self, words: &[AtomicU64], of: Option<StackId>) {
        for (word, value) in words.iter().zip([0, 0, 0, Kept::shape_of(2, 0, true, of), 0, 7, 0, 9]) {
            word.store(value, Relaxed);
        }
    }
}

pub(in crate::record) fn a_stack_that_two_keep() {
    static INTERNED: Link<Interned> = Link::none();
    let interned = linked_or_new(&INTERNED).expect("there is memory");
    let keep = move || {
        let (id, _) = interned.intern(&TwoFrames).expect("there is room");
        let mut addresses = Vec::new();
        let extent = interned.read(id, |address| addresses.push(address));
        assert_eq!((extent, addresses), (StackExtent::Complete, vec![7, 9]), "what has a name is whole");
        id
    };
    let names = [keep, keep].map(thread::spawn).map(|thread| thread.join().expect("it only keeps"));
    assert_eq!(names[0], names[1], "it has one name");
}
