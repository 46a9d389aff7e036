//! Leaks that are nobody's operation: in a pool that was there before the test, which only the whole process shows. And
//! futures that move between the threads of an executor. One process for these tests, one at a time.

mod common;

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, ThreadId};

use common::elsewhere;
use heapledger::{LeakReport, LeakTest, Verdict};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// What happens in the whole process is judged: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that was there before, and answers when it has done what it was sent.
struct Pool {
    work: Option<Sender<fn()>>,
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Pool {
    fn new() -> Self {
        let (work, jobs) = channel::<fn()>();
        let (tell, done) = channel();
        let thread = thread::spawn(move || {
            for job in jobs {
                job();
                tell.send(()).expect("somebody waits");
            }
        });
        Self { work: Some(work), done, thread: Some(thread) }
    }

    fn run(&self, job: fn()) {
        self.work.as_ref().expect("it is open").send(job).expect("it listens");
        self.done.recv().expect("it answers");
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.work = None;
        self.thread.take().expect("it is taken once").join().expect("it returns");
    }
}

#[test]
fn a_leak_in_a_pool_that_was_there_before_is_found_in_the_whole_process() {
    let _alone = alone();
    let pool = Pool::new();
    let report = LeakTest::new("pool").whole_process().run(|_| pool.run(|| mem::forget(vec![0u8; 72])));
    let Verdict::Leak { bytes_per_iteration, blocks_per_iteration, .. } = *report.verdict() else { panic!("{report}") };
    // The channels take and give a block for 31 messages, so that not every reading is on the line.
    assert!((bytes_per_iteration - 72.0).abs() < 2.0, "{report}");
    assert!((blocks_per_iteration - 1.0).abs() < 0.01, "{report}");
    assert!(report.to_string().contains("grows    (unattributed) by"), "{report}");
}

#[test]
fn a_pool_that_gives_back_is_no_leak_in_the_whole_process() {
    let _alone = alone();
    let pool = Pool::new();
    let report = LeakTest::new("pool").whole_process().run(|_| pool.run(|| drop(vec![0u8; 72])));
    assert!(report.passes(), "{report}");
}

#[test]
fn a_leak_in_the_operation_is_exact_in_the_whole_process_too() {
    let _alone = alone();
    let report = LeakTest::new("own").whole_process().run(|_| mem::forget(vec![0u8; 72]));
    let exactly = matches!(
        report.verdict(),
        Verdict::Leak { bytes_per_iteration: 72.0, blocks_per_iteration: 1.0, exact: true, .. }
    );
    assert!(exactly, "{report}");
}

#[test]
fn the_report_says_how_the_unattributed_moved_where_only_the_operation_is_judged() {
    let _alone = alone();
    let pool = Pool::new();
    let report = LeakTest::new("beside the pool").run(|_| pool.run(|| mem::forget(vec![0u8; 1024])));
    let text = report.to_string();
    let outside = text.lines().find(|line| line.contains("outside  (unattributed) moved by")).expect("it is printed");
    assert!(outside.contains("MiB") && !outside.contains("moved by 0 B"), "{text}");
}

/// An executor of three threads by hand: whoever is free polls what is ready, so a task moves at nearly every await.
struct Executor {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    tasks: Mutex<(VecDeque<Arc<Task>>, bool)>,
    ready: Condvar,
}

struct Task {
    /// Until it is done: a task may be woken once more than it needs.
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    queue: Arc<Queue>,
    /// It waits for its turn already: woken twice, it is polled once, or the queue would grow for ever.
    queued: AtomicBool,
}

impl Queue {
    fn push(&self, task: Arc<Task>) {
        if task.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        self.tasks.lock().expect("nobody panics with it").0.push_back(task);
        self.ready.notify_one();
    }

    fn pop(&self) -> Option<Arc<Task>> {
        let tasks = self.tasks.lock().expect("nobody panics with it");
        let mut tasks = self.ready.wait_while(tasks, |(tasks, over)| tasks.is_empty() && !*over).expect("no panic");
        tasks.0.pop_front()
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let queue = Arc::clone(&self.queue);
        queue.push(self);
    }
}

impl Executor {
    fn new(threads: usize) -> Self {
        let queue = Arc::new(Queue::default());
        let work = |_| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                while let Some(task) = queue.pop() {
                    task.queued.store(false, Ordering::Release);
                    let waker = Waker::from(Arc::clone(&task));
                    let mut future = task.future.lock().expect("nobody panics with it");
                    let polled = future.as_mut().map(|future| future.as_mut().poll(&mut Context::from_waker(&waker)));
                    if polled.is_some_and(|polled| polled.is_ready()) {
                        *future = None;
                    }
                }
            })
        };
        let threads = (0..threads).map(work).collect();
        Self { queue, threads }
    }

    fn block_on<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let (tell, out) = channel();
        let future = async move {
            let out = future.await;
            assert!(tell.send(out).is_ok(), "somebody waits");
        };
        self.queue.push(Arc::new(Task {
            future: Mutex::new(Some(Box::pin(future))),
            queue: Arc::clone(&self.queue),
            queued: AtomicBool::new(false),
        }));
        out.recv().expect("the task ends")
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.queue.tasks.lock().expect("nobody panics with it").1 = true;
        self.queue.ready.notify_all();
        self.threads.drain(..).for_each(|thread| thread.join().expect("it returns"));
    }
}

static SEEN_ON: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());

fn see_thread() {
    let here = thread::current().id();
    let mut seen = SEEN_ON.lock().expect("nobody panics with it");
    if !seen.contains(&here) {
        seen.push(here);
    }
}

fn run_async<R: Send + 'static, F: Future<Output = R> + Send + 'static>(
    name: &'static str,
    mut work: impl FnMut(usize) -> F + Send + 'static,
) -> LeakReport {
    let executor = Executor::new(3);
    let test = async move { LeakTest::new(name).run_async(&mut work).await };
    executor.block_on(test)
}

async fn hop(bytes: usize) -> Vec<u8> {
    let block = vec![0u8; bytes];
    for _ in 0..3 {
        elsewhere().await;
        see_thread();
    }
    block
}

#[test]
fn a_future_that_moves_between_threads_is_clean() {
    let _alone = alone();
    SEEN_ON.lock().expect("nobody panics with it").reserve(100);
    let report = run_async("async clean", |_| hop(100));
    assert_eq!(*report.verdict(), Verdict::Clean, "{report}");
    assert!(SEEN_ON.lock().expect("nobody panics with it").len() > 1, "it was polled on several threads");
}

#[test]
fn a_future_that_leaks_on_another_thread_is_found_to_the_byte() {
    let _alone = alone();
    SEEN_ON.lock().expect("nobody panics with it").reserve(100);
    let report = run_async("async leak", |_| async { mem::forget(hop(56).await) });
    let exactly = matches!(
        report.verdict(),
        Verdict::Leak { bytes_per_iteration: 56.0, blocks_per_iteration: 1.0, exact: true, .. }
    );
    assert!(exactly, "{report}");
}

#[test]
fn a_future_that_is_dropped_halfway_gives_back_what_it_held() {
    let _alone = alone();
    let report = run_async("async cancelled", |_| async {
        let mut half = Box::pin(hop(300));
        std::future::poll_fn(|context| {
            assert!(half.as_mut().poll(context).is_pending(), "it is under way");
            Poll::Ready(())
        })
        .await;
    });
    assert!(report.passes() && !report.verdict().is_leak(), "{report}");
}
