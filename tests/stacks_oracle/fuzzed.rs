//! Programs that are made of bytes: for fuzzing, where whoever makes the bytes knows what they reached.

use std::sync::LazyLock;

use heapledger::capture;

use super::program::{ALIGN, Known, NAMES, Path, Run, Step, THREADS, judge, judge_samples, learn, paths};

const ROUNDS: usize = 4;
/// Blocks that one thread may hold.
const SLOTS: usize = 8;

/// Runs the program that the bytes are, and holds call stacks and classes of sizes against the model: of samples alone
/// if the first byte is odd.
///
/// # Panics
/// Where a figure is not the model's.
pub fn captures(bytes: &[u8]) {
    static KNOWN: LazyLock<Known> = LazyLock::new(|| {
        let _capture = capture(NAMES[0]);
        learn()
    });
    let known = &*KNOWN;
    let Some((&first, steps)) = bytes.split_first() else { return };
    let rounds = rounds(steps);
    if first % 2 == 1 {
        let _capture = capture("planted*").every(2 << (first / 16)).seed(first.into());
        let mut run = Run::begin(SLOTS);
        rounds.iter().for_each(|programs| run.round(programs, judge_samples));
        run.end(judge_samples);
    } else {
        let _captures = [capture(NAMES[0]), capture("planted_t*")];
        let mut run = Run::begin(SLOTS);
        rounds.iter().for_each(|programs| run.round(programs, |diff, model| judge(known, diff, model)));
        run.end(|diff, model| judge(known, diff, model));
    }
}

/// Any bytes are a program: four are a step.
fn rounds(bytes: &[u8]) -> Vec<[Vec<Step>; THREADS]> {
    static PATHS: LazyLock<Vec<Path>> = LazyLock::new(paths);
    let mut rounds = vec![<[Vec<Step>; THREADS]>::default()];
    for &[what, path, slot, of] in bytes.as_chunks().0 {
        let [what, path, slot, of] = [what, path, slot, of].map(usize::from);
        if what >= 27 * 9 && rounds.len() < ROUNDS {
            rounds.push(Default::default());
        }
        // Up to some 500 KiB, powers of two and what is just below among them; every fourth step frees.
        let shift = slot / (4 * SLOTS) + 4 * (what / 9 % 2);
        let size = match slot / SLOTS % 4 {
            0 => 0,
            _ => (((ALIGN + of) << shift) - path / PATHS.len() % 2).max(ALIGN),
        };
        let step = Step {
            operation: what / THREADS % NAMES.len(),
            path: PATHS[path % PATHS.len()].clone(),
            slot: slot % SLOTS,
            size,
        };
        if let Some(round) = rounds.last_mut() {
            round[what % THREADS].push(step);
        }
    }
    rounds
}
