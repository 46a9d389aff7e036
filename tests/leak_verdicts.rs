//! Every way to leak that programs are known for, and as many innocents that look like one: what the leak test says of
//! each, with the figure, as one table. Everything runs with defaults unless the case says why not.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fmt, mem, thread};

use heapledger::{LeakReport, LeakTest, Verdict};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// What a case is expected to be.
enum Expected {
    Clean,
    /// What stays, in bytes and blocks.
    WarmUp(i64, i64),
    /// The highest, in bytes and blocks.
    Bounded(i64, i64),
    /// No leak: which of clean, warm-up and bounded it is depends on when other threads get their turn.
    Innocent,
    /// So many bytes and blocks in every iteration, and the report says "exactly".
    Exactly(f64, f64),
    /// So many bytes and blocks per iteration, within five percent: the window does not end where the pattern does.
    About(f64, f64),
    /// So many threads in every iteration.
    Threads(f64),
    /// So many files in every iteration.
    Files(f64),
    /// Something in the background never rests; it is named.
    Unsettled(&'static str),
}
use Expected::{About, Bounded, Clean, Exactly, Files, Innocent, Threads, Unsettled, WarmUp};

impl Expected {
    fn is(&self, found: &Verdict) -> bool {
        let near = |found: f64, expected: f64| (found - expected).abs() <= expected * 0.05;
        match (self, found) {
            (Clean, Verdict::Clean) => true,
            (WarmUp(bytes, blocks), Verdict::WarmUp { bytes: kept, blocks: kept_blocks, .. })
            | (Bounded(bytes, blocks), Verdict::Bounded { bytes: kept, blocks: kept_blocks, .. }) => {
                (bytes, blocks) == (kept, kept_blocks)
            }
            (Innocent, Verdict::Clean | Verdict::WarmUp { .. } | Verdict::Bounded { .. }) => true,
            (Unsettled(name), Verdict::Unsettled { by, .. }) => by.iter().any(|mover| mover.contains(name)),
            (
                expected,
                Verdict::Leak {
                    bytes_per_iteration,
                    blocks_per_iteration,
                    exact,
                    threads_per_iteration,
                    files_per_iteration,
                    ..
                },
            ) => match expected {
                Exactly(bytes, blocks) => *exact && (bytes, blocks) == (bytes_per_iteration, blocks_per_iteration),
                About(bytes, blocks) => near(*bytes_per_iteration, *bytes) && near(*blocks_per_iteration, *blocks),
                Threads(threads) => threads == threads_per_iteration && *files_per_iteration == 0.0,
                Files(files) => files == files_per_iteration && *threads_per_iteration == 0.0,
                _ => false,
            },
            _ => false,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Clean => write!(f, "clean"),
            WarmUp(bytes, blocks) => write!(f, "warm-up {bytes} B / {blocks}"),
            Bounded(bytes, blocks) => write!(f, "bounded {bytes} B / {blocks}"),
            Innocent => write!(f, "no leak"),
            Exactly(bytes, blocks) => write!(f, "LEAK exactly {bytes:.3} B / {blocks:.3}"),
            About(bytes, blocks) => write!(f, "LEAK about {bytes:.3} B / {blocks:.3}"),
            Threads(threads) => write!(f, "LEAK {threads} threads"),
            Files(files) => write!(f, "LEAK {files} files"),
            Unsettled(name) => write!(f, "unsettled by {name}"),
        }
    }
}

fn shown(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Clean => "clean".into(),
        Verdict::WarmUp { bytes, blocks, .. } => format!("warm-up {bytes} B / {blocks}"),
        Verdict::Bounded { bytes, blocks, .. } => format!("bounded {bytes} B / {blocks}"),
        Verdict::Leak { threads_per_iteration, .. } if *threads_per_iteration > 0.0 => {
            format!("LEAK {threads_per_iteration} threads")
        }
        Verdict::Leak { files_per_iteration, .. } if *files_per_iteration > 0.0 => {
            format!("LEAK {files_per_iteration} files")
        }
        Verdict::Leak { bytes_per_iteration, blocks_per_iteration, exact, .. } => {
            let how = if *exact { "exactly" } else { "about" };
            format!("LEAK {how} {bytes_per_iteration:.3} B / {blocks_per_iteration:.3}")
        }
        other => format!("{other:?}"),
    }
}

