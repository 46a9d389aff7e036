//! Stacks that are made up word by word, so that each word that decides one can be changed alone while all others, also
//! return addresses that mean nothing any more, stay as they were.

use std::arch::global_asm;

use super::*;
use crate::record::atomic::{AtomicU32, Ordering::Relaxed};
use crate::record::memory::new_permanent;
use crate::record::stacks::stack_id::{StackExtent, StackId};
use crate::record::stacks::traces::Traces;

// Code that is never run, for its rules: a frame of three words that saves `rbp`, right behind it a frame of one word,
// a frame that is found by `rbp`, and one that has no caller.
global_asm!(
    ".globl heapledger_by_sp",
    ".globl heapledger_leaf",
    ".globl heapledger_by_bp",
    ".globl heapledger_outermost",
    "heapledger_by_sp:",
    ".cfi_startproc",
    ".cfi_def_cfa_offset 24",
    ".cfi_offset rbp, -16",
    "nop",
    "nop",
    ".cfi_endproc",
    "heapledger_leaf:",
    ".cfi_startproc",
    "nop",
    "nop",
    ".cfi_endproc",
    "heapledger_by_bp:",
    ".cfi_startproc",
    ".cfi_def_cfa rbp, 16",
    ".cfi_offset rbp, -16",
    "nop",
    "nop",
    ".cfi_endproc",
    "heapledger_outermost:",
    ".cfi_startproc",
    ".cfi_undefined rip",
    "nop",
    "nop",
    "nop",
    ".cfi_endproc",
);

unsafe extern "C" {
    fn heapledger_by_sp();
    fn heapledger_leaf();
    fn heapledger_by_bp();
    fn heapledger_outermost();
}

/// The address `behind` a function's first.
fn at(function: unsafe extern "C" fn(), behind: u64) -> u64 {
    function as *const () as u64 + behind
}

const WORDS: usize = 64;

/// A made-up stack, and what is known of stacks.
struct Made {
    words: [u64; WORDS],
    traces: &'static Traces,
    last: AtomicU32,
}

impl Made {
    fn new() -> Box<Self> {
        let traces: &Traces = new_permanent().expect("there is memory");
        traces.look_at_modules();
        Box::new(Self { words: [0; WORDS], traces, last: AtomicU32::new(0) })
    }

    fn address(&self, word: usize) -> u64 {
        self.words.as_ptr().expose_provenance() as u64 + word as u64 * WORD
    }

    /// The return addresses of the frame at `pc` whose stack pointer is at the first word and whose `rbp` is at word
    /// `bp`, on a stack of so many words. `None` where none can be taken.
    fn take(&self, pc: u64, bp: usize, words: usize) -> Option<Vec<u64>> {
        let here = Registers { pc, sp: self.address(0), bp: self.address(bp) };
        let bounds = StackBounds { low: self.address(0), end: self.address(words) };
        let stack = StackInUse::new(bounds, here).expect("it is on this stack");
        let known = self.traces.recognize(self.last.load(Relaxed), here, stack);
        let id = known.unwrap_or_else(|| self.traces.find(here, stack, &self.last));
        let mut addresses = Vec::new();
        let extent = self.traces.read(id, |address| addresses.push(address));
        assert!(extent == StackExtent::Complete || id == StackId::OTHER);
        (id != StackId::OTHER).then_some(addresses)
    }
}

#[test]
fn the_register_that_decides_is_compared() {
    let mut stack = Made::new();
    (stack.words[11], stack.words[21]) = (at(heapledger_outermost, 1), at(heapledger_outermost, 2));
    for _ in 0..3 {
        assert_eq!(stack.take(at(heapledger_by_bp, 1), 10, WORDS), Some(vec![at(heapledger_outermost, 1)]));
        assert_eq!(stack.take(at(heapledger_by_bp, 1), 20, WORDS), Some(vec![at(heapledger_outermost, 2)]));
    }
}

#[test]
fn the_word_that_decides_is_compared_and_old_return_addresses_mean_nothing() {
    let mut stack = Made::new();
    (stack.words[2], stack.words[11]) = (at(heapledger_by_bp, 1), at(heapledger_outermost, 1));
    stack.words[21] = at(heapledger_outermost, 2);
    for _ in 0..3 {
        for (saved, outermost) in [(10, 1), (20, 2)] {
            stack.words[1] = stack.address(saved);
            let expected = vec![at(heapledger_by_bp, 1), at(heapledger_outermost, outermost)];
            assert_eq!(stack.take(at(heapledger_by_sp, 1), 0, WORDS), Some(expected));
        }
    }
}

