//! How long a test has been at work: the time that passed, without the time that its thread waited for a processor. So
//! a machine that is busy with other things does not make a test shorter. It decides nothing.

use std::fs;
use std::ptr;
use std::time::{Duration, Instant};

/// Of the time that passed at least this part counts, so that a test on the busiest machine ends too.
const LEAST_PART: u32 = 10;

thread_local! {
    /// Each thread has its own, at a place that no other living thread has. Unlike a `ThreadId`, it can be had in the
    /// last destructors of a thread, too.
    static HERE: u8 = const { 0 };
}

/// Which thread it is, among those that live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Thread(usize);

impl Thread {
    fn this() -> Self {
        HERE.with(|here| Self(ptr::from_ref(here).addr()))
    }
}

/// Runs from when it is made.
#[derive(Debug)]
pub(super) struct Clock {
    began: Instant,
    /// How long threads have waited for a processor while the clock looked.
    waited: Duration,
    /// The thread that looked last, and how long it had waited in its life.
    seen: Option<(Thread, Duration)>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), waited: Duration::ZERO, seen: this_thread() }
    }

    /// The time that passed.
    pub(super) fn passed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The time at work, up to now. The thread that asks is taken to have worked since the last time; if it is another
    /// one, as a future's may be, all time counts.
    pub(super) fn worked(&mut self) -> Duration {
        let now = this_thread();
        if let (Some((before, then)), Some((thread, now))) = (self.seen, now)
            && before == thread
        {
            self.waited += now.saturating_sub(then);
        }
        self.seen = now;
        at_work(self.passed(), self.waited)
    }
}

fn at_work(passed: Duration, waited: Duration) -> Duration {
    passed.saturating_sub(waited).max(passed / LEAST_PART)
}

/// How long the calling thread has waited for a processor, on Linux. `None` elsewhere.
fn this_thread() -> Option<(Thread, Duration)> {
    let times = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some((Thread::this(), waited_for_a_processor(&times)?))
}

/// The second of three numbers: time on a processor, time waiting for one, both in nanoseconds, and time slices.
fn waited_for_a_processor(times: &str) -> Option<Duration> {
    times.split_ascii_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn the_second_number_is_the_time_without_a_processor() {
        assert_eq!(waited_for_a_processor("73139 3530835 2\n"), Some(Duration::from_nanos(3_530_835)));
        for broken in ["", "1", "1 x 2"] {
            assert_eq!(waited_for_a_processor(broken), None, "{broken}");
        }
    }

    #[test]
    fn waiting_does_not_count_but_a_tenth_of_all_time_does() {
        let work = |waited| at_work(Duration::from_secs(10), Duration::from_secs(waited));
        assert_eq!([0, 4, 9, 10, 11].map(|waited| work(waited).as_secs()), [10, 6, 1, 1, 1]);
    }

    #[test]
    fn another_thread_s_waiting_is_not_taken_off() {
        let mut clock = Clock::new();
        clock.seen = Some((Thread::this(), Duration::ZERO));
        clock.worked();
        let own = clock.waited;
        clock.seen = thread::spawn(|| Some((Thread::this(), Duration::ZERO))).join().expect("it returns");
        clock.worked();
        assert_eq!(clock.waited, own);
        assert_eq!(clock.seen.map(|(thread, _)| thread), this_thread().map(|(thread, _)| thread));
    }
}