/// A case: its name, what it is, and its run.
type Case = (&'static str, Expected, fn(LeakTest) -> LeakReport);

const LEAKS: &[Case] = &[
    ("mem::forget", Exactly(48.0, 1.0), |test| test.run(|_| mem::forget(vec![0u8; 48]))),
    ("two blocks of different sizes", Exactly(110.0, 2.0), |test| {
        test.run(|_| mem::forget((vec![0u8; 10], vec![0u8; 100])))
    }),
    ("a cycle of Rc", Exactly(32.0, 1.0), cycle),
    ("a thread that keeps what it is sent", About(64.0, 1.0), retaining_thread),
    ("a channel that nobody reads", About(64.0 + 1000.0 / 31.0, 1.0 + 1.0 / 31.0), unread_channel),
    ("a Vec in a static", About(8.0, 0.0), growing_vec),
    ("a HashMap in a static", About(34.0, 0.0), growing_map),
    ("a cache without eviction", About(100.0 + 66.0, 1.0), endless_cache),
    ("thread-local of a helper thread", Exactly(40.0, 1.0), helper_thread_local),
    ("thread-local of a helper, operation carried", Exactly(40.0, 1.0), carried_thread_local),
    ("on an error path, every third", About(72.0 / 3.0, 1.0 / 3.0), error_path),
    ("in every 10th iteration", About(10.0, 0.1), |test| test.run(|i| forget_every(10, i))),
    ("in every 100th iteration", About(1.0, 0.01), |test| {
        test.time(Duration::from_millis(1500)).run(|i| forget_every(100, i))
    }),
    ("in every 1000th iteration", About(0.1, 0.001), |test| {
        test.time(Duration::from_millis(1500)).run(|i| forget_every(1000, i))
    }),
    ("in Drop, while unwinding", Exactly(56.0, 1.0), drop_while_unwinding),
    ("an open file", Files(1.0), open_file),
    ("two open files, and the bytes of their paths", Files(2.0), open_files_and_bytes),
    ("a String that only reallocs", About(16.0, 0.0), growing_string),
    ("after a warm-up of 3,000 bytes", Exactly(24.0, 1.0), leak_after_warm_up),
    ("below a cache that fills", Exactly(24.0, 1.0), leak_beside_cache),
    ("below a batch that flushes every 50", About(24.0, 1.0), leak_below_batch),
    ("below noise", About(24.0, 1.0), leak_below_noise),
    ("resized by an outsider, who keeps it", Exactly(96.0, 1.0), outsider_keeps),
    ("resized by an outsider's operation, who keeps it", Exactly(96.0, 1.0), operation_keeps),
    ("a fresh block of an outsider, resized and kept", Exactly(96.0, 1.0), fresh_block_kept),
    ("beside pushes into old Vecs", Exactly(24.0, 1.0), leak_beside_old_vecs),
    ("a child operation leaks", Exactly(33.0, 1.0), child_leaks),
    ("a slow closure, in few iterations", Exactly(128.0, 1.0), slow_leak),
];

const OTHERS: &[Case] = &[
    ("nothing at all", Clean, |test| test.run(|_| ())),
    ("a Vec that is dropped", Clean, |test| test.run(|i| vec![i; 100])),
    ("OnceLock", WarmUp(1000, 1), once_lock),
    ("compiled patterns, by name", WarmUp(1616, 17), pattern_cache),
    ("an interner that saturates", Innocent, saturating_interner),
    ("an LRU cache of 1,000 while it fills", Bounded(1000 * 64 + 1024 * 24, 1001), lru_cache),
    ("a cache of 2,500", Bounded(2500 * 64 + 4096 * 24, 2501), |test| bounded_cache(test, 2500)),
    ("an object pool", WarmUp(4 * 256 + 4 * 24, 5), object_pool),
    ("a Vec whose capacity is kept", WarmUp(4096, 1), kept_capacity),
    ("a thread-local buffer", WarmUp(512, 1), thread_local_buffer),
    ("thread-local buffers of threads that end", Clean, ending_thread_local),
    ("garbage freed in batches by another thread", Innocent, epoch_garbage),
    ("a batch that flushes every 7", Bounded(6 * 50, 6), |test| batch(test, 7)),
    ("a batch that flushes every 100", Innocent, |test| batch(test, 100)),
    ("a batch that flushes every 1,024", Innocent, |test| batch(test, 1024)),
    ("a batch that flushes every 1,500", Innocent, |test| batch(test, 1500)),
    ("freed on another thread", Innocent, freed_elsewhere),
    ("spawn and join", Clean, |test| test.run(|_| thread::spawn(|| vec![0u8; 100]).join().expect("it returns"))),
    ("a scoped thread", Clean, |test| {
        test.run(|_| thread::scope(|scope| scope.spawn(|| vec![0u8; 10]).join().expect("it returns")))
    }),
    ("a scoped thread that nobody joins", Clean, |test| {
        test.run(|_| thread::scope(|scope| drop(scope.spawn(|| vec![0u8; 10]))))
    }),
    ("a named thread", Clean, named_thread),
    ("rayon's global pool", Innocent, rayon_pool),
    ("a push into an old big Vec", Innocent, old_big_vec),
    ("a push into a different old Vec each time", Innocent, old_vecs),
    ("resized by an outsider, who frees it", Clean, outsider_frees),
    ("taken over, resized and freed", Clean, taken_over_and_freed),
    ("a file that is closed", Clean, |test| test.run(|_| std::fs::File::open("/dev/null").expect("it exists"))),
    ("a pool of files", Innocent, pool_of_files),
    ("a panic that is caught", Clean, |test| {
        test.run(|_| catch_unwind(|| resume_unwind(Box::new(vec![0u8; 10]))).is_err())
    }),
    ("growth by the logarithm", Innocent, logarithm),
    ("something that never rests", Unsettled("restless"), restless),
    // Last, because every reading after it looks at more threads.
    ("a leaked thread", Threads(1.0), leaked_thread),
];

/// Which of the two lists a process of its own judges.
const LIST: &str = "HEAPLEDGER_TEST_LIST";

#[test]
fn every_leak_is_found_with_its_figure_and_every_innocent_is_let_go() {
    match std::env::var(LIST).as_deref() {
        Ok("leaks") => return judge(LEAKS),
        Ok(_) => return judge(OTHERS),
        Err(_) => {}
    }
    // Both at once: what one process leaves behind, the other does not see.
    let name = "every_leak_is_found_with_its_figure_and_every_innocent_is_let_go";
    let spawn = |list| {
        let mut command = Command::new(std::env::current_exe().expect("a running test has an executable"));
        command.args(["--exact", name, "--nocapture"]).env(LIST, list);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the test's own executable runs")
    };
    for list in ["leaks", "others"].map(spawn) {
        let output = list.wait_with_output().expect("it is ours");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        println!("{said}");
        assert!(output.status.success() && said.contains("1 passed"), "{}\n{said}", output.status);
    }
}

fn judge(cases: &[Case]) {
    let mut wrong = String::new();
    println!("{:<50} {:>6} {:>7}  {:<32} found", "case", "ms", "runs", "expected");
    for (name, expected, run) in cases {
        let began = std::time::Instant::now();
        let report = run(LeakTest::new(*name).lines(false));
        let taken = began.elapsed().as_millis();
        let right = expected.is(report.verdict());
        let (runs, found) = (report.iterations(), shown(report.verdict()));
        println!("{name:<50} {taken:>6} {runs:>7}  {:<32} {found}{}", expected.to_string(), mark(right));
        if !right {
            wrong.push_str(&format!("\nexpected {expected}:\n{report}\n"));
        }
        assert_eq!(heapledger::current().path(), "(unattributed)", "{name} restores the stack");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn mark(right: bool) -> &'static str {
    if right { "" } else { "   <-- WRONG" }
}

/// A report with its test's own operation, for what only its text says.
fn text_of(report: &LeakReport) -> String {
    report.to_string()
}

#[test]
fn the_report_names_the_child_operation_that_grows_and_who_freed_what() {
    let text = text_of(&child_leaks(LeakTest::new("parent")));
    assert!(text.contains("exactly 33 B in 1 block per iteration"), "{text}");
    assert!(text.contains("grows    parent/leaky (tests/leak_verdicts.rs:"), "{text}");

    let helper = Helper::new(|block: Vec<u8>| {
        let _op = heapledger::track("shredder");
        drop(block);
    });
    let report = LeakTest::new("giver").run(|_| helper.send_and_wait(vec![0u8; 100]));
    let text = text_of(&report);
    assert!(report.passes(), "{text}");
    assert!(text.contains("were freed by shredder"), "{text}");
}

#[test]
fn the_report_names_threads_and_files_that_stay() {
    let stop = Gate::new();
    let report = LeakTest::new("thread leak").iterations(4).run(|_| stop.hold("left behind"));
    stop.open();
    assert!(report.threads().len() >= 30 && report.threads().iter().all(|name| name == "left behind"), "{report}");
    assert!(text_of(&report).contains("threads  still running: left behind (x"), "{report}");

    let mut files = Vec::with_capacity(1 << 12);
    let report = LeakTest::new("file leak").run(|_| files.push(std::fs::File::open("/dev/zero").expect("it exists")));
    let zeros = report.files().iter().filter(|file| *file == "/dev/zero").count();
    assert_eq!(zeros, files.len(), "{report}");
}

#[test]
fn a_panic_of_the_closure_is_passed_on_and_the_stack_is_as_before() {
    let _op = heapledger::track("around");
    let before = heapledger::current();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        LeakTest::new("panics").run(|i| {
            let _inner = heapledger::track("inner");
            if i == 20 {
                resume_unwind(Box::new("out of order"));
            }
        })
    }));
    assert_eq!(*caught.expect_err("it panics").downcast::<&str>().expect("a str"), "out of order");
    assert_eq!(heapledger::current(), before);
}

