//! `measure_async`, `assert_budget_async` and `LeakTest::assert_async`, on an executor of two threads that takes turns:
//! every poll happens on the other thread.

mod common;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::{fs, mem};

use common::{alone, elsewhere, plays, row, tally};
use heapledger::{LeakTest, Track as _, assert_budget_async, current, measure_async, report, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Polls the future on two threads in turn until it is ready, and passes its panics on.
fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;
    enum Polled<T> {
        Not(Task<T>),
        Ready(T),
        Panicked(Box<dyn std::any::Any + Send>),
    }
    let workers = [(); 2].map(|()| {
        let (give, given) = channel::<Task<T>>();
        let (tell, told) = channel();
        let thread = thread::spawn(move || {
            for mut task in given {
                let poll = AssertUnwindSafe(|| task.as_mut().poll(&mut Context::from_waker(Waker::noop())));
                let polled = match catch_unwind(poll) {
                    Ok(Poll::Pending) => Polled::Not(task),
                    Ok(Poll::Ready(out)) => Polled::Ready(out),
                    Err(panic) => Polled::Panicked(panic),
                };
                if tell.send(polled).is_err() {
                    return;
                }
            }
        });
        (give, told, thread)
    });
    let mut task: Task<T> = Box::pin(future);
    let out = 'ready: loop {
        for (give, told, _) in &workers {
            give.send(task).expect("it listens");
            task = match told.recv().expect("it answers") {
                Polled::Not(task) => task,
                Polled::Ready(out) => break 'ready Ok(out),
                Polled::Panicked(panic) => break 'ready Err(panic),
            };
        }
    };
    for (give, told, thread) in workers {
        drop((give, told));
        thread.join().expect("it returns");
    }
    out.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[test]
fn a_measured_future_says_what_all_polls_did_on_all_threads() {
    let _alone = alone();
    let work = async {
        let first = vec![0u8; 1_000];
        elsewhere().await;
        let second = vec![0u8; 500];
        elsewhere().await;
        drop(first);
        elsewhere().await;
        let mut third = vec![0u8; 900];
        third.reserve_exact(100);
        elsewhere().await;
        (second, third)
    };
    let (kept, tally) = run(measure_async("measured", work));
    let wanted = tally! {
        allocs: 3, allocated_bytes: 1_000 + 500 + 900 + 1_000, frees: 1, freed_bytes: 1_000 + 900, reallocs: 1,
        live_blocks: 2, live_bytes: 1_500, peak_bytes: Some(1_500),
    };
    // Single polls never rose above 1,000: the net goes along.
    assert_eq!(tally, wanted);
    let row = row("measured");
    assert_eq!((row.scopes, row.own.allocs, row.own.peak_bytes), (1, 3, Some(1_500)));
    drop(kept);
}

#[test]
fn what_happens_between_polls_and_on_other_threads_is_not_measured() {
    let _alone = alone();
    let mut measured = Box::pin(measure_async("between", async {
        let kept = vec![0u8; 10];
        elsewhere().await;
        // A thread of its own, to which the operation is carried: in the row, not in the tally.
        let op = current();
        thread::spawn(move || drop(op.run(|| vec![0u8; 7_777]))).join().expect("it returns");
        kept
    }));
    let mut context = Context::from_waker(Waker::noop());
    assert!(measured.as_mut().poll(&mut context).is_pending());
    drop(vec![0u8; 5_555]);
    let Poll::Ready((kept, tally)) = measured.as_mut().poll(&mut context) else { panic!("it is ready") };
    // What it takes to spawn is its own; what happens elsewhere is not.
    assert!(tally.allocated_bytes < 5_555, "{tally:?}");
    assert!(row("between").own.allocated_bytes >= 7_777 + 10);
    drop(kept);
}

