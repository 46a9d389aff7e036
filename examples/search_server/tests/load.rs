//! The server under load, over the loopback: what requests give back, and what happens under pressure.

mod client;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use client::{Client, Program};
use heapledger::LeakTest;
use search_server::{CACHE, SearchServer, serve};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

const SENTENCES: [&str; 4] = [
    "Call me Ishmael.",
    "Whenever it is a damp, drizzly November in my soul, I account it high time to get to sea.",
    "There is nothing surprising in this.",
    "Look at the crowds of water-gazers there.",
];

/// The operations of all servers are the same: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server that runs, and how to end it.
struct Running {
    server: Arc<SearchServer>,
    address: SocketAddr,
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    fn new(cache_bytes: u64) -> Self {
        let server = Arc::new(SearchServer::new(Some(cache_bytes)).expect("an index can be made"));
        let runtime = Runtime::new().expect("threads can be started");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (end, ended) = oneshot::channel();
        let served = Arc::clone(&server);
        let thread = thread::spawn(move || {
            let shutdown = async { ended.await.unwrap_or(()) };
            runtime.block_on(serve(listener, served, shutdown)).expect("it serves to its end");
        });
        Self { server, address, end, thread }
    }

    fn ends(self) {
        self.end.send(()).expect("it still runs");
        self.thread.join().expect("it ends by itself");
    }
}

/// Waits until `condition` holds.
fn holds_soon(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: {}", heapledger::report());
        thread::sleep(Duration::from_millis(1));
    }
}

fn live_of(path: &str) -> i64 {
    heapledger::snapshot().operation(path).map_or(0, |row| row.total.live_bytes)
}

#[test]
fn a_request_gives_back_all_that_it_takes() {
    let _alone = alone();
    let running = Running::new(1 << 30);
    let mut client = Client::new(running.address);
    assert_eq!(client.ask("POST /documents", &SENTENCES.join("\n")), "4 documents\n");
    assert!(client.ask("GET /search?q=sea", "").contains("drizzly November"));

    LeakTest::new("requests").whole_process().assert(|_| client.ask("GET /search?q=sea", "").len());
    drop(client);
    running.ends();
}

#[test]
fn a_cache_that_nobody_empties_is_found_at_its_line() {
    let _alone = alone();
    let running = Running::new(1 << 30);
    let mut client = Client::new(running.address);
    client.ask("POST /documents", &SENTENCES.join("\n"));

    let test = LeakTest::new("searches").whole_process();
    let report = test.run(|i| client.ask(&format!("GET /search?q=sea+OR+word{i}"), "").len());
    assert!(!report.passes(), "{report}");
    let line =
        |line: &str| line.starts_with("  lines ") && line.contains("src/engine.rs:") && line.contains("Cache::insert");
    assert!(report.to_string().lines().any(line), "{report}");
    drop(client);
    running.ends();
}

#[test]
fn the_cache_is_emptied_under_pressure() {
    let _alone = alone();
    let limit = 256 << 10;
    let running = Running::new(limit);
    let mut client = Client::new(running.address);
    client.ask("POST /documents", &SENTENCES.join("\n"));
    let mut asked = 0;
    while running.server.relieved() == 0 {
        client.ask(&format!("GET /search?q=sea+OR+word{asked}"), "");
        asked += 1;
        assert!(asked < 100_000, "{} B in the cache, and nobody was called", live_of(CACHE));
    }
    holds_soon("the cache is empty", || live_of(CACHE) < limit as i64);
    drop(client);
    running.ends();
}

#[test]
fn it_tells_what_it_owns_while_it_runs() {
    let _alone = alone();
    let running = Running::new(1 << 30);
    let mut client = Client::new(running.address);
    client.ask("POST /documents", &SENTENCES.join("\n"));
    client.ask("GET /search?q=nothing", "");
    let metrics = client.ask("GET /metrics", "");
    assert!(metrics.contains("heapledger_operation_live_bytes{operation=\"search/cache\"} "), "{metrics}");
    assert!(metrics.contains("# TYPE heapledger_operation_allocs_total counter\n"), "{metrics}");
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2";
    assert!(client.ask_for(accept, "GET /metrics", "").ends_with("\n# EOF\n"));
    assert!(client.ask("GET /debug/memory", "").contains("live"));
    let page = client.ask("GET /debug/heap", "");
    assert!(page.starts_with("<!doctype html>") && page.contains("index"), "{page}");
    drop(client);
    running.ends();
}

#[test]
fn what_was_begun_is_answered_before_it_ends() {
    let _alone = alone();
    let running = Running::new(1 << 30);
    let mut client = Client::new(running.address);
    let lines = SENTENCES.join("\n");
    client.begin("POST /documents", lines.len());
    running.end.send(()).expect("it still runs");
    assert_eq!(client.finish(&lines), "4 documents\n");
    running.thread.join().expect("it ends by itself");
}

#[test]
fn both_programs_answer_and_end_when_they_are_asked_to() {
    let _alone = alone();
    for program in [env!("CARGO_BIN_EXE_search_server"), env!("CARGO_BIN_EXE_search_server_plain")] {
        let (mut server, mut client) = Program::start(program, &[]);
        assert!(client.ask("GET /search?q=allocator", "").contains("allocator"));
        drop(client);
        let asked = Command::new("kill").arg(server.0.id().to_string()).status();
        assert!(asked.expect("it is everywhere").success());
        let ended = server.0.wait().expect("it is ours");
        assert!(ended.success(), "{program}: {ended}");
    }
}