#[test]
fn an_assertion_panics_with_the_report_and_allowances_are_kept() {
    let caught = catch_unwind(|| LeakTest::new("asserted").assert(|_| mem::forget(Box::new(1u64))));
    let message = *caught.expect_err("it leaks").downcast::<String>().expect("a message");
    assert!(message.contains("LEAK: it leaves exactly 8 B in 1 block per iteration"), "{message}");
    assert!(message.contains(file!()), "the place is the caller's: {message}");

    static ONCE: OnceLock<Vec<u8>> = OnceLock::new();
    let report = LeakTest::new("too much").allow_warmup(999).run(|_| ONCE.get_or_init(|| vec![0; 1000]).len());
    assert!(!report.passes(), "{report}");
    let cached = bounded_cache(LeakTest::new("expected cache").bounded(1 << 25), 100_000);
    assert!(cached.passes() && matches!(cached.verdict(), Verdict::Bounded { .. }), "{cached}");
    let over = bounded_cache(LeakTest::new("cache above its bound").bounded(10_000), 1000);
    assert!(!over.passes(), "{over}");
}

fn cycle(test: LeakTest) -> LeakReport {
    struct Link(RefCell<Option<Rc<Link>>>);
    test.run(|_| {
        let link = Rc::new(Link(RefCell::new(None)));
        link.0.replace(Some(Rc::clone(&link)));
    })
}

