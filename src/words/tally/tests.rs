//! What counters divide into.

use super::*;

#[test]
fn what_each_iteration_did_and_what_is_left_over_add_up_to_the_whole() {
    let counts =
        Counts { allocs: 1_007, allocated_bytes: 40_003, frees: 2_000, taken_over_bytes: 9, ..Counts::default() };
    let whole = counts.tally(Some(77));
    assert!(whole.live_blocks < 0 && whole.live_bytes > 0);
    for iterations in [1, 2, 10, 1_000, u64::MAX] {
        let (each, rest) = whole.per_iteration(iterations);
        let times = |figure: i64| i128::from(figure) * i128::from(iterations);
        let unsigned = |figure: fn(&Tally) -> u64| {
            let (each, rest) = (i128::from(figure(&each)) * i128::from(iterations), figure(&rest));
            assert_eq!(each + i128::from(rest), figure(&whole).into());
            assert!(rest < iterations);
        };
        unsigned(|tally| tally.allocs);
        unsigned(|tally| tally.allocated_bytes);
        unsigned(|tally| tally.frees);
        unsigned(|tally| tally.taken_over_bytes);
        assert_eq!(times(each.live_blocks) + i128::from(rest.live_blocks), whole.live_blocks.into());
        assert_eq!(times(each.live_bytes) + i128::from(rest.live_bytes), whole.live_bytes.into());
        assert_eq!((each.peak_bytes, rest.peak_bytes), (Some(77), None));
    }
    assert_eq!(whole.per_iteration(1), (whole, Tally::default()));
}

#[test]
#[should_panic(expected = "there was no iteration")]
fn there_is_no_figure_of_no_iteration() {
    let _ = Tally::default().per_iteration(0);
}
