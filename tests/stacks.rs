//! Call stacks.
mod common;
use heapledger::{CallStackKind, capture, measure, snapshot};
use std::hint::black_box;
#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

#[inline(never)]
fn one() -> Box<[u8; 100]> {
    black_box(Box::new([1; 100]))
}
#[inline(never)]
fn two() -> Vec<u8> {
    let mut v = black_box(vec![1u8; 10]);
    v.reserve_exact(200);
    black_box(v)
}

#[test]
fn hello() {
    let cap = capture("hello");
    let (kept, t) = measure("hello", || (0..10).map(|_| (one(), two())).collect::<Vec<_>>());
    println!("{t:?}");
    for s in snapshot().stacks("hello") {
        println!("{s:x?}");
    }
    drop(cap);
    drop(kept);
    for s in snapshot().stacks("hello") {
        println!("{s:x?}");
    }
    println!("{:?}", snapshot().operation("hello"));
    snapshot().check().unwrap();
}