/// A thread outside every operation that does something with all it is sent, until the helper is dropped.
struct Helper<T: Send + 'static> {
    outside: heapledger::Operation,
    sender: Option<Sender<T>>,
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Helper<T> {
    fn new(mut work: impl FnMut(T) + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        let (tell, done) = channel();
        let body = move || {
            for item in receiver {
                work(item);
                // Whoever does not wait has no ear for it.
                let _ = tell.send(());
            }
        };
        let thread = thread::Builder::new().name("helper".into()).spawn(body).expect("the system has a thread");
        Self { outside: heapledger::current(), sender: Some(sender), done, thread: Some(thread) }
    }

    fn send(&self, item: T) {
        self.sender.as_ref().expect("it is open").send(item).expect("it listens");
        while self.done.try_recv().is_ok() {}
    }

    fn send_and_wait(&self, item: T) {
        self.sender.as_ref().expect("it is open").send(item).expect("it listens");
        self.done.recv().expect("it answers");
    }
}

impl<T: Send + 'static> Drop for Helper<T> {
    fn drop(&mut self) {
        self.sender = None;
        let ended = self.thread.take().expect("it is taken once").join();
        assert!(ended.is_ok() || thread::panicking(), "the helper does not panic");
    }
}

fn retaining_thread(test: LeakTest) -> LeakReport {
    // It stays for the whole process, with what it keeps.
    let (sender, receiver) = channel::<Vec<u8>>();
    thread::spawn(move || mem::forget(receiver.into_iter().collect::<Vec<_>>()));
    test.run(|_| sender.send(vec![0u8; 64]))
}

