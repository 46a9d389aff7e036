//! Time never turns growth into a leak, nor a leak into a pass: caches, tables and pools that take their time to fill,
//! and leaks of few events, in work that is slow or has neighbours. Run it with `nice` and beside busy loops, too.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::{Condvar, LazyLock, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use heapledger::{LeakReport, LeakTest, Verdict};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Work that takes so long, computing.
fn work(micros: u64) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_micros(micros) {}
}

/// A cache that is full after so many iterations, in work that takes so many microseconds.
fn slow_cache(entries: usize, micros: u64) -> LeakReport {
    let mut cache: HashMap<usize, Vec<u8>> = HashMap::new();
    LeakTest::new("slow cache").run(|i| {
        work(micros);
        cache.entry(i % entries).or_insert_with(|| vec![0; 64]).len()
    })
}

/// Sessions in tables whose hashes are random: each table grows when chance fills it.
fn table_churn(count: usize) -> LeakReport {
    let mut tables: Vec<HashMap<u64, String>> = (0..count).map(|_| HashMap::new()).collect();
    let random = std::hash::RandomState::new();
    let at = move |key: u64| std::hash::BuildHasher::hash_one(&random, key) as usize % count;
    LeakTest::new("sessions").run(|i| {
        let (i, rush) = (i as u64, i as u64 % 300);
        for one in 0..4 {
            let key = i * 4 + one;
            tables[at(key)].insert(key, format!("session {one}"));
        }
        if rush == 299 {
            tables.iter_mut().for_each(|table| table.retain(|_, _| false));
        } else if rush > 120 {
            for one in 0..4 {
                let key = (i - 120) * 4 + one;
                tables[at(key)].remove(&key);
            }
        }
    })
}

/// One container that grows by an element in each iteration, and so doubles.
fn doubling<T>(micros: u64, mut push: impl FnMut(&mut T, usize), mut container: T) -> LeakReport {
    LeakTest::new("doubles").run(|i| {
        thread::sleep(Duration::from_micros(micros));
        push(&mut container, i);
    })
}

fn assert_passes(report: &LeakReport) {
    assert!(
        report.passes() && matches!(report.verdict(), Verdict::Bounded { .. } | Verdict::WarmUp { .. }),
        "{report}"
    );
}

fn bytes_of_leak(report: &LeakReport) -> f64 {
    let Verdict::Leak { bytes_per_iteration, .. } = *report.verdict() else { panic!("{report}") };
    bytes_per_iteration
}

#[test]
fn a_cache_that_fills_in_slow_work_is_bounded() {
    for (entries, micros) in [(1_500, 100), (1_500, 300), (200, 1_000)] {
        assert_passes(&slow_cache(entries, micros));
    }
}

#[test]
fn tables_that_double_by_chance_are_bounded() {
    for tables in [8, 5] {
        assert_passes(&table_churn(tables));
    }
}

#[test]
fn a_container_that_doubles_is_a_leak_however_few_windows_there_is_time_for() {
    let vec = doubling(25_000, |vec: &mut Vec<[usize; 2]>, i| vec.push([i; 2]), Vec::new());
    assert_eq!(bytes_of_leak(&vec), 16.0, "{vec}");
    let text = vec.to_string();
    assert!(text.contains("\n  rests on 2 growth events in the last two windows: a limit ended the run"), "{text}");
}

#[test]
fn a_rare_leak_is_found_however_quick_the_work_is() {
    for every in [3_000, 1_900] {
        // Time enough for all iterations also where other processes take the processor away.
        let report = LeakTest::new("rare").lines(false).time(Duration::from_secs(10)).run(|i| {
            if i % every == every - 1 {
                mem::forget(vec![0u8; 100]);
            }
        });
        let expected = 100.0 / every as f64;
        assert!((bytes_of_leak(&report) - expected).abs() < 0.05 * expected, "{report}");
    }
}

/// A pool whose threads start as they are needed, and stay.
static LEFT: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

fn leave_a_thread() {
    let wait = || {
        let open = LEFT.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(LEFT.1.wait_while(open, |open| !*open).unwrap_or_else(PoisonError::into_inner));
    };
    drop(thread::Builder::new().name("pooled".into()).spawn(wait).expect("a thread can start"));
}

fn end_threads() {
    *LEFT.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    LEFT.1.notify_all();
}

