//! How long a test waits for threads, with threads that end when the test says.

use std::cell::Cell;

use super::*;
use crate::registry;
use crate::words::UNATTRIBUTED;

fn settling(name: &str) -> Settling {
    Settling::new(registry::new_private(&UNATTRIBUTED, name, None), false)
}

/// At the end of a window.
const END: Option<Live> = Some(Live { bytes: 0, blocks: 0 });

#[test]
fn at_the_end_of_a_window_it_waits_as_long_as_threads_go_on_to_end() {
    let mut settling = settling("they go on to end");
    let began = Instant::now();
    // After the short pauses at the beginning, one every half second.
    let looks = Cell::new(0u32);
    let threads = || {
        looks.set(looks.get() + 1);
        (0..6).filter(|thread| looks.get() < 20 + 5 * thread).map(Tid).collect()
    };
    settling.settle(&threads, END);
    assert_eq!(threads(), []);
    assert!(began.elapsed() > LINGERING, "all of that is longer than it waits for one: {:?}", began.elapsed());
    assert!(settling.waited() > LINGERING);
    assert_eq!((settling.at_ends.time, settling.moving()), (LINGERING, &[] as &[String]));
}

#[test]
fn it_waits_less_each_time_in_vain_and_for_the_same_threads_no_more() {
    for end in [END, None] {
        let mut settling = settling("they stay");
        let patience = |settling: &Settling| if end.is_some() { settling.at_ends.time } else { settling.between.time };
        settling.at_ends.time = Duration::from_millis(40);
        settling.between.time = Duration::from_millis(40);
        let shorter = if end.is_some() { 4 } else { 2 };
        settling.settle(&|| vec![Tid(1)], end);
        let left = Duration::from_millis(40) / shorter;
        assert_eq!(patience(&settling), left);
        settling.settle(&|| vec![Tid(1)], end);
        assert_eq!(patience(&settling), left);
        settling.settle(&|| vec![Tid(1), Tid(2)], end);
        assert_eq!(patience(&settling), left / shorter);
        settling.between.time = Duration::ZERO;
        settling.at_ends.time = Duration::ZERO;
        settling.settle(&|| vec![Tid(3)], end);
        assert_eq!(patience(&settling), LEAST_PATIENCE);
    }
}

#[test]
fn only_ends_of_windows_are_no_time_at_work() {
    let mut settling = settling("rests");
    settling.between.time = Duration::from_millis(1);
    settling.settle(&|| vec![Tid(1)], None);
    assert_eq!(settling.waited(), Duration::ZERO);
}
