//! The lines of a report, from findings that are made up.

use super::*;
use crate::judging::leak::bare_findings;
use crate::words::Site;

fn place(path: &str) -> Placed {
    Placed { path: path.into(), site: Some(Site { file: "src/lib.rs".into(), line: 97, column: 5 }) }
}

fn leaking(bytes_per_iteration: f64, blocks_per_iteration: f64) -> Findings {
    let verdict = Verdict::Leak {
        bytes_per_iteration,
        blocks_per_iteration,
        exact: false,
        threads_per_iteration: 0.0,
        files_per_iteration: 0.02,
    };
    Findings {
        iterations: 4_082,
        windows: 8,
        last_window: 2_048,
        growing: vec![Growth {
            operation: place("search/history"),
            live: Live { bytes: 98_304, blocks: 4_096 },
            rate: Rate { bytes: 48.0, blocks: 2.0 },
        }],
        unattributed: Live { bytes: -1536, blocks: -3 },
        unattributed_rate: Rate { bytes: -0.75, blocks: 0.0 },
        ended_threads: 1,
        gave_back: Some((place("neighbour"), Live { bytes: -64, blocks: -1 })),
        counts_threads: true,
        ..bare_findings("search", verdict)
    }
}

fn line(found: &Findings, head: &str) -> Option<String> {
    let mut text = String::new();
    leak(found, &mut text).expect("a string takes everything");
    text.lines().find(|line| line.trim_start().starts_with(head)).map(|line| line.trim_start().to_string())
}

#[test]
fn growth_has_its_place_its_figures_and_the_size_of_its_blocks() {
    let mut found = leaking(48.0, 2.0);
    let over = "over the last 2,048 iterations";
    let total = "96.0 KiB (98,304 B) in 4,096 blocks, 24 B a block on average,";
    let grows = format!("grows    search/history (src/lib.rs:97) by 48 B in 2 blocks per iteration; {total} {over}");
    assert_eq!(line(&found, "grows"), Some(grows));
    found.verdict = Verdict::Clean;
    assert_eq!(line(&found, "grows"), Some(format!("grows    search/history (src/lib.rs:97) by {total} {over}")));
    found.growing[0].operation.site = None;
    found.growing[0].live = Live { bytes: 98_305, blocks: 4_096 };
    let uneven = format!("grows    search/history by 96.0 KiB (98,305 B) in 4,096 blocks {over}");
    assert_eq!(line(&found, "grows"), Some(uneven));
}

#[test]
fn what_a_test_did_not_see_is_a_warning() {
    let warning = |warning| line(&Findings { warnings: vec![warning], ..leaking(48.0, 2.0) }, "warning");
    let unsure = Warning::OutsideUnsure { operation: place("pool"), last_window: Live { bytes: 64, blocks: 4 } };
    let said = "warning  outside, pool (src/lib.rs:97) grew by 64 B in 4 blocks in the last window, too little or too \
                unevenly to tell whether the test does it";
    assert_eq!(warning(unsure), Some(said.into()));
    let said = "warning  the process could open no more files: whatever would have been opened is not seen";
    assert_eq!(warning(Warning::NoMoreFiles), Some(said.into()));
    let passes = |warnings| line(&Findings { warnings, ..bare_findings("search", Verdict::Clean) }, "next");
    let see = "next     see whether the warning is the test's doing; `.strict()` makes it fail";
    assert_eq!(passes(vec![Warning::NoMoreFiles]), Some(see.into()));
    assert!(passes(Vec::new()).is_some_and(|next| next.starts_with("next     nothing to do")));
}

#[test]
fn a_neighbour_that_ended_is_said_to_be_what_moved() {
    let mut found = leaking(48.0, 2.0);
    let moved = "outside  (unattributed) moved by -1.50 KiB (-1,536 B) in -3 blocks over the last 2,048 iterations";
    let ended = format!("{moved}: 1 thread of others ended meanwhile, as a neighbour test's does");
    let gave = format!("{ended}; neighbour (src/lib.rs:97) moved by -64 B in -1 block");
    assert_eq!(line(&found, "outside"), Some(gave));
    found.gave_back = None;
    assert_eq!(line(&found, "outside"), Some(ended));
    found.ended_threads = 0;
    assert_eq!(line(&found, "outside"), Some(moved.into()));
    found.ended_threads = 1;
    found.unattributed = Live { bytes: 2_048, blocks: 0 };
    found.unattributed_rate = Rate { bytes: 1.0, blocks: 0.0 };
    let grew = "outside  (unattributed) moved by 2.00 KiB (2,048 B) in 0 blocks over the last 2,048 iterations, 1 B per \
                iteration, in blocks that grow";
    assert_eq!(line(&found, "outside"), Some(grew.into()));
}

#[test]
fn what_is_left_over_is_said_from_one_part_in_a_hundred_on() {
    let rest = |bytes, blocks| line(&Findings { left_over: Rate { bytes, blocks }, ..leaking(100.0, 1.0) }, "rest");
    assert_eq!(rest(1.0, 0.01), None);
    let owned = "rest     1.50 B per iteration, in blocks that grow: it is owned outside the operations of the test";
    assert_eq!(rest(1.5, 0.0), Some(owned.into()));
    assert!(rest(0.0, 0.02).is_some());
    let less = "rest     -2 B per iteration, in blocks that grow: others gave back as much";
    assert_eq!(rest(-2.0, 0.0), Some(less.into()));
}

#[test]
fn the_sentence_tells_memory_in_c_and_rare_files_and_what_is_beyond_the_bounds() {
    let mut found = leaking(56.0, 1.0);
    found.c_heap = 48.0;
    let c = "about 48 B per iteration outside the Rust heap, in C code";
    let files = "1 open file every 50 iterations";
    assert_eq!(sentence(&found), format!("LEAK: it leaves about 8 B in 1 block per iteration, {files}, {c}"));
    found.verdict = Verdict::Clean;
    found.beyond = Beyond { threads: Some((4, 3)), files: None };
    let more = "and 4 running threads more than before, MORE than the 3 that are allowed";
    assert_eq!(sentence(&found), format!("clean: every iteration gives back what it takes, {more}"));
}
