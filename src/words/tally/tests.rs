//! What counters divide into, and what they show of a thread that stands still.

use std::cell::Cell;

use super::*;

thread_local! {
    /// How many more counters move before the thread stands still.
    static LEFT: Cell<usize> = const { Cell::new(0) };
}

/// A counter of a thread that may stand still at any time.
#[derive(Debug)]
struct Halting(Cell<u64>);

impl Register for Halting {
    const ZERO: Self = Self(Cell::new(0));

    fn get(&self) -> u64 {
        self.0.get()
    }

    fn set(&self, to: u64) {
        self.0.set(to);
    }

    fn add(&self, by: u64) {
        if let Some(left) = LEFT.get().checked_sub(1) {
            LEFT.set(left);
            self.set(self.get() + by);
        }
    }
}

#[test]
fn a_thread_that_stands_still_in_the_middle_of_an_event_does_not_balance() {
    type Account = Counters<Halting>;
    /// By what the level has moved already, and what is counted then by whoever acts and for the owner of the block.
    type Event = (i64, fn(&Account, &Account));
    let events: [Event; 5] = [
        (100, |acts, _| acts.activity.allocated(100)),
        (-100, |acts, _| acts.activity.freed(100)),
        (-60, |acts, _| acts.activity.resized(100, 40)),
        (-100, |acts, owner| {
            acts.freed_for_other(100);
            owner.ownership.freed_elsewhere(100);
        }),
        (-60, |acts, owner| {
            acts.took_over(100, 40);
            owner.ownership.gave_away(100);
        }),
    ];
    for (at, (moved, count)) in events.into_iter().enumerate() {
        let balances_after = |moves: usize| {
            LEFT.set(moves);
            let (acts, owner) = (Account::ZERO, Account::ZERO);
            count(&acts, &owner);
            let mut both = acts.read();
            both.add(&owner.read());
            (both.net_bytes(), both.live_bytes()) == (moved, moved)
        };
        assert!(balances_after(usize::MAX));
        let moves = usize::MAX - LEFT.get();
        assert_eq!((0..moves).find(|moves| balances_after(*moves)), None, "event {at}, of {moves} moves");
    }
}

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