fn unread_channel(test: LeakTest) -> LeakReport {
    let (sender, _receiver) = channel::<Vec<u8>>();
    test.run(|_| sender.send(vec![0u8; 64]))
}

fn growing_vec(test: LeakTest) -> LeakReport {
    static SEEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    test.run(|i| SEEN.lock().expect("nobody panics with it").push(i))
}

fn growing_map(test: LeakTest) -> LeakReport {
    static SEEN: OnceLock<Mutex<HashMap<u64, u64>>> = OnceLock::new();
    test.run(|i| SEEN.get_or_init(Mutex::default).lock().expect("nobody panics with it").insert(i as u64, 1))
}

fn endless_cache(test: LeakTest) -> LeakReport {
    let mut cache: HashMap<u64, Vec<u8>> = HashMap::new();
    test.run(|i| cache.entry(i as u64).or_insert_with(|| vec![0; 100]).len())
}

thread_local! {
    static KEPT: RefCell<VecDeque<Vec<u8>>> = const { RefCell::new(VecDeque::new()) };
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn keep_in_thread_local(block: Vec<u8>) {
    KEPT.with_borrow_mut(|kept| {
        // Room for all, so that only the blocks grow.
        kept.reserve(1 << 17);
        kept.push_back(block);
        kept.make_contiguous();
    });
}

fn helper_thread_local(test: LeakTest) -> LeakReport {
    let helper = Helper::new(keep_in_thread_local);
    test.run(|_| helper.send_in_place(vec![0u8; 40]))
}

fn carried_thread_local(test: LeakTest) -> LeakReport {
    let helper = Helper::new(|op: heapledger::Operation| {
        KEPT.with_borrow_mut(|kept| kept.reserve_exact((1 << 17) - kept.len()));
        op.run(|| KEPT.with_borrow_mut(|kept| kept.push_back(vec![0u8; 40])));
    });
    test.run(|_| helper.send_in_place(heapledger::current()))
}

impl<T: Send + 'static> Helper<T> {
    /// Sends outside every operation, so that the channel's own blocks do not show.
    fn send_in_place(&self, item: T) {
        self.outside.run(|| self.send_and_wait(item));
    }
}

fn error_path(test: LeakTest) -> LeakReport {
    fn parse(number: usize) -> Result<usize, &'static str> {
        let scratch = Box::new([0u8; 72]);
        if number.is_multiple_of(3) {
            // Whoever turned it into a raw pointer forgot the early return.
            let _ = Box::into_raw(scratch);
            return Err("a multiple of three");
        }
        Ok(scratch.len())
    }
    test.run(parse)
}

