//! Growth outside a leak test: in operations that are not its own, and on threads that it does not count. Every case
//! runs in a process of its own: alone, where all that grows is the test's doing, and as if other tests ran beside it.

mod common;

use std::process::Command;
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;
use std::{future::Future, mem, pin::pin};

use heapledger::{LeakReport, LeakTest, Track as _, Verdict, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// A thread that was there before, does something with what it is sent, and answers. A lock and a condition take no
/// memory, as channels do now and then, so that figures are exact.
struct Worker(Arc<(Mutex<Job>, Condvar)>);

enum Job {
    None,
    Waits(String),
    UnderWay,
}

impl Worker {
    fn new(mut act: impl FnMut(String) + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(Job::None), Condvar::new()));
        let its = Arc::clone(&shared);
        thread::spawn(move || {
            let (job, changed) = &*its;
            loop {
                let mut here = job.lock().expect("nobody panics with it");
                here = changed.wait_while(here, |job| !matches!(job, Job::Waits(_))).expect("nobody panics with it");
                let Job::Waits(query) = mem::replace(&mut *here, Job::UnderWay) else { unreachable!("it waits") };
                drop(here);
                act(query);
                *job.lock().expect("nobody panics with it") = Job::None;
                changed.notify_all();
            }
        });
        Self(shared)
    }

    fn send(&self, i: usize) {
        let (job, changed) = &*self.0;
        let mut here = job.lock().expect("nobody panics with it");
        *here = Job::Waits(format!("query {i:06}"));
        changed.notify_all();
        drop(changed.wait_while(here, |job| !matches!(job, Job::None)).expect("nobody panics with it"));
    }
}

/// Keeps 12 B in one block with every query, in an operation of that name.
fn keeps(names: &'static [&'static str]) -> Worker {
    let mut kept = Vec::with_capacity(1 << 20);
    Worker::new(move |query| {
        for name in names {
            let _op = (!name.is_empty()).then(|| track(*name));
            kept.push(query.clone());
        }
    })
}

/// An operation that is not the test's.
fn outside() -> heapledger::Operation {
    let _op = track("history");
    heapledger::current()
}

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn see(i: usize) {
    SEEN.lock().expect("nobody panics with it").push(format!("query {i:06}"));
}

/// Threads that stay until the process ends.
fn stays() {
    let (begun, begins) = channel();
    thread::Builder::new()
        .name("stays".into())
        .spawn(move || {
            begun.send(()).expect("somebody waits");
            loop {
                thread::park();
            }
        })
        .expect("the system has a thread");
    begins.recv().expect("it begins");
}

fn poll<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(out) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return out;
        }
    }
}

