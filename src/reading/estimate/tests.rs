//! Estimates of made-up samples.

use super::*;
use crate::record::LineKey;
use crate::words::OperationId;

const EVERY: u64 = 1 << 16;

/// A line of so many blocks that were allocated, and live, since the earlier snapshot.
fn line(stack: StackId, size: usize, blocks: u64) -> LineReading {
    let bytes = blocks * size as u64;
    let since = LineSums {
        allocs: blocks,
        allocated_bytes: bytes,
        reallocs: 0,
        live_blocks: blocks as i64,
        live_bytes: bytes as i64,
    };
    let key = LineKey { operation: OperationId::new(9), stack, class: ClassId::of(size), sampled: true };
    LineReading { key, every: EVERY, before: LineSums::default(), since }
}

fn stack(number: u32) -> StackId {
    StackId::new(number)
}

fn sum(found: &BTreeMap<StackId, Estimate>) -> LineSums {
    found.values().fold(LineSums::default(), |sum, one| sum.plus(&one.sums))
}

#[test]
fn samples_share_what_their_class_has_and_the_sum_is_exact() {
    // 1,000 blocks of 64 bytes, of which four were samples.
    let lines = [line(stack(1), 64, 3), line(stack(2), 64, 1), line(StackId::NOT_SAMPLED, 64, 996)];
    let found = estimate(&lines);
    let of = |number| found[&stack(number)];
    assert_eq!((of(1).sums.allocs, of(1).sums.live_bytes, of(1).samples), (750, 48_000, Some(3)));
    assert_eq!((of(2).sums.allocs, of(2).sums.live_bytes, of(2).samples), (250, 16_000, Some(1)));
    let rest = found[&StackId::NOT_SAMPLED];
    assert_eq!((rest.sums, rest.samples), (LineSums::default(), Some(0)));
}

#[test]
fn a_sample_of_a_small_block_stands_for_more_blocks_than_one_of_a_large_block() {
    // Both of one class, and small beside the distance: each sample stands for about as many bytes.
    let lines = [line(stack(1), 64, 10), line(stack(2), 127, 10), line(StackId::NOT_SAMPLED, 100, 9_980)];
    let found = estimate(&lines);
    let [small, large] = [1, 2].map(|number| found[&stack(number)].sums);
    assert!(small.allocated_bytes.abs_diff(large.allocated_bytes) < 600, "{small:?} {large:?}");
    assert!((1.9..2.0).contains(&(small.allocs as f64 / large.allocs as f64)), "{small:?} {large:?}");
    // And large beside it: nearly every block is a sample.
    let lines = [line(stack(1), 1 << 21, 10), line(stack(2), 3 << 20, 10)];
    assert_eq!(estimate(&lines)[&stack(1)].sums, lines[0].since);
}

#[test]
fn a_class_without_a_sample_stands_alone() {
    let lines = [line(stack(1), 64, 1), line(StackId::NOT_SAMPLED, 64, 9), line(StackId::NOT_SAMPLED, 5_000, 7)];
    let found = estimate(&lines);
    assert_eq!(found[&stack(1)].sums.allocated_bytes, 640);
    assert_eq!(found[&StackId::NOT_SAMPLED].sums, lines[2].since);
}

#[test]
fn resizes_are_samples_too() {
    let mut resized = line(stack(1), 100, 0);
    resized.since = LineSums { allocated_bytes: 300, reallocs: 3, live_blocks: 3, live_bytes: 300, ..resized.since };
    let found = estimate(&[resized, line(StackId::NOT_SAMPLED, 100, 97)]);
    let known = found[&stack(1)];
    assert_eq!((known.sums.allocated_bytes, known.sums.live_blocks, known.samples), (10_000, 100, Some(3)));
    assert_eq!((known.sums.allocs, found[&StackId::NOT_SAMPLED].sums.allocs), (0, 97), "no sample was a new block");
}

#[test]
fn a_difference_adds_up_although_a_stack_shrinks_while_another_grows() {
    let mut lines = [line(stack(1), 64, 5), line(stack(2), 64, 5), line(StackId::NOT_SAMPLED, 64, 90)];
    for (line, freed) in lines.iter_mut().zip([8, 1, 60]) {
        line.before = line.since.plus(&line.since);
        line.since.live_blocks -= freed;
        line.since.live_bytes -= 64 * freed;
    }
    let found = estimate(&lines);
    let exact = lines.iter().fold(LineSums::default(), |sum, line| sum.plus(&line.since));
    assert_eq!(sum(&found), exact);
    let live = |number| found[&stack(number)].sums.live_blocks;
    // Of 200 blocks ten samples each stood for 100; of 231 then, 7 and 14 samples.
    assert_eq!((live(1), live(2)), (77 - 100, 154 - 100));
}

#[test]
fn sums_are_exact_beyond_what_a_float_can_say() {
    let huge = (1 << 61) + 1;
    assert_eq!(spread(&[huge, huge, 1], &[1.0, 1.0, 0.0]).iter().sum::<i64>(), 2 * huge + 1);
    assert_eq!(spread(&[1, 1, 5], &[1.0, 1.0, 0.0]), [4, 3, 0]);
    assert_eq!(spread(&[7, -7], &[0.0, 0.0]), [7, -7]);
}