fn forget_every(every: usize, iteration: usize) {
    if iteration.is_multiple_of(every) {
        mem::forget(vec![0u8; 100]);
    }
}

fn drop_while_unwinding(test: LeakTest) -> LeakReport {
    struct Guard(Vec<u8>);
    impl Drop for Guard {
        fn drop(&mut self) {
            let buffer = mem::take(&mut self.0);
            if thread::panicking() {
                mem::forget(buffer);
            }
        }
    }
    test.run(|_| {
        let caught = catch_unwind(|| {
            let _guard = Guard(vec![0u8; 56]);
            resume_unwind(Box::new(()));
        });
        assert!(caught.is_err());
    })
}

/// Threads wait at it until it is opened.
#[derive(Clone)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn new() -> Self {
        Self(Arc::new((Mutex::new(false), Condvar::new())))
    }

    /// Spawns a thread that waits, and has begun when this returns.
    fn hold(&self, name: &str) {
        let gate = self.clone();
        let (begun, begins) = channel();
        let wait = move || {
            begun.send(()).expect("it is awaited");
            let (open, opened) = &*gate.0;
            let closed = open.lock().expect("nobody panics with it");
            drop(opened.wait_while(closed, |open| !*open));
        };
        thread::Builder::new().name(name.into()).spawn(wait).expect("the system has a thread");
        begins.recv().expect("it begins");
    }

    fn open(&self) {
        *self.0.0.lock().expect("nobody panics with it") = true;
        self.0.1.notify_all();
    }
}

fn leaked_thread(test: LeakTest) -> LeakReport {
    let gate = Gate::new();
    let report = test.run(|_| gate.hold("waits for ever"));
    gate.open();
    report
}

fn open_file(test: LeakTest) -> LeakReport {
    let mut files = Vec::with_capacity(1 << 12);
    test.run(|_| files.push(std::fs::File::open("/dev/null").expect("it exists")))
}

fn open_files_and_bytes(test: LeakTest) -> LeakReport {
    let mut files = Vec::with_capacity(1 << 12);
    test.run(|_| {
        for path in ["/dev/null", "/dev/zero"] {
            files.push((path.to_string(), std::fs::File::open(path).expect("it exists")));
        }
    })
}

fn growing_string(test: LeakTest) -> LeakReport {
    let mut log = String::new();
    test.run(|_| log.push_str("sixteen bytes..."))
}

fn leak_after_warm_up(test: LeakTest) -> LeakReport {
    let once = OnceLock::new();
    test.run(|_| {
        once.get_or_init(|| vec![0u8; 3000]);
        mem::forget(vec![0u8; 24]);
    })
}

fn leak_beside_cache(test: LeakTest) -> LeakReport {
    let mut cache = HashMap::new();
    test.run(|i| {
        cache.entry(i % 300).or_insert_with(|| vec![0u8; 100]);
        mem::forget(vec![0u8; 24]);
    })
}

fn leak_below_batch(test: LeakTest) -> LeakReport {
    let mut pending = Vec::with_capacity(50);
    test.run(|_| {
        mem::forget(vec![0u8; 24]);
        pending.push(vec![0u8; 500]);
        if pending.len() == 50 {
            pending.clear();
        }
    })
}

fn leak_below_noise(test: LeakTest) -> LeakReport {
    let mut scratch = Vec::new();
    let random = random();
    test.run(|_| {
        mem::forget(vec![0u8; 24]);
        scratch = vec![0u8; random.get() % 1000 + 1];
        random.set(step(random.get()));
    })
}

/// A small generator: the same numbers every time.
fn random() -> Cell<usize> {
    Cell::new(88_172_645_463_325_252)
}

fn step(mut state: usize) -> usize {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ (state << 17)
}