#[test]
fn a_measured_future_that_is_dropped_halfway_frees_in_its_operation() {
    let _alone = alone();
    let mut measured = Box::pin(measure_async("halfway", async {
        let kept = vec![0u8; 300];
        elsewhere().await;
        kept.len()
    }));
    assert!(measured.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(measured);
    let own = row("halfway").own;
    assert_eq!((own.allocs, own.frees, own.live_bytes), (1, 1, 0));
}

#[test]
fn a_leak_test_of_futures_passes_what_gives_back_and_fails_what_keeps() {
    run(LeakTest::new("gives back").assert_async(|_| async {
        let block = vec![0u8; 100];
        elsewhere().await;
        drop(block);
    }));
    let leaks = LeakTest::new("keeps").assert_async(|_| async {
        elsewhere().await;
        mem::forget(vec![0u8; 56]);
    });
    let failed = catch_unwind(AssertUnwindSafe(|| run(leaks))).expect_err("it leaks");
    let said = failed.downcast_ref::<String>().expect("it is a report");
    assert!(said.contains("leak test \"keeps\": LEAK: it leaves exactly 56 B in 1 block per iteration"), "{said}");
    assert!(said.contains("tests/async_forms.rs:"), "the place is the caller's: {said}");
}

/// What one budget makes of the futures, in a process of its own with that policy.
fn judged(name: &str, role: &str, limits: &str) -> (bool, String) {
    let folder = tempfile::tempdir().expect("there is room");
    fs::write(folder.path().join("heapledger.toml"), format!("schema = 1\n{limits}")).expect("it can be written");
    fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"budgets\"\n").expect("it can be written");
    // The test's own executable, as if its package stood in that folder.
    let program = std::env::current_exe().expect("a running test has an executable");
    let mut command = std::process::Command::new(program);
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).current_dir(folder.path());
    command.env("CARGO_MANIFEST_DIR", folder.path()).env("HEAPLEDGER_TEST_ROLE", role);
    let output = command.output().expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

#[test]
fn a_budget_of_futures_judges_the_figures_of_all_polls() {
    const NAME: &str = "a_budget_of_futures_judges_the_figures_of_all_polls";
    if plays("budget") {
        let kept = run(assert_budget_async("search", || async {
            let first = vec![0u8; 1_000];
            elsewhere().await;
            let second = vec![0u8; 500];
            elsewhere().await;
            drop(first);
            elsewhere().await;
            second
        }));
        assert_eq!(kept.len(), 500);
        let row = row("search");
        assert_eq!((row.scopes, row.own.live_bytes), (3, 500), "three runs, of which the last one's output is alive");
        return;
    }
    let limits = |allocs, peak, net| {
        format!(
            "[operation.search]\nallocs = {allocs}\npeak_bytes = {peak}\nnet_bytes = {net}\nallocated_bytes = 1500\n"
        )
    };
    let (passes, said) = judged(NAME, "budget", &limits(2, 1500, 500));
    assert!(passes, "{said}");
    for (allocs, peak, net, figure) in [(1, 1500, 500, "allocs"), (2, 1499, 500, "peak"), (2, 1500, 499, "net")] {
        let (passes, said) = judged(NAME, "budget", &limits(allocs, peak, net));
        assert!(!passes && said.contains(figure), "{figure}: {said}");
    }
    let (passes, said) = judged(NAME, "budget", "");
    assert!(!passes && said.contains("no limit"), "{said}");
}

/// Keeps a scope across an await.
async fn careless(name: &str, polls: usize, bytes: usize) -> usize {
    let _op = track(name);
    for _ in 0..polls {
        elsewhere().await;
    }
    vec![0u8; bytes].len()
}

/// Polls both in turn on this thread, as `join!` does.
fn join(one: impl Future<Output = usize>, other: impl Future<Output = usize>) {
    let (mut one, mut other) = (Box::pin(one), Box::pin(other));
    let mut context = Context::from_waker(Waker::noop());
    let (mut first, mut second) = (false, false);
    while !(first && second) {
        first = first || one.as_mut().poll(&mut context).is_ready();
        second = second || other.as_mut().poll(&mut context).is_ready();
    }
}

#[test]
fn two_scopes_across_await_are_misnested_only_if_the_outer_one_ends_first() {
    let _alone = alone();
    let misnested = || report().misnested();
    let before = misnested();
    join(careless("outer a", 1, 11), careless("inner a", 2, 22));
    assert_eq!(misnested() - before, 1, "the one that began first ended first");
    assert_eq!(row("outer a/inner a").own.allocated_bytes, 11 + 22, "and what it did was charged to the other one");
    assert_eq!(row("outer a").own.allocated_bytes, 0);

    let before = misnested();
    join(careless("outer b", 2, 11), careless("inner b", 1, 22));
    assert_eq!(misnested(), before, "the one that began last ended first: nothing is seen");
    assert_eq!(row("outer b/inner b").own.allocated_bytes, 22, "but it was inside the other one all the time");

    let before = misnested();
    join(careless("outer c", 0, 11), careless("inner c", 2, 22));
    assert_eq!(misnested(), before, "one that is never pending is held across no await");

    let before = misnested();
    join(
        async { careless("inside", 1, 11).await }.tracked("tracked one"),
        async {
            elsewhere().await;
            vec![0u8; 22].len()
        }
        .tracked("tracked other"),
    );
    assert_eq!(misnested() - before, 2, "inside a tracked future every await is seen: the poll ends first, and begins");
    assert_eq!(current().path(), "(unattributed)");
}
