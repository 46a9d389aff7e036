//! mimalloc as the inner allocator of the real global one: ordinary collections and threads are served by mimalloc, and
//! the ledger balances.

#![allow(unsafe_code, reason = "asks mimalloc whether a block is its own")]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::ffi::c_void;

use common::{alone, balanced, row};

#[global_allocator]
static ALLOC: heapledger::Allocator<mimalloc::MiMalloc> = heapledger::Allocator::new(mimalloc::MiMalloc);

unsafe extern "C" {
    fn mi_is_in_heap_region(block: *const c_void) -> bool;
}

#[test]
fn blocks_come_from_mimalloc_and_the_counters_are_ours() {
    let _alone = alone();
    assert!(heapledger::is_installed());
    let scope = heapledger::track("boxed");
    let boxed = Box::new([1u64; 100]);
    let tally = scope.finish();
    // SAFETY: mimalloc only looks the address up.
    assert!(unsafe { mi_is_in_heap_region((&raw const *boxed).cast()) });
    assert_eq!((tally.allocs, tally.allocated_bytes, tally.peak_bytes), (1, 800, Some(800)));
    drop(boxed);
    assert_eq!(row("boxed").own.live_bytes, 0);
}

#[test]
fn collections_on_many_threads_end_at_exactly_zero() {
    let _alone = alone();
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            std::thread::spawn(move || {
                let _op = heapledger::track("collections");
                let mut words: HashMap<String, Vec<usize>> = HashMap::new();
                for at in 0..5_000usize {
                    words.entry(format!("word {}", at * (thread + 3) % 701)).or_default().push(at);
                }
                let sorted: BTreeMap<_, _> = words.iter().map(|(word, places)| (word.clone(), places.len())).collect();
                assert_eq!((sorted.len(), sorted.values().sum::<usize>()), (701, 5_000));
                words
            })
        })
        .collect();
    let kept: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let own = row("collections").own;
    // Seven hundred and one words on each of eight threads: a string and a list for each, and a table.
    assert_eq!((own.live_blocks, own.live_bytes > 8 * 5_000 * 8), (8 * (2 * 701 + 1), true));
    drop(kept);
    let row = row("collections");
    assert_eq!((row.own.live_blocks, row.own.live_bytes, row.threads, row.scopes), (0, 0, 8, 8));
    // Every list grew once from four places to eight.
    assert_eq!(row.own.reallocs, 8 * 701);
    balanced();
}
