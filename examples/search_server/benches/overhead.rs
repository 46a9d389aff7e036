//! What heapledger costs this server: `search_server` against `search_server_plain`, which has std's own allocator,
//! both asked the same over the loopback, in turn.
//!
//! ```text
//! cargo bench    # 15 rounds and one to warm up
//! ```
//!
//! CPU time is what Linux says of each process, in steps of 10 ms. A ratio is taken in each round; the median is shown,
//! with the lowest and the highest.

#[path = "../tests/client/mod.rs"]
mod client;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use client::Client;

const ROUNDS: usize = 15;
/// In each round, of each server. Every word is asked for twice, so half the answers come from the cache.
const REQUESTS: usize = 20_000;

/// A server, which ends with the round.
struct Server(Child);

impl Server {
    fn start(program: &str) -> (Self, Client) {
        let started = Command::new(program).arg("127.0.0.1:0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = started.expect("it can be started");
        let mut line = String::new();
        let said = child.stdout.as_mut().expect("it is piped");
        BufReader::new(said).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("listening on http://").expect("it says where it listens");
        let client = Client::new(address.parse().expect("it is an address"));
        (Self(child), client)
    }

    /// The CPU time of all its threads so far, in ms.
    fn cpu_ms(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).expect("it runs");
        let (_, fields) = stat.rsplit_once(") ").expect("the name is in parentheses");
        let ticks = |at| fields.split(' ').nth(at).and_then(|field| field.parse::<f64>().ok()).expect("a number");
        10.0 * (ticks(11) + ticks(12))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.0.kill().and_then(|()| self.0.wait());
        ended.expect("it can be ended");
    }
}

/// What the requests of one round took: ms in all, ms of CPU time.
fn round(program: &str) -> [f64; 2] {
    let (server, mut client) = Server::start(program);
    client.ask("GET /search?q=allocator", "");
    let (cpu, begun) = (server.cpu_ms(), Instant::now());
    for number in 0..REQUESTS {
        client.ask(&format!("GET /search?q=allocator+OR+word{}", number / 2), "");
    }
    [begun.elapsed().as_secs_f64() * 1e3, server.cpu_ms() - cpu]
}

fn main() {
    let programs = [env!("CARGO_BIN_EXE_search_server_plain"), env!("CARGO_BIN_EXE_search_server")];
    let mut rounds = Vec::new();
    for number in 0..=ROUNDS {
        let both = programs.map(round);
        eprintln!("round {number} of {ROUNDS}: {:.0} ms, {:.0} ms", both[0][0], both[1][0]);
        // The first warms up.
        if number > 0 {
            rounds.push(both);
        }
    }
    println!("{ROUNDS} rounds of {REQUESTS} requests each");
    println!("{:<12}{:>12}{:>12}    ratio", "median", "System", "heapledger");
    for (at, name) in ["wall time", "CPU time"].into_iter().enumerate() {
        let median = |figure: &dyn Fn(&[[f64; 2]; 2]) -> f64| {
            let mut all: Vec<f64> = rounds.iter().map(figure).collect();
            all.sort_unstable_by(f64::total_cmp);
            (all[0], all[all.len() / 2], all[all.len() - 1])
        };
        let [(_, plain, _), (_, ledger, _)] = [0, 1].map(|who| median(&|both| both[who][at]));
        let (lowest, ratio, highest) = median(&|both| both[1][at] / both[0][at]);
        println!(
            "{name:<12}{:>12}{:>12}    {ratio:.3} ({lowest:.3} to {highest:.3})",
            format!("{plain:.0} ms"),
            format!("{ledger:.0} ms"),
        );
    }
}
