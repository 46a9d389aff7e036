//! Blocks that change hands: freed or resized by another operation, on another thread, after the owner's thread died.
//! A free settles the owner's account wherever it happens (charged to the freeing thread only, every hand-over would
//! read as a leak here and a gift there), and what other threads do shows in nobody else's figures.

mod common;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Barrier};

use common::{alone, balanced, row, tally};
use heapledger::{measure, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

#[test]
fn a_block_freed_by_another_operation_settles_its_owner() {
    let (block, _) = measure("settled/owner", || vec![1u8; 640]);
    measure("settled/freer", || drop(block));
    let owner = tally! {
        allocs: 1, allocated_bytes: 640, freed_elsewhere_blocks: 1, freed_elsewhere_bytes: 640, peak_bytes: Some(640),
    };
    let freer = tally! { frees: 1, freed_bytes: 640, others_frees: 1, others_freed_bytes: 640, peak_bytes: Some(0) };
    assert_eq!((row("settled/owner").own, row("settled/freer").own), (owner, freer));
}

#[test]
fn a_block_freed_on_another_thread_settles_its_owner() {
    let (block, _) = measure("other thread", || vec![1u8; 641]);
    std::thread::spawn(move || measure("on it", || drop(block))).join().unwrap();
    let owner = tally! {
        allocs: 1, allocated_bytes: 641, freed_elsewhere_blocks: 1, freed_elsewhere_bytes: 641, peak_bytes: Some(641),
    };
    let freer = tally! { frees: 1, freed_bytes: 641, others_frees: 1, others_freed_bytes: 641, peak_bytes: Some(0) };
    assert_eq!((row("other thread").own, row("on it").own), (owner, freer));
}

#[test]
fn a_block_that_outlives_its_thread_still_has_its_owner() {
    let block = std::thread::spawn(|| measure("dead thread", || vec![1u8; 642]).0).join().unwrap();
    let owned = tally! {
        allocs: 1, allocated_bytes: 642, live_blocks: 1, live_bytes: 642, peak_bytes: Some(642),
    };
    assert_eq!(row("dead thread").own, owned);
    // The same operation frees it on another thread: that is its own block.
    measure("dead thread", move || drop(block));
    let own = row("dead thread").own;
    let settled = tally! { allocs: 1, allocated_bytes: 642, frees: 1, freed_bytes: 642, peak_bytes: Some(642) };
    assert_eq!(own, settled);
}

#[test]
fn a_block_resized_by_another_operation_is_the_resizers_whole() {
    let (mut block, _) = measure("grown/owner", || Vec::<u8>::with_capacity(100));
    measure("grown/resizer", || block.reserve_exact(1_000));
    let owner = tally! {
        allocs: 1, allocated_bytes: 100, given_away_blocks: 1, given_away_bytes: 100, peak_bytes: Some(100),
    };
    let resizer = tally! {
        allocated_bytes: 1_000, freed_bytes: 100, reallocs: 1, taken_over_blocks: 1, taken_over_bytes: 100,
        live_blocks: 1, live_bytes: 1_000, peak_bytes: Some(900),
    };
    assert_eq!((row("grown/owner").own, row("grown/resizer").own), (owner, resizer));

    // A third one shrinks it, on another thread.
    let block = std::thread::spawn(move || {
        let _op = track("shrinker");
        block.shrink_to(10);
        block
    });
    let block = block.join().unwrap();
    let shrinker = tally! {
        allocated_bytes: 10, freed_bytes: 1_000, reallocs: 1, taken_over_blocks: 1, taken_over_bytes: 1_000,
        live_blocks: 1, live_bytes: 10, peak_bytes: Some(0),
    };
    assert_eq!(row("shrinker").own, shrinker);
    let own = row("grown/resizer").own;
    assert_eq!((own.live_blocks, own.live_bytes, own.given_away_blocks, own.given_away_bytes), (0, 0, 1, 1_000));
    drop(block);
    let own = row("shrinker").own;
    assert_eq!((own.live_blocks, own.live_bytes, own.freed_elsewhere_bytes), (0, 0, 10));
}

#[test]
fn one_push_into_an_old_vec_of_64_mib_moves_it_and_is_no_leak_of_128() {
    const OLD: u64 = 64 << 20;
    let (mut block, _) = measure("old vec", || vec![0u8; OLD as usize]);
    let ((), did) = measure("one push", || block.push(1));
    let owner = tally! {
        allocs: 1, allocated_bytes: OLD, given_away_blocks: 1, given_away_bytes: OLD, peak_bytes: Some(OLD),
    };
    let pusher = tally! {
        allocated_bytes: 2 * OLD, freed_bytes: OLD, reallocs: 1, taken_over_blocks: 1, taken_over_bytes: OLD,
        live_blocks: 1, live_bytes: 2 * OLD as i64, peak_bytes: Some(OLD),
    };
    assert_eq!((row("old vec").own, row("one push").own), (owner, pusher));
    // What it added is what it did, and its live bytes less what it took over.
    assert_eq!((did.net_bytes(), pusher.live_bytes - OLD as i64), (OLD as i64, OLD as i64));
    drop(block);
    assert_eq!(row("one push").own.live_bytes, 0);
}

#[test]
fn producers_and_consumers_over_a_channel_end_at_exactly_zero() {
    const EACH: usize = 5_000;
    let (sender, receiver) = sync_channel::<Vec<u8>>(64);
    let receiver = Arc::new(std::sync::Mutex::new(receiver));
    let producers: Vec<_> = (0..2)
        .map(|producer| {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let _op = track(format_args!("producer {producer}"));
                for at in 0..EACH {
                    sender.send(vec![0u8; 1 + at % 97]).expect("consumers outlive producers");
                }
            })
        })
        .collect();
    drop(sender);
    let consumers: Vec<_> = (0..2)
        .map(|consumer| {
            let receiver = Arc::clone(&receiver);
            std::thread::spawn(move || {
                let _op = track(format_args!("consumer {consumer}"));
                let mut taken = 0u64;
                loop {
                    let received = receiver.lock().unwrap().recv();
                    match received {
                        Ok(mut block) => {
                            // Every third block is made larger before it is dropped: it changes hands.
                            if block.len().is_multiple_of(3) {
                                block.reserve_exact(block.len() + 200);
                            }
                            taken += 1;
                        }
                        Err(_) => return taken,
                    }
                }
            })
        })
        .collect();
    for producer in producers {
        producer.join().unwrap();
    }
    let taken: u64 = consumers.into_iter().map(|consumer| consumer.join().unwrap()).sum();
    assert_eq!(taken, 2 * EACH as u64);
    drop(receiver);
    let grown = (0..EACH).filter(|at| (1 + at % 97) % 3 == 0).count() as u64;
    let mut consumed = heapledger::Tally::default();
    for at in 0..2 {
        let producer = row(&format!("producer {at}")).own;
        assert_eq!((producer.live_blocks, producer.live_bytes), (0, 0), "producer {at}: {producer:?}");
        assert_eq!(producer.given_away_blocks, grown);
        assert!(producer.allocs >= EACH as u64);
        let consumer = row(&format!("consumer {at}")).own;
        assert_eq!((consumer.live_blocks, consumer.live_bytes), (0, 0), "consumer {at}: {consumer:?}");
        consumed.taken_over_blocks += consumer.taken_over_blocks;
        consumed.reallocs += consumer.reallocs;
    }
    assert_eq!((consumed.taken_over_blocks, consumed.reallocs), (2 * grown, 2 * grown));
}

