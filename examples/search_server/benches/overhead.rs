//! What heapledger costs this server: `search_server` against `search_server_plain`, which has std's own allocator,
//! both asked the same over the loopback, in turn: what else the machine does meanwhile meets both.
//!
//! ```text
//! cargo bench    # 15 rounds and one to warm up
//! ```
//!
//! CPU time is what Linux says of each process, in steps of 10 ms. The ratio of a round is that of CPU times, and of
//! wall times the median over its turns. Of the rounds' ratios the median is shown, and the interval that has the true
//! one with 96 %.

#[path = "../tests/client/mod.rs"]
mod client;

use std::fs;
use std::time::Instant;

use client::Program;

const ROUNDS: usize = 15;
/// So many ratios lie outside the interval on each side: with 15 rounds, the true median is below the fourth one with
/// 1.8 %, and above the fourth last with as much.
const OUTSIDE: usize = 3;
/// Nobody empties the cache: both do the same.
const CACHE_BYTES: &str = "1000000000";
/// In each round, of each server. Every word is asked for twice, so half the answers come from the cache.
const REQUESTS: usize = 20_000;
/// So many of them until the other one has its turn.
const IN_TURN: usize = 500;

/// The CPU time of all threads of a process so far, in ms.
fn cpu_ms(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    let (_, fields) = stat.rsplit_once(") ").expect("the name is in parentheses");
    let ticks = |at| fields.split(' ').nth(at).and_then(|field| field.parse::<f64>().ok()).expect("a number");
    10.0 * (ticks(11) + ticks(12))
}

/// What a round took both.
struct Compared {
    ms: [f64; 2],
    ratio: f64,
}

/// Wall time and CPU time of one round.
fn round(programs: [&str; 2]) -> [Compared; 2] {
    let mut started = programs.map(|program| Program::start(program, &[CACHE_BYTES]));
    let [plain, ledger] = &mut started;
    let search = "GET /search?q=allocator";
    assert_eq!(plain.1.ask(search, ""), ledger.1.ask(search, ""), "both find the same");
    let before = [&plain.0, &ledger.0].map(|server| cpu_ms(server.0.id()));
    let mut turns = Vec::new();
    for turn in 0..REQUESTS / IN_TURN {
        let mut ms = [0.0; 2];
        // Each is the first in every second turn.
        for who in [turn % 2, 1 - turn % 2] {
            let begun = Instant::now();
            for number in turn * IN_TURN..(turn + 1) * IN_TURN {
                started[who].1.ask(&format!("{search}+OR+word{}", number / 2), "");
            }
            ms[who] = begun.elapsed().as_secs_f64() * 1e3;
        }
        turns.push(ms);
    }
    let cpu = [0, 1].map(|who| cpu_ms(started[who].0.0.id()) - before[who]);
    let wall = [0, 1].map(|who| turns.iter().map(|ms| ms[who]).sum());
    let ratios = sorted(turns.iter().map(|[plain, ledger]| ledger / plain));
    [Compared { ms: wall, ratio: ratios[ratios.len() / 2] }, Compared { ms: cpu, ratio: cpu[1] / cpu[0] }]
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values = Vec::from_iter(values);
    values.sort_unstable_by(f64::total_cmp);
    values
}

fn main() {
    let programs = [env!("CARGO_BIN_EXE_search_server_plain"), env!("CARGO_BIN_EXE_search_server")];
    let mut rounds = Vec::new();
    for number in 0..=ROUNDS {
        let [wall, cpu] = round(programs);
        eprintln!("round {number} of {ROUNDS}: {:.3} of the wall time, {:.3} of the CPU time", wall.ratio, cpu.ratio);
        // The first warms up.
        if number > 0 {
            rounds.push([wall, cpu]);
        }
    }
    println!("{ROUNDS} rounds of {REQUESTS} requests each");
    println!("{:<12}{:>12}{:>12}    ratio", "median", "System", "heapledger");
    for (at, name) in ["wall time", "CPU time"].into_iter().enumerate() {
        let median = |who: usize| format!("{:.0} ms", sorted(rounds.iter().map(|both| both[at].ms[who]))[ROUNDS / 2]);
        let ratios = sorted(rounds.iter().map(|both| both[at].ratio));
        let [lowest, ratio, highest] = [OUTSIDE, ROUNDS / 2, ROUNDS - 1 - OUTSIDE].map(|at| ratios[at]);
        println!("{name:<12}{:>12}{:>12}    {ratio:.3} ({lowest:.3} to {highest:.3})", median(0), median(1));
    }
}