#[test]
fn a_pool_that_starts_few_threads_is_bounded_and_one_thread_each_is_a_leak() {
    if !cfg!(all(feature = "threads", target_os = "linux", target_env = "gnu")) {
        return;
    }
    let few = LeakTest::new("few").run(|i| {
        if [10, 30, 40, 80, 90, 100].contains(&i) {
            leave_a_thread();
        }
        thread::sleep(Duration::from_millis(10));
    });
    assert_passes(&few);
    let mut started = 0;
    let filling = LeakTest::new("up to 64").run(|i| {
        if i % 3 == 0 && started < 64 {
            started += 1;
            leave_a_thread();
        }
    });
    assert_passes(&filling);
    let each = LeakTest::new("one each").run(|_| leave_a_thread());
    // On a busy machine the last ones have not begun when a window ends.
    let Verdict::Leak { threads_per_iteration, .. } = *each.verdict() else { panic!("{each}") };
    let is_one_each = (0.8..=1.2).contains(&threads_per_iteration);
    assert!(is_one_each && each.iterations() == 2 + 16 + 32 + 64, "{each}");
    end_threads();
}

#[test]
fn threads_that_end_half_a_second_later_are_no_leak_whenever_a_window_ends() {
    // Some windows leave many of them, others none.
    let report = LeakTest::new("lingering").iterations(4).run(|i| {
        if (i + 1).ilog2() % 2 == 1 {
            let held = vec![0u8; 1000];
            drop(thread::spawn(move || thread::sleep(Duration::from_millis(500 + held.len() as u64 / 1000))));
        }
        work(3_000);
    });
    assert!(report.passes(), "{report}");
    assert_eq!(report.threads(), &[] as &[String], "{report}");
}

/// A pool that starts a thread whenever it sees no idle one, 64 at most. A busy machine is slow to say that threads are
/// idle, so that the pool goes on filling.
#[derive(Default)]
struct Bursts {
    pool: Mutex<Pool>,
    wakes: Condvar,
}

#[derive(Default)]
struct Pool {
    jobs: VecDeque<mpsc::Sender<usize>>,
    idle: usize,
    woken: usize,
    threads: usize,
}

impl Bursts {
    fn submit(&'static self, job: mpsc::Sender<usize>) {
        let mut pool = self.pool.lock().expect("nobody panics");
        pool.jobs.push_back(job);
        if pool.idle > 0 {
            pool.idle -= 1;
            pool.woken += 1;
            self.wakes.notify_one();
        } else if pool.threads < 64 {
            pool.threads += 1;
            thread::spawn(|| self.serve());
        }
    }

    fn serve(&self) {
        let mut pool = self.pool.lock().expect("nobody panics");
        loop {
            while let Some(job) = pool.jobs.pop_front() {
                drop(pool);
                job.send(vec![1u8; 1000].len()).expect("it is awaited");
                pool = self.pool.lock().expect("nobody panics");
            }
            pool.idle += 1;
            pool = self.wakes.wait_while(pool, |pool| pool.woken == 0).expect("nobody panics");
            pool.woken -= 1;
        }
    }
}

#[test]
fn a_pool_that_fills_when_threads_are_slow_to_be_idle_is_bounded() {
    static POOL: LazyLock<Bursts> = LazyLock::new(Bursts::default);
    let report = LeakTest::new("bursts").run(|i| {
        let burst = 1 + (i % 40) / 8;
        let (done, results) = mpsc::channel();
        (0..burst).for_each(|_| POOL.submit(done.clone()));
        drop(done);
        assert_eq!(results.iter().count(), burst);
    });
    assert_passes(&report);
}

#[test]
fn a_warm_up_that_leaves_no_room_for_three_windows_panics_at_once() {
    for (warmup, first) in [(1_048_570, 16), (200_000, 131_072), (u64::MAX, 1), (1_048_576 - 111, 16)] {
        let mut runs = 0;
        let run = std::panic::AssertUnwindSafe(|| {
            LeakTest::new("no room").warmup(warmup).iterations(first).assert(|_| runs += 1);
        });
        let panic = std::panic::catch_unwind(run).expect_err("there is no verdict");
        let said = panic.downcast_ref::<String>().expect("it says why");
        assert!(said.contains("leak test \"no room\" would have no verdict"), "{said}");
        assert_eq!(runs, 0);
    }
    let fits = LeakTest::new("room").warmup(1_048_576 - 112).iterations(16).run(|_| mem::forget(vec![0u8; 1]));
    assert!(!fits.passes(), "{fits}");
}

#[test]
fn no_time_is_too_long() {
    for time in [Duration::MAX, Duration::from_secs(u64::MAX / 2)] {
        let test = LeakTest::new("ages").warmup(1_048_576 - 112).time(time);
        assert_eq!(*test.run(|_| ()).verdict(), Verdict::Clean);
    }
}
