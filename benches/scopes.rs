//! What operations cost, with heapledger as the allocator: entering and leaving them, the free of another operation's
//! block, growth, and reading it all: `cargo bench --bench scopes` in this folder. Best of many short rounds, for busy
//! machines.

use std::fmt::Write;
use std::future::{Future, pending};
use std::hint::black_box;
use std::pin::pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use heapledger::{Track, current, measure, report, snapshot, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Rounds, of which the best counts.
const ROUNDS: usize = 200;
/// Turns of a round.
const TURNS: usize = 2_000;

/// Nanoseconds of one turn of `work`, which gets the turn's number.
fn nanoseconds(mut work: impl FnMut(usize)) -> f64 {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for turn in 0..TURNS {
            work(turn);
        }
        best = best.min(began.elapsed());
    }
    best.as_nanos() as f64 / TURNS as f64
}

fn line(what: &str, nanoseconds: f64, note: &str) {
    println!("{what:<62} {nanoseconds:>10.1} ns  {note}");
}

/// How often the operation at `path` was entered, and what it allocated.
fn entered(path: &str) -> (u64, u64) {
    snapshot().operation(path).map_or((0, 0), |row| (row.scopes, row.own.allocs))
}

fn entering() {
    let all = (ROUNDS * TURNS) as u64;
    let took = nanoseconds(|_| drop(black_box(track("known"))));
    assert_eq!(entered("known"), (all, 0));
    line("enter + leave, name known to the thread", took, if took <= 12.0 { "bar 12: met" } else { "bar 12: missed" });

    let took = nanoseconds(|_| {
        let _one = track("one");
        let _two = track("two");
        let _three = track("three");
        let _four = track("four");
        black_box(());
    });
    assert_eq!(entered("one/two/three/four"), (all, 0));
    line("four nested, entered and left (each)", took / 4.0, "");

    let took = nanoseconds(|turn| drop(black_box(track(format_args!("query:{}", turn & 7)))));
    assert_eq!(entered("query:7"), (all / 8, 0));
    line("enter + leave, format_args! with a number", took, "");

    let took = nanoseconds(|turn| assert_eq!(measure("measured", || black_box(turn)).1.allocs, 0));
    assert_eq!(entered("measured"), (all, 0));
    line("measure(), tally included", took, "");

    let op = measure("carried", current).0;
    let took = nanoseconds(|_| drop(black_box(op.enter())));
    assert_eq!(entered("carried"), (all + 1, 0));
    line("Operation::enter + leave", took, "");

    let mut future = pin!(pending::<()>().tracked("future"));
    let mut context = Context::from_waker(Waker::noop());
    let took = nanoseconds(|_| assert!(black_box(future.as_mut().poll(&mut context)).is_pending()));
    assert_eq!(entered("future"), (1, 0), "all polls are one scope");
    line("poll of a tracked future", took, "");

    let mut name = String::with_capacity(32);
    let began = Instant::now();
    for number in 0..NEW_NAMES {
        name.clear();
        let _ = write!(name, "new {number}");
        drop(black_box(track(&name)));
    }
    let took = began.elapsed().as_nanos() as f64 / NEW_NAMES as f64;
    assert_eq!(entered(&name), (1, 0));
    line("first use of a name in the process", took, "mean of 2,000; makes the operation");
}

const NEW_NAMES: usize = 2_000;
const BATCH: usize = 500;

/// Batches of 500 blocks of 64 B, allocated in one operation and freed in another, or in the same.
fn frees() {
    let mut batch: Vec<Box<[u8; 64]>> = Vec::with_capacity(BATCH);
    let mut of = |freer: &'static str| {
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            {
                let _owner = track("owner");
                batch.extend((0..BATCH).map(|_| Box::new(black_box([1; 64]))));
            }
            let _freer = track(freer);
            let began = Instant::now();
            batch.clear();
            best = best.min(began.elapsed());
        }
        best.as_nanos() as f64 / BATCH as f64
    };
    let (own, others) = (of("owner"), of("freer"));
    let freer = snapshot().operation("freer").expect("it freed");
    assert_eq!(freer.own.others_frees, (ROUNDS * BATCH) as u64);
    line("free of a block of its own", own, "the inner allocator included");
    line("free of another operation's block", others, "the inner allocator included");
}

/// A batch in a scope that has not been as high before, and in one that has.
fn growth() {
    let mut best = [Duration::MAX; 2];
    let mut batch: Vec<Box<[u8; 64]>> = Vec::with_capacity(BATCH);
    for _ in 0..ROUNDS {
        let scope = track("grows");
        for best in &mut best {
            let began = Instant::now();
            batch.extend((0..BATCH).map(|_| Box::new(black_box([1; 64]))));
            *best = (*best).min(began.elapsed());
            batch.clear();
        }
        assert_eq!(scope.finish().peak_bytes, Some((BATCH * 64) as u64));
    }
    let [past, below] = best.map(|best| best.as_nanos() as f64 / BATCH as f64);
    line("allocation past the scope's peak", past, "the inner allocator included");
    line("allocation below the scope's peak", below, "the inner allocator included");
}

const OPERATIONS: usize = 1_000;
const THREADS: usize = 64;

/// Best milliseconds of some readings.
fn milliseconds<R>(times: usize, mut read: impl FnMut() -> R) -> f64 {
    let readings = (0..times).map(|_| {
        let began = Instant::now();
        let out = read();
        let took = began.elapsed();
        drop(out);
        took.as_nanos() as f64 / 1e6
    });
    readings.fold(f64::INFINITY, f64::min)
}

/// 64 threads that live and have each touched the same 1,000 operations.
fn readings() {
    let all: Vec<_> = (0..OPERATIONS).map(|at| measure(format_args!("read {at}"), current).0).collect();
    let (ready, over) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    let busy = AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (all, ready, over, busy) = (&all, &ready, &over, &busy);
            scope.spawn(move || {
                for op in all {
                    op.run(|| drop(black_box(Box::new([1u8; 40]))));
                }
                ready.wait();
                // Between the next two barriers, two of the threads keep allocating.
                ready.wait();
                while number < 2 && busy.load(Relaxed) {
                    all[number].run(|| drop(black_box(Box::new([1u8; 40]))));
                }
                over.wait();
            });
        }
        ready.wait();
        let rest = snapshot();
        rest.check().expect("everybody waits, so the reading balances");
        let row = rest.operation("read 999").expect("every thread ran it");
        assert_eq!((row.own.allocs, row.own.live_blocks, row.threads), (64, 0, 65));
        let took = milliseconds(50, snapshot);
        let bar = if took <= 1.0 { "bar 1 ms: met" } else { "bar 1 ms: missed" };
        println!("{:<62} {took:>10.3} ms  {bar}", "snapshot of 1,000 operations x 64 threads at rest");
        let took = milliseconds(20, report);
        println!("{:<62} {took:>10.3} ms", "report() of them");
        let report = report();
        let took = milliseconds(20, || report.to_string());
        println!("{:<62} {took:>10.3} ms", "its text");
        busy.store(true, Relaxed);
        ready.wait();
        let mut settled = 0;
        let took = milliseconds(50, || {
            let reading = snapshot();
            settled += usize::from(reading.check().is_ok());
            reading
        });
        busy.store(false, Relaxed);
        over.wait();
        println!("{:<62} {took:>10.3} ms  {settled} of 50 balanced", "snapshot while two of the threads allocate");
    });
    snapshot().check().expect("all threads have ended");
}

fn main() {
    assert!(heapledger::is_installed(), "what is not installed costs nothing");
    entering();
    frees();
    growth();
    readings();
}
