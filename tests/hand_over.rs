//! Blocks that threads hand to each other while a third reads: producers allocate, one thread frees and resizes what it
//! is given, and the reader never sees a violated law. When all are joined, every operation has its exact figures.
//! Small enough for Miri, which tries it with many schedules and with every old value that a load may still see.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::thread;

use heapledger::{Allocator, Snapshot, measure, snapshot};

#[global_allocator]
static ALLOC: Allocator = Allocator::system();

const PRODUCERS: usize = 2;
const ROUNDS: usize = if cfg!(miri) { 2 } else { 2_000 };

/// A block that was made in an operation, and the numbers by which sizes are chosen.
struct Sent {
    block: Vec<u8>,
    number: usize,
}

/// Two blocks of every producer and number: one to be freed, one to be resized first.
fn produce(producer: usize, send: impl Fn(Sent)) {
    let name = ["producer 0", "producer 1"][producer];
    for number in 0..ROUNDS {
        let ([first, second], _) = measure(name, || [vec![1u8; 10 + number % 7], Vec::with_capacity(100 + producer)]);
        send(Sent { block: first, number });
        send(Sent { block: second, number });
        // A thread that comes and goes, whose shard is used again.
        if number % 64 == 0 {
            thread::spawn(|| measure("passing", || drop(vec![0u8; 5]))).join().expect("it only allocates");
        }
    }
}

fn consume(Sent { mut block, number }: Sent) {
    measure("consumer", || {
        if block.is_empty() {
            block.reserve_exact(200 + number % 7);
        }
        drop(block);
    });
}

#[test]
fn the_law_holds_at_every_moment_and_each_figure_when_all_are_joined() {
    // Names first: what is measured below are blocks.
    for name in ["producer 0", "producer 1", "passing", "consumer"] {
        measure(name, || ());
    }
    let before = snapshot();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (send, receive) = channel::<Sent>();
        let producers = [0, 1].map(|producer| {
            let send = send.clone();
            scope.spawn(move || produce(producer, |sent| send.send(sent).expect("the consumer waits")))
        });
        drop(send);
        let consumer = scope.spawn(|| receive.into_iter().for_each(consume));
        let reader = scope.spawn(|| {
            let mut readings = 0;
            while readings == 0 || !over.load(Relaxed) && (!cfg!(miri) || readings < 2) {
                let check = snapshot().check();
                assert!(!check.as_ref().is_err_and(heapledger::Error::is_violated), "{check:?}");
                readings += 1;
            }
        });
        producers.into_iter().for_each(|producer| producer.join().expect("it only allocates"));
        consumer.join().expect("it only frees");
        over.store(true, Relaxed);
        reader.join().expect("it only reads");
    });
    exact(&(snapshot() - before));
}

fn exact(did: &Snapshot) {
    did.check().unwrap_or_else(|error| panic!("{error}"));
    let row = |name: &str| did.operation(name).expect("it ran").own;
    let small: u64 = (0..ROUNDS).map(|number| 10 + number as u64 % 7).sum();
    let grown: u64 = (0..ROUNDS).map(|number| 200 + number as u64 % 7).sum();
    let (mut made, rounds) = (0, ROUNDS as u64);
    for producer in 0..PRODUCERS {
        let row = row(["producer 0", "producer 1"][producer]);
        let large = (100 + producer as u64) * rounds;
        assert_eq!((row.allocs, row.allocated_bytes, row.frees), (2 * rounds, small + large, 0));
        assert_eq!((row.freed_elsewhere_blocks, row.freed_elsewhere_bytes), (rounds, small));
        assert_eq!((row.given_away_blocks, row.given_away_bytes), (rounds, large));
        assert_eq!((row.live_blocks, row.live_bytes), (0, 0));
        made += large;
    }
    let row = row("consumer");
    let all = PRODUCERS as u64;
    assert_eq!((row.allocs, row.reallocs, row.frees), (0, all * rounds, 2 * all * rounds));
    assert_eq!((row.taken_over_blocks, row.taken_over_bytes), (all * rounds, made));
    assert_eq!((row.allocated_bytes, row.freed_bytes), (all * grown, made + all * (grown + small)));
    assert_eq!((row.live_blocks, row.live_bytes), (0, 0));
}
