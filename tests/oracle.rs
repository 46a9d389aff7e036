//! The oracle: random programs, an obviously right model of them, and an independent witness under the allocator.
//!
//! A program is a list of rounds. In every round fresh threads run one list of steps each: enter and leave operations
//! in any order, allocate, allocate zeroed, resize, free what any thread of any round left, and panic. What the ledger
//! must say afterwards is computed by a model that knows nothing of shards, tags or stacks, and compared operation by
//! operation, counter by counter, and scope by scope. `stats_alloc` stands beneath the ledger and sees every block with
//! its tag: the sums must agree with it exactly.

/// What the ledger must say.
#[path = "oracle/model.rs"]
mod model;
/// Programs that run, and their judge.
#[path = "oracle/program.rs"]
mod program;

#[cfg(feature = "lines")]
use heapledger::capture;
use model::{DEEPEST, NAMES, Round, SLOTS, Step, THREADS};
use program::{judge, make_operations};
use proptest::prelude::*;

fn step() -> impl Strategy<Value = Step> {
    let sizes = prop_oneof![8 => 1usize..200, 2 => 200usize..5000, 1 => 20_000usize..200_000];
    let aligns = prop_oneof![8 => Just(1usize), 4 => Just(8), 2 => Just(16), 1 => Just(64), 1 => Just(4096)];
    let leaf = prop_oneof![
        3 => (0..NAMES.len()).prop_map(|name| Step::Enter { name }),
        3 => (0..DEEPEST).prop_map(|which| Step::Leave { which }),
        6 => (0..SLOTS, sizes.clone(), aligns, any::<bool>())
            .prop_map(|(slot, size, align, zeroed)| Step::Allocate { slot, size, align, zeroed }),
        4 => (0..SLOTS, sizes).prop_map(|(slot, size)| Step::Resize { slot, size }),
        4 => (0..SLOTS).prop_map(|slot| Step::Free { slot }),
    ];
    leaf.prop_recursive(2, 24, 12, |step| {
        (prop::collection::vec(step, 0..12), any::<bool>()).prop_map(|(steps, panics)| Step::Guarded { steps, panics })
    })
}

fn program() -> impl Strategy<Value = Vec<Round>> {
    let steps = || prop::collection::vec(step(), 0..40);
    prop::collection::vec([steps(), steps(), steps()], 1..4)
}

/// A program with a bit of everything in it, for where many would take too long.
fn small_program() -> [Round; 2] {
    let allocate = |slot, size| Step::Allocate { slot, size, align: 8, zeroed: slot % 2 == 0 };
    let first = |thread: usize| {
        vec![
            Step::Enter { name: 0 },
            allocate(thread, 100),
            Step::Enter { name: 1 },
            allocate(thread + 3, 30_000),
            Step::Leave { which: 0 },
            Step::Free { slot: thread },
            Step::Guarded {
                steps: vec![
                    Step::Enter { name: 2 },
                    allocate(thread + 6, 64),
                    Step::Resize { slot: thread + 3, size: 7 },
                ],
                panics: thread == 1,
            },
        ]
    };
    // In the second round every block belongs to another thread.
    let second = |thread: usize| {
        let slot = (thread + THREADS - 1) % THREADS;
        vec![Step::Enter { name: 2 }, Step::Resize { slot: slot + 3, size: 5_000 }, Step::Free { slot: slot + 6 }]
    };
    [std::array::from_fn(first), std::array::from_fn(second)]
}

#[test]
fn every_counter_of_every_operation_is_as_a_naive_model_says() {
    make_operations();
    judge_programs(false);
    // Nobody who reads figures may notice that call stacks are captured.
    let _captures = NAMES.map(capture);
    judge_programs(true);
}

/// Stands for the door that is missing.
#[cfg(not(feature = "lines"))]
fn capture(_: &str) {}

fn judge_programs(captured: bool) {
    judge(&small_program(), captured);
    if cfg!(miri) {
        return;
    }
    let cases = if cfg!(miri) {
        2
    } else if cfg!(debug_assertions) {
        150
    } else {
        1000
    };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&program(), |rounds| {
            judge(&rounds, captured);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