#[test]
fn the_place_in_the_code_is_compared() {
    let mut stack = Made::new();
    (stack.words[0], stack.words[2]) = (at(heapledger_outermost, 2), at(heapledger_outermost, 1));
    for _ in 0..3 {
        assert_eq!(stack.take(at(heapledger_by_sp, 1), 0, WORDS), Some(vec![at(heapledger_outermost, 1)]));
        assert_eq!(stack.take(at(heapledger_leaf, 1), 0, WORDS), Some(vec![at(heapledger_outermost, 2)]));
    }
}

#[test]
fn words_past_the_end_of_the_stack_are_not_read() {
    let mut stack = Made::new();
    (stack.words[2], stack.words[5]) = (at(heapledger_by_sp, 1), at(heapledger_outermost, 1));
    let whole = vec![at(heapledger_by_sp, 1), at(heapledger_outermost, 1)];
    for _ in 0..3 {
        assert_eq!(stack.take(at(heapledger_by_sp, 1), 0, WORDS), Some(whole.clone()));
        assert_eq!(stack.take(at(heapledger_by_sp, 1), 0, 5), None);
    }
}

#[test]
fn a_call_that_ends_its_function_is_in_that_function() {
    let mut stack = Made::new();
    // It returns to where the next function begins.
    (stack.words[2], stack.words[5]) = (at(heapledger_leaf, 0), at(heapledger_outermost, 1));
    (stack.words[3], stack.words[4]) = (at(heapledger_outermost, 2), stack.address(10));
    let expected = vec![at(heapledger_leaf, 0), at(heapledger_outermost, 1)];
    assert_eq!(stack.take(at(heapledger_by_sp, 1), 0, WORDS), Some(expected));
}

#[test]
fn a_frame_that_would_lead_inwards_leads_nowhere() {
    let mut stack = Made::new();
    (stack.words[1], stack.words[2]) = (stack.address(0), at(heapledger_by_bp, 1));
    assert_eq!(stack.take(at(heapledger_by_sp, 1), 0, WORDS), None);
}

#[test]
fn what_was_forgotten_is_recognized_no_more_but_its_stacks_keep_their_names() {
    let mut stack = Made::new();
    stack.words[2] = at(heapledger_outermost, 1);
    let taken = stack.take(at(heapledger_by_sp, 1), 0, WORDS);
    let here = Registers { pc: at(heapledger_by_sp, 1), sp: stack.address(0), bp: stack.address(0) };
    let bounds = StackBounds { low: stack.address(0), end: stack.address(WORDS) };
    let in_use = StackInUse::new(bounds, here).expect("it is on this stack");
    let last = stack.last.load(Relaxed);
    let known = stack.traces.recognize(last, here, in_use);
    assert!(known.is_some());
    stack.traces.forget(|_| false);
    assert_eq!(stack.traces.recognize(last, here, in_use), None);
    assert_eq!(stack.take(at(heapledger_by_sp, 1), 0, WORDS), taken);
    assert_eq!(stack.traces.recognize(stack.last.load(Relaxed), here, in_use), known);
}

#[test]
fn a_stack_that_led_through_code_that_is_gone_loses_those_addresses_and_is_never_met_again() {
    let mut stack = Made::new();
    (stack.words[2], stack.words[5]) = (at(heapledger_by_sp, 1), at(heapledger_outermost, 1));
    let whole = vec![at(heapledger_by_sp, 1), at(heapledger_outermost, 1)];
    assert_eq!(stack.take(at(heapledger_by_sp, 1), 0, WORDS), Some(whole.clone()));
    let before = StackId::new(stack.last.load(Relaxed));
    // A call is before the address that it returns to.
    stack.traces.forget(|address| address == at(heapledger_outermost, 0));
    let mut left = Vec::new();
    assert_eq!(stack.traces.read(before, |address| left.push(address)), StackExtent::Unloaded);
    assert_eq!(left, whole[..1]);
    assert_eq!(stack.take(at(heapledger_by_sp, 1), 0, WORDS), Some(whole));
    assert_ne!(stack.last.load(Relaxed), before.number());
}
