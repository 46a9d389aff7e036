//! One window of a leak test as users see it: one point of the curve that was judged.

use super::curve::{Series, Window};

/// One window of a [`LeakTest`](crate::LeakTest): so many iterations, and what lives at their end.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let outcome = heapledger::LeakTest::new("box").warmup(1).iterations(2).run(|_| Box::leak(Box::new(7u64)));
/// let (first, second) = (outcome.windows()[0], outcome.windows()[1]);
/// // One iteration of warm-up, then windows of two, four, eight ..
/// assert_eq!((first.iterations, first.live_bytes, first.live_blocks), (2, 8 * 3, 3));
/// assert_eq!((second.iterations, second.live_bytes, second.live_blocks), (4, 8 * 7, 7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeakWindow {
    /// How many iterations it has: twice as many as the window before.
    pub iterations: u64,
    /// Bytes that the test's operations own at its end, beyond what they owned before the first iteration.
    pub live_bytes: i64,
    /// The same in blocks.
    pub live_blocks: i64,
}

impl LeakWindow {
    /// The windows that are whole: they were read after their last iteration.
    pub(crate) fn all_of(series: &Series) -> Vec<Self> {
        let end = |window: &Window| {
            let (_, live) = window.readings.last().filter(|(at, _)| *at == window.iterations)?;
            let live = live.minus(series.before);
            Some(Self { iterations: window.iterations, live_bytes: live.bytes, live_blocks: live.blocks })
        };
        series.windows.iter().filter_map(end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judging::leak::Live;

    #[test]
    fn windows_that_were_not_read_at_their_end_are_left_out_and_the_rest_is_beyond_what_was_there_before() {
        let live = |bytes: i64, blocks: i64| Live { bytes, blocks };
        let window = |iterations, readings| Window { iterations, readings };
        let series = Series {
            before: live(100, 3),
            start: live(150, 4),
            windows: vec![
                window(2, vec![(1, live(160, 5)), (2, live(170, 6))]),
                window(4, vec![(4, live(90, 2))]),
                window(8, vec![(7, live(900, 9))]),
                window(16, Vec::new()),
            ],
        };
        let told = LeakWindow::all_of(&series);
        let figures = told.iter().map(|one| (one.iterations, one.live_bytes, one.live_blocks));
        assert_eq!(Vec::from_iter(figures), [(2, 70, 3), (4, -10, -1)]);
    }
}
