//! Programs that are made of bytes: for fuzzing, where whoever makes the bytes knows what they reached.

use std::sync::Once;

use heapledger::capture;

use super::model::{DEEPEST, NAMES, Round, SLOTS, Step, THREADS};
use super::program::{judge, make_operations};

const ROUNDS: usize = 6;
/// Guarded blocks in one another.
const GUARDS: usize = 3;
const ALIGNS: [usize; 5] = [1, 8, 16, 64, 4096];

/// Runs the program that the bytes are, and holds the ledger against the model: with call stacks captured if the first
/// byte is odd.
///
/// # Panics
/// Where a figure is not the model's, or what the witness saw.
pub fn trace(bytes: &[u8]) {
    static MADE: Once = Once::new();
    MADE.call_once(make_operations);
    let Some((first, steps)) = bytes.split_first() else { return };
    let captured = first % 2 == 1;
    let _captures = captured.then(|| NAMES.map(capture));
    judge(&rounds(steps), captured);
}

/// A thread of a round whose steps are read.
#[derive(Default)]
struct Reading {
    /// Those of the guarded blocks that are open, from the outside in, within the thread's own.
    steps: Vec<Step>,
    around: Vec<Vec<Step>>,
}

impl Reading {
    fn close(&mut self, panics: bool) {
        let Some(around) = self.around.pop() else { return };
        let steps = std::mem::replace(&mut self.steps, around);
        self.steps.push(Step::Guarded { steps, panics });
    }

    fn end(mut self) -> Vec<Step> {
        while !self.around.is_empty() {
            self.close(false);
        }
        self.steps
    }
}

/// Any bytes are a program. One says what a thread does; those behind it, with what.
fn rounds(bytes: &[u8]) -> Vec<Round> {
    let mut bytes = bytes.iter().map(|&byte| usize::from(byte));
    let mut rounds = Vec::new();
    let mut threads: [Reading; THREADS] = Default::default();
    while let Some(first) = bytes.next() {
        let (number, what) = (first / 16 % THREADS, first % 16);
        let mut next = || bytes.next().unwrap_or(0);
        // One of those that the thread has in this round.
        let slot = |which: usize| which * THREADS % SLOTS + (number + (THREADS - 1) * rounds.len()) % THREADS;
        // A few bytes, so that a peak is often passed by one; or up to 512 KiB, powers of two and what is near among
        // them.
        let size = |of: usize, shift: usize| match shift % 12 {
            0 => 1 + of % 4,
            by => (((1 + of) << by) + shift / 12).saturating_sub(11).max(1),
        };
        let thread = &mut threads[number];
        match what {
            0 | 1 => thread.steps.push(Step::Enter { name: next() % NAMES.len() }),
            2 | 3 => thread.steps.push(Step::Leave { which: next() % DEEPEST }),
            4..=6 => {
                let (of, which) = (next(), next());
                let (slot, zeroed, align) = (slot(which), which / SLOTS % 2 == 1, ALIGNS[which / 32 % ALIGNS.len()]);
                thread.steps.push(Step::Allocate { slot, size: size(of, next()), align, zeroed });
            }
            7 | 8 => {
                let (of, which) = (next(), next());
                thread.steps.push(Step::Resize { slot: slot(which), size: size(of, next()) });
            }
            9 | 10 => thread.steps.push(Step::Free { slot: slot(next()) }),
            11 | 12 if thread.around.len() < GUARDS => thread.around.push(std::mem::take(&mut thread.steps)),
            13 => thread.close(false),
            14 => thread.close(true),
            15 if rounds.len() + 1 < ROUNDS => {
                rounds.push(std::mem::take(&mut threads).map(Reading::end));
            }
            _ => {}
        }
    }
    rounds.push(threads.map(Reading::end));
    rounds
}