/// What a case must find.
enum Want {
    /// A leak of so many bytes and blocks with every iteration, exactly or about, which the headline says is there.
    Leak(f64, f64, &'static str),
    /// As many threads.
    Threads(f64),
    /// It fails, and its text has this.
    Fails(&'static str),
    /// It passes and says nothing of the outside.
    Quiet,
    /// It passes, and its text has both.
    Warns(&'static str, &'static str),
}

use Want::*;

struct Case {
    name: &'static str,
    run: fn(LeakTest) -> LeakReport,
    alone: Want,
    beside: Want,
}

const UNSEEN: &str = "began meanwhile whose memory is not counted";
const IN_STEP: &str = "; outside, history grows in step with it";

const CASES: &[Case] = &[
    Case {
        name: "a worker that names its step",
        run: |test| {
            let worker = keeps(&["history"]);
            test.run(|i| worker.send(i))
        },
        alone: Leak(12.0, 1.0, ", in history, outside the test"),
        beside: Warns(IN_STEP, ") grows by 12 B in 1 block per iteration"),
    },
    Case {
        name: "a worker that names none",
        run: |test| {
            let worker = keeps(&[""]);
            test.run(|i| worker.send(i))
        },
        alone: Leak(12.0, 1.0, ", in (unattributed), outside the test"),
        beside: Warns("; outside, (unattributed) grows in step with it", ".whole_process()"),
    },
    Case {
        name: "a worker with two steps",
        run: |test| {
            let worker = keeps(&["history", "log"]);
            test.run(|i| worker.send(i))
        },
        alone: Leak(24.0, 2.0, ", in history, log, outside the test"),
        beside: Warns("; outside, history, log grow in step with it", "`.whole_process()`"),
    },
    Case {
        name: "a step outside on the test's own thread",
        run: |test| {
            let (op, mut kept) = (outside(), Vec::with_capacity(1 << 20));
            test.run(|i| op.run(|| kept.push([i as u8; 12].to_vec())))
        },
        alone: Leak(12.0, 1.0, ", in history, outside the test"),
        beside: Warns(IN_STEP, "clean inside"),
    },
    Case {
        name: "a worker, the whole process",
        run: |test| {
            let worker = keeps(&["history"]);
            test.whole_process().run(|i| worker.send(i))
        },
        alone: Leak(12.0, 1.0, ", in history, outside the test"),
        beside: Leak(12.0, 1.0, ", in history, outside the test"),
    },
    Case {
        name: "a worker, async",
        run: |test| {
            let worker = keeps(&["history"]);
            poll(test.run_async(|i| {
                worker.send(i);
                async {}
            }))
        },
        alone: Leak(12.0, 1.0, ", in history, outside the test"),
        beside: Warns(IN_STEP, ") grows by 12 B"),
    },
    Case {
        name: "a worker that shrinks what others had",
        run: |test| {
            let mut stock: Vec<Box<[u8; 12]>> = (0..1 << 18).map(|_| Box::new([0; 12])).collect();
            let worker = keeps(&["history"]);
            test.run(|i| {
                drop(stock.pop());
                worker.send(i)
            })
        },
        alone: Leak(12.0, 1.0, ", in history, outside the test"),
        beside: Warns(IN_STEP, ") grows by 12 B"),
    },
    Case {
        name: "a step on a thread that is counted",
        run: |test| {
            test.run(|i| {
                spawn(move || {
                    let _op = track("history");
                    see(i)
                })
            })
        },
        alone: Leak(28.0, 1.0, "LEAK"),
        beside: Leak(28.0, 1.0, "LEAK"),
    },
    Case {
        name: "a step on a thread that is not",
        run: |test| {
            test.threads(false).run(|i| {
                spawn(move || {
                    let _op = track("history");
                    see(i)
                })
            })
        },
        alone: Leak(28.0, 1.0, ", in history, outside the test"),
        beside: Warns(IN_STEP, UNSEEN),
    },
    Case {
        name: "no step on a thread that is not",
        run: |test| test.threads(false).run(|i| spawn(move || see(i))),
        alone: Leak(28.0, 1.0, ", in (unattributed), outside the test"),
        beside: Warns("; outside, (unattributed) grows in step with it", UNSEEN),
    },
    Case {
        name: "a thread in a future",
        run: |test| poll(test.run_async(|i| async move { spawn(move || see(i)) })),
        alone: Leak(28.0, 1.0, ", in (unattributed), outside the test"),
        beside: Warns("(unattributed) grows in step", UNSEEN),
    },
    Case {
        name: "a thread in a future that carries the operation",
        run: |test| {
            poll(test.run_async(|_| async {
                let op = heapledger::current();
                spawn(move || drop(op.run(|| vec![0u8; 100])))
            }))
        },
        alone: Quiet,
        beside: Quiet,
    },
    Case {
        name: "a future on another thread that is tracked",
        run: |test| {
            poll(test.run_async(|_| async {
                let task = async { vec![0u8; 100] }.tracked("task");
                spawn(move || drop(poll(task)))
            }))
        },
        alone: Quiet,
        beside: Quiet,
    },
    Case {
        name: "threads that are not counted and give back",
        run: |test| test.threads(false).run(|_| spawn(|| drop(vec![0u8; 100]))),
        alone: Warns("clean", UNSEEN),
        beside: Warns("clean", UNSEEN),
    },
    Case {
        name: "one thread that is not counted",
        run: |test| {
            static POOL: OnceLock<()> = OnceLock::new();
            test.threads(false).run(|_| *POOL.get_or_init(|| spawn(|| ())))
        },
        alone: Warns("passes", "1 thread began meanwhile"),
        beside: Quiet,
    },
    Case {
        name: "threads that are counted and give back",
        run: |test| test.run(|_| spawn(|| drop(vec![0u8; 100]))),
        alone: Quiet,
        beside: Quiet,
    },
    Case {
        name: "threads that stay, not counted",
        run: |test| test.iterations(2).time(Duration::from_millis(10)).threads(false).run(|_| stays()),
        alone: Threads(1.0),
        // What the test itself keeps of each thread is a leak of its own.
        beside: Fails(UNSEEN),
    },
    Case {
        name: "threads that stay, of a future",
        run: |test| poll(test.iterations(2).time(Duration::from_millis(10)).run_async(|_| async { stays() })),
        alone: Threads(1.0),
        // What the test itself keeps of each thread is a leak of its own.
        beside: Fails(UNSEEN),
    },
    Case {
        name: "threads that stay, the whole process",
        run: |test| test.iterations(2).time(Duration::from_millis(10)).threads(false).whole_process().run(|_| stays()),
        alone: Threads(1.0),
        beside: Threads(1.0),
    },
    Case {
        name: "a worker that gives back",
        run: |test| {
            let worker = Worker::new(|query| {
                let _op = track("history");
                drop(query.clone())
            });
            test.run(|i| worker.send(i))
        },
        alone: Quiet,
        beside: Quiet,
    },
    Case {
        name: "a worker with a cache",
        run: |test| {
            let mut cache = std::collections::VecDeque::with_capacity(51);
            let worker = Worker::new(move |query| {
                let _op = track("history");
                cache.push_back(query.clone());
                if cache.len() > 50 {
                    cache.pop_front();
                }
            });
            test.run(|i| worker.send(i))
        },
        alone: Quiet,
        beside: Quiet,
    },
    Case {
        name: "a cache outside that is expected",
        run: |test| {
            let worker = keeps(&["history"]);
            test.bounded(1 << 24).time(Duration::from_millis(50)).run(|i| worker.send(i))
        },
        alone: Warns("bounded: growth of up to", "passes"),
        beside: Warns(IN_STEP, "passes"),
    },
    Case {
        name: "a cache outside that is larger than expected",
        run: |test| {
            let worker = keeps(&["history"]);
            test.bounded(1 << 10).run(|i| worker.send(i))
        },
        alone: Leak(12.0, 1.0, ", in history, outside the test"),
        beside: Warns(IN_STEP, "passes"),
    },
    Case {
        name: "a leak inside and one outside",
        run: |test| {
            let worker = keeps(&["history"]);
            test.run(|i| {
                mem::forget(vec![0u8; 48]);
                worker.send(i)
            })
        },
        alone: Leak(48.0, 1.0, IN_STEP),
        beside: Leak(48.0, 1.0, IN_STEP),
    },
];

/// Runs on a thread that has ended when this returns.
fn spawn(work: impl FnOnce() + Send + 'static) {
    thread::spawn(work).join().expect("it returns");
}

fn check(case: &Case, want: &Want) {
    let report = (case.run)(LeakTest::new("send"));
    let text = report.to_string();
    println!("{}: {text}", case.name);
    let headline = text.lines().next().expect("it has one");
    match *want {
        Leak(bytes, blocks, place) => {
            let Verdict::Leak { bytes_per_iteration, blocks_per_iteration, .. } = *report.verdict() else {
                panic!("{}: {text}", case.name)
            };
            // A list may double, and then has as much again.
            let list = if bytes == 28.0 { 13.0 } else { 0.0 };
            assert!((bytes_per_iteration - bytes).abs() <= list, "{}: {text}", case.name);
            assert_eq!(blocks_per_iteration, blocks, "{}: {text}", case.name);
            assert!(headline.contains(place), "{}: {text}", case.name);
            assert!(!report.passes(), "{}: {text}", case.name);
        }
        Threads(threads) => {
            let Verdict::Leak { threads_per_iteration, .. } = *report.verdict() else {
                panic!("{}: {text}", case.name)
            };
            assert_eq!(threads_per_iteration, threads, "{}: {text}", case.name);
        }
        Fails(said) => assert!(!report.passes() && text.contains(said), "{}: {text}", case.name),
        Quiet => {
            assert!(report.passes(), "{}: {text}", case.name);
            assert!(!text.contains("warning") && !headline.contains("outside"), "{}: {text}", case.name);
        }
        Warns(one, other) => {
            assert!(report.passes(), "{}: {text}", case.name);
            let has = |what: &str| text.contains(what) || what == "passes";
            assert!(has(one) && has(other), "{}: {text}", case.name);
        }
    }
    let in_step = headline.contains("in step with it");
    assert!(!(in_step && headline.contains("gives back what it takes")), "{}: {text}", case.name);
}

const CASE: &str = "HEAPLEDGER_TEST_CASE";

/// Runs the test `name` for one case in a process of its own, with so many test threads.
fn in_a_process(name: &str, case: usize, threads: u32) -> String {
    let mut command = Command::new(std::env::current_exe().expect("a running test has an executable"));
    command.args(["--exact", name, "--nocapture", &format!("--test-threads={threads}")]);
    command.env(CASE, case.to_string()).env_remove("NEXTEST").env_remove("RUST_TEST_THREADS");
    let output = command.output().expect("the test's own executable runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{}\n{said}", output.status);
    said
}

fn for_each_case(name: &str, threads: u32, want: fn(&Case) -> &Want) {
    if let Ok(case) = std::env::var(CASE) {
        let case = &CASES[case.parse::<usize>().expect("it is a number")];
        return check(case, want(case));
    }
    for case in 0..CASES.len() {
        in_a_process(name, case, threads);
    }
}

#[test]
fn alone_all_that_grows_in_proportion_is_a_leak() {
    for_each_case("alone_all_that_grows_in_proportion_is_a_leak", 1, |case| &case.alone);
}

#[test]
fn beside_other_tests_what_keeps_step_is_warned_of() {
    for_each_case("beside_other_tests_what_keeps_step_is_warned_of", 2, |case| &case.beside);
}

#[test]
fn a_test_that_passes_says_its_warnings_and_fails_if_strict() {
    const NAME: &str = "a_test_that_passes_says_its_warnings_and_fails_if_strict";
    if std::env::var_os(CASE).is_none() {
        let said = in_a_process(NAME, 0, 2);
        let warned = said.lines().filter(|line| {
            line.starts_with("leak test \"send\": outside, history (tests/leak_outside.rs:")
                && line.contains(") grows by 12 B in 1 block per iteration")
        });
        assert_eq!(warned.count(), 1, "{said}");
        assert_eq!(said.matches(UNSEEN).count(), 1, "{said}");
        return;
    }
    let worker = keeps(&["history"]);
    LeakTest::new("send").assert(|i| worker.send(i));
    LeakTest::new("threads").threads(false).assert(|_| spawn(|| ()));
    let strict = LeakTest::new("strict").strict().run(|i| worker.send(i));
    assert!(!strict.passes() && !strict.verdict().is_leak(), "{strict}");
    let strict = LeakTest::new("strict threads").threads(false).strict().run(|_| spawn(|| ()));
    assert!(!strict.passes() && !strict.verdict().is_leak(), "{strict}");
    let calm = LeakTest::new("calm").strict().run(|i| vec![i; 3]);
    assert!(calm.passes(), "{calm}");
}
