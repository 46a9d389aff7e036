//! Call stacks and classes of sizes against a naive model. Threads allocate, resize and free through planted functions,
//! in operations that are captured and one that is not; a map says what every path of functions must have allocated, in
//! blocks of which size, and what of it lives. The operations' own figures must not know of it at all.

#![cfg(all(feature = "lines", target_os = "linux", target_arch = "x86_64", not(miri)))]

mod common;
/// Programs, their model and its judges.
#[path = "stacks_oracle/program.rs"]
mod program;

use common::{Random, alone};
use heapledger::capture;
use program::{ALIGN, Model, NAMES, Run, Step, THREADS, judge, judge_samples, learn, paths};

const ROUNDS: usize = 4;
const STEPS: usize = if cfg!(debug_assertions) { 400 } else { 4_000 };
/// Blocks that one thread may hold.
const SLOTS: usize = 40;

/// Runs programs, and has what they did so far judged again and again.
fn run(judge: impl Fn(&heapledger::Snapshot, &Model)) {
    for seed in 0..3 {
        let mut random = Random::new(seed);
        let mut run = Run::begin(SLOTS);
        let paths = paths();
        for _ in 0..ROUNDS {
            let programs: Vec<Vec<Step>> = (0..THREADS)
                .map(|_| {
                    let mut step = || Step {
                        operation: random.below(NAMES.len()),
                        path: paths[random.below(paths.len())].clone(),
                        slot: random.below(SLOTS),
                        size: if random.below(3) == 0 { 0 } else { ALIGN + random.below(3_000) },
                    };
                    (0..STEPS).map(|_| step()).collect()
                })
                .collect();
            run.round(&programs, &judge);
        }
        run.end(&judge);
    }
}

#[test]
fn every_stack_has_what_a_naive_model_says_and_no_operation_notices() {
    let _alone = alone();
    let _captures = [capture(NAMES[0]), capture("planted_t*")];
    let known = learn();
    run(|diff, model| judge(&known, diff, model));
}

#[test]
fn samples_add_up_to_what_a_naive_model_says_in_every_class() {
    let _alone = alone();
    let _capture = capture("planted*").every(10_000).seed(3);
    run(judge_samples);
}