fn outsider_keeps(test: LeakTest) -> LeakReport {
    let mut kept = Vec::with_capacity(1 << 17);
    let helper = Helper::new(move |mut block: Vec<u8>| {
        block.reserve_exact(64);
        kept.push(block);
    });
    test.run(|_| helper.send_in_place_of(|| vec![0u8; 32]))
}

impl<T: Send + 'static> Helper<T> {
    /// Makes the item in the active operation, and sends it outside every operation.
    fn send_in_place_of(&self, make: impl FnOnce() -> T) {
        let item = make();
        self.send_in_place(item);
    }
}

fn operation_keeps(test: LeakTest) -> LeakReport {
    let keeper = {
        let _op = heapledger::track("keeper");
        heapledger::current()
    };
    let mut kept = Vec::with_capacity(1 << 17);
    test.run(|_| {
        let mut block = vec![0u8; 32];
        keeper.run(|| block.reserve_exact(32));
        keeper.run(|| block.reserve_exact(64));
        kept.push(block);
    })
}

fn fresh_block_kept(test: LeakTest) -> LeakReport {
    let outside = heapledger::current();
    let mut kept = Vec::with_capacity(1 << 17);
    test.run(|_| {
        let mut block = outside.run(|| vec![0u8; 32]);
        block.reserve_exact(64);
        kept.push(block);
    })
}

fn old_vecs_of(count: usize) -> std::vec::IntoIter<Vec<u64>> {
    (0..count).map(|_| vec![0u64; 4]).collect::<Vec<_>>().into_iter()
}

fn leak_beside_old_vecs(test: LeakTest) -> LeakReport {
    let mut old = old_vecs_of(1 << 17);
    let mut pushed = Vec::with_capacity(1 << 17);
    test.run(|_| {
        let mut vec = old.next().expect("there are enough");
        vec.reserve_exact(1);
        pushed.push(vec);
        mem::forget(vec![0u8; 16]);
    })
}

fn child_leaks(test: LeakTest) -> LeakReport {
    test.run(|_| {
        heapledger::measure("tidy", || drop(vec![0u8; 500]));
        let _op = heapledger::track("leaky");
        mem::forget(vec![0u8; 33]);
    })
}

fn slow_leak(test: LeakTest) -> LeakReport {
    test.iterations(4).run(|i| {
        mem::forget(vec![0u8; 128]);
        // Work of some 10 ms in debug.
        (0..200_000u64).fold(i as u64, |sum, one| sum.wrapping_mul(31).wrapping_add(one))
    })
}

fn once_lock(test: LeakTest) -> LeakReport {
    let once = OnceLock::new();
    test.run(|_| once.get_or_init(|| vec![0u8; 1000]).len())
}

fn pattern_cache(test: LeakTest) -> LeakReport {
    let mut compiled: HashMap<String, Vec<u8>> = HashMap::new();
    test.run(|i| compiled.entry(format!("p{}", i % 8)).or_insert_with(|| vec![0; 100]).len())
}

fn saturating_interner(test: LeakTest) -> LeakReport {
    let mut names = HashSet::new();
    test.run(|i| names.insert(format!("name {}", i * 7 % 100)))
}

fn lru_cache(test: LeakTest) -> LeakReport {
    let mut cache = VecDeque::new();
    test.run(|_| {
        if cache.len() == 1000 {
            cache.pop_front();
        }
        cache.push_back(vec![0u8; 64]);
    })
}

fn bounded_cache(test: LeakTest, size: usize) -> LeakReport {
    let mut cache = Vec::new();
    test.run(|_| {
        if cache.len() < size {
            cache.push(vec![0u8; 64]);
        }
    })
}

fn object_pool(test: LeakTest) -> LeakReport {
    let mut pool: Vec<Vec<u8>> = Vec::new();
    test.run(|_| {
        let taken: Vec<_> = (0..4).map(|_| pool.pop().unwrap_or_else(|| vec![0u8; 256])).collect();
        pool.extend(taken);
    })
}

