//! What the system says of the process: open files, names of threads, and whether other tests run in it. Whether
//! anything of it is a leak is judged elsewhere.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::judging::leak::{OpenFiles, Openings};
use crate::registry::Gated;
use crate::words::Tid;

/// Linux has it, nobody needs it, and what lies in `/proc` is not among the open files that are looked at.
const UNUSED: &str = "/proc/self/stat";
/// Kept open for the moment at which the closure has used up all file descriptors, and the process is to be looked at.
static SPARE: Gated<Option<File>> = Gated::new(None);

/// What lies in a folder of the system's; with the help of the spare descriptor, if there is no other. `None` where the
/// system has no such folder.
fn entries<T>(folder: &str, read: impl Fn(fs::ReadDir) -> T) -> Option<T> {
    let with_spare = |spare: &mut Option<File>| {
        *spare = None;
        fs::read_dir(folder)
    };
    let entries = fs::read_dir(folder).or_else(|_| SPARE.with(with_spare));
    let found = entries.ok().map(read);
    SPARE.with(|spare| {
        if spare.is_none() {
            *spare = File::open(UNUSED).ok();
        }
    });
    found
}

/// Whether the process may open another file.
pub(super) fn can_open_files() -> bool {
    File::open(UNUSED).is_ok() || !Path::new(UNUSED).exists()
}

/// Open file descriptors and what they refer to, on Linux. Empty elsewhere.
pub(super) fn open_files() -> OpenFiles {
    let file = |entry: fs::DirEntry| {
        let number = entry.file_name().to_string_lossy().parse().ok()?;
        // The descriptor that reads this very folder is closed by now.
        let target = fs::read_link(entry.path()).ok()?;
        (!target.starts_with("/proc")).then(|| (number, target.to_string_lossy().into_owned()))
    };
    let all = |entries: fs::ReadDir| entries.filter_map(Result::ok).filter_map(file).collect();
    entries("/proc/self/fd", all).unwrap_or_default()
}

/// How many threads the process has, on Linux; zero elsewhere.
pub(super) fn process_threads() -> usize {
    entries("/proc/self/task", Iterator::count).unwrap_or(0)
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

    /// Asks on, in as many iterations again.
    pub(super) fn go_on(&mut self) {
        self.openings.go_on();
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
