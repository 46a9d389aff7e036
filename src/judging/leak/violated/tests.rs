//! Blocks without a valid owner, told from counters that are made up.

use super::super::evidence::WindowEnd;
use super::super::made_up::{BELOW, OTHERS, OUTSIDE, TEST, all, did, evidence, gave, moves, took};
use super::*;
use crate::words::{Node, UNATTRIBUTED};

/// That of `(foreign)`: a constant cannot read a static that changes.
const BROKEN: OperationId = OperationId::new(3);

fn frees_of_others(blocks: u64) -> Counts {
    Counts { frees: blocks, others_frees: blocks, ..Counts::default() }
}

fn freed_elsewhere(blocks: u64) -> Counts {
    Counts { freed_elsewhere_blocks: blocks, ..Counts::default() }
}

fn node(id: OperationId, parent: Option<&'static Node>, name: &'static str) -> &'static Node {
    let (depth, within) =
        (parent.map_or(0, |parent| parent.depth + 1), parent.map_or(UNATTRIBUTED.id, |parent| parent.id));
    let [every, sampled_every] = Default::default();
    Box::leak(Box::new(Node { id, depth, parent, within, name, private: false, site: None, every, sampled_every }))
}

fn seen(done: &[Move]) -> Evidence {
    let mut seen = evidence(1, |n| match n {
        0 => WindowEnd::default(),
        _ => WindowEnd { moves: moves(done.iter().copied()), ..WindowEnd::default() },
    });
    seen.nodes = vec![&UNATTRIBUTED; TEST.index()];
    let test = node(TEST, None, "test");
    seen.nodes.extend([test, node(BELOW, Some(test), "below"), node(OTHERS, None, "others")]);
    seen
}

/// The verdict: blocks, and whose they are.
fn told(seen: &Evidence) -> Option<(u64, Vec<String>)> {
    violated(seen).map(|verdict| match verdict {
        Verdict::Violated { blocks, by } => (blocks, by),
        other => panic!("{other:?}"),
    })
}

fn of(done: &[Move]) -> Option<(u64, Vec<String>)> {
    told(&seen(done))
}

#[test]
fn a_block_that_the_test_frees_or_resizes_without_a_valid_owner_is_a_violation() {
    let test = || vec!["test".to_string()];
    assert_eq!(of(&[did(1, TEST, frees_of_others(1)), did(1, BROKEN, freed_elsewhere(1))]), Some((1, test())));
    assert_eq!(of(&[did(1, TEST, took(3)), did(1, BROKEN, gave(3))]), Some((3, test())));
    let both = [
        did(1, TEST, all([frees_of_others(2), took(3)])),
        did(1, BROKEN, all([freed_elsewhere(2), gave(3)])),
        did(2, TEST, frees_of_others(4)),
        did(2, BROKEN, freed_elsewhere(4)),
    ];
    assert_eq!(of(&both), Some((9, test())));
}

#[test]
fn blocks_of_others_with_a_valid_owner_are_none() {
    assert_eq!(of(&[did(1, TEST, all([frees_of_others(5), took(5)]))]), None);
    assert_eq!(of(&[did(1, TEST, frees_of_others(5)), did(1, OTHERS, freed_elsewhere(5))]), None);
    assert_eq!(violated(&Evidence::default()), None);
}

#[test]
fn what_happens_on_other_threads_or_to_others_alone_is_not_the_test_s() {
    assert_eq!(of(&[did(2, TEST, frees_of_others(5)), did(1, BROKEN, freed_elsewhere(5))]), None);
    assert_eq!(of(&[did(1, OUTSIDE, frees_of_others(5)), did(1, BROKEN, freed_elsewhere(5))]), None);
    assert_eq!(of(&[did(1, TEST, frees_of_others(5)), did(1, BROKEN, gave(5))]), None, "they were resized, not freed");
    assert_eq!(of(&[did(1, TEST, took(5)), did(1, BROKEN, freed_elsewhere(5))]), None, "they were freed, not resized");
}

#[test]
fn where_another_operation_may_have_done_it_the_test_fails_with_no_more_than_it_can_have_done() {
    let beside =
        [did(1, TEST, frees_of_others(2)), did(1, OTHERS, frees_of_others(9)), did(1, BROKEN, freed_elsewhere(5))];
    assert_eq!(of(&beside), Some((2, vec!["test".into()])));
    let more = [did(1, TEST, frees_of_others(9)), did(1, BROKEN, freed_elsewhere(5))];
    assert_eq!(of(&more), Some((5, vec!["test".into()])), "the rest had owners");
}

#[test]
fn every_operation_of_the_test_that_can_have_done_it_is_named() {
    let both = [
        did(1, TEST, frees_of_others(1)),
        did(1, BELOW, frees_of_others(1)),
        did(1, BROKEN, freed_elsewhere(2)),
        did(2, BELOW, frees_of_others(1)),
    ];
    assert_eq!(of(&both), Some((2, vec!["test".into(), "test/below".into()])));
    let unnamed = Evidence { nodes: Vec::new(), ..seen(&both[1..3]) };
    assert_eq!(told(&unnamed), Some((1, vec!["(unknown)".into()])));
}

#[test]
fn a_test_of_the_whole_process_answers_for_every_operation() {
    let others = seen(&[did(1, OTHERS, frees_of_others(5)), did(1, BROKEN, freed_elsewhere(5))]);
    assert_eq!(told(&others), None);
    let whole = Evidence { whole_process: true, ..others };
    assert_eq!(told(&whole), Some((5, vec!["others".into()])));
}
