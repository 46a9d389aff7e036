//! `with_threads()` and `adopt()`: threads that a library spawns itself start in the operation of the scope that asked,
//! and nothing of it lasts longer than it should.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod common;

use std::sync::{Arc, Barrier, mpsc};
use std::thread::{self, Builder};

use common::{alone, balanced, in_its_own_process, row};
use heapledger::{current, report, snapshot, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

fn path_on_a_new_thread() -> String {
    thread::spawn(|| current().path()).join().unwrap()
}

#[test]
fn a_thread_spawned_in_the_scope_starts_in_its_operation() {
    let _alone = alone();
    let scope = track("spawns").with_threads();
    let kept = thread::spawn(|| vec![0u8; 1_234]).join().unwrap();
    assert_eq!(path_on_a_new_thread(), "spawns");
    drop(scope);
    let own = row("spawns").own;
    assert!(own.allocated_bytes >= 1_234 && row("spawns").threads == 3, "{own:?}");
    let before = own.live_bytes;
    drop(kept);
    assert_eq!(row("spawns").own.live_bytes, before - 1_234);
}

#[test]
fn the_first_such_scope_of_a_process_does_not_show_in_those_around_it() {
    in_its_own_process("the_first_such_scope_of_a_process_does_not_show_in_those_around_it", || {
        let outer = track("around");
        let before = vec![0u8; 10];
        drop(track("first").with_threads());
        drop(vec![0u8; 100]);
        let tally = outer.finish();
        assert_eq!((tally.allocs, tally.frees, tally.net_bytes(), tally.peak_bytes), (2, 1, 10, Some(110)));
        drop(before);
    });
}

#[test]
fn threads_spawned_by_spawned_threads_start_in_it_too_and_so_do_pools() {
    let _alone = alone();
    let scope = track("nested spawns").with_threads();
    let deep = thread::spawn(|| thread::spawn(|| thread::spawn(|| current().path()).join().unwrap()).join().unwrap());
    assert_eq!(deep.join().unwrap(), "nested spawns");
    assert_eq!(row("nested spawns").threads, 4);
    drop(scope);

    let scope = track("pool").with_threads();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("room for three threads");
    let paths = pool.broadcast(|_| current().path());
    assert_eq!(paths, ["pool", "pool", "pool"]);
    drop(scope);
    // Running threads keep the operation when the scope is over.
    let kept: Vec<Vec<u8>> = pool.broadcast(|_| vec![0u8; 100_000]);
    assert_eq!(pool.broadcast(|_| current().path()), ["pool", "pool", "pool"]);
    assert!(row("pool").own.live_bytes >= 300_000);
    drop(kept);
    drop(pool);
}

#[test]
fn a_scope_that_has_ended_passes_nothing_on() {
    let _alone = alone();
    let (go, wait) = mpsc::channel::<()>();
    let scope = track("ended").with_threads();
    let runs = thread::spawn(move || {
        wait.recv().expect("the sender is there");
        (current().path(), path_on_a_new_thread())
    });
    drop(scope);
    assert_eq!(path_on_a_new_thread(), "(unattributed)");
    go.send(()).unwrap();
    // The thread that runs keeps the operation, and passes it on no more.
    assert_eq!(runs.join().unwrap(), ("ended".to_string(), "(unattributed)".to_string()));
}

#[test]
fn the_innermost_scope_that_asked_wins_not_the_innermost_scope() {
    let _alone = alone();
    let outer = track("asked").with_threads();
    let quiet = track("did not ask");
    assert_eq!(path_on_a_new_thread(), "asked");
    let inner = track("asked too").with_threads();
    assert_eq!(path_on_a_new_thread(), "asked/did not ask/asked too");
    let quiet_again = track("nor did this");
    assert_eq!(path_on_a_new_thread(), "asked/did not ask/asked too");
    drop(quiet_again);
    drop(inner);
    assert_eq!(path_on_a_new_thread(), "asked");
    drop(quiet);
    // Asking twice is asking once.
    let outer = outer.with_threads();
    assert_eq!(path_on_a_new_thread(), "asked");
    drop(outer);
    assert_eq!(path_on_a_new_thread(), "(unattributed)");
}

#[test]
fn a_spawned_thread_that_asks_itself_decides_for_its_own_threads() {
    let _alone = alone();
    let _outer = track("parent").with_threads();
    let paths = thread::spawn(|| {
        let before = path_on_a_new_thread();
        let scope = track("child").with_threads();
        let within = path_on_a_new_thread();
        drop(scope);
        (before, within, path_on_a_new_thread())
    });
    let paths = paths.join().unwrap();
    assert_eq!(paths, ("parent".to_string(), "parent/child".to_string(), "parent".to_string()));
}

#[test]
fn the_peak_of_such_a_scope_is_that_of_all_its_threads_within_the_printed_bound() {
    const THREADS: u64 = 8;
    const EACH: u64 = 4 << 20;
    let _alone = alone();
    let all = Arc::new(Barrier::new(THREADS as usize));
    let scope = track("combined peak").with_threads();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let all = Arc::clone(&all);
            thread::spawn(move || {
                // All have theirs at the same time.
                let block = std::hint::black_box(vec![0u8; EACH as usize]);
                all.wait();
                drop(block);
                // And once more, one after the other or not: no higher than before.
                drop(std::hint::black_box(vec![0u8; EACH as usize / 2]));
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let peak = scope.finish().peak_bytes.expect("a scope has a peak");
    let row = row("combined peak");
    assert_eq!(row.peak_error, (THREADS + 1) * (64 << 10));
    assert!(peak.abs_diff(THREADS * EACH) <= row.peak_error, "{peak}");
    assert_eq!(row.own.peak_bytes, Some(peak));
    let text = report().to_string();
    assert!(text.contains("~ the peak of combined peak is that of all its threads, ± 576 KiB"), "{text}");
}

#[test]
fn the_peak_stays_exact_where_no_thread_was_spawned() {
    let _alone = alone();
    let scope = track("alone after all").with_threads();
    drop(std::hint::black_box(vec![0u8; 123_456]));
    assert_eq!(scope.finish().peak_bytes, Some(123_456));
    assert_eq!(row("alone after all").peak_error, 0);
}

/// Asks for a thread whose stack cannot be had.
fn spawn_in_vain() -> std::io::Error {
    let spawned = Builder::new().stack_size(1 << 47).spawn(|| ());
    spawned.expect_err("there is no room for a stack of 128 TiB")
}

#[test]
fn a_spawn_that_fails_says_so_and_leaks_nothing() {
    let _alone = alone();
    in_its_own_process("a_spawn_that_fails_says_so_and_leaks_nothing", || {
        let outside = spawn_in_vain().raw_os_error();
        let round = || {
            let scope = track("spawns in vain").with_threads();
            assert_eq!(spawn_in_vain().raw_os_error(), outside, "the error is the C library's own");
            drop(scope);
        };
        round();
        let (own, shard_bytes) = (row("spawns in vain").own, report().shard_bytes());
        for _ in 0..1_000 {
            round();
        }
        let after = row("spawns in vain");
        assert_eq!((after.own.live_bytes, after.own.live_blocks), (own.live_bytes, own.live_blocks));
        assert_eq!((after.threads, after.scopes), (1, 1_001), "no thread but this one was ever in it");
        assert_eq!(report().shard_bytes(), shard_bytes, "what the scope shared is used anew");
    });
}

#[test]
fn what_scopes_share_is_used_anew_when_those_inside_them_have_ended_too() {
    in_its_own_process("what_scopes_share_is_used_anew_when_those_inside_them_have_ended_too", || {
        let round = || {
            let outer = track("shares").with_threads();
            let inner = track("shares too").with_threads();
            assert_eq!(path_on_a_new_thread(), "shares/shares too");
            drop(inner);
            drop(outer);
        };
        round();
        let shard_bytes = report().shard_bytes();
        for _ in 0..100 {
            round();
        }
        assert_eq!(report().shard_bytes(), shard_bytes);
    });
}

#[test]
fn a_spawn_that_fails_leaves_the_peak_exact() {
    let _alone = alone();
    let scope = track("peaks after all").with_threads();
    let _ = spawn_in_vain();
    let before = current();
    drop(std::hint::black_box(vec![0u8; 3 << 20]));
    assert_eq!(before.path(), "peaks after all");
    assert!(scope.finish().peak_bytes >= Some(3 << 20));
    assert_eq!(row("peaks after all").peak_error, 0, "no other thread ever told of itself");
}

#[test]
fn adopt_makes_the_operation_the_base_of_the_thread_and_of_no_other() {
    let _alone = alone();
    let scope = track("adopted");
    let op = current();
    drop(scope);
    let paths = thread::spawn(move || {
        let _kept = Vec::<u8>::with_capacity(10);
        let inside = {
            let _op = track("before");
            op.adopt();
            // An open scope stays active; the base shows when it ends.
            current().path()
        };
        drop(std::hint::black_box(vec![0u8; 4_000]));
        let nested = {
            let _op = track("nested");
            current().path()
        };
        (inside, current().path(), nested, path_on_a_new_thread())
    });
    let paths = paths.join().unwrap();
    assert_eq!(paths, ["before", "adopted", "adopted/nested", "(unattributed)"].map(String::from).into());
    let own = row("adopted").own;
    assert!(own.allocated_bytes >= 4_000);
    assert_eq!(path_on_a_new_thread(), "(unattributed)");
    assert_eq!(current().path(), "(unattributed)");
    balanced();
}

#[test]
fn the_ledgers_own_work_raises_neither_the_peak_of_a_shared_scope_nor_twice_that_of_the_process() {
    in_its_own_process(
        "the_ledgers_own_work_raises_neither_the_peak_of_a_shared_scope_nor_twice_that_of_the_process",
        || {
            (0..20_000).for_each(|at| drop(track(format_args!("known {at}"))));
            let before = snapshot();
            let scope = track("shared beside snapshots").with_threads();
            std::thread::spawn(|| ()).join().expect("it does nothing");
            let [one, two] = [snapshot(), snapshot()];
            let kept = std::hint::black_box(vec![0u8; 1 << 20]);
            let own = (&two - &before).operation("(heapledger)").expect("always there").own;
            assert!(own.allocated_bytes > 8 << 20, "{own}");
            let peak = scope.finish().peak_bytes.expect("it ran");
            let error = 2 * (64 << 10);
            let off = peak.abs_diff(kept.len() as u64);
            assert!(off <= error, "{peak} B, and all but {} B are the ledger's", kept.len());
            let now = snapshot();
            // What lives now is the most that ever lived, but for what a snapshot needs while it is taken.
            let (live, peak) = (now.total().live_bytes as u64, now.total().peak_bytes.expect("it is known"));
            let needed = own.allocated_bytes / 2;
            assert!(peak <= live + needed + error, "the process peaked at {peak} B, where {live} B live now");
            drop((one, two, kept));
        },
    );
}

#[test]
fn the_peak_of_the_process_knows_what_the_ledger_took_bit_by_bit() {
    in_its_own_process("the_peak_of_the_process_knows_what_the_ledger_took_bit_by_bit", || {
        let peak_of_a_big_block = || {
            drop(std::hint::black_box(vec![0u8; 64 << 20]));
            snapshot().total().peak_bytes.expect("it is known")
        };
        let before = peak_of_a_big_block();
        // Each is made in a little work of the ledger's own, and takes more than 60 B.
        (0..20_000).for_each(|at| drop(track(format_args!("known {at}"))));
        let peak = peak_of_a_big_block();
        assert!(peak >= before + 20_000 * 60, "{before} B, then {peak} B");
    });
}
