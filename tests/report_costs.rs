//! What each form of a large report takes: 10,000 operations and as many call stacks, of 20 functions each.
//!
//! cargo test --release --manifest-path fixtures/alone/Cargo.toml --features pprof --test report_costs -- --nocapture

#![cfg(not(miri))]

use std::fmt::Write;
use std::time::{Duration, Instant};

use heapledger::{Report, measure};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

const COUNT: u32 = 10_000;
/// Of one stack.
const DEPTH: u32 = 20;
/// In bytes, of any form.
const MOST: u64 = 100_000_000;
/// Each form is made so often; the fastest counts, as neighbours only ever slow it down.
const ROUNDS: u32 = 5;

/// A list, without the brackets.
fn list(count: u32, mut entry: impl FnMut(u32) -> String) -> String {
    (0..count).map(|at| entry(at) + if at + 1 < count { "," } else { "" }).collect()
}

/// A report in which every operation has a stack that no other has, and all of it lives.
fn large() -> String {
    let mut text = format!(
        r#"{{"schema":2,"heapledger":"0.1.0","processes":1,"difference":false,"process_bytes":{},"process_peak_error":0,
        "misnested":0,"refused":0,"foreign":0,"shards":1,"shard_bytes":1,"#,
        COUNT * 64
    );
    let zero = "frees freed_bytes reallocs others_frees others_freed_bytes freed_elsewhere_blocks freed_elsewhere_bytes \
                taken_over_blocks taken_over_bytes given_away_blocks given_away_bytes";
    let zero: String = zero.split_whitespace().map(|name| format!(r#""{name}":0,"#)).collect();
    let tally = format!(r#"{{"allocs":1,"allocated_bytes":64,{zero}"live_blocks":1,"live_bytes":64}}"#);
    let rows = list(COUNT, |at| {
        let path = format!("service/{}/request_{at}", at % 100);
        format!(r#"{{"path":"{path}","scopes":1,"threads":1,"peak_error":0,"own":{tally},"total":{tally}}}"#)
    });
    let strings = list(1_050, |at| match at {
        ..1_000 => format!(r#""app::module_{}::Type::function_{at}""#, at % 50),
        _ => format!(r#""src/module_{at}.rs""#),
    });
    let frames = list(COUNT, |at| {
        let (function, file, line) = (at % 1_000, 1_000 + at % 50, at + 1);
        format!(r#"{{"function":{function},"file":{file},"line":{line},"column":9,"origin":0}}"#)
    });
    let stacks = list(COUNT, |at| {
        let frames = list(DEPTH, |depth| ((at * 7 + depth * 31) % COUNT).to_string());
        format!(r#"{{"kind":"complete","frames":[{frames}]}}"#)
    });
    let operations = list(COUNT, |at| {
        let path = format!("service/{}/request_{at}", at % 100);
        let charged = r#""allocs":1,"allocated_bytes":64,"live_blocks":1,"live_bytes":64"#;
        format!(r#"{{"path":"{path}","stacks":[{{"stack":{at},{charged}}}]}}"#)
    });
    write!(
        text,
        r#""rows":[{rows}],"stacks":{{"strings":[{strings}],"origins":[{{"kind":"workspace"}}],"modules":[],
        "frames":[{frames}],"stacks":[{stacks}],"operations":[{operations}]}}}}"#
    )
    .expect("a string takes all");
    text
}

#[test]
fn no_form_of_a_large_report_takes_much_memory() {
    let report = Report::from_json(&large()).expect("it can be read");
    assert_eq!(report.total().live_bytes, i64::from(COUNT) * 64);
    type Form = (&'static str, fn(&Report) -> usize);
    let forms: [Form; 10] = [
        (".txt", |report| report.to_string().len()),
        (".json", |report| report.to_json().len()),
        (".html", |report| report.to_html().len()),
        (".folded", |report| report.to_folded().len()),
        (".speedscope.json", |report| report.to_speedscope().len()),
        (".dhat.json", |report| report.to_dhat().len()),
        (".md", |report| report.to_markdown().len()),
        (".prom", |report| report.to_prometheus().len()),
        (".openmetrics", |report| report.to_openmetrics().len()),
        (".pb.gz", |report| report.to_pprof().len()),
    ];
    println!("{COUNT} operations, as many stacks of {DEPTH} functions       ms   peak MB   file MB");
    for (name, form) in forms {
        let (mut fastest, mut peak, mut size) = (Duration::MAX, 0, 0);
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let (length, tally) = measure(name, || form(&report));
            fastest = fastest.min(began.elapsed());
            (peak, size) = (tally.peak_bytes.expect("it ran"), length);
        }
        let [peak_mb, size_mb] = [peak as f64 / 1e6, size as f64 / 1e6];
        println!("{name:<50} {:>8.1} {peak_mb:>9.1} {size_mb:>9.2}", fastest.as_secs_f64() * 1e3);
        assert!(peak < MOST && size > 0, "{name}: {peak} bytes at the peak");
    }
}