#[test]
fn a_thread_that_was_spawned_and_joined_leaves_nothing_to_the_operation() {
    // What std keeps for good the first time is not the operation's.
    std::thread::spawn(|| ()).join().unwrap();
    let scope = track("spawn and join");
    for _ in 0..100 {
        let thread = std::thread::Builder::new().name("a name of some length".into());
        let out = thread.spawn(|| vec![1u8; 333]).unwrap().join().unwrap();
        assert_eq!(out.len(), 333);
    }
    drop(scope);
    let own = row("spawn and join").own;
    assert_eq!((own.live_blocks, own.live_bytes), (0, 0), "{own:?}");
    assert!(own.freed_elsewhere_blocks >= 100, "every thread frees what its spawner made: {own:?}");
}

#[test]
fn what_other_threads_do_does_not_show_in_a_measure() {
    let (busy, stop) = (Arc::new(Barrier::new(3)), Arc::new(AtomicBool::new(false)));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (busy, stop) = (Arc::clone(&busy), Arc::clone(&stop));
            std::thread::spawn(move || {
                busy.wait();
                while !stop.load(Relaxed) {
                    drop(std::hint::black_box(vec![0u8; 4096]));
                }
            })
        })
        .collect();
    busy.wait();
    for round in 0..10_000u64 {
        let ((), did) = measure("undisturbed", || drop(std::hint::black_box(vec![0u8; 77])));
        let exact = tally! { allocs: 1, allocated_bytes: 77, frees: 1, freed_bytes: 77, peak_bytes: Some(77) };
        assert_eq!(did, exact, "round {round}");
    }
    stop.store(true, Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn the_sums_balance_after_all_of_it() {
    let _alone = alone();
    let snapshot = balanced();
    let total = snapshot.total();
    assert_eq!(total.net_bytes(), total.live_bytes);
    assert_eq!(total.others_frees, total.freed_elsewhere_blocks);
    assert_eq!(total.others_freed_bytes, total.freed_elsewhere_bytes);
    assert_eq!((total.taken_over_blocks, total.taken_over_bytes), (total.given_away_blocks, total.given_away_bytes));
}