fn kept_capacity(test: LeakTest) -> LeakReport {
    let mut buffer: Vec<u8> = Vec::new();
    test.run(|i| {
        buffer.clear();
        buffer.resize(if i == 1 { 4096 } else { 16 }, 0);
    })
}

fn thread_local_buffer(test: LeakTest) -> LeakReport {
    let report = test.run(|_| BUFFER.with_borrow_mut(|buffer| buffer.resize(512, 0)));
    BUFFER.take();
    report
}

fn ending_thread_local(test: LeakTest) -> LeakReport {
    test.run(|_| thread::spawn(|| BUFFER.with_borrow_mut(|buffer| buffer.resize(300, 0))).join())
}

fn epoch_garbage(test: LeakTest) -> LeakReport {
    let mut garbage = Vec::new();
    let helper = Helper::new(move |block: Vec<u8>| {
        garbage.push(block);
        if garbage.len() == 64 {
            garbage.clear();
        }
    });
    test.run(|_| helper.send(vec![0u8; 200]))
}

fn batch(test: LeakTest, size: usize) -> LeakReport {
    let mut pending = Vec::with_capacity(size);
    test.run(|_| {
        pending.push(vec![0u8; 50]);
        if pending.len() == size {
            pending.clear();
        }
    })
}

fn freed_elsewhere(test: LeakTest) -> LeakReport {
    let helper = Helper::new(drop);
    test.run(|_| helper.send(vec![0u8; 1000]))
}

fn named_thread(test: LeakTest) -> LeakReport {
    test.run(|i| {
        let thread = thread::Builder::new().name(format!("worker {i}")).spawn(|| ()).expect("the system has a thread");
        thread.join().expect("it returns");
    })
}

fn rayon_pool(test: LeakTest) -> LeakReport {
    use rayon::prelude::*;
    test.run(|i| (0..64usize).into_par_iter().map(|one| vec![one; i % 7 + 1]).collect::<Vec<_>>())
}

fn old_big_vec(test: LeakTest) -> LeakReport {
    let mut old = vec![0u8; 16 << 20];
    test.run(|i| old.push(i as u8))
}

fn old_vecs(test: LeakTest) -> LeakReport {
    let mut old = old_vecs_of(1 << 17);
    let mut pushed = Vec::with_capacity(1 << 17);
    test.run(|i| {
        let mut vec = old.next().expect("there are enough");
        vec.push(i as u64);
        pushed.push(vec);
    })
}

fn outsider_frees(test: LeakTest) -> LeakReport {
    let helper = Helper::new(|mut block: Vec<u8>| {
        block.reserve_exact(1000);
        drop(block);
    });
    test.run(|_| helper.send_in_place_of(|| vec![0u8; 32]))
}

fn taken_over_and_freed(test: LeakTest) -> LeakReport {
    let outside = heapledger::current();
    test.run(|_| {
        let mut block = outside.run(|| vec![0u8; 32]);
        block.reserve_exact(64);
    })
}

fn pool_of_files(test: LeakTest) -> LeakReport {
    let mut files = Vec::with_capacity(8);
    test.run(|_| {
        if files.len() < 8 {
            files.push(std::fs::File::open("/dev/null").expect("it exists"));
        }
    })
}

fn logarithm(test: LeakTest) -> LeakReport {
    let mut kept = Vec::with_capacity(64);
    test.run(|i| {
        if (i + 1).is_power_of_two() {
            kept.push(vec![0u8; 100]);
        }
    })
}

/// A thread that begins in the operation and never stops allocating.
fn restless(test: LeakTest) -> LeakReport {
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut thread = None;
    let report = test.run(|_| {
        let stop = Arc::clone(&stop);
        thread.get_or_insert_with(|| {
            let spin = move || {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    drop(std::hint::black_box(vec![0u8; 10]));
                }
            };
            thread::Builder::new().name("restless".into()).spawn(spin).expect("the system has a thread")
        });
    });
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    thread.expect("it ran once").join().expect("it returns");
    report
}
