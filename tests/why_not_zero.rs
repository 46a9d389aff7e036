//! The figures of `docs/why-not-zero.md`: what a closure that "keeps nothing" keeps all the same. One test, because
//! what std does for the first time in a process it does once.

use std::hint::black_box;
use std::sync::OnceLock;
use std::thread;

use heapledger::{Tally, measure};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Bytes and blocks of a measured closure.
fn net<R>((_, tally): (R, Tally)) -> (i64, i64) {
    (tally.net_bytes(), tally.net_blocks())
}

#[test]
fn the_reasons_have_the_figures_that_the_page_says() {
    assert_eq!(net(measure("returns", || vec![0u8; 100])), (100, 1));

    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    let lazy = || TABLE.get_or_init(|| vec![1; 500]).len();
    assert_eq!([net(measure("lazy", lazy)), net(measure("lazy", lazy))], [(500, 1), (0, 0)]);

    let spawn = || thread::spawn(|| ()).join().expect("it returns");
    // Whether the harness captures output makes a difference; who frees does not.
    let spawned = net(measure("spawn", spawn));
    assert!([(64, 2), (136, 4)].contains(&spawned), "{spawned:?}");

    let given = black_box(vec![0u8; 64]);
    assert_eq!(net(measure("drops", || drop(given))), (-64, -1));

    let mut old: Vec<u8> = Vec::with_capacity(10);
    assert_eq!(net(measure("grows", || old.reserve_exact(100))), (90, 0));

    let mut list: Vec<u32> = Vec::new();
    let pushes: Vec<_> = (0..4).map(|n| net(measure("pushes", || list.push(n)))).collect();
    assert_eq!(pushes, [(16, 1), (0, 0), (0, 0), (0, 0)]);
}
