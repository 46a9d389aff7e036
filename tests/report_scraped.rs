//! A real Prometheus scrapes a report's metrics over the loopback: what it answers is what the report has.

#![cfg(all(target_os = "linux", not(miri)))]

#[path = "common/charged.rs"]
mod charged;
#[path = "common/reader.rs"]
mod reader;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::thread;
use std::time::Instant;

use charged::{HOSTILE, TOTALS, report};
use reader::{PATIENCE, Server, has};
use serde_json::Value;

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Answers every request with the metrics, as a service does: as OpenMetrics where that is asked for. Below `/text` it
/// knows nothing of that.
fn serve(listener: TcpListener) {
    for stream in listener.incoming() {
        let mut stream = stream.expect("somebody connects");
        let lines = BufReader::new(&stream).lines().map_while(Result::ok);
        // The head of the request ends with an empty line.
        let head = Vec::from_iter(lines.take_while(|line| !line.is_empty()).map(|line| line.to_ascii_lowercase()));
        let is_asked = |line: &String| line.starts_with("accept:") && line.contains("application/openmetrics-text");
        let (kind, metrics) = match head.first().is_some_and(|line| !line.starts_with("get /text")) {
            true if head.iter().any(is_asked) => {
                ("application/openmetrics-text; version=1.0.0; charset=utf-8", report().to_openmetrics())
            }
            _ => ("text/plain; version=0.0.4", report().to_prometheus()),
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\nContent-Length: ");
        // Whoever asked may have gone.
        let _ = write!(stream, "{head}{}\r\n\r\n{metrics}", metrics.len());
    }
}

/// What is asked for, each below a path of its name.
const JOBS: [&str; 2] = ["text", "openmetrics"];

struct Prometheus {
    process: Server,
    address: SocketAddr,
    /// What it keeps.
    _folder: Rc<tempfile::TempDir>,
}

impl Prometheus {
    /// One that scrapes this address, as each of the [`JOBS`]. Another program may take the port that it is to have;
    /// then there is another try.
    fn scraping(target: SocketAddr) -> Self {
        let folder = Rc::new(tempfile::tempdir().expect("a folder can be made"));
        let file = folder.path().join("prometheus.yml");
        let job = |name: &str| {
            format!(
                "- job_name: {name}\n  metrics_path: /{name}\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  \
                 static_configs:\n  - targets: ['{target}']\n"
            )
        };
        std::fs::write(&file, format!("scrape_configs:\n{}", JOBS.map(job).concat())).expect("it can be written");
        let began = Instant::now();
        loop {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
            let address = free.local_addr().expect("it is bound");
            drop(free);
            let mut command = Command::new("prometheus");
            command.arg(format!("--config.file={}", file.display()));
            command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
            command.arg(format!("--web.listen-address={address}"));
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let process = Server(command.spawn().expect("it is there"));
            let mut made = Self { process, address, _folder: folder.clone() };
            while made.process.0.try_wait().expect("it is ours").is_none() {
                if get(address, "/-/ready").is_some_and(|said| said.split(' ').nth(1) == Some("200")) {
                    return made;
                }
                assert!(began.elapsed() < PATIENCE, "it never was ready");
                thread::yield_now();
            }
        }
    }

    /// What it answers to a question, as soon as that is not nothing.
    fn says(&self, question: &str, list: impl Fn(&Value) -> &Value) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let said = get(self.address, question).expect("it listens");
            let (_, body) = said.split_once("\r\n\r\n").expect("it has a head");
            let answer: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {said}"));
            let results = list(&answer["data"]).as_array().expect("it is a list");
            if !results.is_empty() {
                return results.clone();
            }
            assert!(began.elapsed() < PATIENCE, "it never had an answer to {question}");
            thread::yield_now();
        }
    }

    /// The values of a metric, each with the operation that it is of; their sum alone where it is asked for.
    fn values(&self, job: &str, metric: &str, sum: bool) -> Vec<(Option<String>, i64)> {
        let function = if sum { "sum" } else { "" };
        let question = format!("/api/v1/query?query={function}(heapledger_operation_{metric}%7Bjob=%22{job}%22%7D)");
        let of = |result: &Value| result["metric"]["operation"].as_str().map(String::from);
        let value = |result: &Value| result["value"][1].as_str().and_then(|value| value.parse().ok());
        let results = self.says(&question, |data| &data["result"]);
        results.iter().map(|result| (of(result), value(result).expect("it is whole"))).collect()
    }

    /// The unit that it was told of a metric.
    fn unit(&self, job: &str, metric: &str) -> String {
        let target = format!("match_target=%7Bjob=%22{job}%22%7D");
        let question = format!("/api/v1/targets/metadata?{target}&metric=heapledger_operation_{metric}");
        self.says(&question, |data| data)[0]["unit"].as_str().expect("it is text").into()
    }
}

/// The whole answer; `None` where nobody listens yet.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut said = String::new();
    stream.read_to_string(&mut said).ok()?;
    Some(said)
}

#[test]
fn prometheus_has_what_the_report_has() {
    if !has("prometheus", &["--version"]) {
        return;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    // It ends with the test.
    thread::spawn(move || serve(listener));
    let prometheus = Prometheus::scraping(address);
    let hostile = HOSTILE.replace('\n', "\\n").replace('\u{1b}', "\\u{1b}").replace('\u{202e}', "\\u{202e}");
    let names = ["allocs_total", "allocated_bytes_total", "live_blocks", "live_bytes"];
    for (job, unit) in JOBS.into_iter().zip(["", "bytes"]) {
        for (name, total) in names.into_iter().zip(TOTALS) {
            assert_eq!(prometheus.values(job, name, true), [(None, total)], "{name} of {job}");
        }
        let live = prometheus.values(job, "live_bytes", false);
        let of =
            |operation: &str| live.iter().find(|(of, _)| of.as_deref() == Some(operation)).map(|(_, value)| *value);
        assert_eq!(of("build/commit"), Some(1_000));
        assert_eq!((of(&hostile), live.len()), (Some(57), report().rows().len()), "{live:?}");
        // Only OpenMetrics has units.
        assert_eq!(prometheus.unit(job, "live_bytes"), unit, "{job}");
    }
}
