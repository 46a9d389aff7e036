//! What the system says of the process: open files, names of threads, and whether other tests run in it. Whether
//! anything of it is a leak is judged elsewhere.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use crate::judging::leak::{OpenFiles, Openings};
use crate::words::Tid;

/// Open file descriptors and what they refer to, on Linux. Empty elsewhere.
pub(super) fn open_files() -> OpenFiles {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return BTreeSet::new() };
    let file = |entry: fs::DirEntry| {
        let number = entry.file_name().to_string_lossy().parse().ok()?;
        // The descriptor that reads this very folder is closed by now.
        let target = fs::read_link(entry.path()).ok()?;
        (!target.starts_with("/proc")).then(|| (number, target.to_string_lossy().into_owned()))
    };
    entries.filter_map(Result::ok).filter_map(file).collect()
}

/// How many threads the process has, on Linux; zero elsewhere.
pub(super) fn process_threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// The name of a thread, on Linux; its number elsewhere, and where the thread has ended.
pub(super) fn thread_name(thread: Tid) -> String {
    let name = fs::read_to_string(format!("/proc/self/task/{thread}/comm"));
    name.map_or_else(|_| format!("{thread}"), |name| name.trim_end().to_string())
}

/// Whether no other test runs in this process: under nextest, or where the test harness was given one thread.
pub(super) fn runs_alone() -> bool {
    std::env::var_os("NEXTEST").is_some()
        || std::env::var("RUST_TEST_THREADS").is_ok_and(|threads| threads == "1")
        || asks_for_one_thread(std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()))
}

/// Whether the arguments of a test program say that one test runs after the other, in one word or in two.
fn asks_for_one_thread(arguments: impl Iterator<Item = String>) -> bool {
    let arguments: Vec<String> = arguments.collect();
    arguments.iter().any(|argument| argument == "--test-threads=1")
        || arguments.windows(2).any(|pair| pair == ["--test-threads", "1"])
}

/// How long a test rests after an iteration to see what others open meanwhile. Sixteen such rests take less than a
/// fifth of a second, and are long beside most iterations.
const REST: Duration = Duration::from_millis(10);

/// Looks at the open files around some iterations, and around a rest after each, to tell who opens them.
#[derive(Debug, Default)]
pub(super) struct FileWatch {
    /// What was open before the iteration, and when it began to look.
    before: Option<(OpenFiles, Instant)>,
    cost: Duration,
    openings: Openings,
}

impl FileWatch {
    /// An iteration is about to begin.
    pub(super) fn before_iteration(&mut self) {
        if !self.openings.are_enough() {
            let began = Instant::now();
            self.before = Some((open_files(), began));
            self.cost = began.elapsed();
        }
    }

    /// An iteration is over.
    pub(super) fn after_iteration(&mut self) {
        let Some((before, began)) = self.before.take() else { return };
        let over = Instant::now();
        let after = open_files();
        let rests = Instant::now();
        std::thread::sleep(REST);
        let rested = rests.elapsed();
        let then = open_files();
        let times = [rests.duration_since(began), rested];
        self.openings.note([&before, &after, &then], times, self.cost + over.elapsed());
    }

    pub(super) fn openings(&self) -> &Openings {
        &self.openings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_is_asked_for_in_one_word_or_in_two() {
        let asks = |line: &str| asks_for_one_thread(line.split(' ').map(String::from));
        assert!(asks("tests --test-threads=1") && asks("tests --exact a --test-threads 1 --nocapture"));
        assert!(
            !asks("tests --test-threads=2") && !asks("tests --test-threads 2 1") && !asks("tests 1 --test-threads")
        );
    }
}
